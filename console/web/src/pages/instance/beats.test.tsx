import { cleanup, screen } from "@testing-library/react";
import { afterEach, describe, expect, it } from "vitest";
import { serve, show } from "../../test/render";
import { BeatsPanel } from "./BeatsPanel";

const COUNTS = { total: 15, succeeded: 9, failed: 1, skipped: 2, missed: 3, running: 0, waiting: 0 };
const ATTEMPTS = [{ number: 1, counts: COUNTS, firstAt: 1, lastAt: 1000 }];
const FAILED = { attempt: 1, number: 10, nominalAt: 1000, startedAt: 1002, finishedAt: 1025, status: "FAILED", result: "no table" };

describe("the beats of a second-level job", () => {
  afterEach(cleanup);

  it("shows the counts and the last ones", async () => {
    const calls = serve(() => ({ body: { isLive: true, counts: COUNTS, beats: [FAILED], attempts: ATTEMPTS } }));
    show(<BeatsPanel instanceId="7" generation="1" open />);
    const counts = await screen.findByTestId("beats-counts");
    expect(counts.textContent).toContain("15 beats:");
    expect(counts.textContent).toContain("skipped 2 · missed 3");
    const cells = [...screen.getByTestId("beats-list").querySelectorAll("td")].map((cell) => cell.textContent);
    expect(cells[0]).toBe("10");
    expect(cells.slice(2, 4)).toEqual(["2 ms", "23 ms"]);
    expect(cells[5]).toBe("no table");
    expect(calls[0]?.path).toContain("/v1/instances/7/beats");
  });

  it("shows nothing for other runs", async () => {
    const calls = serve(() => ({ body: { isLive: false, counts: COUNTS, beats: [], attempts: [] } }));
    show(<BeatsPanel instanceId="7" generation="1" open />);
    await expect.poll(() => calls.length).toBe(1);
    expect(screen.queryByTestId("beats")).toBeNull();
  });
});
