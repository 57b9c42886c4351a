import { type ReactNode, useEffect, useState } from "react";
import { api } from "../../api/endpoints";
import type { BeatCounts, SubInstance } from "../../api/types";
import { useResource } from "../../data/useResource";
import { useT } from "../../i18n";
import { formatClock } from "../../lib/time";
import { StatusBadge } from "../../ui/Status";
import { useDurations, useHoverTime } from "../../ui/Time";

const POLL_MS = 1000;
const STATES = ["succeeded", "failed", "skipped", "missed", "running", "waiting"] as const;

interface BeatsProps {
  instanceId: string;
  /** Asked again when it changes: another worker may make the beats. */
  generation: string;
  open: boolean;
}

/** What became of the beats of a second-level job; nothing for other runs. */
export function BeatsPanel({ instanceId, generation, open }: BeatsProps): ReactNode {
  const t = useT();
  const [isLive, setIsLive] = useState(false);
  const beats = useResource(`${instanceId}/${generation}`, (signal) => api.beats(instanceId, signal), {
    pollMs: isLive && open ? POLL_MS : 0,
    keep: true,
  });
  const nowLive = beats.data?.isLive ?? false;
  useEffect(() => setIsLive(nowLive), [nowLive]);
  if (beats.data === undefined || beats.data.attempts.length === 0) return null;
  return (
    <section className="panel" data-testid="beats">
      <h2>{t("beats.title")}</h2>
      <Counts counts={beats.data.counts} />
      {open && !nowLive && <p className="dim">{t("beats.reported")}</p>}
      {beats.data.beats.length > 0 && <BeatTable beats={beats.data.beats} />}
    </section>
  );
}

function Counts({ counts }: { counts: BeatCounts }): ReactNode {
  const t = useT();
  return (
    <p data-testid="beats-counts">
      {t("beats.total", { n: counts.total })}{" "}
      <span className="dim">{STATES.map((state) => `${t(`beats.${state}`)} ${counts[state]}`).join(" · ")}</span>
    </p>
  );
}

function BeatTable({ beats }: { beats: SubInstance[] }): ReactNode {
  const t = useT();
  const format = useDurations();
  const hover = useHoverTime();
  const span = (from?: number | null, to?: number | null): string =>
    from === undefined || from === null || to === undefined || to === null ? "–" : format(to - from);
  return (
    <table className="list" data-testid="beats-list">
      <thead>
        <tr>
          <th className="right">{t("beats.number")}</th>
          <th>{t("beats.for")}</th>
          <th className="right">{t("beats.late")}</th>
          <th className="right">{t("beats.took")}</th>
          <th>{t("runs.status")}</th>
          <th>{t("runs.result")}</th>
        </tr>
      </thead>
      <tbody>
        {beats.map((beat) => (
          <tr key={`${beat.attempt}/${beat.number}`} className={beat.status === "FAILED" ? "row-bad" : ""}>
            <td className="tight right num">{beat.number}</td>
            <td className="tight num" title={hover(beat.nominalAt)}>
              {formatClock(beat.nominalAt)}
            </td>
            <td className="tight right num">{span(beat.nominalAt, beat.startedAt)}</td>
            <td className="tight right num">{span(beat.startedAt, beat.finishedAt)}</td>
            <td className="tight">
              <StatusBadge status={beat.status} />
            </td>
            <td className="wrap">{beat.result}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
