import { type RenderResult, render } from "@testing-library/react";
import type { ReactNode } from "react";
import { Router } from "wouter";
import { memoryLocation } from "wouter/memory-location";
import type { SessionInfo } from "../api/types";
import { type SessionState, SessionProvider } from "../data/session";
import { I18nProvider } from "../i18n";
import { en } from "../i18n/en";
import { ConfirmProvider } from "../ui/Confirm";
import { ToastProvider } from "../ui/Toasts";

export const INFO: SessionInfo = {
  user: { id: "604919300096000323", account: "ada", nick: "Ada", isAdministrator: true },
  server: {
    node: "server-1",
    version: "0.1.0",
    zone: "Asia/Shanghai",
    now: 0,
    startedAt: 0,
    workerAddress: "10.0.0.1:7701",
  },
};

export const SIGNED_IN: SessionState = { kind: "in", info: INFO, clockAheadMs: 0 };

/** A part of the console with all that stands around it. */
export function show(part: ReactNode, session: SessionState = SIGNED_IN): RenderResult {
  const location = memoryLocation({ path: "/", record: true });
  return render(
    <I18nProvider first={{ lang: "en", dictionary: en }}>
      <SessionProvider first={session}>
        <Router hook={location.hook} searchHook={location.searchHook}>
          <ToastProvider>
            <ConfirmProvider>{part}</ConfirmProvider>
          </ToastProvider>
        </Router>
      </SessionProvider>
    </I18nProvider>,
  );
}

/** Answers requests in the test; each call is kept. */
export function serve(
  answer: (method: string, path: string, body: unknown) => { status?: number; body?: unknown },
): { method: string; path: string; body: unknown; headers: Headers }[] {
  const calls: { method: string; path: string; body: unknown; headers: Headers }[] = [];
  globalThis.fetch = (input, init = {}) => {
    const method = init.method ?? "GET";
    const path = String(input);
    const body: unknown = typeof init.body === "string" ? JSON.parse(init.body) : undefined;
    calls.push({ method, path, body, headers: new Headers(init.headers) });
    const { status = 200, body: reply } = answer(method, path, body);
    const text = reply === undefined ? null : typeof reply === "string" ? reply : JSON.stringify(reply);
    return Promise.resolve(new Response(text, { status }));
  };
  return calls;
}
