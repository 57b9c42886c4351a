import { type ReactNode, useMemo } from "react";
import { useApp } from "../../app/AppArea";
import { api } from "../../api/endpoints";
import { useAppEvents } from "../../data/appFeed";
import { useFilters } from "../../data/useFilters";
import { useResource } from "../../data/useResource";
import { useT, useWord } from "../../i18n";
import { ConnectGuide } from "../../ui/ConnectGuide";
import { ErrorBox } from "../../ui/ErrorBox";
import { Empty, Spinner } from "../../ui/bits";
import { SearchInput } from "../../ui/inputs";
import { WorkerTable, useWorkerColumns } from "./WorkerTable";
import { upsertWorker } from "./upsert";

const POLL_MS = 10_000;
const STATES = ["ONLINE", "OFFLINE", "DRAINING", "DRAINED", "SUSPECT", "LOST"];

export default function WorkersPage(): ReactNode {
  const t = useT();
  const word = useWord();
  const app = useApp();
  const columns = useWorkerColumns();
  const [filters, setFilters] = useFilters(["query", "state"]);
  const workers = useResource(`workers/${app.id}`, (signal) => api.workers(app.id, signal), {
    pollMs: POLL_MS,
  });
  useAppEvents({
    worker: (worker) => workers.patch((old) => upsertWorker(old, worker)),
    missed: workers.reload,
  });

  const shown = useMemo(() => {
    const text = (filters.query ?? "").toLowerCase();
    return (workers.data ?? []).filter((worker) => {
      const haystack = [worker.node, worker.address, ...worker.tags, ...worker.processors];
      const fitsText = haystack.join(" ").toLowerCase().includes(text);
      return fitsText && (filters.state === undefined || worker.state === filters.state);
    });
  }, [workers.data, filters]);

  return (
    <>
      <div className="page-head">
        <h1>{t("nav.workers")}</h1>
        <SearchInput
          value={filters.query ?? ""}
          placeholder={t("workers.search")}
          onChange={(query) => setFilters({ query })}
        />
        <select
          value={filters.state ?? ""}
          aria-label={t("workers.state")}
          onChange={(event) => setFilters({ state: event.target.value })}
        >
          <option value="">{t("workers.anyState")}</option>
          {STATES.map((state) => (
            <option key={state} value={state}>
              {word("worker.state", state)}
            </option>
          ))}
        </select>
        <span className="grow" />
        {columns.menu}
      </div>
      {workers.error !== undefined && <ErrorBox error={workers.error} onRetry={workers.reload} />}
      {workers.data === undefined && workers.loading && <Spinner />}
      {workers.data?.length === 0 && (
        <Empty title={t("workers.empty")}>
          <p>{t("workers.empty.text")}</p>
          <ConnectGuide appName={app.name} />
        </Empty>
      )}
      {workers.data !== undefined && workers.data.length > 0 && shown.length === 0 && (
        <p className="dim">{t("list.nothing")}</p>
      )}
      {shown.length > 0 && (
        <WorkerTable
          workers={shown}
          columns={columns}
          onOrdered={(worker) => workers.patch((old) => upsertWorker(old, worker))}
        />
      )}
    </>
  );
}
