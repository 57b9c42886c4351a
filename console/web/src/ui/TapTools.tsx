import type { ReactNode } from "react";
import type { Tap } from "../data/useTap";
import { useT } from "../i18n";
import { Button } from "./Button";
import { ErrorBox } from "./ErrorBox";

interface Props {
  title: string;
  tap: Tap;
  isPaused: boolean;
  onPause: (isPaused: boolean) => void;
  children?: ReactNode;
}

/** State of a message stream: live, how many, how many were lost, pause. */
export function TapTools({ title, tap, isPaused, onPause, children }: Props): ReactNode {
  const t = useT();
  return (
    <>
      <div className="log-tools">
        <h2>{title}</h2>
        <span className={`connection ${tap.feed}`}>
          <span className="dot" />
          {t(`connection.${tap.feed}`)}
        </span>
        <span className="dim num">{t("messages.count", { n: tap.messages.length })}</span>
        <span className={tap.dropped > 0 ? "tag warn" : "dim num"} data-testid="tap-dropped" data-count={tap.dropped}>
          {t("messages.dropped", { n: tap.dropped })}
        </span>
        {children}
        <span className="grow" />
        {tap.waiting > 0 && <span className="dim">{t("live.news", { n: tap.waiting })}</span>}
        <Button small icon={isPaused ? "play" : "pause"} aria-pressed={isPaused} onClick={() => onPause(!isPaused)} data-testid="tap-pause">
          {t(isPaused ? "live.resume" : "live.pause")}
        </Button>
        <Button small icon="trash" onClick={tap.clear}>
          {t("messages.clear")}
        </Button>
      </div>
      {tap.recent.error !== undefined && (
        <ErrorBox error={tap.recent.error} onRetry={tap.recent.reload} />
      )}
    </>
  );
}
