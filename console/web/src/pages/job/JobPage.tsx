import { type ReactNode, useState } from "react";
import { Link, useLocation } from "wouter";
import { useApp, useRights } from "../../app/AppArea";
import { NotFound } from "../../app/NotFound";
import { paths } from "../../app/paths";
import { api } from "../../api/endpoints";
import type { Job } from "../../api/types";
import { useAppEvents, useFallBackPoll } from "../../data/appFeed";
import { useNow } from "../../data/useNow";
import { type Resource, useResource } from "../../data/useResource";
import { useThrottled } from "../../data/useThrottled";
import { useT } from "../../i18n";
import { isId } from "../../lib/ids";
import { isOpen } from "../../lib/status";
import { Button, Switch } from "../../ui/Button";
import { ErrorBox } from "../../ui/ErrorBox";
import { Icon } from "../../ui/Icon";
import { InstanceTable, useRunColumns } from "../../ui/InstanceTable";
import { RunBars } from "../../ui/RunBars";
import { RunDialog } from "../../ui/RunDialog";
import { useScheduleText } from "../../ui/ScheduleText";
import { Time, useRelative } from "../../ui/Time";
import { Copyable, Spinner, Tags } from "../../ui/bits";
import { useJobActions } from "../jobs/useJobActions";
import { Definition } from "./Definition";
import { DiagnosisPanel } from "./DiagnosisPanel";

const REFRESH_MS = 1000;
const BARS = 30;
const ROWS = 20;

export default function JobPage({ jobId }: { jobId: string }): ReactNode {
  const job = useResource(isId(jobId) ? `job/${jobId}` : undefined, (signal) => api.job(jobId, signal), {
    pollMs: useFallBackPoll(),
  });
  useAppEvents({
    job: (change) => {
      if (change.id === jobId) job.reload();
    },
    missed: job.reload,
  });
  if (!isId(jobId)) return <NotFound />;
  if (job.data === undefined) {
    return job.error === undefined ? <Spinner /> : <ErrorBox error={job.error} onRetry={job.reload} />;
  }
  return <LoadedJob job={job.data} resource={job} />;
}

function LoadedJob({ job, resource }: { job: Job; resource: Resource<Job> }): ReactNode {
  const t = useT();
  const app = useApp();
  const now = useNow(1000);
  const columns = useRunColumns();
  const pollMs = useFallBackPoll();
  const runs = useResource(`runs/${job.id}`, (signal) => api.jobRuns(job.id, BARS, signal), { pollMs });
  const rows = useResource(
    `rows/${job.id}`,
    (signal) => api.instances(app.id, { jobId: job.id, limit: ROWS }, signal),
    { pollMs },
  );
  const diagnosis = useResource(
    `diagnosis/${job.id}/${job.revision}/${job.enabled}`,
    (signal) => api.diagnosis(job.id, signal),
    { pollMs: 10_000 },
  );
  const refresh = useThrottled(() => {
    runs.reload();
    rows.reload();
    diagnosis.reload();
  }, REFRESH_MS);
  const reloadJob = useThrottled(resource.reload, REFRESH_MS);
  useAppEvents({
    instance: (run) => {
      if (run.jobId !== job.id) return;
      refresh();
      reloadJob();
    },
    worker: refresh,
    missed: refresh,
  });
  const open = (runs.data ?? []).filter((run) => isOpen(run.status)).length;

  return (
    <>
      <Head job={job} openInstances={open} onChanged={resource.reload} />
      {resource.error !== undefined && <ErrorBox error={resource.error} onRetry={resource.reload} />}
      <div className="columns wide-first">
        <section className="panel">
          <h2>
            {t("job.runs")}
            <span className="dim small">{t("job.runs.hint")}</span>
          </h2>
          {runs.error !== undefined && <ErrorBox error={runs.error} onRetry={runs.reload} />}
          {runs.data?.length === 0 && <p className="dim">{t("job.runs.none")}</p>}
          {runs.data !== undefined && runs.data.length > 0 && (
            <RunBars appId={app.id} runs={runs.data} slots={BARS} large now={now} />
          )}
        </section>
        <DiagnosisPanel diagnosis={diagnosis} job={job} />
      </div>
      <Definition job={job} />
      <section className="panel">
        <h2>
          {t("nav.instances")}
          <Link href={paths.instances(app.id, `?jobId=${job.id}`)} className="small" data-testid="job-all-runs">
            {t("job.allRuns")}
          </Link>
          <span className="grow" />
          {columns.menu}
        </h2>
        {rows.error !== undefined && <ErrorBox error={rows.error} onRetry={rows.reload} />}
        {rows.data?.items.length === 0 && <p className="dim">{t("job.runs.none")}</p>}
        {rows.data !== undefined && rows.data.items.length > 0 && (
          <InstanceTable appId={app.id} runs={rows.data.items} now={now} columns={columns} withJob={false} />
        )}
      </section>
    </>
  );
}

interface HeadProps {
  job: Job;
  openInstances: number;
  onChanged: () => void;
}

function Head({ job, openInstances, onChanged }: HeadProps): ReactNode {
  const t = useT();
  const app = useApp();
  const { write, operate } = useRights();
  const now = useNow(1000);
  const relative = useRelative();
  const words = useScheduleText();
  const [, navigate] = useLocation();
  const actions = useJobActions();
  const [isRunOpen, setRunOpen] = useState(false);
  const [isSwitching, setSwitching] = useState(false);
  const toggle = async (on: boolean): Promise<void> => {
    setSwitching(true);
    await actions.toggle(job, on);
    onChanged();
    setSwitching(false);
  };
  return (
    <>
      <div className="page-head">
        <Link href={paths.jobs(app.id)} className="crumb">
          {t("nav.jobs")}
        </Link>
        <Icon name="right" size={10} />
        <h1 data-testid="job-title">{job.name}</h1>
        {job.tag !== "" && <Tags tags={[job.tag]} />}
        <Copyable text={job.id} />
        <span className="grow" />
        <Switch
          on={job.enabled}
          busy={isSwitching}
          disabled={!write}
          label={t(job.enabled ? "jobs.switchOff" : "jobs.switchOn", { name: job.name })}
          onChange={(on) => void toggle(on)}
          testId="job-switch"
        />
        {operate && (
          <Button kind="primary" icon="play" onClick={() => setRunOpen(true)} data-testid="job-run">
            {t("jobs.run")}
          </Button>
        )}
        {write && (
          <>
            <Link href={paths.editJob(app.id, job.id)} className="button" data-testid="job-edit">
              <Icon name="edit" />
              {t("action.edit")}
            </Link>
            <Button icon="copy" onClick={() => actions.copy(job)} data-testid="job-copy">
              {t("jobs.copy")}
            </Button>
            <Button
              kind="danger"
              icon="trash"
              onClick={() => actions.remove(job, openInstances, () => navigate(paths.jobs(app.id)))}
              data-testid="job-delete"
            >
              {t("action.delete")}
            </Button>
          </>
        )}
      </div>
      <p className="lead">
        {job.description !== "" && <span>{job.description}</span>}
        <span>
          <Icon name="bolt" /> {words(job.schedule, job.scheduleText)}
        </span>
        {job.nextTriggerAt !== null && job.nextTriggerAt !== undefined ? (
          <span>
            {t("job.next")} <Time at={job.nextTriggerAt} />{" "}
            <span className="dim num">{relative(job.nextTriggerAt, now)}</span>
          </span>
        ) : job.schedule.type === "API" ? null : (
          <span className="dim">{job.enabled ? t("job.noNext") : t("job.off")}</span>
        )}
      </p>
      {isRunOpen && <RunDialog appId={app.id} job={job} onClose={() => setRunOpen(false)} />}
    </>
  );
}
