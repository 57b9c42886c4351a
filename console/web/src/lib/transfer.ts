import type { InstanceSummary } from "../api/types";

/** Gives the person a file with a text. */
export function saveFile(name: string, type: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}

const COLUMNS = [
  "id",
  "jobId",
  "jobName",
  "status",
  "trigger",
  "attempt",
  "expectedAt",
  "startedAt",
  "finishedAt",
  "worker",
  "params",
  "result",
] as const;

const TIMES = new Set<string>(["expectedAt", "startedAt", "finishedAt"]);

function cell(name: string, value: unknown): string {
  if (value === null || value === undefined) return "";
  const text = TIMES.has(name) ? new Date(Number(value)).toISOString() : String(value);
  // a text that a spreadsheet would take for a formula is marked as a text
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Runs as comma-separated values with a head; times in UTC. */
export function runsAsCsv(runs: readonly InstanceSummary[]): string {
  const rows = runs.map((run) => COLUMNS.map((name) => cell(name, run[name])).join(","));
  return `${[COLUMNS.join(","), ...rows].join("\r\n")}\r\n`;
}
