import { UNIT_MS, splitDuration } from "./duration";

/** A daily time interval, as its editor shows it. */
export interface Daily {
  everyMs: number;
  /** `HH:MM:SS`. */
  from: string;
  to: string;
  /** 1 is Monday, 7 is Sunday. */
  days: number[];
}

export const ALL_DAYS = [1, 2, 3, 4, 5, 6, 7];

export const NEW_DAILY: Daily = {
  everyMs: 600_000,
  from: "08:00:00",
  to: "18:00:00",
  days: ALL_DAYS,
};

const WRITTEN_UNITS = { ms: "MILLISECONDS", s: "SECONDS", min: "MINUTES", h: "HOURS", d: "DAYS" };
const READ_UNITS: Record<string, number> = {
  MILLISECONDS: UNIT_MS.ms,
  SECONDS: UNIT_MS.s,
  MINUTES: UNIT_MS.min,
  HOURS: UNIT_MS.h,
  DAYS: UNIT_MS.d,
};

export function writeDaily({ everyMs, from, to, days }: Daily): string {
  const { count, unit } = splitDuration(everyMs);
  return JSON.stringify({
    interval: Number.isNaN(count) ? null : count,
    intervalUnit: WRITTEN_UNITS[unit],
    startTimeOfDay: from,
    endTimeOfDay: to,
    daysOfWeek: days,
  });
}

function clock(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  const match = /^(\d{1,2}):(\d{1,2})(?::(\d{1,2}))?$/.exec(value.trim());
  if (match === null) return undefined;
  const two = (text = "0"): string => text.padStart(2, "0");
  return `${two(match[1])}:${two(match[2])}:${two(match[3])}`;
}

/** Reads what the editor can show; `undefined` for anything else, which stays as text. */
export function readDaily(expression: string): Daily | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(expression);
  } catch {
    return undefined;
  }
  if (typeof parsed !== "object" || parsed === null) return undefined;
  const fields: Record<string, unknown> = { ...parsed };
  const unit = READ_UNITS[String(fields.intervalUnit ?? "SECONDS")];
  const from = clock(fields.startTimeOfDay);
  const to = clock(fields.endTimeOfDay);
  const count = Number(fields.interval);
  if (unit === undefined || from === undefined || to === undefined || !(count > 0)) return undefined;
  const listed = Array.isArray(fields.daysOfWeek) ? fields.daysOfWeek.map(Number) : [];
  if (listed.some((day) => !ALL_DAYS.includes(day))) return undefined;
  return { everyMs: count * unit, from, to, days: listed.length === 0 ? ALL_DAYS : listed };
}
