import { cleanup, fireEvent, screen } from "@testing-library/react";
import type { ReactNode } from "react";
import { afterEach, expect, it } from "vitest";
import { recall } from "../lib/storage";
import { show } from "../test/render";
import { ON_DEMAND, useColumns } from "./Columns";

afterEach(() => {
  cleanup();
  localStorage.clear();
});

function Table(): ReactNode {
  const columns = useColumns("test", [
    { key: "always", text: "Always", from: 0 },
    { key: "wanted", text: "Wanted", from: ON_DEMAND },
  ]);
  return (
    <>
      {columns.menu}
      <p data-testid="shown">{["always", "wanted"].filter(columns.has).join(" ")}</p>
    </>
  );
}

const shown = (): string | null => screen.getByTestId("shown").textContent;

it("columns are chosen, the choice is kept and can be taken back", () => {
  const first = show(<Table />);
  expect(shown()).toBe("always");
  fireEvent.click(screen.getByTestId("column-wanted"));
  fireEvent.click(screen.getByTestId("column-always"));
  expect(shown()).toBe("wanted");
  first.unmount();
  show(<Table />);
  expect(shown()).toBe("wanted");
  fireEvent.click(screen.getByTestId("columns-reset"));
  expect(shown()).toBe("always");
  expect(recall("columns.test")).toBeUndefined();
});
