import { describe, expect, it } from "vitest";
import type { InstanceSummary } from "../api/types";
import { changeSearch, readFilters } from "../data/useFilters";
import { INSTANCE_FILTERS, instanceQuery, matches, merge, readStates } from "./instanceQuery";

const NOW = 1_800_000_000_000;

function run(change: Partial<InstanceSummary>): InstanceSummary {
  return {
    id: "604919300096000323",
    jobId: "9",
    jobName: "nightly",
    appId: "1",
    status: "RUNNING",
    trigger: "API",
    attempt: 1,
    expectedAt: NOW,
    result: "",
    ...change,
  };
}

describe("filters in the address", () => {
  it("are read and written back", () => {
    const filters = readFilters("?status=FAILED,RUNNING&jobId=604919300096000323&other=1&query=", INSTANCE_FILTERS);
    expect(filters).toEqual({ status: "FAILED,RUNNING", jobId: "604919300096000323" });
    expect(changeSearch("?status=FAILED&other=1", { status: "RUNNING" })).toBe("?status=RUNNING&other=1");
    expect(changeSearch("?status=FAILED", { status: undefined })).toBe("");
  });

  it("go back to the first page when one changes", () => {
    expect(changeSearch("?cursor=abc&query=x", { query: "y" })).toBe("?query=y");
    expect(changeSearch("?query=x", { cursor: "abc" })).toBe("?query=x&cursor=abc");
  });

  it("become a question to the server", () => {
    expect(instanceQuery({ status: "OPEN", range: "24h", from: "5" }, NOW)).toMatchObject({
      status: "WAITING_DISPATCH,WAITING_WORKER_RECEIVE,RUNNING",
      from: NOW - 86_400_000,
      to: undefined,
      limit: 50,
    });
    expect(instanceQuery({ from: "5", to: "x" }, NOW)).toMatchObject({ from: 5, to: undefined });
    expect(readStates("FAILED,NONSENSE,OPEN,RUNNING")).toHaveLength(4);
  });
});

describe("live rows", () => {
  it("are taken in only when they fit", () => {
    expect(matches({ status: "FAILED" }, run({}), NOW)).toBe(false);
    expect(matches({ status: "OPEN", jobId: "9" }, run({}), NOW)).toBe(true);
    expect(matches({ range: "1h" }, run({ expectedAt: NOW - 7_200_000 }), NOW)).toBe(false);
    expect(matches({ query: "NIGHT" }, run({}), NOW)).toBe(true);
  });

  it("change in place and come in on top, newest first", () => {
    const shown = [run({ id: "20" }), run({ id: "10" })];
    const news = [run({ id: "10", status: "FAILED" }), run({ id: "100" }), run({ id: "30" })];
    const merged = merge(shown, news, () => true, 3);
    expect(merged.map((row) => row.id)).toEqual(["100", "30", "20"]);
    const changed = merge(shown, news, () => false, 3);
    expect(changed.map((row) => row.status)).toEqual(["RUNNING", "FAILED"]);
  });
});
