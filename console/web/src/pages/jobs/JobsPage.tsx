import { type ReactNode, useState } from "react";
import { Link } from "wouter";
import { useApp, useRights } from "../../app/AppArea";
import { paths } from "../../app/paths";
import { api } from "../../api/endpoints";
import type { Job } from "../../api/types";
import { useAppEvents, useFallBackPoll } from "../../data/appFeed";
import { useFilters } from "../../data/useFilters";
import { useNow } from "../../data/useNow";
import { useResource } from "../../data/useResource";
import { useSelection } from "../../data/useSelection";
import { useThrottled } from "../../data/useThrottled";
import { useT } from "../../i18n";
import { ErrorBox } from "../../ui/ErrorBox";
import { Icon } from "../../ui/Icon";
import { RunDialog } from "../../ui/RunDialog";
import { ConnectGuide } from "../../ui/ConnectGuide";
import { Empty, Pager, Spinner } from "../../ui/bits";
import { SearchInput } from "../../ui/inputs";
import { type Column, type Columns, useColumns } from "../../ui/Columns";
import { BulkBar } from "./BulkBar";
import { JobRow } from "./JobRow";
import { JobTransfer } from "./JobTransfer";

const FILTERS = ["query", "enabled", "tag", "sort", "cursor", "limit"] as const;
const REFRESH_MS = 1200;

export default function JobsPage(): ReactNode {
  const t = useT();
  const app = useApp();
  const { write, operate } = useRights();
  const now = useNow(2000);
  const columns = useJobColumns();
  const [filters, setFilters] = useFilters(FILTERS);
  const [running, setRunning] = useState<Job>();
  const query = { ...filters, limit: filters.limit ?? 50 };
  const jobs = useResource(
    `jobs/${app.id}/${JSON.stringify(filters)}`,
    (signal) => api.jobs(app.id, query, signal),
    { keep: true, pollMs: useFallBackPoll() },
  );
  const refresh = useThrottled(jobs.reload, REFRESH_MS);
  useAppEvents({ instance: refresh, job: refresh, missed: refresh });
  const items = jobs.data?.items ?? [];
  const selection = useSelection(items.map(({ job }) => job.id));
  const isFiltered = [filters.query, filters.enabled, filters.tag].some((value) => value !== undefined);
  const chosen = items.filter(({ job }) => selection.ids.has(job.id)).map(({ job }) => job);

  return (
    <>
      <div className="page-head">
        <h1>{t("nav.jobs")}</h1>
        <SearchInput
          value={filters.query ?? ""}
          placeholder={t("jobs.search")}
          onChange={(text) => setFilters({ query: text })}
          testId="jobs-search"
        />
        <select
          aria-label={t("jobs.filter.enabled")}
          value={filters.enabled ?? ""}
          onChange={(event) => setFilters({ enabled: event.target.value })}
          data-testid="jobs-enabled-filter"
        >
          <option value="">{t("jobs.filter.all")}</option>
          <option value="true">{t("jobs.filter.on")}</option>
          <option value="false">{t("jobs.filter.off")}</option>
        </select>
        {filters.tag !== undefined && (
          <button type="button" className="chip" onClick={() => setFilters({ tag: undefined })}>
            {t("apps.tag", { tag: filters.tag })}
            <Icon name="close" size={10} />
          </button>
        )}
        <span className="grow" />
        <JobTransfer filters={filters} onImported={jobs.reload} />
        {columns.menu}
        {write && (
          <Link href={paths.newJob(app.id)} className="button primary" data-testid="job-new">
            <Icon name="plus" />
            {t("jobs.new")}
          </Link>
        )}
      </div>
      {jobs.error !== undefined && <ErrorBox error={jobs.error} onRetry={jobs.reload} />}
      {chosen.length > 0 && (
        <BulkBar jobs={chosen} onDone={jobs.reload} onClear={selection.clear} />
      )}
      {jobs.data === undefined && jobs.loading && <Spinner />}
      {jobs.data !== undefined && items.length === 0 && <NoJobs isFiltered={isFiltered} />}
      {items.length > 0 && (
        <div className="scroll">
          <table className="list" data-testid="jobs">
            <thead>
              <tr>
                <th className="tight">
                  <input
                    type="checkbox"
                    aria-label={t("list.selectAll")}
                    checked={selection.isAll}
                    onChange={selection.toggleAll}
                  />
                </th>
                <th className="tight">{t("jobs.on")}</th>
                <SortHead sort={filters.sort} by="name" text={t("jobs.name")} onSort={(sort) => setFilters({ sort })} />
                {columns.has("schedule") && <th>{t("jobs.schedule")}</th>}
                {columns.has("recent") && <SortHead sort={filters.sort} by="failing" oneWay text={t("jobs.recent")} onSort={(sort) => setFilters({ sort })} />}
                {columns.has("last") && <th>{t("jobs.last")}</th>}
                {columns.has("next") && <SortHead sort={filters.sort} by="nextTrigger" oneWay text={t("jobs.next")} onSort={(sort) => setFilters({ sort })} />}
                {columns.has("what") && <th>{t("jobs.what")}</th>}
                {columns.has("id") && <SortHead sort={filters.sort} by="id" text={t("jobs.id")} onSort={(sort) => setFilters({ sort })} />}
                <th>
                  <span className="hidden">{t("list.actions")}</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {items.map((summary) => (
                <JobRow
                  key={summary.job.id}
                  summary={summary}
                  now={now}
                  columns={columns}
                  isSelected={selection.ids.has(summary.job.id)}
                  onSelect={() => selection.toggle(summary.job.id)}
                  rights={{ write, operate }}
                  onRun={() => setRunning(summary.job)}
                  onChanged={jobs.reload}
                  onTag={(tag) => setFilters({ tag })}
                />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {jobs.data !== undefined && items.length > 0 && (
        <Pager
          shown={items.length}
          total={jobs.data.total}
          isFirst={filters.cursor === undefined}
          hasNext={typeof jobs.data.nextCursor === "string"}
          onFirst={() => setFilters({ cursor: undefined }, { push: true })}
          onNext={() => setFilters({ cursor: jobs.data?.nextCursor ?? undefined }, { push: true })}
        />
      )}
      {running !== undefined && (
        <RunDialog appId={app.id} job={running} onClose={() => setRunning(undefined)} />
      )}
    </>
  );
}

function useJobColumns(): Columns {
  const t = useT();
  const columns: Column[] = [
    { key: "schedule", text: t("jobs.schedule"), from: 0 },
    { key: "recent", text: t("jobs.recent"), from: 0 },
    { key: "last", text: t("jobs.last"), from: 1200 },
    { key: "next", text: t("jobs.next"), from: 1000 },
    { key: "what", text: t("jobs.what"), from: 1400 },
    { key: "id", text: t("jobs.id"), from: 1600 },
  ];
  return useColumns("jobs", columns);
}

interface SortProps {
  sort: string | undefined;
  by: string;
  text: string;
  /** The server sorts it in one direction only. */
  oneWay?: boolean;
  onSort: (sort: string) => void;
}

const DEFAULT_SORT = "failing";

function SortHead({ sort = DEFAULT_SORT, by, text, oneWay = false, onSort }: SortProps): ReactNode {
  const isUp = sort === by;
  const isDown = sort === `-${by}`;
  const next = isUp && !oneWay ? `-${by}` : by;
  return (
    <th aria-sort={isUp ? "ascending" : isDown ? "descending" : "none"}>
      <button type="button" className="sort" onClick={() => onSort(next)} data-testid={`sort-${by}`}>
        {text}
        <span aria-hidden="true">{isUp ? "▴" : isDown ? "▾" : ""}</span>
      </button>
    </th>
  );
}

function NoJobs({ isFiltered }: { isFiltered: boolean }): ReactNode {
  const t = useT();
  const app = useApp();
  const { write } = useRights();
  if (isFiltered) return <Empty title={t("list.nothing")} />;
  return (
    <Empty title={t("jobs.empty")}>
      <p>{t("jobs.empty.text")}</p>
      {write && (
        <p>
          <Link href={paths.newJob(app.id)} className="button primary">
            {t("jobs.new")}
          </Link>
        </p>
      )}
      {app.health.workersOnline === 0 && (
        <>
          <p>{t("jobs.empty.worker")}</p>
          <ConnectGuide appName={app.name} />
        </>
      )}
    </Empty>
  );
}
