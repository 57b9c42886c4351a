import { useCallback, useEffect, useRef, useState } from "react";
import { api, streams } from "../../api/endpoints";
import { Feed, type FeedState } from "../../api/events";
import { type ApiError, asApiError } from "../../api/problem";
import type { LogEntry } from "../../api/types";

const TAIL = 2000;
const MOST_KEPT = 100_000;
const PAGE = 5000;
const FLUSH_MS = 100;

export interface Log {
  lines: readonly LogEntry[];
  /** Earlier lines exist that are not loaded. */
  hasEarlier: boolean;
  /** Nothing more will come. */
  isComplete: boolean;
  error: ApiError | undefined;
  feed: FeedState | undefined;
  /** Lines that arrived while paused. */
  waiting: number;
  loadAll: () => Promise<void>;
  reload: () => void;
}

interface State {
  lines: readonly LogEntry[];
  hasEarlier: boolean;
  isComplete: boolean;
  error: ApiError | undefined;
}

const EMPTY: State = { lines: [], hasEarlier: false, isComplete: false, error: undefined };

function isSame(left: LogEntry, right: LogEntry): boolean {
  return left.at === right.at && left.worker === right.worker && left.text === right.text;
}

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
  const tail = useRef<LogEntry>(undefined);
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
        tail.current = lines[0];
        setState({ lines, isComplete, hasEarlier: lines.length >= TAIL, error: undefined });
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
      live?.close();
      setFeed(undefined);
      clearInterval(timer);
    };
  }, [id, generation, round]);

  const loadAll = useCallback(async () => {
    const earlier: LogEntry[] = [];
    let from = "";
    // what is shown stays and goes on growing; the part before it is put in front
    const first = tail.current;
    try {
      for (let isFound = false; !isFound && earlier.length < MOST_KEPT; ) {
        const page = await api.log(id, { cursor: from, limit: PAGE });
        for (const line of page.lines) {
          isFound = first !== undefined && isSame(line, first);
          if (isFound) break;
          earlier.push(line);
        }
        if (page.lines.length === 0 || page.isComplete) break;
        from = page.nextCursor;
      }
      setState((old) => ({
        ...old,
        lines: [...earlier, ...old.lines].slice(-MOST_KEPT),
        hasEarlier: false,
      }));
    } catch (thrown) {
      setState((old) => ({ ...old, error: asApiError(thrown) }));
    }
  }, [id]);

  const reload = useCallback(() => setRound((old) => old + 1), []);
  return { ...state, feed, waiting, loadAll, reload };
}
