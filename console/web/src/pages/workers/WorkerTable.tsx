import type { ReactNode } from "react";
import type { Worker } from "../../api/types";
import { Link } from "wouter";
import { useApp, useRights } from "../../app/AppArea";
import { paths } from "../../app/paths";
import { useNow } from "../../data/useNow";
import { useT } from "../../i18n";
import { formatBytes, share } from "../../lib/bytes";
import { StatusBadge } from "../../ui/Status";
import { Time, useRelative } from "../../ui/Time";
import { Meter, Tags } from "../../ui/bits";
import { type Column, type Columns, useColumns } from "../../ui/Columns";
import { WorkerOrders } from "./WorkerOrders";
import { byTrouble } from "./upsert";

interface Props {
  workers: Worker[];
  columns: Columns;
  /** Adds the buttons of operators; told what an order made of a worker. */
  onOrdered?: (worker: Worker) => void;
}

/** The columns of workers beside state, name and load. */
export function useWorkerColumns(): Columns {
  const t = useT();
  const columns: Column[] = [
    { key: "memory", text: t("workers.memory"), from: 0 },
    { key: "disk", text: t("workers.disk"), from: 1250 },
    { key: "runs", text: t("workers.runs"), from: 0 },
    { key: "tags", text: t("workers.tags"), from: 1250 },
    { key: "processors", text: t("workers.processors"), from: 1600 },
    { key: "seen", text: t("workers.seen"), from: 1400 },
  ];
  return useColumns("workers", columns);
}

export function WorkerTable({ workers, columns, onOrdered }: Props): ReactNode {
  const t = useT();
  const { operate } = useRights();
  const ordered = operate ? onOrdered : undefined;
  return (
    <div className="scroll">
      <table className="list" data-testid="workers">
        <thead>
          <tr>
            <th>{t("workers.state")}</th>
            <th>{t("workers.node")}</th>
            <th>{t("workers.load")}</th>
            {columns.has("memory") && <th>{t("workers.memory")}</th>}
            {columns.has("disk") && <th>{t("workers.disk")}</th>}
            {columns.has("runs") && <th>{t("workers.runs")}</th>}
            {columns.has("tags") && <th>{t("workers.tags")}</th>}
            {columns.has("processors") && <th>{t("workers.processors")}</th>}
            {columns.has("seen") && <th>{t("workers.seen")}</th>}
            {ordered !== undefined && (
              <th>
                <span className="hidden">{t("list.actions")}</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {workers.toSorted(byTrouble).map((worker) => (
            <WorkerRow key={worker.node} worker={worker} columns={columns} onOrdered={ordered} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface RowProps {
  worker: Worker;
  columns: Columns;
  onOrdered: ((worker: Worker) => void) | undefined;
}

function WorkerRow({ worker, columns, onOrdered }: RowProps): ReactNode {
  const t = useT();
  const app = useApp();
  const now = useNow(2000);
  const relative = useRelative();
  const used = (part: number, total: number): string =>
    t("workers.used", { used: formatBytes(part), total: formatBytes(total) });
  return (
    <tr data-testid="worker-row" data-worker={worker.node} className={worker.state === "LOST" ? "row-bad" : ""}>
      <td className="tight">
        <StatusBadge status={worker.state} area="worker.state" />
        {worker.order && (
          <div className="dim" data-testid="worker-order">
            {t("workers.order.by", { by: worker.order.givenBy })} <Time at={worker.order.givenAt} />
            {worker.order.reason !== "" && <> · {worker.order.reason}</>}
          </div>
        )}
      </td>
      <td className="nowrap">
        <Link href={paths.worker(app.id, worker.node)} className="strong" data-testid="worker-open">
          {worker.node}
        </Link>
        <span className="dim num"> {worker.address}</span>
      </td>
      <td className="tight">
        {worker.cpuLoad < 0 ? (
          <span className="dim">–</span>
        ) : (
          <Meter
            part={share(worker.cpuLoad, worker.cpuCores)}
            text={`${worker.cpuLoad.toFixed(2)} / ${worker.cpuCores}`}
            title={t("workers.load.hint")}
          />
        )}
      </td>
      {columns.has("memory") && (
        <td className="tight">
          <Meter
            part={share(worker.memoryUsedBytes, worker.memoryTotalBytes)}
            text={`${formatBytes(worker.memoryUsedBytes)} / ${formatBytes(worker.memoryTotalBytes)}`}
            title={`${used(worker.memoryUsedBytes, worker.memoryTotalBytes)}\n${t("workers.process", { size: formatBytes(worker.processMemoryBytes) })}`}
          />
        </td>
      )}
      {columns.has("disk") && (
        <td className="tight">
          <Meter
            part={share(worker.diskUsedBytes, worker.diskTotalBytes)}
            text={`${formatBytes(worker.diskUsedBytes)} / ${formatBytes(worker.diskTotalBytes)}`}
            title={used(worker.diskUsedBytes, worker.diskTotalBytes)}
          />
        </td>
      )}
      {columns.has("runs") && (
        <td className="tight">
          <Meter part={share(worker.running, worker.capacity)} text={`${worker.running} / ${worker.capacity}`} />
        </td>
      )}
      {columns.has("tags") && (
        <td>
          <Tags tags={worker.tags} />
        </td>
      )}
      {columns.has("processors") && (
        <td className="processors nowrap">
          {worker.processors.length === 0 ? (
            <span className="dim">–</span>
          ) : (
            <details>
              <summary>{t("workers.processorCount", { n: worker.processors.length })}</summary>
              <ul>
                {worker.processors.map((name) => (
                  <li key={name}>
                    <code>{name}</code>
                  </li>
                ))}
              </ul>
            </details>
          )}
        </td>
      )}
      {columns.has("seen") && (
        <td className="tight">
          {worker.state === "ONLINE" ? (
            <span className="dim num" title={t("workers.since")}>
              <Time at={worker.connectedAt} />
            </span>
          ) : (
            <span className="num">{worker.lastSeenAt > 0 ? relative(worker.lastSeenAt, now) : "–"}</span>
          )}
        </td>
      )}
      {onOrdered !== undefined && (
        <td className="actions">
          <WorkerOrders worker={worker} onOrdered={onOrdered} />
        </td>
      )}
    </tr>
  );
}
