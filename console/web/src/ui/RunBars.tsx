import type { ReactNode } from "react";
import { Link } from "wouter";
import type { RunBar } from "../api/types";
import { paths } from "../app/paths";
import { useT, useWord } from "../i18n";
import { durationOf, toneOf } from "../lib/status";
import { StatusMark } from "./Status";
import { useDurations, useHoverTime } from "./Time";

interface Props {
  appId: string;
  /** Newest first, as the server sends them; drawn oldest first. */
  runs: RunBar[];
  /** Places kept free for runs that do not exist yet, so that columns stay in line. */
  slots: number;
  large?: boolean;
  now: number;
}

const LEAST = 0.18;

/** Heights between 0 and 1: a long run is seen, a short one does not vanish beside it. */
export function barHeights(runs: readonly RunBar[], now: number): number[] {
  const durations = runs.map((run) => durationOf(run, now) ?? 0);
  const longest = Math.max(1, ...durations);
  return durations.map((ms) => LEAST + (1 - LEAST) * Math.sqrt(ms / longest));
}

/** The last runs as bars: height = duration, colour and shape = state. */
export function RunBars({ appId, runs, slots, large = false, now }: Props): ReactNode {
  const t = useT();
  const word = useWord();
  const hover = useHoverTime();
  const format = useDurations();
  const shown = runs.slice(0, slots).toReversed();
  const heights = barHeights(shown, now);
  const describe = (run: RunBar): string => {
    const duration = durationOf(run, now);
    const lines = [word("status", run.status), hover(run.startedAt ?? run.expectedAt)];
    if (duration !== undefined) lines.push(t("runs.took", { time: format(duration) }));
    return lines.join("\n");
  };
  return (
    <span className={large ? "bars large" : "bars"} data-testid="run-bars">
      {Array.from({ length: slots - shown.length }, (_, index) => (
        <span key={index} className="bar-slot" />
      ))}
      {shown.map((run, index) => (
        <Link
          key={run.id}
          href={paths.instance(appId, run.id)}
          className={`bar-slot tone-${toneOf(run.status)}`}
          title={describe(run)}
          aria-label={describe(run)}
          data-status={run.status}
        >
          <span
            className={`bar bar-${run.status.toLowerCase()}`}
            style={{ height: `${Math.round((heights[index] ?? LEAST) * 100)}%` }}
          />
          {large && <StatusMark status={run.status} size={10} />}
        </Link>
      ))}
    </span>
  );
}
