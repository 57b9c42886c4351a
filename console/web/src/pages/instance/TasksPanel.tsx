import type { ReactNode } from "react";
import { api } from "../../api/endpoints";
import type { Task, TaskCounts, WorkerTasks } from "../../api/types";
import { useResource } from "../../data/useResource";
import { useT, useWord } from "../../i18n";

const POLL_MS = 1000;
const STATES = ["waiting", "running", "succeeded", "failed"] as const;

/** How the tasks of an open broadcast, map or map-reduce fare; nothing for other runs. */
export function TasksPanel({ instanceId, open }: { instanceId: string; open: boolean }): ReactNode {
  const t = useT();
  const tasks = useResource(open ? instanceId : undefined, (signal) => api.tasks(instanceId, signal), {
    pollMs: open ? POLL_MS : 0,
  });
  if (tasks.data === undefined || !tasks.data.isLive) return null;
  const { counts, workers } = tasks.data;
  return (
    <section className="panel" data-testid="tasks">
      <h2>{t("tasks.title")}</h2>
      <Progress counts={counts} />
      {workers.length > 0 && <WorkerTable workers={workers} />}
      {tasks.data.tasks.length > 0 && <TaskTable tasks={tasks.data.tasks} />}
    </section>
  );
}

function Progress({ counts }: { counts: TaskCounts }): ReactNode {
  const t = useT();
  const done = counts.succeeded + counts.failed;
  return (
    <p data-testid="tasks-progress">
      <progress max={Math.max(counts.total, 1)} value={done} />{" "}
      {t("tasks.progress", { done, total: counts.total })}{" "}
      <span className="dim">
        {STATES.map((state) => `${t(`tasks.${state}`)} ${counts[state]}`).join(" · ")}
      </span>
    </p>
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

function TaskTable({ tasks }: { tasks: Task[] }): ReactNode {
  const t = useT();
  const word = useWord();
  return (
    <table className="list" data-testid="tasks-list">
      <thead>
        <tr>
          <th>{t("tasks.task")}</th>
          <th>{t("tasks.level")}</th>
          <th>{t("runs.status")}</th>
          <th>{t("runs.worker")}</th>
          <th className="right">{t("tasks.attempts")}</th>
          <th>{t("runs.result")}</th>
        </tr>
      </thead>
      <tbody>
        {tasks.map((task) => (
          <tr key={task.id} className={task.status === "FAILED" ? "row-bad" : ""}>
            <td className="tight num">{task.id}</td>
            <td className="tight">{task.name}</td>
            <td className="tight">{word("task", task.status)}</td>
            <td className="tight">{task.worker}</td>
            <td className="tight right num">{task.attempts}</td>
            <td className="wrap">{task.result}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
