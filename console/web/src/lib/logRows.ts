import type { LogEntry } from "../api/types";

/** A row on the screen: a line of the log, or a further line of its text. */
export interface LogRow {
  entry: LogEntry;
  text: string;
  isFirst: boolean;
}

export const LEVELS = ["DEBUG", "INFO", "WARN", "ERROR"] as const;

function rank(level: string): number {
  return LEVELS.findIndex((known) => known === level);
}

/** The lines that pass, cut into rows; gaps always pass, for they tell that something is missing. */
export function logRows(lines: readonly LogEntry[], level: string, query: string): LogRow[] {
  const least = rank(level);
  const wanted = query.trim().toLowerCase();
  const rows: LogRow[] = [];
  for (const entry of lines) {
    const passes =
      rank(entry.level) >= least &&
      (wanted === "" || `${entry.text} ${entry.worker}`.toLowerCase().includes(wanted));
    if (!passes && entry.isGap !== true) continue;
    entry.text.split("\n").forEach((text, index) => {
      rows.push({ entry, text, isFirst: index === 0 });
    });
  }
  return rows;
}

const HUES = [210, 28, 150, 280, 340, 95, 190, 55, 250, 0];

/** A colour for each worker, the same on every visit. */
export function workerHue(worker: string): number {
  let hash = 7;
  for (const character of worker) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 65_521;
  return HUES[hash % HUES.length] ?? 0;
}
