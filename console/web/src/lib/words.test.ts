import { describe, expect, it } from "vitest";
import type { ActorState, LogEntry, ScheduleInput } from "../api/types";
import { actorTree } from "./actorTree";
import { connectCommands, reachable } from "./connect";
import { NEW_DAILY, readDaily, writeDaily } from "./daily";
import { formatDuration, formatMicros, splitDuration } from "./duration";
import { logRows } from "./logRows";
import { chineseSchedule } from "./scheduleWords";
import { formatTime, fromLocalInput, toLocalInput } from "./time";
import { phases, timelineSteps } from "./timeline";

const UNITS = { ms: "ms", s: "s", min: "min", h: "h", d: "d" };

describe("durations", () => {
  it.each([
    [0, "0 ms"],
    [999, "999 ms"],
    [1240, "1.24 s"],
    [59_900, "59.9 s"],
    [59_999, "1 min"],
    [125_000, "2 min 5 s"],
    [3_600_000, "1 h"],
    [12_000_000, "3 h 20 min"],
    [187_200_000, "2 d 4 h"],
    [-1500, "-1.5 s"],
  ])("%i is %s", (ms, text) => expect(formatDuration(ms, UNITS)).toBe(text));

  it("split into the largest whole unit", () => {
    expect(splitDuration(90_000)).toEqual({ count: 90, unit: "s" });
    expect(splitDuration(7_200_000)).toEqual({ count: 2, unit: "h" });
    expect(splitDuration(1500)).toEqual({ count: 1500, unit: "ms" });
    expect(formatMicros(85)).toBe("85 µs");
    expect(formatMicros(1200)).toBe("1.2 ms");
  });
});

describe("times", () => {
  it("show in any zone, and a zone nobody knows does no harm", () => {
    const at = Date.UTC(2026, 0, 31, 23, 30, 0);
    expect(formatTime(at, "Asia/Shanghai")).toBe("2026-02-01 07:30:00");
    expect(formatTime(at, "Mars/Olympus")).toContain("2026-01-31 23:30:00");
    expect(fromLocalInput(toLocalInput(at))).toBe(at);
    expect(fromLocalInput("")).toBeNull();
  });
});

describe("daily windows", () => {
  it("are read and written alike", () => {
    expect(readDaily(writeDaily(NEW_DAILY))).toEqual(NEW_DAILY);
    expect(readDaily('{"interval":"60","startTimeOfDay":"8:0:0","endTimeOfDay":"18:00"}')).toEqual({
      everyMs: 60_000,
      from: "08:00:00",
      to: "18:00:00",
      days: [1, 2, 3, 4, 5, 6, 7],
    });
    for (const text of ["", "[]", "{}", '{"interval":0,"startTimeOfDay":"8:0:0","endTimeOfDay":"9:0:0"}']) {
      expect(readDaily(text)).toBeUndefined();
    }
  });
});

describe("Chinese words of a schedule", () => {
  const words = (type: ScheduleInput["type"], expression: string): string | undefined =>
    chineseSchedule({ type, expression });
  it.each([
    ["0 0 3 * * ?", "每天 03:00"],
    ["0 0/10 * * * ?", "每 10 分钟"],
    ["0 0/10 8-17 ? * MON-FRI", "周一至周五 8 至 17 时，每 10 分钟"],
    ["0 30 9,18 * * ?", "每天 09:30、18:30"],
    ["0 0 0 1,15 * ?", "每月 1、15 日 00:00"],
    ["*/5 * * * * ?", "每 5 秒"],
    ["0 0 0 13 * FRI", undefined],
    ["0 0/7 * * * ?", undefined],
    ["nonsense", undefined],
  ])("%s is %s", (expression, expected) => expect(words("CRON", expression)).toBe(expected));

  it("know the other kinds", () => {
    expect(words("FIXED_RATE", "90000")).toBe("每 90 秒");
    expect(words("ONCE", "2026-12-24T18:00")).toBe("2026-12-24 18:00 运行一次");
    expect(words("ONCE", "1798131600000")).toBeUndefined();
    expect(words("FIXED_DELAY", "600000")).toBe("上次运行结束 10 分钟后");
    expect(words("DAILY_TIME_INTERVAL", writeDaily({ ...NEW_DAILY, days: [1, 2, 3, 4, 5] }))).toBe(
      "周一至周五 08:00:00 至 18:00:00，每 10 分钟",
    );
  });
});

describe("time line", () => {
  const timeline = { createdAt: 0, expectedAt: 900, dispatchedAt: 1000, receivedAt: 1002, startedAt: 1003 };

  it("has each step with the delay since the one before", () => {
    expect(timelineSteps(timeline).map((step) => step.delayMs)).toEqual([
      undefined, 900, 100, 2, 1, undefined, undefined,
    ]);
  });

  it("divides the time, up to now while it is open", () => {
    expect(phases(timeline, 2003, true)).toEqual([
      { name: "waiting", ms: 100 },
      { name: "sending", ms: 2 },
      { name: "starting", ms: 1 },
      { name: "running", ms: 1000 },
    ]);
    expect(phases({ expectedAt: 5 }, 25, true)).toEqual([{ name: "waiting", ms: 20 }]);
  });
});

describe("log rows", () => {
  const line = (level: LogEntry["level"], text: string, isGap = false): LogEntry => ({
    at: 0, level, attempt: 1, worker: "w", text, isGap,
  });
  const lines = [line("DEBUG", "a"), line("ERROR", "b\n  at x"), line("INFO", "3 lost", true), line("WARN", "c")];

  it("filter by level and text, and never hide a gap", () => {
    expect(logRows(lines, "WARN", "").map((row) => row.text)).toEqual(["b", "  at x", "3 lost", "c"]);
    expect(logRows(lines, "DEBUG", "C").map((row) => row.text)).toEqual(["3 lost", "c"]);
  });
});

describe("actors", () => {
  it("form a tree, also below parts that are no actors", () => {
    const actor = (path: string): ActorState => ({
      path, depth: 2, capacity: 8, handled: 0, refused: 0, rate: 0, p50Us: 0, p99Us: 0, restarts: 0,
    });
    const [root] = actorTree(["server/apps/a", "server/apps/b", "server"].map(actor));
    expect(root).toMatchObject({ name: "server", count: 3, depth: 6 });
    expect(root?.children[0]).toMatchObject({ name: "apps", actor: undefined, count: 2 });
  });
});

describe("connecting a worker", () => {
  it("takes three commands that a shell understands", () => {
    const commands = connectCommands({ app: "a", server: "h:1", origin: "http://h:2", secret: "it's" });
    expect(commands).toHaveLength(3);
    expect(commands[0]).toContain(String.raw`'it'\''s'`);
    expect(reachable("0.0.0.0:7701", "10.1.2.3")).toBe("10.1.2.3:7701");
    expect(reachable("jobs.example:7701", "x")).toBe("jobs.example:7701");
  });
});
