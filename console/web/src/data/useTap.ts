import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { type Query, address } from "../api/client";
import { api, streams } from "../api/endpoints";
import type { FeedState } from "../api/events";
import type { Lagged, TappedMessage } from "../api/types";
import { type Resource, useResource } from "./useResource";
import { useFeed } from "./useFeed";

export interface Tap {
  /** Newest first. */
  messages: readonly TappedMessage[];
  feed: FeedState;
  /** Messages that passed but were not sent to us, because there were too many. */
  dropped: number;
  /** Arrived while paused. */
  waiting: number;
  recent: Resource<TappedMessage[]>;
  clear: () => void;
}

const MOST_KEPT = 2000;
const FLUSH_MS = 200;

export function messageKey(message: TappedMessage): string {
  return `${message.node}/${message.sequence}/${message.at}`;
}

/** Joins what is shown and what arrived: newest first, none twice. */
export function joinMessages(
  shown: readonly TappedMessage[],
  arrived: readonly TappedMessage[],
): TappedMessage[] {
  const known = new Map<string, TappedMessage>();
  for (const message of [...shown, ...arrived]) {
    const key = messageKey(message);
    const old = known.get(key);
    // the live record may carry the body that the kept one has not
    if (old === undefined || message.body !== undefined) known.set(key, message);
  }
  return [...known.values()]
    .sort((left, right) => right.at - left.at || right.sequence - left.sequence)
    .slice(0, MOST_KEPT);
}

/** What passed lately and what passes now, for one filter. */
export function useTap(query: Query, isPaused: boolean): Tap {
  const key = address("", query);
  const [state, setState] = useState({ key, messages: [] as readonly TappedMessage[], dropped: 0 });
  const [waiting, setWaiting] = useState(0);
  const news = useRef<TappedMessage[]>([]);
  const missed = useRef(0);
  const url = useMemo(() => streams.tap(query), [key]); // oxlint-disable-line react-hooks/exhaustive-deps
  const recent = useResource(`recent${key}`, (signal) => api.recentMessages(query, signal));

  const feed = useFeed(url, {
    on: {
      message: (data) => {
        news.current.push(data as TappedMessage);
        if (news.current.length > MOST_KEPT) {
          news.current.shift();
          missed.current += 1;
        }
      },
      lagged: (data) => {
        missed.current += (data as Lagged).missed;
      },
    },
    onResume: recent.reload,
  });

  useEffect(() => {
    news.current = [];
    missed.current = 0;
    setState({ key, messages: [], dropped: 0 });
  }, [key]);

  useEffect(() => {
    if (recent.data === undefined) return;
    const kept = recent.data;
    setState((old) => ({ ...old, messages: joinMessages(old.messages, kept) }));
  }, [recent.data]);

  useEffect(() => {
    const timer = setInterval(() => {
      setWaiting(isPaused ? news.current.length : 0);
      if (isPaused || (news.current.length === 0 && missed.current === 0)) return;
      const arrived = news.current;
      const lost = missed.current;
      news.current = [];
      missed.current = 0;
      setState((old) => ({
        ...old,
        messages: arrived.length === 0 ? old.messages : joinMessages(old.messages, arrived),
        dropped: old.dropped + lost,
      }));
    }, FLUSH_MS);
    return () => clearInterval(timer);
  }, [isPaused]);

  const clear = useCallback(() => setState((old) => ({ ...old, messages: [], dropped: 0 })), []);
  return { messages: state.messages, dropped: state.dropped, feed, waiting, recent, clear };
}
