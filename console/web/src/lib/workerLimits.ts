import type { Worker } from "../api/types";
import { share } from "./bytes";

export type WorkerLimit = "load" | "memory" | "disk" | "runs";

/** From this part on a limit is near. */
const NEAR = 0.9;

/** Which limits of a worker are reached or near, the worst first. */
export function nearLimits(worker: Worker): WorkerLimit[] {
  const parts: [WorkerLimit, number][] = [
    ["runs", worker.running >= worker.capacity ? 1 : 0],
    ["load", worker.cpuLoad < 0 ? 0 : share(worker.cpuLoad, worker.cpuCores)],
    ["memory", share(worker.memoryUsedBytes, worker.memoryTotalBytes)],
    ["disk", share(worker.diskUsedBytes, worker.diskTotalBytes)],
  ];
  return parts
    .filter(([, part]) => part >= NEAR)
    .toSorted(([, left], [, right]) => right - left)
    .map(([limit]) => limit);
}
