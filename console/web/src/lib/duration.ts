export type Unit = "ms" | "s" | "min" | "h" | "d";

export const UNIT_MS: Record<Unit, number> = {
  ms: 1,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** The largest unit in which a duration is a whole number. */
export function splitDuration(ms: number): { count: number; unit: Unit } {
  if (ms === 0) return { count: 0, unit: "s" };
  const units: Unit[] = ["d", "h", "min", "s"];
  const unit = units.find((candidate) => ms % UNIT_MS[candidate] === 0) ?? "ms";
  return { count: ms / UNIT_MS[unit], unit };
}

export type UnitNames = Record<Unit, string>;

/** `350 ms`, `1.24 s`, `2 min 5 s`, `3 h 20 min`, `2 d 4 h`. */
export function formatDuration(ms: number, names: UnitNames): string {
  const sign = ms < 0 ? "-" : "";
  const size = Math.abs(ms);
  if (size < 1000) return `${sign}${Math.round(size)} ${names.ms}`;
  if (size < 10_000) return `${sign}${(size / 1000).toFixed(2).replace(/\.?0+$/, "")} ${names.s}`;
  if (size < 59_950) return `${sign}${(size / 1000).toFixed(1).replace(/\.0$/, "")} ${names.s}`;
  const seconds = Math.round(size / 1000);
  const two = (large: number, largeName: string, small: number, smallName: string): string =>
    small === 0 ? `${sign}${large} ${largeName}` : `${sign}${large} ${largeName} ${small} ${smallName}`;
  if (seconds < 3600) return two(Math.floor(seconds / 60), names.min, seconds % 60, names.s);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1440) return two(Math.floor(minutes / 60), names.h, minutes % 60, names.min);
  const hours = Math.floor(minutes / 60);
  return two(Math.floor(hours / 24), names.d, hours % 24, names.h);
}

/** Microseconds as `85 µs`, `1.2 ms`, `3 s`. */
export function formatMicros(us: number): string {
  if (us < 1000) return `${us} µs`;
  if (us < 1_000_000) return `${trim(us / 1000)} ms`;
  return `${trim(us / 1_000_000)} s`;
}

function trim(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2).replace(/\.?0+$/, "");
}
