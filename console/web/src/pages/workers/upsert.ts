import type { Worker } from "../../api/types";

/** Puts the news of a worker in place of what was known of it. */
export function upsertWorker(workers: Worker[], news: Worker): Worker[] {
  const at = workers.findIndex((worker) => worker.node === news.node);
  return at < 0 ? [...workers, news] : workers.with(at, news);
}

const ORDER = ["LOST", "SUSPECT", "OFFLINE", "DRAINED", "DRAINING", "ONLINE"];

/** Troubled ones first, then by name. */
export function byTrouble(left: Worker, right: Worker): number {
  return (
    ORDER.indexOf(left.state) - ORDER.indexOf(right.state) || left.node.localeCompare(right.node)
  );
}
