import type { Query } from "../api/client";
import type { InstanceSummary } from "../api/types";
import type { Filters } from "../data/useFilters";
import { compareIds } from "./ids";
import { OPEN_STATES, isInstanceState } from "./status";

export const INSTANCE_FILTERS = ["jobId", "status", "from", "to", "range", "query", "cursor", "limit"] as const;

const HOUR_MS = 3_600_000;

/** Time ranges that move with the clock, so a link to "the last day" stays true. */
export const RANGES: Record<string, number> = {
  "1h": HOUR_MS,
  "6h": 6 * HOUR_MS,
  "24h": 24 * HOUR_MS,
  "7d": 168 * HOUR_MS,
};

/** The states of a filter; `OPEN` stands for all that wait or run. */
export function readStates(status: string | undefined): string[] {
  const states = (status ?? "").split(",").flatMap((state) => (state === "OPEN" ? OPEN_STATES : state));
  return [...new Set(states.filter(isInstanceState))];
}

function millis(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** What is asked of the server. */
export function instanceQuery(filters: Filters, now: number): Query {
  const span = RANGES[filters.range ?? ""];
  return {
    jobId: filters.jobId,
    status: readStates(filters.status).join(","),
    from: span === undefined ? millis(filters.from) : now - span,
    to: span === undefined ? millis(filters.to) : undefined,
    query: filters.query,
    cursor: filters.cursor,
    limit: filters.limit ?? 50,
  };
}

/** Whether a run that was told of belongs into the list; the text is only known to the server. */
export function matches(filters: Filters, run: InstanceSummary, now: number): boolean {
  const states = readStates(filters.status);
  if (states.length > 0 && !states.includes(run.status)) return false;
  if (filters.jobId !== undefined && run.jobId !== filters.jobId) return false;
  const { from, to } = instanceQuery(filters, now);
  if (typeof from === "number" && run.expectedAt < from) return false;
  if (typeof to === "number" && run.expectedAt > to) return false;
  if (filters.query === undefined) return true;
  const text = filters.query.toLowerCase();
  return [run.id, run.jobName, run.worker ?? "", run.params, run.result].join(" ").toLowerCase().includes(text);
}

/**
 * A list after news: changed rows in place, new ones on top, at most `limit`.
 *
 * A row that no longer fits the filter stays where it is until the next load: rows do not vanish
 * under the pointer, one sees how they ended.
 */
export function merge(
  shown: InstanceSummary[],
  news: readonly InstanceSummary[],
  isWanted: (run: InstanceSummary) => boolean,
  limit: number,
): InstanceSummary[] {
  const latest = new Map(news.map((run) => [run.id, run]));
  const changed = shown.map((run) => {
    const update = latest.get(run.id);
    latest.delete(run.id);
    return update ?? run;
  });
  const fresh = [...latest.values()].filter(isWanted);
  if (fresh.length === 0) return changed;
  fresh.sort((left, right) => compareIds(right.id, left.id));
  return [...fresh, ...changed].slice(0, limit);
}
