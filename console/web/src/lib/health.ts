import type { App, AppHealth } from "../api/types";

export type Health = "bad" | "warn" | "good" | "off";

/** Failures are bad; jobs without a worker need a look; nothing at all is off. */
export function healthOf(health: AppHealth): Health {
  if (health.failedLastDay > 0) return "bad";
  if (health.workersOnline === 0) return health.jobs > 0 ? "warn" : "off";
  return "good";
}

const ORDER: Record<Health, number> = { bad: 0, warn: 1, good: 2, off: 3 };

/** Failing ones first, the most failures on top, then by name. */
export function byWorstFirst(left: App, right: App): number {
  return (
    ORDER[healthOf(left.health)] - ORDER[healthOf(right.health)] ||
    right.health.failedLastDay - left.health.failedLastDay ||
    left.name.localeCompare(right.name)
  );
}
