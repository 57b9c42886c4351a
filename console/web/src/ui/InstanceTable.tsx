import type { ReactNode } from "react";
import { Link } from "wouter";
import { paths } from "../app/paths";
import type { InstanceSummary } from "../api/types";
import type { Selection } from "../data/useSelection";
import { useT, useWord } from "../i18n";
import { durationOf, isOpen } from "../lib/status";
import { StatusBadge } from "./Status";
import { Duration, Time } from "./Time";

interface Props {
  appId: string;
  runs: InstanceSummary[];
  now: number;
  selection?: Selection;
  /** On the page of a job its name is known. */
  withJob?: boolean;
}

/** Runs, one a row; a failed one looks failed. */
export function InstanceTable({ appId, runs, now, selection, withJob = true }: Props): ReactNode {
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
            <th>{t("runs.expected")}</th>
            <th>{t("runs.started")}</th>
            <th className="right">{t("runs.duration")}</th>
            <th className="right">{t("runs.attempt")}</th>
            <th>{t("runs.worker")}</th>
            <th>{t("runs.trigger")}</th>
            <th>{t("runs.result")}</th>
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
                <td>
                  <Link href={paths.job(appId, run.jobId)}>{run.jobName}</Link>
                </td>
              )}
              <td className="tight">
                <Time at={run.expectedAt} />
              </td>
              <td className="tight">
                <Time at={run.startedAt} />
              </td>
              <td className="tight right">
                <Duration ms={durationOf(run, isOpen(run.status) ? now : (run.finishedAt ?? now))} />
              </td>
              <td className="tight right num">
                {run.attempt === 0 ? <span className="dim">–</span> : run.attempt}
              </td>
              <td className="ellipsis">{run.worker ?? <span className="dim">–</span>}</td>
              <td className="tight dim">{word("trigger", run.trigger)}</td>
              <td className="ellipsis result" title={run.result}>
                {run.result}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
