import type { ReactNode } from "react";
import { Link } from "wouter";
import type { AppStatistics, HourCounts, JobFigures } from "../../api/types";
import { paths } from "../../app/paths";
import { useT } from "../../i18n";
import { formatClock } from "../../lib/time";
import { useDurations } from "../../ui/Time";

const HOUR_MS = 3_600_000;

interface DayProps {
  appId: string;
  statistics: AppStatistics;
}

/** The runs of each hour of the last day; each bar leads to its runs, failed ones first. */
export function DayPanel({ appId, statistics }: DayProps): ReactNode {
  const t = useT();
  const format = useDurations();
  const { hours, lateness, isCut } = statistics;
  const most = Math.max(1, ...hours.map((hour) => hour.succeeded + hour.failed));
  return (
    <section className="panel" data-testid="day">
      <h2>
        {t("home.day")}
        {isCut && <span className="dim small">{t("home.day.cut")}</span>}
      </h2>
      <div className="hours">
        {hours.map((hour) => (
          <Hour key={hour.from} appId={appId} hour={hour} most={most} />
        ))}
      </div>
      <p className="dim" data-testid="lateness">
        {lateness === null || lateness === undefined
          ? t("home.lateness.none")
          : t("home.lateness", {
              p50: format(lateness.p50Ms),
              p99: format(lateness.p99Ms),
              max: format(lateness.maxMs),
            })}
      </p>
    </section>
  );
}

function Hour({ appId, hour, most }: { appId: string; hour: HourCounts; most: number }): ReactNode {
  const t = useT();
  const { from, succeeded, failed } = hour;
  const share = (count: number): string => `${(100 * count) / most}%`;
  const text = t("home.hour", { time: formatClock(from).slice(0, 5), succeeded, failed });
  const status = failed > 0 ? "&status=FAILED" : "";
  return (
    <Link
      href={paths.instances(appId, `?from=${from}&to=${from + HOUR_MS}${status}`)}
      className="hour"
      title={text}
      aria-label={text}
      data-testid="hour"
    >
      {failed > 0 && <span className="hour-failed" style={{ height: share(failed) }} />}
      {succeeded > 0 && <span className="hour-succeeded" style={{ height: share(succeeded) }} />}
    </Link>
  );
}

/** The jobs that take longest, with their typical and their longest run. */
export function SlowestJobs({ appId, jobs }: { appId: string; jobs: JobFigures[] }): ReactNode {
  const t = useT();
  const format = useDurations();
  if (jobs.length === 0) return <p className="dim">{t("home.slowest.none")}</p>;
  return (
    <table className="list" data-testid="slowest-jobs">
      <thead>
        <tr>
          <th>{t("jobs.name")}</th>
          <th className="right">{t("home.ended")}</th>
          <th className="right">{t("home.median")}</th>
          <th className="right">{t("home.longest")}</th>
        </tr>
      </thead>
      <tbody>
        {jobs.map((job) => (
          <tr key={job.jobId}>
            <td className="ellipsis name">
              <Link href={paths.job(appId, job.jobId)}>{job.jobName}</Link>
            </td>
            <td className="tight right num">
              <Link href={paths.instances(appId, `?jobId=${job.jobId}&range=24h`)}>{job.ended}</Link>
            </td>
            <td className="tight right num">{format(job.durations?.p50Ms ?? 0)}</td>
            <td className="tight right num">{format(job.durations?.maxMs ?? 0)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
