import { parseJson } from "../lib/json";
import { ApiError, NO_CONNECTION, UNREADABLE, problemFrom } from "./problem";

export type Query = Record<string, string | number | boolean | undefined | null>;

interface Options {
  query?: Query;
  body?: unknown;
  signal?: AbortSignal;
}

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

const WRONG_PASSWORD = "wrong-credentials";
let onSessionOver: (code: string) => void = () => undefined;
let language = "en";

/** Whether the last request reached the server. */
export const connectivity = {
  isUp: true,
  listeners: new Set<() => void>(),
  set(isUp: boolean): void {
    if (this.isUp === isUp) return;
    this.isUp = isUp;
    this.listeners.forEach((listener) => listener());
  },
};

/** Those who want to ask again because the person signed in again. */
export const onRenewal = new Set<() => void>();

/** Tells who wants to know that the session ended. */
export function whenSessionEnds(listener: (code: string) => void): void {
  onSessionOver = listener;
}

/** The language in which the server should word its texts, where it can. */
export function speak(lang: string): void {
  language = lang;
}

/** A path with its query; empty values are left out. */
export function address(path: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === null || value === "") continue;
    search.set(name, String(value));
  }
  const text = search.toString();
  return text === "" ? path : `${path}?${text}`;
}

function retryAfter(response: Response): number | undefined {
  const text = response.headers.get("Retry-After");
  if (text === null || !/^\d+$/.test(text)) return undefined;
  return Number(text);
}

async function send(method: Method, url: string, options: Options): Promise<Response> {
  const headers: Record<string, string> = {
    Accept: "application/json",
    "Accept-Language": language,
  };
  if (method !== "GET") headers["X-Requested-With"] = "powerjob";
  const init: RequestInit = { method, headers, credentials: "same-origin" };
  if (options.signal !== undefined) init.signal = options.signal;
  if (options.body !== undefined) {
    headers["Content-Type"] = "application/json";
    init.body = JSON.stringify(options.body);
  }
  try {
    const response = await fetch(url, init);
    connectivity.set(true);
    return response;
  } catch (error) {
    if (options.signal?.aborted) throw error;
    connectivity.set(false);
    const detail = error instanceof Error ? error.message : null;
    throw new ApiError({ code: NO_CONNECTION, status: 0, title: "No connection", detail });
  }
}

/** Sends a request; the answer is believed to have the documented type. */
export async function call<T>(method: Method, path: string, options: Options = {}): Promise<T> {
  const response = await send(method, address(path, options.query), options);
  const text = await response.text();
  if (!response.ok) {
    const problem = problemFrom(response.status, response.statusText, text);
    if (response.status === 401 && problem.code !== WRONG_PASSWORD) onSessionOver(problem.code);
    throw new ApiError(problem, retryAfter(response));
  }
  if (text === "") return undefined as T;
  try {
    return parseJson(text) as T;
  } catch {
    const title = "The answer is not JSON";
    throw new ApiError({ code: UNREADABLE, status: response.status, title });
  }
}

const early = new Map<string, Promise<unknown>>();

/** Asks for something that the first page will want, beside the question who one is. */
export function prefetch(path: string): void {
  const answer = call<unknown>("GET", path);
  early.set(path, answer);
  // a failure is nobody's: whoever wants it asks then, perhaps after signing in
  answer.catch(() => early.delete(path));
}

/** What was asked for early; only once, for afterwards it is old. */
export function takeEarly<T>(path: string): Promise<T> | undefined {
  const answer = early.get(path);
  early.delete(path);
  return answer as Promise<T> | undefined;
}
