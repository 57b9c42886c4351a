import type { ReactNode } from "react";
import type { Job } from "../../api/types";
import { useI18n, useWord } from "../../i18n";
import { formatTime } from "../../lib/time";
import { useScheduleText } from "../../ui/ScheduleText";
import { Time, useDurations } from "../../ui/Time";
import { MaybeJson, Pairs } from "../../ui/bits";

interface Row {
  name: string;
  value: ReactNode;
}

const LIFE_END: string = "∞";

/** What the job does, in words; only what is set or matters. */
function useRows(job: Job): Row[] {
  const { t } = useI18n();
  const word = useWord();
  const format = useDurations();
  const words = useScheduleText();
  const { schedule } = job;
  const rows: Row[] = [];
  const add = (name: string, value: ReactNode): void => {
    rows.push({ name, value });
  };
  add(
    t("form.schedule"),
    <>
      {words(schedule, job.scheduleText)} <span className="dim">{word("schedule.type", schedule.type)}</span>{" "}
      {schedule.expression !== "" && <code>{schedule.expression}</code>}
    </>,
  );
  if (schedule.zone) add(t("form.zone"), schedule.zone);
  if (schedule.startAt || schedule.endAt) {
    const start = schedule.startAt ? formatTime(schedule.startAt) : LIFE_END;
    const end = schedule.endAt ? formatTime(schedule.endAt) : LIFE_END;
    add(t("form.life"), `${start} – ${end}`);
  }
  const isScript = job.processorType === "SHELL" || job.processorType === "PYTHON";
  add(t("form.executeType"), t(`execute.${executeKey(job.executeType)}.text`));
  add(
    t("form.processor"),
    <>
      {word("processor", job.processorType)}{" "}
      {isScript ? <MaybeJson text={job.processor} /> : <code>{job.processor}</code>}
    </>,
  );
  if (job.params !== "") add(t("form.params"), <MaybeJson text={job.params} />);
  const dispatch = word("dispatch", job.dispatchStrategy);
  add(t("form.dispatch"), job.dispatchConfig === "" ? dispatch : `${dispatch}: ${job.dispatchConfig}`);
  if (job.designatedWorkers !== "") add(t("form.designated"), job.designatedWorkers);
  if (job.maxWorkers > 0) add(t("form.maxWorkers"), job.maxWorkers);
  const needs = [
    job.minCpuCores > 0 ? t("job.needs.cpu", { n: job.minCpuCores }) : "",
    job.minMemoryGib > 0 ? t("job.needs.memory", { n: job.minMemoryGib }) : "",
    job.minDiskGib > 0 ? t("job.needs.disk", { n: job.minDiskGib }) : "",
  ].filter((need) => need !== "");
  if (needs.length > 0) add(t("job.needs"), needs.join(" · "));
  add(
    t("form.maxInstances"),
    job.maxInstances === 0 ? t("job.noLimit") : t("job.atOnce", { n: job.maxInstances }),
  );
  const { policy, retry } = job;
  const overlap = word("overlap", policy.overlap);
  add(t("form.overlap"), policy.queueLimit ? `${overlap} (${policy.queueLimit})` : overlap);
  const misfire = word("misfire", policy.misfire);
  add(t("form.misfire"), policy.catchUp ? `${misfire} (${policy.catchUp})` : misfire);
  if (policy.jitterMs > 0) add(t("form.jitter"), format(policy.jitterMs));
  if (policy.secondLevel) add(t("form.beats"), word("beatsIn", "ONE_RUN"));
  add(t("form.timeLimit"), job.timeLimitMs === 0 ? t("job.noLimit") : format(job.timeLimitMs));
  add(t("form.retries"), t("job.retries", { runs: job.instanceRetries, tasks: job.taskRetries }));
  if (job.instanceRetries > 0) {
    const growth = retry.backOff === "EXPONENTIAL" ? ` × ${retry.factor ?? 2} ≤ ${format(retry.limitMs ?? 0)}` : "";
    add(t("form.backOff"), format(retry.delayMs) + growth);
  }
  add(t("form.concurrency"), job.concurrency);
  add(t("form.grace"), format(job.noWorkerGraceMs));
  add(t("form.logLevel"), word("level", job.logLevel));
  add(
    t("job.saved"),
    <>
      <Time at={job.modifiedAt} full /> <span className="dim">{t("job.revision", { n: job.revision })}</span>
    </>,
  );
  add(t("job.created"), <Time at={job.createdAt} full />);
  return rows;
}

type ExecuteKey = "STANDALONE" | "BROADCAST" | "MAP" | "MAP_REDUCE";

function executeKey(type: string): ExecuteKey {
  return type === "BROADCAST" || type === "MAP" || type === "MAP_REDUCE" ? type : "STANDALONE";
}

export function Definition({ job }: { job: Job }): ReactNode {
  const { t } = useI18n();
  const rows = useRows(job);
  return (
    <section className="panel" data-testid="job-definition">
      <h2>{t("job.definition")}</h2>
      <Pairs facts={rows} />
    </section>
  );
}
