import type { ReactNode } from "react";
import { useSession } from "../data/session";
import { useT } from "../i18n";
import { type UnitNames, formatDuration } from "../lib/duration";
import { formatPrecise, formatShort, formatTime } from "../lib/time";

/** A function that names a moment in the server's zone, for the hover. */
export function useHoverTime(): (ms: number) => string {
  const t = useT();
  const { state } = useSession();
  return (ms) => {
    const here = t("time.here", { time: formatPrecise(ms) });
    if (state.kind !== "in") return here;
    const { zone } = state.info.server;
    return `${here}\n${t("time.server", { time: formatPrecise(ms, zone), zone })}`;
  };
}

interface TimeProps {
  at: number | null | undefined;
  /** With date and milliseconds instead of the shortest form. */
  full?: boolean;
}

/** A moment in the browser's zone; the server's is one hover away. */
export function Time({ at, full = false }: TimeProps): ReactNode {
  const hover = useHoverTime();
  if (at === null || at === undefined) return <span className="dim">–</span>;
  return (
    <time className="num" dateTime={new Date(at).toISOString()} title={hover(at)}>
      {full ? formatTime(at) : formatShort(at, Date.now())}
    </time>
  );
}

export function useDurations(): (ms: number) => string {
  const t = useT();
  return (ms) => {
    const names: UnitNames = {
      ms: t("unit.ms"),
      s: t("unit.s"),
      min: t("unit.min"),
      h: t("unit.h"),
      d: t("unit.d"),
    };
    return formatDuration(ms, names);
  };
}

export function Duration({ ms }: { ms: number | undefined }): ReactNode {
  const format = useDurations();
  if (ms === undefined) return <span className="dim">–</span>;
  return <span className="num">{format(ms)}</span>;
}

/** `in 5 min`, `3 h ago`. */
export function useRelative(): (at: number, now: number) => string {
  const t = useT();
  const format = useDurations();
  return (at, now) => {
    const rounded = Math.round((at - now) / 1000) * 1000;
    if (Math.abs(rounded) < 1000) return t("time.now");
    const time = format(Math.abs(rounded));
    return rounded > 0 ? t("time.in", { time }) : t("time.ago", { time });
  };
}
