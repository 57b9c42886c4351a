import type { ReactNode } from "react";
import { Link } from "wouter";
import { api } from "../../api/endpoints";
import type { Worker } from "../../api/types";
import { useApp, useRights } from "../../app/AppArea";
import { paths } from "../../app/paths";
import { useAppEvents, useFallBackPoll } from "../../data/appFeed";
import { useNow } from "../../data/useNow";
import { useResource } from "../../data/useResource";
import { useThrottled } from "../../data/useThrottled";
import { useT } from "../../i18n";
import { formatBytes } from "../../lib/bytes";
import { nearLimits } from "../../lib/workerLimits";
import { ErrorBox } from "../../ui/ErrorBox";
import { Icon } from "../../ui/Icon";
import { InstanceTable, useRunColumns } from "../../ui/InstanceTable";
import { StatusBadge, StatusMark } from "../../ui/Status";
import { Time } from "../../ui/Time";
import { Empty, Pairs, Spinner, Tags } from "../../ui/bits";
import { WorkerOrders } from "./WorkerOrders";
import { upsertWorker } from "./upsert";

const POLL_MS = 10_000;
const REFRESH_MS = 1000;
const ROWS = 100;

/** One worker: what it is, what slows it down, what it runs. */
export default function WorkerPage({ node }: { node: string }): ReactNode {
  const t = useT();
  const app = useApp();
  const workers = useResource(`workers/${app.id}`, (signal) => api.workers(app.id, signal), {
    pollMs: POLL_MS,
  });
  const put = (news: Worker): void => workers.patch((old) => upsertWorker(old, news));
  useAppEvents({ worker: put, missed: workers.reload });
  const worker = workers.data?.find((known) => known.node === node);
  if (workers.data === undefined) {
    return workers.error === undefined ? (
      <Spinner />
    ) : (
      <ErrorBox error={workers.error} onRetry={workers.reload} />
    );
  }
  if (worker === undefined) {
    return (
      <Empty title={t("worker.gone")}>
        <p>{t("worker.gone.text")}</p>
        <Link href={paths.workers(app.id)}>{t("worker.back")}</Link>
      </Empty>
    );
  }
  return (
    <>
      <Head worker={worker} onOrdered={put} />
      <div className="columns">
        <Facts worker={worker} />
        <Limits worker={worker} />
      </div>
      <OpenRuns node={node} />
    </>
  );
}

function Head({ worker, onOrdered }: { worker: Worker; onOrdered: (worker: Worker) => void }): ReactNode {
  const t = useT();
  const app = useApp();
  const { operate } = useRights();
  return (
    <div className="page-head">
      <Link href={paths.workers(app.id)} className="crumb">
        {t("worker.back")}
      </Link>
      <Icon name="right" size={10} />
      <h1 data-testid="worker-title">{worker.node}</h1>
      <StatusBadge status={worker.state} area="worker.state" />
      <span className="grow" />
      {operate && <WorkerOrders worker={worker} onOrdered={onOrdered} />}
    </div>
  );
}

function Facts({ worker }: { worker: Worker }): ReactNode {
  const t = useT();
  const of = (part: number, total: number): string =>
    t("workers.used", { used: formatBytes(part), total: formatBytes(total) });
  const rows: { name: string; value: ReactNode }[] = [
    { name: t("server.address"), value: worker.address },
    { name: t("worker.software"), value: `${worker.software} ${worker.protocol}` },
    { name: t("workers.since"), value: <Time at={worker.connectedAt} full /> },
    {
      name: t("workers.load"),
      value: worker.cpuLoad < 0 ? "–" : `${worker.cpuLoad.toFixed(2)} / ${worker.cpuCores}`,
    },
    { name: t("workers.memory"), value: of(worker.memoryUsedBytes, worker.memoryTotalBytes) },
    { name: t("workers.disk"), value: of(worker.diskUsedBytes, worker.diskTotalBytes) },
    { name: t("workers.runs"), value: `${worker.running} / ${worker.capacity}` },
    {
      name: t("worker.score"),
      value: (
        <>
          {worker.score} <span className="dim">{t("worker.score.hint")}</span>
        </>
      ),
    },
  ];
  if (worker.tags.length > 0) rows.push({ name: t("workers.tags"), value: <Tags tags={worker.tags} /> });
  if (worker.order) {
    const { givenBy, givenAt, reason } = worker.order;
    rows.push({
      name: t("workers.state"),
      value: (
        <>
          {t("workers.order.by", { by: givenBy })} <Time at={givenAt} full /> {reason}
        </>
      ),
    });
  }
  return (
    <section className="panel" data-testid="worker-facts">
      <h2>{t("runs.facts")}</h2>
      <Pairs facts={rows} oneColumn />
    </section>
  );
}

function Limits({ worker }: { worker: Worker }): ReactNode {
  const t = useT();
  const limits = nearLimits(worker);
  const text = (limit: (typeof limits)[number]): string => {
    switch (limit) {
      case "load":
        return t("worker.limit.load", { load: worker.cpuLoad.toFixed(2), cores: worker.cpuCores });
      case "memory":
        return t("worker.limit.memory", {
          used: formatBytes(worker.memoryUsedBytes),
          total: formatBytes(worker.memoryTotalBytes),
        });
      case "disk":
        return t("worker.limit.disk", {
          used: formatBytes(worker.diskUsedBytes),
          total: formatBytes(worker.diskTotalBytes),
        });
      case "runs":
        return t("worker.limit.runs", { runs: worker.running });
    }
  };
  return (
    <section className="panel" data-testid="worker-limits">
      <h2>{t("worker.limits")}</h2>
      {limits.length === 0 && (
        <p className="with-mark">
          <StatusMark status="SUCCEED" />
          {t("worker.limits.none")}
        </p>
      )}
      {limits.map((limit) => (
        <p key={limit} className="with-mark">
          <StatusMark status="SUSPECT" />
          {text(limit)}
        </p>
      ))}
      <h3>{t("workers.processors")}</h3>
      <Tags tags={worker.processors} />
    </section>
  );
}

function OpenRuns({ node }: { node: string }): ReactNode {
  const t = useT();
  const app = useApp();
  const now = useNow(1000);
  const columns = useRunColumns();
  const query = { query: node, status: "WAITING_WORKER_RECEIVE,RUNNING", limit: ROWS };
  const runs = useResource(
    `worker-runs/${app.id}/${node}`,
    (signal) => api.instances(app.id, query, signal),
    { pollMs: useFallBackPoll(), keep: true },
  );
  const refresh = useThrottled(runs.reload, REFRESH_MS);
  useAppEvents({ instance: refresh, missed: refresh });
  const there = (runs.data?.items ?? []).filter((run) => run.worker === node);
  return (
    <section className="panel" data-testid="worker-runs">
      <h2>
        {t("worker.open")}
        <Link href={paths.instances(app.id, `?query=${encodeURIComponent(node)}`)} className="small">
          {t("worker.all")}
        </Link>
        <span className="grow" />
        {columns.menu}
      </h2>
      {runs.error !== undefined && <ErrorBox error={runs.error} onRetry={runs.reload} />}
      {runs.data !== undefined && there.length === 0 && <p className="dim">{t("worker.open.none")}</p>}
      {there.length > 0 && <InstanceTable appId={app.id} runs={there} now={now} columns={columns} />}
    </section>
  );
}
