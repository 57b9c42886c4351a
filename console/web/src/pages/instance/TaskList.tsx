import { type ReactNode, useState } from "react";
import { api } from "../../api/endpoints";
import type { Page, Task } from "../../api/types";
import { useResource } from "../../data/useResource";
import { useT, useWord } from "../../i18n";
import { Duration } from "../../ui/Time";
import { ErrorBox } from "../../ui/ErrorBox";
import { Pager, Spinner } from "../../ui/bits";
import { SearchInput } from "../../ui/inputs";

const POLL_MS = 2000;
const PAGE = 50;
/** Calls for one page: each looks at some ten thousand tasks. */
const MOST_CALLS = 25;
const STATES = ["FAILED", "RUNNING", "WAITING", "SUCCEEDED"] as const;

interface Wanted {
  status: string;
  level: string;
  query: string;
}

const NOTHING: Wanted = { status: "", level: "", query: "" };

/** A page of what fits; a search among very many tasks is a row of calls. */
async function search(
  instanceId: string,
  wanted: Wanted,
  from: string | undefined,
  signal: AbortSignal,
): Promise<Page<Task>> {
  const items: Task[] = [];
  let cursor = from;
  for (let call = 0; call < MOST_CALLS; call += 1) {
    const page = await api.searchTasks(instanceId, { ...wanted, cursor, limit: PAGE - items.length }, signal);
    items.push(...page.items);
    cursor = page.nextCursor ?? undefined;
    if (cursor === undefined || items.length >= PAGE) break;
  }
  return { items, nextCursor: cursor ?? null };
}

interface Props {
  instanceId: string;
  /** What is shown while nothing is looked for. */
  first: Task[];
  levels: string[];
  isLive: boolean;
}

/** The tasks of a run, and a search among all of them. */
export function TaskList({ instanceId, first, levels, isLive }: Props): ReactNode {
  const t = useT();
  const word = useWord();
  const [wanted, setWanted] = useState(NOTHING);
  const [cursor, setCursor] = useState<string>();
  const isSearching = Object.values(wanted).some((text) => text !== "");
  const found = useResource(
    isSearching ? JSON.stringify([instanceId, wanted, cursor]) : undefined,
    (signal) => search(instanceId, wanted, cursor, signal),
    { keep: true, pollMs: isLive && cursor === undefined ? POLL_MS : 0 },
  );
  const change = (part: Partial<Wanted>): void => {
    setCursor(undefined);
    setWanted({ ...wanted, ...part });
  };
  const tasks = isSearching ? (found.data?.items ?? []) : first;
  const next = found.data?.nextCursor ?? undefined;
  return (
    <>
      <div className="filters">
        <select
          aria-label={t("runs.status")}
          value={wanted.status}
          onChange={(event) => change({ status: event.target.value })}
          data-testid="tasks-status"
        >
          <option value="">{t("tasks.anyStatus")}</option>
          {STATES.map((state) => (
            <option key={state} value={state}>
              {word("task", state)}
            </option>
          ))}
        </select>
        {levels.length > 1 && (
          <select
            aria-label={t("tasks.level")}
            value={wanted.level}
            onChange={(event) => change({ level: event.target.value })}
            data-testid="tasks-level"
          >
            <option value="">{t("tasks.anyLevel")}</option>
            {levels.map((level) => (
              <option key={level}>{level}</option>
            ))}
          </select>
        )}
        <SearchInput
          value={wanted.query}
          placeholder={t("tasks.search")}
          onChange={(query) => change({ query })}
          testId="tasks-search"
        />
      </div>
      {isSearching && found.error !== undefined && <ErrorBox error={found.error} onRetry={found.reload} />}
      {isSearching && found.data === undefined && found.loading && <Spinner />}
      {isSearching && found.data !== undefined && tasks.length === 0 && <p className="dim">{t("list.nothing")}</p>}
      {tasks.length > 0 && <TaskTable tasks={tasks} />}
      {isSearching && found.data !== undefined && (
        <Pager
          hasNext={next !== undefined}
          isFirst={cursor === undefined}
          total={null}
          shown={tasks.length}
          onFirst={() => setCursor(undefined)}
          onNext={() => setCursor(next)}
        />
      )}
    </>
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
          <th className="right">{t("runs.duration")}</th>
          <th>{t("tasks.content")}</th>
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
            <td className="tight right num">{task.attempts > 0 ? task.attempts : ""}</td>
            <td className="tight right">
              <Duration ms={task.ranMs ?? undefined} />
            </td>
            <td className="wrap">{task.content}</td>
            <td className="wrap">{task.result}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
