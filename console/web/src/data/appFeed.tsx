import { type ReactNode, createContext, useContext, useEffect, useMemo, useRef } from "react";
import type { FeedState } from "../api/events";
import { streams } from "../api/endpoints";
import type { Hello, InstanceSummary, JobChanged, Worker } from "../api/types";
import { useSession } from "./session";
import { useFeed } from "./useFeed";

/** What a page wants to hear of its application. */
export interface AppListener {
  instance?: (instance: InstanceSummary) => void;
  job?: (change: JobChanged) => void;
  worker?: (worker: Worker) => void;
  /** Events were missed: load everything anew. */
  missed?: () => void;
}

interface AppFeed {
  state: FeedState;
  listen: (listener: AppListener) => () => void;
}

const Context = createContext<AppFeed | undefined>(undefined);

interface ProviderProps {
  appId: string;
  children: ReactNode;
}

/** One stream for all pages of an application. */
export function AppFeedProvider({ appId, children }: ProviderProps): ReactNode {
  const listeners = useRef(new Set<AppListener>());
  const { heard } = useSession();
  const tell = (say: (listener: AppListener) => void): void => listeners.current.forEach(say);

  const state = useFeed(streams.app(appId), {
    on: {
      hello: (data) => heard((data as Hello).now),
      instance: (data) => tell((listener) => listener.instance?.(data as InstanceSummary)),
      job: (data) => tell((listener) => listener.job?.(data as JobChanged)),
      worker: (data) => tell((listener) => listener.worker?.(data as Worker)),
      lagged: () => tell((listener) => listener.missed?.()),
    },
    onResume: () => tell((listener) => listener.missed?.()),
  });

  const value = useMemo<AppFeed>(
    () => ({
      state,
      listen: (listener) => {
        listeners.current.add(listener);
        return () => listeners.current.delete(listener);
      },
    }),
    [state],
  );
  return <Context.Provider value={value}>{children}</Context.Provider>;
}

/** The state of the stream; `undefined` outside of an application. */
export function useFeedState(): FeedState | undefined {
  return useContext(Context)?.state;
}

/** Hears the events of the application while the component is shown. */
export function useAppEvents(listener: AppListener): void {
  const listen = useContext(Context)?.listen;
  const latest = useRef(listener);
  latest.current = listener;
  useEffect(
    () =>
      listen?.({
        instance: (instance) => latest.current.instance?.(instance),
        job: (change) => latest.current.job?.(change),
        worker: (worker) => latest.current.worker?.(worker),
        missed: () => latest.current.missed?.(),
      }),
    [listen],
  );
}

const FALL_BACK_MS = 5000;

/** How often to poll: only while there is no live stream. */
export function useFallBackPoll(): number {
  const state = useFeedState();
  return state === "live" || state === "paused" ? 0 : FALL_BACK_MS;
}
