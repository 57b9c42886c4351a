import { type ReactNode, useSyncExternalStore } from "react";
import { connectivity } from "../api/client";
import type { FeedState } from "../api/events";
import { useFeedState } from "../data/appFeed";
import { useT } from "../i18n";

function subscribe(listener: () => void): () => void {
  connectivity.listeners.add(listener);
  return () => connectivity.listeners.delete(listener);
}

/** Whether what one sees is live. Outside of an application: whether the server answers. */
export function ConnectionState(): ReactNode {
  const t = useT();
  const feed = useFeedState();
  const isUp = useSyncExternalStore(subscribe, () => connectivity.isUp);
  const state: FeedState = feed ?? (isUp ? "live" : "reconnecting");
  return (
    <span
      className={`connection ${state}`}
      role="status"
      title={t(`connection.${state}.hint`)}
      data-testid="connection"
      data-state={state}
    >
      <span className="dot" />
      {t(`connection.${state}`)}
    </span>
  );
}
