import type { ReactNode } from "react";
import { Link } from "wouter";
import { paths } from "../app/paths";
import type { InstanceSummary } from "../api/types";
import type { Selection } from "../data/useSelection";
import { useT, useWord } from "../i18n";
import { durationOf, isOpen } from "../lib/status";
import { type Column, type Columns, ON_DEMAND, useColumns } from "./Columns";
import { StatusBadge } from "./Status";
import { Duration, Time } from "./Time";

interface Props {
  appId: string;
  runs: InstanceSummary[];
  now: number;
  columns: Columns;
  selection?: Selection;
  /** On the page of a job its name is known. */
  withJob?: boolean;
}

/** The columns of runs beside state, id and job; the same choice counts wherever runs are listed. */
export function useRunColumns(): Columns {
  const t = useT();
  const columns: Column[] = [
    { key: "expected", text: t("runs.expected"), from: 1300 },
    { key: "started", text: t("runs.started"), from: 0 },
    { key: "duration", text: t("runs.duration"), from: 0 },
    { key: "attempt", text: t("runs.attempt"), from: 1300 },
    { key: "worker", text: t("runs.worker"), from: 1150 },
    { key: "trigger", text: t("runs.trigger"), from: 1400 },
    { key: "params", text: t("form.params"), from: ON_DEMAND },
    { key: "result", text: t("runs.result"), from: 0 },
  ];
  return useColumns("runs", columns);
}

/** Runs, one a row; a failed one looks failed. */
export function InstanceTable({ appId, runs, now, columns, selection, withJob = true }: Props): ReactNode {
  const t = useT();
  const word = useWord();
  return (
    <div className="scroll">
      <table className="list" data-testid="instances">
        <thead>
          <tr>
            {selection !== undefined && (
              <th className="tight">
                <input
                  type="checkbox"
                  aria-label={t("list.selectAll")}
                  checked={selection.isAll}
                  onChange={selection.toggleAll}
                />
              </th>
            )}
            <th>{t("runs.status")}</th>
            <th>{t("runs.id")}</th>
            {withJob && <th>{t("runs.job")}</th>}
            {columns.has("expected") && <th>{t("runs.expected")}</th>}
            {columns.has("started") && <th>{t("runs.started")}</th>}
            {columns.has("duration") && <th className="right">{t("runs.duration")}</th>}
            {columns.has("attempt") && <th className="right">{t("runs.attempt")}</th>}
            {columns.has("worker") && <th>{t("runs.worker")}</th>}
            {columns.has("trigger") && <th>{t("runs.trigger")}</th>}
            {columns.has("params") && <th>{t("form.params")}</th>}
            {columns.has("result") && <th>{t("runs.result")}</th>}
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => (
            <tr
              key={run.id}
              className={run.status === "FAILED" ? "row-bad" : ""}
              aria-selected={selection?.ids.has(run.id)}
              data-testid="instance-row"
              data-id={run.id}
              data-status={run.status}
            >
              {selection !== undefined && (
                <td className="tight">
                  <input
                    type="checkbox"
                    aria-label={t("list.select", { name: run.id })}
                    checked={selection.ids.has(run.id)}
                    onChange={() => selection.toggle(run.id)}
                    data-testid="instance-select"
                  />
                </td>
              )}
              <td className="tight">
                <Link href={paths.instance(appId, run.id)} className="badge-link">
                  <StatusBadge status={run.status} />
                </Link>
              </td>
              <td className="tight num">
                <Link href={paths.instance(appId, run.id)} data-testid="instance-open">
                  {run.id}
                </Link>
              </td>
              {withJob && (
                <td className="ellipsis name" title={run.jobName}>
                  <Link href={paths.job(appId, run.jobId)}>{run.jobName}</Link>
                </td>
              )}
              {columns.has("expected") && (
                <td className="tight">
                  <Time at={run.expectedAt} />
                </td>
              )}
              {columns.has("started") && (
                <td className="tight">
                  <Time at={run.startedAt} />
                </td>
              )}
              {columns.has("duration") && (
                <td className="tight right">
                  <Duration ms={durationOf(run, isOpen(run.status) ? now : (run.finishedAt ?? now))} />
                </td>
              )}
              {columns.has("attempt") && (
                <td className="tight right num">
                  {run.attempt === 0 ? <span className="dim">–</span> : run.attempt}
                </td>
              )}
              {columns.has("worker") && (
                <td className="ellipsis worker" title={run.worker ?? undefined}>
                  {run.worker ?? <span className="dim">–</span>}
                </td>
              )}
              {columns.has("trigger") && <td className="tight dim">{word("trigger", run.trigger)}</td>}
              {columns.has("params") && (
                <td className="ellipsis mono" title={run.params}>
                  {run.params}
                </td>
              )}
              {columns.has("result") && (
                <td className="ellipsis result" title={run.result}>
                  {run.result}
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
