import { type ReactNode, useMemo } from "react";
import { Link } from "wouter";
import { useApp } from "../../app/AppArea";
import { paths } from "../../app/paths";
import { api } from "../../api/endpoints";
import type { CalendarTrigger } from "../../api/types";
import { useAppEvents } from "../../data/appFeed";
import { useFilters } from "../../data/useFilters";
import { useNow } from "../../data/useNow";
import { useResource } from "../../data/useResource";
import { useT } from "../../i18n";
import { formatTime } from "../../lib/time";
import { ErrorBox } from "../../ui/ErrorBox";
import { Time, useRelative } from "../../ui/Time";
import { Empty, Spinner } from "../../ui/bits";

const HOURS = [6, 24, 72, 168, 744];
const DEFAULT_HOURS = 24;
const POLL_MS = 30_000;
const TICK_MS = 1_000;

interface Hour {
  /** `2026-12-24 18:00`, in the browser's zone. */
  name: string;
  triggers: CalendarTrigger[];
}

/** Triggers by the hour in which they fall; hours without any are left out. */
export function byHour(triggers: CalendarTrigger[]): Hour[] {
  const hours: Hour[] = [];
  for (const trigger of triggers) {
    const name = `${formatTime(trigger.at).slice(0, "2026-12-24 18".length)}:00`;
    const last = hours.at(-1);
    if (last?.name === name) last.triggers.push(trigger);
    else hours.push({ name, triggers: [trigger] });
  }
  return hours;
}

/** What the schedules of the application will trigger. */
export default function CalendarPage(): ReactNode {
  const t = useT();
  const app = useApp();
  const now = useNow(TICK_MS);
  const relative = useRelative();
  const [filters, setFilters] = useFilters(["hours"]);
  const hours = HOURS.find((choice) => String(choice) === filters.hours) ?? DEFAULT_HOURS;
  const calendar = useResource(
    `calendar/${app.id}/${hours}`,
    (signal) => api.calendar(app.id, hours, signal),
    { pollMs: POLL_MS, keep: true },
  );
  useAppEvents({ job: () => calendar.reload(), missed: calendar.reload });
  const { data } = calendar;
  const groups = useMemo(
    () => byHour((data?.triggers ?? []).filter((trigger) => trigger.at > now)),
    [data, now],
  );
  const isEmpty = data !== undefined && groups.length === 0 && data.often.length === 0;
  const jobLink = (id: string, name: string): ReactNode => <Link href={paths.job(app.id, id)}>{name}</Link>;

  return (
    <>
      <div className="page-head">
        <h1>{t("nav.calendar")}</h1>
        <select
          value={hours}
          aria-label={t("calendar.span")}
          onChange={(event) => setFilters({ hours: event.target.value })}
          data-testid="calendar-hours"
        >
          {HOURS.map((choice) => (
            <option key={choice} value={choice}>
              {choice < DEFAULT_HOURS * 2
                ? t("calendar.hours", { n: choice })
                : t("calendar.days", { n: choice / DEFAULT_HOURS })}
            </option>
          ))}
        </select>
      </div>
      {calendar.error !== undefined && <ErrorBox error={calendar.error} onRetry={calendar.reload} />}
      {data === undefined && calendar.loading && <Spinner />}
      {isEmpty && (
        <Empty title={t("calendar.empty")}>
          <p>{t("calendar.empty.text")}</p>
        </Empty>
      )}
      {data !== undefined && data.often.length > 0 && (
        <section className="panel" data-testid="calendar-often">
          <h2>{t("calendar.often")}</h2>
          <table className="list">
            <tbody>
              {data.often.map((job) => (
                <tr key={job.jobId}>
                  <td>{jobLink(job.jobId, job.jobName)}</td>
                  <td className="dim">{job.scheduleText}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
      {groups.map((group) => (
        <section key={group.name} className="panel" data-testid="calendar-hour">
          <h2>
            {group.name} <span className="dim small">{group.triggers.length}</span>
          </h2>
          <table className="list">
            <tbody>
              {group.triggers.map((trigger) => (
                <tr key={`${trigger.at}/${trigger.jobId}`}>
                  <td className="tight">
                    <Time at={trigger.at} />
                  </td>
                  <td className="tight dim">{relative(trigger.at, now)}</td>
                  <td>{jobLink(trigger.jobId, trigger.jobName)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      ))}
      {data?.isCut === true && <p className="dim">{t("calendar.cut")}</p>}
    </>
  );
}
