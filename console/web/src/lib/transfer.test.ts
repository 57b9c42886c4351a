import { describe, expect, it } from "vitest";
import type { InstanceSummary, Worker } from "../api/types";
import { runsAsCsv } from "./transfer";
import { nearLimits } from "./workerLimits";

describe("runs as comma-separated values", () => {
  const run: InstanceSummary = {
    id: "1004571030104048640",
    jobId: "7",
    jobName: 'a "b", c',
    appId: "1",
    status: "FAILED",
    trigger: "API",
    attempt: 1,
    expectedAt: 0,
    startedAt: 1500,
    finishedAt: null,
    worker: "w",
    params: "=1+1",
    result: "two\nlines",
  };

  it("keep ids, quote what needs it and hold no formulas", () => {
    const [head, row] = runsAsCsv([run]).split("\r\n");
    expect(head).toMatch(/^id,jobId,jobName,status/);
    expect(row).toBe(
      '1004571030104048640,7,"a ""b"", c",FAILED,API,1,1970-01-01T00:00:00.000Z,1970-01-01T00:00:01.500Z,,w,\'=1+1,"two\nlines"',
    );
  });
});

describe("limits of a worker", () => {
  const calm = {
    running: 1,
    capacity: 10,
    cpuLoad: 1,
    cpuCores: 4,
    memoryUsedBytes: 1,
    memoryTotalBytes: 10,
    diskUsedBytes: 1,
    diskTotalBytes: 10,
  } as Worker;

  it("are named where they are near, the worst first", () => {
    expect(nearLimits(calm)).toEqual([]);
    expect(nearLimits({ ...calm, cpuLoad: -1, diskUsedBytes: 9 })).toEqual(["disk"]);
    expect(nearLimits({ ...calm, running: 10, memoryUsedBytes: 9.5, cpuLoad: 9 })).toEqual(["runs", "load", "memory"]);
  });
});
