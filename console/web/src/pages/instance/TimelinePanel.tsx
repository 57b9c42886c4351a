import type { ReactNode } from "react";
import type { Instance } from "../../api/types";
import { useT } from "../../i18n";
import { useReasons } from "../../i18n/reason";
import { isOpen } from "../../lib/status";
import { formatPrecise } from "../../lib/time";
import { phases, timelineSteps } from "../../lib/timeline";
import { Icon } from "../../ui/Icon";
import { useDurations, useHoverTime } from "../../ui/Time";

/** Each step with its delay, and where the time went. */
export function TimelinePanel({ instance, now }: { instance: Instance; now: number }): ReactNode {
  const t = useT();
  const format = useDurations();
  const { word } = useReasons();
  const hover = useHoverTime();
  const { timeline } = instance;
  const open = isOpen(instance.status);
  const steps = timelineSteps(timeline);
  const next = open ? steps.findIndex((entry, index) => entry.at === undefined && index > 1) : -1;
  const parts = phases(timeline, now, open).filter((phase) => phase.ms > 0);
  // a repetition is not late for the time the run stands for
  const meant = instance.attempt > 1 ? timeline.expectedAt : (instance.nominalAt ?? timeline.expectedAt);
  const lateness = timeline.startedAt && meant ? timeline.startedAt - meant : undefined;
  return (
    <section className="panel" data-testid="timeline">
      <h2>
        {t("timeline.title")}
        {lateness !== undefined && (
          <span className="dim small">{t("timeline.late", { time: format(Math.max(0, lateness)) })}</span>
        )}
      </h2>
      {instance.waitingFor !== null && instance.waitingFor !== undefined && (
        <p className="notice" data-testid="waiting-for">
          <Icon name="warn" /> {word(instance.waitingFor)}
        </p>
      )}
      {parts.length > 0 && (
        <div className="phases" role="img" aria-label={t("timeline.title")}>
          {parts.map(({ name, ms }) => (
            <span
              key={name}
              className={`phase phase-${name}`}
              style={{ flexGrow: Math.sqrt(ms) + 1 }}
              title={`${t(`phase.${name}`)}: ${format(ms)}`}
            >
              {t(`phase.${name}`)} {format(ms)}
            </span>
          ))}
        </div>
      )}
      <ol className="steps">
        {steps.map(({ step, at, delayMs }, index) => (
          <li
            key={step}
            className={at !== undefined ? "reached" : index === next ? "pending" : "open"}
            title={at === undefined ? undefined : hover(at)}
          >
            <span className="step-delay num">
              {delayMs === undefined ? "" : `${delayMs >= 0 ? "+" : ""}${format(delayMs)}`}
            </span>
            <span className="step-dot" />
            <span className="step-name">{t(`step.${step}`)}</span>
            <span className="num dim">{at === undefined ? "–" : formatPrecise(at).slice(11)}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}
