import { cleanup, fireEvent, screen, waitFor } from "@testing-library/react";
import { afterEach, describe, expect, it } from "vitest";
import { serve, show } from "../../test/render";
import { LogPanel } from "./LogPanel";

const LINES = Array.from({ length: 6 }, (_, number) => ({
  at: number,
  level: "INFO",
  attempt: 1,
  worker: "w1",
  text: `line ${number}`,
}));

/** A log of six lines of an ended run, in pages of two; a cursor is the number of a line. */
function page(path: string): unknown {
  const cursor = new URL(path, "http://console").searchParams.get("cursor");
  const end = cursor === null || cursor === "" ? LINES.length : Number(cursor);
  const start = Math.max(0, end - 2);
  return {
    lines: LINES.slice(start, end),
    nextCursor: String(end),
    previousCursor: start > 0 ? String(start) : undefined,
    isComplete: end === LINES.length,
  };
}

function shown(): string[] {
  return [...document.querySelectorAll(".log-row span:last-child")].map((line) => line.textContent ?? "");
}

describe("the log of a run", () => {
  afterEach(cleanup);

  it("shows its end, then older lines page by page", async () => {
    const calls = serve((_, path) => ({ body: page(path) }));
    globalThis.ResizeObserver = class {
      observe(): void {}
      unobserve(): void {}
      disconnect(): void {}
    };
    show(<LogPanel instanceId="7" generation={1} attempts={1} />);
    const older = await screen.findByTestId("log-older");
    expect(shown()).toEqual(["line 4", "line 5"]);
    fireEvent.click(older);
    await waitFor(() => expect(shown()).toEqual(["line 2", "line 3", "line 4", "line 5"]));
    fireEvent.click(screen.getByTestId("log-all"));
    await waitFor(() => expect(shown()).toHaveLength(6));
    expect(screen.queryByTestId("log-older")).toBeNull();
    expect(calls.map((call) => new URL(call.path, "http://console").searchParams.get("cursor") ?? "")).toEqual(["", "4", "2"]);
  });
});
