import type { FieldError, Problem } from "./types";

/** A request that was not carried out, with what the server said about it. */
export class ApiError extends Error {
  readonly problem: Problem;
  readonly retryAfterSeconds: number | undefined;

  constructor(problem: Problem, retryAfterSeconds?: number) {
    super(problem.title);
    this.name = "ApiError";
    this.problem = problem;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  get code(): string {
    return this.problem.code;
  }

  get fields(): FieldError[] {
    return this.problem.errors ?? [];
  }
}

/** Codes made here, not by the server. */
export const NO_CONNECTION = "no-connection";
export const UNREADABLE = "unreadable-answer";

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function fieldErrors(value: unknown): FieldError[] {
  if (!Array.isArray(value)) return [];
  return value.filter(isRecord).map((entry) => ({
    ...(entry as Partial<FieldError>),
    field: String(entry.field ?? ""),
    reason: String(entry.reason ?? ""),
  }));
}

/** Reads problem details; anything else becomes a problem with what there is of it. */
export function problemFrom(status: number, statusText: string, body: string): Problem {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    parsed = undefined;
  }
  if (isRecord(parsed) && typeof parsed.title === "string") {
    return {
      code: typeof parsed.code === "string" ? parsed.code : `http-${status}`,
      status,
      title: parsed.title,
      detail: typeof parsed.detail === "string" ? parsed.detail : null,
      errors: fieldErrors(parsed.errors),
    };
  }
  const looksLikePage = /^\s*</.test(body);
  return {
    code: `http-${status}`,
    status,
    title: statusText || `HTTP ${status}`,
    detail: looksLikePage || body.trim() === "" ? null : body.trim().slice(0, 500),
  };
}

/** Whatever was thrown, as an error that can be shown. */
export function asApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  const title = thrown instanceof Error ? thrown.message : String(thrown);
  return new ApiError({ code: "console-error", status: 0, title });
}

/** The reasons of one field and of what lies below it. */
export function reasonsFor(
  errors: FieldError[],
  field: string,
  word: (error: FieldError) => string = ({ reason }) => reason,
): string[] {
  return errors
    .filter((error) => error.field === field || error.field.startsWith(`${field}.`))
    .map(word);
}
