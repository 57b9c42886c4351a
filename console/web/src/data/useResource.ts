import { useCallback, useEffect, useRef, useState } from "react";
import { onRenewal } from "../api/client";
import { type ApiError, asApiError } from "../api/problem";

export interface Resource<T> {
  data: T | undefined;
  error: ApiError | undefined;
  /** Whether a request is under way. */
  loading: boolean;
  /** Asks again; what is shown stays until the answer is here. */
  reload: () => void;
  /** Changes what is shown, after the server agreed or told of it. */
  patch: (change: (data: T) => T) => void;
}

interface State<T> {
  key: string | undefined;
  data: T | undefined;
  error: ApiError | undefined;
  loading: boolean;
}

interface Options {
  /** Ask again after this time while the page is visible; 0 = never. */
  pollMs?: number;
  /** Keep showing the old data while the data of another key is loading. */
  keep?: boolean;
}

/**
 * Loads what a key names. `undefined` as key: nothing to load.
 *
 * An error leaves earlier data in place, so a hiccup never empties a page.
 */
export function useResource<T>(
  key: string | undefined,
  load: (signal: AbortSignal) => Promise<T>,
  { pollMs = 0, keep = false }: Options = {},
): Resource<T> {
  const empty: State<T> = { key, data: undefined, error: undefined, loading: key !== undefined };
  const [state, setState] = useState<State<T>>(empty);
  const [round, setRound] = useState(0);
  const loader = useRef(load);
  loader.current = load;

  useEffect(() => {
    if (key === undefined) return undefined;
    const abort = new AbortController();
    setState((old) => ({
      key,
      data: old.key === key || keep ? old.data : undefined,
      error: old.key === key ? old.error : undefined,
      loading: true,
    }));
    loader
      .current(abort.signal)
      .then((data) => {
        if (!abort.signal.aborted) setState({ key, data, error: undefined, loading: false });
      })
      .catch((thrown: unknown) => {
        if (abort.signal.aborted) return;
        setState((old) => ({ ...old, key, error: asApiError(thrown), loading: false }));
      });
    return () => abort.abort();
  }, [key, keep, round]);

  const reload = useCallback(() => setRound((old) => old + 1), []);
  const patch = useCallback((change: (data: T) => T) => {
    setState((old) => (old.data === undefined ? old : { ...old, data: change(old.data) }));
  }, []);

  const hasFailed = state.error !== undefined;
  useEffect(() => {
    if (!hasFailed) return undefined;
    onRenewal.add(reload);
    return () => {
      onRenewal.delete(reload);
    };
  }, [hasFailed, reload]);

  useEffect(() => {
    if (pollMs === 0 || key === undefined) return undefined;
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") reload();
    }, pollMs);
    return () => clearInterval(timer);
  }, [pollMs, key, reload]);

  const stale = state.key !== key && !keep;
  return { ...(stale ? empty : state), reload, patch };
}
