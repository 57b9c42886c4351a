import {
  type ReactNode,
  createContext,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useState,
} from "react";
import { onRenewal, whenSessionEnds } from "../api/client";
import { api } from "../api/endpoints";
import { type ApiError, asApiError } from "../api/problem";
import { recall, remember } from "../lib/storage";
import type { Me, ServerFacts, SessionInfo } from "../api/types";

/** Why one is signed out, as the address of the login page says it. */
export const EXPIRED = "session-expired";
const SIGNED_IN = "account";

/** Where the person stands: not known yet, signed out (with the reason), or signed in. */
export type SessionState =
  | { kind: "unknown" }
  | { kind: "out"; reason: string | undefined }
  | { kind: "broken"; error: ApiError }
  | { kind: "in"; info: SessionInfo; clockAheadMs: number; expired?: string };

interface Session {
  state: SessionState;
  signIn: (account: string, password: string) => Promise<void>;
  signOut: () => Promise<void>;
  check: () => Promise<void>;
  /** A time of the server that just arrived. */
  heard: (serverNow: number) => void;
}

const Context = createContext<Session | undefined>(undefined);

async function whoAmI(): Promise<SessionState> {
  const before = Date.now();
  const info = await api.session();
  const middle = (before + Date.now()) / 2;
  return { kind: "in", info, clockAheadMs: info.server.now - middle };
}

/** Asked as soon as the script runs, beside the loading of the language. */
export function firstSession(): Promise<SessionState> {
  return whoAmI().catch((thrown: unknown): SessionState => {
    const error = asApiError(thrown);
    if (error.problem.status === 401) {
      // the browser drops the cookie of an ended session, so only we know that there was one
      return { kind: "out", reason: recall(SIGNED_IN) === undefined ? undefined : EXPIRED };
    }
    return { kind: "broken", error };
  });
}

interface ProviderProps {
  first: SessionState;
  children: ReactNode;
}

export function SessionProvider({ first, children }: ProviderProps): ReactNode {
  const [state, setState] = useState(first);

  useEffect(() => {
    whenSessionEnds((code) => {
      // the page stays as it is, with what was typed; the frame asks to sign in again
      setState((old) => (old.kind === "in" ? { ...old, expired: code } : old));
    });
    return () => whenSessionEnds(() => undefined);
  }, []);

  const check = useCallback(async () => setState(await firstSession()), []);

  const signIn = useCallback(async (account: string, password: string) => {
    await api.signIn({ account, password });
    remember(SIGNED_IN, account);
    setState(await whoAmI());
    onRenewal.forEach((askAgain) => askAgain());
  }, []);

  const signOut = useCallback(async () => {
    try {
      await api.signOut();
    } catch (thrown) {
      if (asApiError(thrown).problem.status !== 401) throw thrown;
    }
    remember(SIGNED_IN, undefined);
    setState({ kind: "out", reason: undefined });
  }, []);

  const heard = useCallback((serverNow: number) => {
    setState((old) => {
      if (old.kind !== "in") return old;
      const clockAheadMs = serverNow - Date.now();
      const same = Math.abs(clockAheadMs - old.clockAheadMs) < 500;
      return same ? old : { ...old, clockAheadMs };
    });
  }, []);

  const value = useMemo(
    () => ({ state, signIn, signOut, check, heard }),
    [state, signIn, signOut, check, heard],
  );
  return <Context.Provider value={value}>{children}</Context.Provider>;
}

export function useSession(): Session {
  const value = useContext(Context);
  if (value === undefined) throw new Error("no session provider");
  return value;
}

/** The server's facts; only below the frame, where one is signed in. */
export function useServer(): ServerFacts {
  const { state } = useSession();
  if (state.kind !== "in") throw new Error("not signed in");
  return state.info.server;
}

export function useMe(): Me {
  const { state } = useSession();
  if (state.kind !== "in") throw new Error("not signed in");
  return state.info.user;
}
