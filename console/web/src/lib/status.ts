/** What the states of instances mean, and how they look. */
export const INSTANCE_STATES = [
  "WAITING_DISPATCH",
  "WAITING_WORKER_RECEIVE",
  "RUNNING",
  "SUCCEED",
  "FAILED",
  "STOPPED",
  "CANCELED",
] as const;

export type InstanceState = (typeof INSTANCE_STATES)[number];

/** Waits or runs. */
export const OPEN_STATES: readonly string[] = [
  "WAITING_DISPATCH",
  "WAITING_WORKER_RECEIVE",
  "RUNNING",
];

export function isInstanceState(text: string): text is InstanceState {
  return (INSTANCE_STATES as readonly string[]).includes(text);
}

export function isOpen(status: string): boolean {
  return OPEN_STATES.includes(status);
}

/** Buttons follow the state where only a summary is known; the page of a run follows `actions`. */
export function actionsOf(status: string): readonly ("STOP" | "RETRY")[] {
  if (isOpen(status)) return ["STOP"];
  return ["RETRY"];
}

export type Tone = "good" | "bad" | "live" | "wait" | "off" | "warn";

export function toneOf(status: string): Tone {
  switch (status) {
    case "SUCCEED":
    case "ONLINE":
    case "ok":
      return "good";
    case "FAILED":
    case "LOST":
    case "failed":
      return "bad";
    case "RUNNING":
      return "live";
    case "WAITING_DISPATCH":
    case "WAITING_WORKER_RECEIVE":
      return "wait";
    case "DRAINING":
    case "DRAINED":
    case "SUSPECT":
    case "dropped":
      return "warn";
    default:
      return "off";
  }
}

interface Span {
  startedAt?: number | null;
  finishedAt?: number | null;
}

/** How long it ran, or runs since; `undefined` before it started. */
export function durationOf(run: Span, now: number): number | undefined {
  if (run.startedAt === null || run.startedAt === undefined) return undefined;
  return Math.max(0, (run.finishedAt ?? now) - run.startedAt);
}
