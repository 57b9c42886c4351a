const formatters = new Map<string, Intl.DateTimeFormat>();

function formatter(lang: string, zone: string | undefined, precise: boolean): Intl.DateTimeFormat {
  const key = `${lang}|${zone ?? ""}|${precise}`;
  const known = formatters.get(key);
  if (known !== undefined) return known;
  const made = make(lang, zone, precise);
  formatters.set(key, made);
  return made;
}

function make(lang: string, zone: string | undefined, precise: boolean): Intl.DateTimeFormat {
  const options: Intl.DateTimeFormatOptions = {
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
  };
  if (precise) options.fractionalSecondDigits = 3;
  if (zone !== undefined) options.timeZone = zone;
  try {
    return new Intl.DateTimeFormat(lang, options);
  } catch {
    // a zone that this browser does not know
    return new Intl.DateTimeFormat(lang, { ...options, timeZone: "UTC", timeZoneName: "short" });
  }
}

interface Parts {
  date: string;
  clock: string;
  millis: string;
  zone: string;
}

function parts(ms: number, zone: string | undefined, precise: boolean): Parts {
  const found: Record<string, string> = {};
  // one neutral form in both languages: 2025-01-31 08:00:00
  for (const part of formatter("en-GB", zone, precise).formatToParts(ms)) {
    found[part.type] = part.value;
  }
  return {
    date: `${found.year}-${found.month}-${found.day}`,
    clock: `${found.hour}:${found.minute}:${found.second}`,
    millis: found.fractionalSecond ?? "000",
    zone: found.timeZoneName === undefined ? "" : ` ${found.timeZoneName}`,
  };
}

/** `2025-01-31 08:00:00` in a zone, the browser's without one. */
export function formatTime(ms: number, zone?: string): string {
  const { date, clock, zone: name } = parts(ms, zone, false);
  return `${date} ${clock}${name}`;
}

/** The same with milliseconds. */
export function formatPrecise(ms: number, zone?: string): string {
  const { date, clock, millis } = parts(ms, zone, true);
  return `${date} ${clock}.${millis}`;
}

/** `08:00:00.123`, for lines of a log. */
export function formatClock(ms: number): string {
  const { clock, millis } = parts(ms, undefined, true);
  return `${clock}.${millis}`;
}

/** Only the clock on the day of `now`, month and day within the year, else all of it. */
export function formatShort(ms: number, now: number): string {
  const time = parts(ms, undefined, false);
  const today = parts(now, undefined, false);
  if (time.date === today.date) return time.clock;
  return time.date.slice(0, 4) === today.date.slice(0, 4)
    ? `${time.date.slice(5)} ${time.clock}`
    : `${time.date} ${time.clock}`;
}

export function browserZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** The value of an `<input type="datetime-local">`. */
export function toLocalInput(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return "";
  const { date, clock } = parts(ms, undefined, false);
  return `${date}T${clock}`;
}

export function fromLocalInput(text: string): number | null {
  if (text === "") return null;
  const ms = new Date(text).getTime();
  return Number.isNaN(ms) ? null : ms;
}
