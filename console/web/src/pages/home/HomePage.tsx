import type { ReactNode } from "react";
import { Link } from "wouter";
import { useAppContext, useRights } from "../../app/AppArea";
import { paths } from "../../app/paths";
import { api } from "../../api/endpoints";
import type { JobFigures, JobSummary, Worker } from "../../api/types";
import { useAppEvents, useFallBackPoll } from "../../data/appFeed";
import { useNow } from "../../data/useNow";
import { useResource } from "../../data/useResource";
import { useThrottled } from "../../data/useThrottled";
import { useT } from "../../i18n";
import { ConnectGuide } from "../../ui/ConnectGuide";
import { ErrorBox } from "../../ui/ErrorBox";
import { RunBars } from "../../ui/RunBars";
import { Time, useRelative } from "../../ui/Time";
import { Empty, Spinner } from "../../ui/bits";
import { upsertWorker } from "../workers/upsert";
import { DayPanel, SlowestJobs } from "./DayPanel";
import { WorkerTable, useWorkerColumns } from "../workers/WorkerTable";

const REFRESH_MS = 1500;
const HEALTH_POLL_MS = 10_000;
const SHOWN = 8;

export default function HomePage(): ReactNode {
  const t = useT();
  const { app, reload } = useAppContext();
  const { write } = useRights();
  const pollMs = useFallBackPoll();
  const failing = useResource(
    `failing/${app.id}`,
    (signal) => api.jobs(app.id, { sort: "failing", limit: 50 }, signal),
    { pollMs },
  );
  const upcoming = useResource(
    `upcoming/${app.id}`,
    (signal) => api.jobs(app.id, { sort: "nextTrigger", enabled: true, limit: SHOWN }, signal),
    { pollMs },
  );
  const statistics = useResource(
    `statistics/${app.id}`,
    (signal) => api.statistics(app.id, signal),
    { pollMs: HEALTH_POLL_MS },
  );
  const workers = useResource(`workers/${app.id}`, (signal) => api.workers(app.id, signal), {
    pollMs: HEALTH_POLL_MS,
  });
  useResource(`tick/${app.id}`, async () => reload(), { pollMs: HEALTH_POLL_MS });

  const refresh = useThrottled(() => {
    reload();
    failing.reload();
    upcoming.reload();
  }, REFRESH_MS);
  useAppEvents({
    instance: refresh,
    job: refresh,
    worker: (worker) => {
      workers.patch((old) => upsertWorker(old, worker));
      refresh();
    },
    missed: () => {
      refresh();
      workers.reload();
    },
  });

  const failingJobs = (failing.data?.items ?? []).filter(
    ({ recentRuns }) => recentRuns.find((run) => run.finishedAt)?.status === "FAILED" || recentRuns.some((run) => run.status === "FAILED"),
  );
  const nextJobs = (upcoming.data?.items ?? []).filter(({ job }) => job.nextTriggerAt);
  const isNew = app.health.jobs === 0 && app.health.workersOnline === 0;

  return (
    <>
      <div className="page-head">
        <h1>{app.name}</h1>
        <span className="dim">{app.title}</span>
      </div>
      <Counters />
      {isNew && (
        <Empty title={t("home.new")}>
          <p>{t("home.new.text")}</p>
          <ConnectGuide appName={app.name} />
          {write && (
            <p>
              <Link href={paths.newJob(app.id)} className="button primary">
                {t("jobs.new")}
              </Link>
            </p>
          )}
        </Empty>
      )}
      <div className="columns">
        <section className="panel">
          <h2>{t("home.failing")}</h2>
          {failing.error !== undefined && <ErrorBox error={failing.error} onRetry={failing.reload} />}
          {failing.data === undefined && failing.loading && <Spinner />}
          {failing.data !== undefined && failingJobs.length === 0 && (
            <p className="dim">{t("home.failing.none")}</p>
          )}
          <FailingJobs jobs={failingJobs.slice(0, SHOWN)} failures={statistics.data?.failing ?? []} />
        </section>
        {statistics.error !== undefined && (
          <ErrorBox error={statistics.error} onRetry={statistics.reload} />
        )}
        {statistics.data !== undefined && <DayPanel appId={app.id} statistics={statistics.data} />}
      </div>
      <div className="columns">
        <section className="panel">
          <h2>{t("home.next")}</h2>
          {upcoming.error !== undefined && (
            <ErrorBox error={upcoming.error} onRetry={upcoming.reload} />
          )}
          {upcoming.data !== undefined && nextJobs.length === 0 && (
            <p className="dim">{t("home.next.none")}</p>
          )}
          <NextTriggers jobs={nextJobs} />
        </section>
        {statistics.data !== undefined && (
          <section className="panel">
            <h2>{t("home.slowest")}</h2>
            <SlowestJobs appId={app.id} jobs={statistics.data.slowest} />
          </section>
        )}
      </div>
      <section className="panel">
        <h2>
          <Link href={paths.workers(app.id)}>{t("nav.workers")}</Link>
        </h2>
        {workers.error !== undefined && <ErrorBox error={workers.error} onRetry={workers.reload} />}
        <HomeWorkers workers={workers.data} isGuideShown={isNew} />
      </section>
    </>
  );
}

function HomeWorkers({ workers, isGuideShown }: { workers: Worker[] | undefined; isGuideShown: boolean }): ReactNode {
  const t = useT();
  const { app } = useAppContext();
  const columns = useWorkerColumns();
  if (workers === undefined) return <Spinner />;
  if (workers.length > 0) return <WorkerTable workers={workers} columns={columns} />;
  return (
    <>
      <p className="dim">{t("workers.empty")}</p>
      {!isGuideShown && <ConnectGuide appName={app.name} />}
    </>
  );
}

function Counters(): ReactNode {
  const t = useT();
  const { app } = useAppContext();
  const { health } = app;
  const open = paths.instances(app.id, "?status=OPEN");
  const day = (status: string): string => paths.instances(app.id, `?status=${status}&range=24h`);
  const counters = [
    { key: "jobs", text: t("home.jobs"), value: health.jobs, href: paths.jobs(app.id), tone: "" },
    { key: "open", text: t("home.open"), value: health.openInstances, href: open, tone: "" },
    {
      key: "failed",
      text: t("home.failed"),
      value: health.failedLastDay,
      href: day("FAILED"),
      tone: health.failedLastDay > 0 ? "tone-bad" : "",
    },
    {
      key: "succeeded",
      text: t("home.succeeded"),
      value: health.succeededLastDay,
      href: day("SUCCEED"),
      tone: "",
    },
    {
      key: "workers",
      text: t("home.workers"),
      value: health.workersOnline,
      href: paths.workers(app.id),
      tone: health.workersOnline === 0 ? "tone-warn" : "",
    },
  ];
  return (
    <div className="counters">
      {counters.map(({ key, text, value, href, tone }) => (
        <Link key={key} href={href} className={`counter ${tone}`} data-testid={`counter-${key}`}>
          <strong className="num">{value}</strong>
          <span>{text}</span>
        </Link>
      ))}
    </div>
  );
}

/** Failures of the day, the last runs, and the way to the last failure with its log. */
function FailingJobs({ jobs, failures }: { jobs: JobSummary[]; failures: JobFigures[] }): ReactNode {
  const t = useT();
  const { app } = useAppContext();
  const now = useNow(5000);
  if (jobs.length === 0) return null;
  const failed = new Map(failures.map((job) => [job.jobId, job.failed]));
  const count = ({ job }: JobSummary): number => failed.get(job.id) ?? 0;
  return (
    <table className="list" data-testid="failing-jobs">
      <tbody>
        {jobs.toSorted((left, right) => count(right) - count(left)).map((summary) => {
          const { job, recentRuns } = summary;
          const last = recentRuns.find((run) => run.status === "FAILED");
          return (
            <tr key={job.id}>
              <td className="ellipsis name">
                <Link href={paths.job(app.id, job.id)}>{job.name}</Link>
              </td>
              <td className="tight right num">
                {count(summary) > 0 && (
                  <Link
                    href={paths.instances(app.id, `?jobId=${job.id}&status=FAILED&range=24h`)}
                    className="tone-bad strong"
                    title={t("home.failed")}
                  >
                    {count(summary)}
                  </Link>
                )}
              </td>
              <td className="tight">
                <RunBars appId={app.id} runs={recentRuns} slots={10} now={now} />
              </td>
              <td className="tight">
                {last === undefined ? null : (
                  <Link href={paths.instance(app.id, last.id)} title={t("home.lastFailure")}>
                    <Time at={last.finishedAt} />
                  </Link>
                )}
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

function NextTriggers({ jobs }: { jobs: JobSummary[] }): ReactNode {
  const { app } = useAppContext();
  const now = useNow(1000);
  const relative = useRelative();
  if (jobs.length === 0) return null;
  return (
    <table className="list" data-testid="next-triggers">
      <tbody>
        {jobs.map(({ job }) => (
          <tr key={job.id}>
            <td>
              <Link href={paths.job(app.id, job.id)}>{job.name}</Link>
            </td>
            <td className="tight">
              <Time at={job.nextTriggerAt} />
            </td>
            <td className="tight dim num">{relative(job.nextTriggerAt ?? now, now)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
