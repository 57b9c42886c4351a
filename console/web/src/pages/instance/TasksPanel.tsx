import type { ReactNode } from "react";
import { api } from "../../api/endpoints";
import type { LevelTasks, TaskCounts, TaskOverview, WorkerTasks } from "../../api/types";
import { useResource } from "../../data/useResource";
import { useT } from "../../i18n";
import { useDurations } from "../../ui/Time";
import { TaskList } from "./TaskList";

const POLL_MS = 1000;
const STATES = ["waiting", "running", "succeeded", "failed"] as const;

interface Props {
  instanceId: string;
  /** Changes with the attempt and the status. */
  generation: string;
  open: boolean;
}

/**
 * How the tasks of a broadcast, map or map-reduce fare, or what is kept of those of a failed one; nothing
 * for other runs.
 */
export function TasksPanel({ instanceId, generation, open }: Props): ReactNode {
  const t = useT();
  const tasks = useResource(`${instanceId}/${generation}`, (signal) => api.tasks(instanceId, signal), {
    pollMs: open ? POLL_MS : 0,
    keep: true,
  });
  if (tasks.data === undefined || !(tasks.data.isLive || tasks.data.isKept)) return null;
  const { isLive, isKept, workers, levels } = tasks.data;
  return (
    <section className="panel" data-testid="tasks">
      <h2>{t("tasks.title")}</h2>
      <Progress overview={tasks.data} />
      {isKept && <p className="dim">{t("tasks.kept")}</p>}
      {workers.length > 0 && <WorkerTable workers={workers} />}
      {levels.length > 1 && <LevelTable levels={levels} />}
      <TaskList
        key={instanceId}
        instanceId={instanceId}
        first={tasks.data.tasks}
        levels={levels.map((level) => level.name)}
        isLive={isLive}
      />
    </section>
  );
}

function Progress({ overview }: { overview: TaskOverview }): ReactNode {
  const t = useT();
  const duration = useDurations();
  const { counts, perSecond, leftMs } = overview;
  const done = counts.succeeded + counts.failed;
  return (
    <p data-testid="tasks-progress">
      <progress max={Math.max(counts.total, 1)} value={done} />{" "}
      {t("tasks.progress", { done, total: counts.total })}{" "}
      <span className="dim">
        {STATES.map((state) => `${t(`tasks.${state}`)} ${counts[state]}`).join(" · ")}
        {perSecond > 0 && ` · ${t("tasks.rate", { n: rateOf(perSecond) })}`}
        {perSecond > 0 && leftMs !== undefined && leftMs !== null && ` · ${t("tasks.left", { time: duration(leftMs) })}`}
      </span>
    </p>
  );
}

function rateOf(perSecond: number): string {
  return perSecond < 10 ? perSecond.toFixed(1) : Math.round(perSecond).toLocaleString();
}

function LevelTable({ levels }: { levels: LevelTasks[] }): ReactNode {
  const t = useT();
  const states: readonly (keyof TaskCounts)[] = STATES;
  return (
    <table className="list" data-testid="tasks-levels">
      <thead>
        <tr>
          <th>{t("tasks.level")}</th>
          {STATES.map((state) => (
            <th key={state} className="right">
              {t(`tasks.${state}`)}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {levels.map(({ name, counts }) => (
          <tr key={name}>
            <td className="wrap">{name}</td>
            {states.map((state) => (
              <td key={state} className="tight right num">
                {counts[state]}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function WorkerTable({ workers }: { workers: WorkerTasks[] }): ReactNode {
  const t = useT();
  return (
    <table className="list">
      <thead>
        <tr>
          <th>{t("runs.worker")}</th>
          <th className="right">{t("tasks.running")}</th>
          <th className="right">{t("tasks.succeeded")}</th>
          <th className="right">{t("tasks.failed")}</th>
        </tr>
      </thead>
      <tbody>
        {workers.map(({ node, name, isReady, counts }) => (
          <tr key={node}>
            <td className="wrap">
              {name} {!isReady && <span className="dim">{t("tasks.notReady")}</span>}
            </td>
            <td className="tight right num">{counts.running}</td>
            <td className="tight right num">{counts.succeeded}</td>
            <td className="tight right num">{counts.failed}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
