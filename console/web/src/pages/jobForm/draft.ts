import type { FieldError, Job, JobInput } from "../../api/types";
import type { Translate } from "../../i18n";

export const NEW_JOB: JobInput = {
  name: "",
  description: "",
  tag: "",
  enabled: true,
  schedule: { type: "CRON", expression: "0 0/10 * * * ?", zone: null, startAt: null, endAt: null },
  policy: { misfire: "ONCE", catchUp: null, overlap: "ALLOW", queueLimit: null, jitterMs: 0, secondLevel: null },
  executeType: "STANDALONE",
  processorType: "BUILT_IN",
  processor: "",
  params: "",
  dispatchStrategy: "HEALTH_FIRST",
  dispatchConfig: "",
  designatedWorkers: "",
  maxWorkers: 0,
  minCpuCores: 0,
  minMemoryGib: 0,
  minDiskGib: 0,
  maxInstances: 1,
  concurrency: 5,
  timeLimitMs: 0,
  instanceRetries: 0,
  retry: { backOff: "FIXED", delayMs: 10_000, factor: null, limitMs: null, jitter: 0 },
  taskRetries: 0,
  noWorkerGraceMs: 60_000,
  logLevel: "INFO",
};

type Draft = JobInput;

/** The definition of a stored job, without what the server adds. */
export function draftOf(job: Job): Draft {
  const draft: Draft = { ...NEW_JOB };
  const fields = Object.keys(NEW_JOB) as (keyof Draft)[];
  const picked = Object.fromEntries(fields.map((field) => [field, job[field]]));
  const { type, expression, zone, startAt, endAt } = job.schedule;
  const schedule = { type, expression, zone: zone ?? null, startAt: startAt ?? null, endAt: endAt ?? null };
  const policy = { ...NEW_JOB.policy, ...job.policy };
  const retry = { ...NEW_JOB.retry, ...job.retry };
  return { ...draft, ...picked, schedule, policy, retry };
}

/** What concerns only runs that are spread over workers. */
export function isSpread(draft: Draft): boolean {
  return draft.executeType !== "STANDALONE";
}

export function hasTasks(draft: Draft): boolean {
  return draft.executeType === "MAP" || draft.executeType === "MAP_REDUCE";
}

export function isScript(draft: Draft): boolean {
  return draft.processorType === "SHELL" || draft.processorType === "PYTHON";
}

/** Everything that can be seen to be wrong before the server is asked, all at once. */
export function draftErrors(draft: Draft, t: Translate): FieldError[] {
  const errors: FieldError[] = [];
  const wrong = (field: string, reason: string): void => {
    errors.push({ field, reason });
  };
  if (draft.name.trim() === "") wrong("name", t("form.required"));
  if (draft.processor.trim() === "") wrong("processor", t("form.required"));
  if (draft.dispatchStrategy === "SPECIFY" && draft.dispatchConfig.trim() === "") {
    wrong("dispatchConfig", t("form.required"));
  }
  const { type, expression, startAt, endAt } = draft.schedule;
  if (type !== "API" && type !== "WORKFLOW" && expression.trim() === "") {
    wrong("schedule.expression", t("form.required"));
  }
  if (startAt && endAt && endAt <= startAt) wrong("schedule.endAt", t("form.endBeforeStart"));
  const checkNumbers = (fields: object, prefix: string): void => {
    for (const [field, value] of Object.entries(fields)) {
      if (typeof value !== "number" || !Number.isNaN(value)) continue;
      wrong(prefix + field, field.endsWith("Ms") ? t("form.notDuration") : t("form.notNumber"));
    }
  };
  checkNumbers(draft, "");
  checkNumbers(draft.policy, "policy.");
  checkNumbers(draft.retry, "retry.");
  return errors;
}

export type ReadDraft = { draft: Draft } | { error: string };

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

/** Reads the JSON view; names every field that is unknown or of the wrong kind. */
export function readDraft(text: string, t: Translate): ReadDraft {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    return { error: t("form.json.invalid", { reason: error instanceof Error ? error.message : "" }) };
  }
  if (kindOf(parsed) !== "object") return { error: t("form.json.object") };
  const found = parsed as Record<string, unknown>;
  const problems: string[] = [];
  const check = (model: object, given: Record<string, unknown>, prefix: string): void => {
    const kinds = new Map(Object.entries(model));
    for (const [field, value] of Object.entries(given)) {
      const path = prefix + field;
      if (!kinds.has(field)) problems.push(t("form.json.unknown", { field: path }));
      else if (kinds.get(field) !== null && kindOf(kinds.get(field)) !== kindOf(value)) {
        problems.push(t("form.json.kind", { field: path, kind: kindOf(kinds.get(field)) }));
      }
    }
  };
  check(NEW_JOB, found, "");
  for (const part of ["schedule", "policy", "retry"] as const) {
    if (kindOf(found[part]) !== "object") continue;
    check(NEW_JOB[part], found[part] as Record<string, unknown>, `${part}.`);
  }
  if (problems.length > 0) return { error: problems.join("\n") };
  const given = found as Partial<Draft>;
  const schedule = { ...NEW_JOB.schedule, ...given.schedule };
  const policy = { ...NEW_JOB.policy, ...given.policy };
  const retry = { ...NEW_JOB.retry, ...given.retry };
  return { draft: { ...NEW_JOB, ...given, schedule, policy, retry } };
}
