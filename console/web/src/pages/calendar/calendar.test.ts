import { describe, expect, it } from "vitest";
import { byHour } from "./CalendarPage";

const trigger = (at: number): { at: number; jobId: string; jobName: string } => ({ at, jobId: "1", jobName: "a" });

describe("the calendar", () => {
  it("groups triggers by the hour and leaves empty hours out", () => {
    const hour = 1_798_131_600_000;
    const times = [hour, hour + 3_599_999, hour + 3 * 3_600_000];
    const groups = byHour(times.map(trigger));
    expect(groups.map((group) => group.triggers.map(({ at }) => at))).toEqual([times.slice(0, 2), times.slice(2)]);
    expect(groups[0]?.name).toMatch(/^\d{4}-\d\d-\d\d \d\d:00$/);
    expect(byHour([])).toEqual([]);
  });
});
