import { type ReactNode, Suspense, lazy, useEffect, useRef, useState } from "react";
import { Link } from "wouter";
import { useApp, useRights } from "../../app/AppArea";
import { NotFound } from "../../app/NotFound";
import { paths } from "../../app/paths";
import { type InstanceAction, api } from "../../api/endpoints";
import type { Instance } from "../../api/types";
import { useAppEvents, useFallBackPoll } from "../../data/appFeed";
import { useMe } from "../../data/session";
import { useFilters } from "../../data/useFilters";
import { useNow } from "../../data/useNow";
import { useResource } from "../../data/useResource";
import { useThrottled } from "../../data/useThrottled";
import { useT, useWord } from "../../i18n";
import { isId } from "../../lib/ids";
import { durationOf, isOpen } from "../../lib/status";
import { Button } from "../../ui/Button";
import { useConfirm } from "../../ui/Confirm";
import { ErrorBox } from "../../ui/ErrorBox";
import { Icon, type IconName } from "../../ui/Icon";
import { RunDialog } from "../../ui/RunDialog";
import { StatusBadge } from "../../ui/Status";
import { Duration, Time } from "../../ui/Time";
import { useSay } from "../../ui/Toasts";
import { Copyable, MaybeJson, Pairs, Spinner, Tabs } from "../../ui/bits";
import { Attempts } from "./Attempts";
import { BeatsPanel } from "./BeatsPanel";
import { LogPanel } from "./LogPanel";
import { TasksPanel } from "./TasksPanel";
import { TimelinePanel } from "./TimelinePanel";

const MessagesPanel = lazy(() => import("./MessagesPanel"));

const REFRESH_MS = 400;

/** Grows each time an ended run is open again. */
function useGeneration(open: boolean): number {
  const [generation, setGeneration] = useState(0);
  const was = useRef(open);
  useEffect(() => {
    if (open && !was.current) setGeneration((old) => old + 1);
    was.current = open;
  }, [open]);
  return generation;
}

export default function InstancePage({ instanceId }: { instanceId: string }): ReactNode {
  const key = isId(instanceId) ? instanceId : undefined;
  const instance = useResource(key, (signal) => api.instance(instanceId, signal), {
    pollMs: useFallBackPoll(),
  });
  const refresh = useThrottled(instance.reload, REFRESH_MS);
  useAppEvents({
    instance: (news) => {
      if (news.id !== instanceId) return;
      instance.patch((old) => ({ ...old, ...news }));
      refresh();
    },
    missed: refresh,
  });
  if (key === undefined) return <NotFound />;
  const { data, error, reload } = instance;
  if (data === undefined) return error === undefined ? <Spinner /> : <ErrorBox error={error} onRetry={reload} />;
  return (
    <>
      {error !== undefined && <ErrorBox error={error} onRetry={reload} />}
      <Loaded instance={data} onChanged={(changed) => instance.patch(() => changed)} />
    </>
  );
}

interface LoadedProps {
  instance: Instance;
  onChanged: (changed: Instance) => void;
}

function Loaded({ instance, onChanged }: LoadedProps): ReactNode {
  const t = useT();
  const me = useMe();
  const { operate } = useRights();
  const [filters, setFilters] = useFilters(["tab"]);
  const open = isOpen(instance.status);
  const now = useNow(open ? 500 : 0);
  const generation = useGeneration(open);
  const tab = me.isAdministrator && filters.tab === "messages" ? "messages" : "log";
  return (
    <>
      <Head instance={instance} now={now} onChanged={onChanged} />
      <TimelinePanel instance={instance} now={now} />
      <TasksPanel instanceId={instance.id} generation={`${instance.attempt}/${instance.status}`} open={open} />
      <BeatsPanel instanceId={instance.id} generation={`${instance.attempt}/${instance.status}`} open={open} />
      <div className="columns">
        <Facts instance={instance} />
        <Attempts attempts={instance.attempts} now={now} />
      </div>
      {me.isAdministrator && (
        <Tabs
          tabs={[
            { key: "log", text: t("log.title"), testId: "tab-log" },
            { key: "messages", text: t("messages.title"), testId: "tab-messages" },
          ]}
          current={tab}
          onSelect={(key) => setFilters({ tab: key === "log" ? undefined : key })}
        />
      )}
      {tab === "log" && !operate && <p className="notice">{t("log.forbidden")}</p>}
      {tab === "log" && operate && (
        <LogPanel
          key={instance.id}
          instanceId={instance.id}
          generation={generation}
          attempts={instance.attempts.length}
        />
      )}
      {tab === "messages" && (
        <Suspense fallback={<Spinner />}>
          <MessagesPanel instanceId={instance.id} />
        </Suspense>
      )}
    </>
  );
}

const ICONS: Record<InstanceAction, IconName> = {
  STOP: "stop",
  KILL: "close",
  CANCEL: "close",
  RETRY: "retry",
  RETRY_FAILED_TASKS: "retry",
};
const ACTIONS: readonly InstanceAction[] = ["RETRY_FAILED_TASKS", "RETRY", "CANCEL", "STOP", "KILL"];
const ENDING: readonly InstanceAction[] = ["CANCEL", "STOP", "KILL"];

function Head({ instance, now, onChanged }: LoadedProps & { now: number }): ReactNode {
  const t = useT();
  const app = useApp();
  const { operate } = useRights();
  const confirm = useConfirm();
  const say = useSay();
  const [isRunOpen, setRunOpen] = useState(false);
  const { id, jobId, jobName, status, worker } = instance;

  const act = (action: InstanceAction): void => {
    void confirm({
      title: t(`act.${action}`),
      text: t(`act.${action}.text`, { job: jobName, id }),
      hits: [`${jobName} · ${id}`, ...(worker ? [t("act.onWorker", { worker })] : [])],
      action: t(`act.${action}`),
      danger: ENDING.includes(action),
      run: async () => {
        onChanged(await api.act(id, action));
        say.done(t(`act.${action}.done`, { id }));
      },
    });
  };
  return (
    <div className="page-head">
      <Link href={paths.instances(app.id)} className="crumb">
        {t("nav.instances")}
      </Link>
      <Icon name="right" size={10} />
      <Link href={paths.job(app.id, jobId)} className="crumb" data-testid="instance-job">
        {jobName}
      </Link>
      <Icon name="right" size={10} />
      <h1>
        <span data-testid="instance-status" data-status={status}>
          <StatusBadge status={status} />
        </span>
      </h1>
      <Copyable text={id} />
      <strong data-testid="instance-duration">
        <Duration ms={durationOf(instance, now)} />
      </strong>
      <span className="grow" />
      {operate &&
        ACTIONS.filter((action) => instance.actions.includes(action)).map((action) => (
          <Button
            key={action}
            icon={ICONS[action]}
            kind={ENDING.includes(action) ? "danger" : "plain"}
            onClick={() => act(action)}
            data-testid={`act-${action}`}
          >
            {t(`act.${action}`)}
          </Button>
        ))}
      {operate && (
        <Button icon="play" onClick={() => setRunOpen(true)} data-testid="run-again">
          {t("act.again")}
        </Button>
      )}
      {isRunOpen && (
        <RunDialog
          appId={app.id}
          job={{ id: jobId, name: jobName }}
          params={instance.instanceParams}
          onClose={() => setRunOpen(false)}
        />
      )}
    </div>
  );
}

function Facts({ instance }: { instance: Instance }): ReactNode {
  const t = useT();
  const word = useWord();
  const app = useApp();
  const rows: { name: string; value: ReactNode }[] = [
    {
      name: t("runs.worker"),
      value: instance.worker ? (
        <Link href={paths.worker(app.id, instance.worker)}>{instance.worker}</Link>
      ) : (
        <span className="dim">–</span>
      ),
    },
    { name: t("runs.trigger"), value: word("trigger", instance.trigger) },
    ...(instance.nominalAt && instance.nominalAt !== instance.expectedAt
      ? [{ name: t("runs.nominal"), value: <Time at={instance.nominalAt} full /> }]
      : []),
    { name: t("runs.expected"), value: <Time at={instance.expectedAt} full /> },
    { name: t("runs.revision"), value: instance.jobRevision },
    { name: t("runs.trace"), value: <Copyable text={instance.traceId} /> },
  ];
  if (instance.jobParams !== "") {
    rows.push({ name: t("form.params"), value: <MaybeJson text={instance.jobParams} /> });
  }
  if (instance.chosenWorker !== undefined && instance.chosenWorker !== null) {
    rows.push({ name: t("run.worker"), value: instance.chosenWorker });
  }
  if (instance.instanceParams !== "") {
    rows.push({ name: t("run.params"), value: <MaybeJson text={instance.instanceParams} /> });
  }
  if (instance.fullResult !== "") {
    rows.push({ name: t("runs.result"), value: <MaybeJson text={instance.fullResult} /> });
  }
  return (
    <section className="panel" data-testid="instance-facts">
      <h2>{t("runs.facts")}</h2>
      <Pairs facts={rows} oneColumn />
    </section>
  );
}
