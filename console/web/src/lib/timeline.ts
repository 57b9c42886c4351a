import type { Timeline } from "../api/types";

export const STEPS = [
  "createdAt",
  "expectedAt",
  "dispatchedAt",
  "receivedAt",
  "startedAt",
  "finishedAt",
  "recordedAt",
] as const;

export type Step = (typeof STEPS)[number];

export interface TimelineStep {
  step: Step;
  at: number | undefined;
  /** Time since the latest known step before; undefined at the first and at unknown ones. */
  delayMs: number | undefined;
}

/** The steps in their order with the delay between each and the one before. */
export function timelineSteps(timeline: Timeline): TimelineStep[] {
  let previous: number | undefined;
  return STEPS.map((step) => {
    const at = timeline[step] ?? undefined;
    const delayMs = at === undefined || previous === undefined ? undefined : at - previous;
    if (at !== undefined) previous = at;
    return { step, at, delayMs };
  });
}

export interface Phase {
  name: "waiting" | "sending" | "starting" | "running" | "recording";
  ms: number;
}

/** How the time from "meant to start" to the end (or to now) divides. */
export function phases(timeline: Timeline, now: number, isOpen: boolean): Phase[] {
  const points: [Phase["name"], number | null | undefined][] = [
    ["waiting", timeline.dispatchedAt],
    ["sending", timeline.receivedAt],
    ["starting", timeline.startedAt],
    ["running", timeline.finishedAt],
    ["recording", timeline.recordedAt],
  ];
  const found: Phase[] = [];
  let from = timeline.expectedAt ?? timeline.createdAt;
  if (from === null || from === undefined) return found;
  for (const [name, at] of points) {
    if (at === null || at === undefined) {
      if (isOpen) found.push({ name, ms: Math.max(0, now - from) });
      return found;
    }
    found.push({ name, ms: Math.max(0, at - from) });
    from = Math.max(from, at);
  }
  return found;
}
