import { useCallback, useEffect, useRef, useState } from "react";
import { api, streams } from "../../api/endpoints";
import { Feed, type FeedState } from "../../api/events";
import { type ApiError, asApiError } from "../../api/problem";
import type { LogEntry } from "../../api/types";

const TAIL = 2000;
const MOST_KEPT = 100_000;
const PAGE = 2000;
const FLUSH_MS = 100;

export interface Log {
  lines: readonly LogEntry[];
  /** Earlier lines exist that are not loaded; more than can be kept are not offered. */
  hasEarlier: boolean;
  isLoadingEarlier: boolean;
  /** Nothing more will come. */
  isComplete: boolean;
  error: ApiError | undefined;
  feed: FeedState | undefined;
  /** Lines that arrived while paused. */
  waiting: number;
  /** Puts the page before the first line in front of what is shown. */
  loadOlder: () => Promise<void>;
  /** As `loadOlder`, until the beginning of the log. */
  loadAll: () => Promise<void>;
  reload: () => void;
}

interface State {
  lines: readonly LogEntry[];
  /** Where the lines before the first one are; none when there are none. */
  previousCursor: string | undefined;
  isComplete: boolean;
  error: ApiError | undefined;
}

const EMPTY: State = { lines: [], previousCursor: undefined, isComplete: false, error: undefined };

/**
 * The log of a run: its end first, then each line as it is written.
 *
 * `generation` grows when an ended run is opened again by a retry.
 */
export function useLog(id: string, generation: number, isPaused: boolean): Log {
  const [state, setState] = useState<State>(EMPTY);
  const [feed, setFeed] = useState<FeedState>();
  const [waiting, setWaiting] = useState(0);
  const [round, setRound] = useState(0);
  const cursor = useRef("");
  const news = useRef<LogEntry[]>([]);
  const older = useRef<AbortController>(undefined);
  const [isLoadingEarlier, setLoadingEarlier] = useState(false);
  const paused = useRef(isPaused);
  paused.current = isPaused;

  useEffect(() => {
    const abort = new AbortController();
    let live: Feed | undefined;
    news.current = [];
    const follow = (): void => {
      live = new Feed({
        url: () => streams.log(id, cursor.current),
        on: {
          line: (data, at) => {
            if (at !== "") cursor.current = at;
            news.current.push(data as LogEntry);
          },
          end: () => {
            live?.close();
            setFeed(undefined);
            setState((old) => ({ ...old, isComplete: true }));
          },
        },
        onState: setFeed,
      });
    };
    api
      .log(id, { tail: true, limit: TAIL }, abort.signal)
      .then((page) => {
        cursor.current = page.nextCursor;
        const { lines, isComplete } = page;
        setState({ lines, isComplete, previousCursor: page.previousCursor ?? undefined, error: undefined });
        if (!isComplete) follow();
      })
      .catch((thrown: unknown) => {
        if (!abort.signal.aborted) setState((old) => ({ ...old, error: asApiError(thrown) }));
      });
    const timer = setInterval(() => {
      if (paused.current) {
        setWaiting(news.current.length);
        return;
      }
      setWaiting(0);
      if (news.current.length === 0) return;
      const arrived = news.current;
      news.current = [];
      setState((old) => ({ ...old, lines: [...old.lines, ...arrived].slice(-MOST_KEPT) }));
    }, FLUSH_MS);
    return () => {
      abort.abort();
      older.current?.abort();
      live?.close();
      setFeed(undefined);
      clearInterval(timer);
    };
  }, [id, generation, round]);

  const { previousCursor } = state;
  const kept = state.lines.length;
  /** Reads backwards while `wantsMore`; what is shown stays and goes on growing. */
  const readBack = useCallback(
    async (wantsMore: (loaded: number) => boolean) => {
      if (older.current?.signal.aborted === false) return;
      const abort = new AbortController();
      older.current = abort;
      setLoadingEarlier(true);
      const earlier: LogEntry[] = [];
      let cursor = previousCursor;
      try {
        do {
          const page = await api.log(id, { cursor: cursor ?? "", tail: true, limit: PAGE }, abort.signal);
          earlier.unshift(...page.lines);
          cursor = page.previousCursor ?? undefined;
        } while (cursor !== undefined && wantsMore(earlier.length));
        setState((old) => ({ ...old, lines: [...earlier, ...old.lines], previousCursor: cursor, error: undefined }));
      } catch (thrown) {
        if (!abort.signal.aborted) setState((old) => ({ ...old, error: asApiError(thrown) }));
      } finally {
        if (older.current === abort) {
          older.current = undefined;
          setLoadingEarlier(false);
        }
      }
    },
    [id, previousCursor],
  );
  const loadOlder = useCallback(() => readBack((loaded) => loaded === 0), [readBack]);
  const loadAll = useCallback(() => readBack((loaded) => kept + loaded < MOST_KEPT), [readBack, kept]);

  const reload = useCallback(() => setRound((old) => old + 1), []);
  const hasEarlier = previousCursor !== undefined && kept < MOST_KEPT;
  return { ...state, hasEarlier, isLoadingEarlier, feed, waiting, loadOlder, loadAll, reload };
}
