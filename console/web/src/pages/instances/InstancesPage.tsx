import { type ReactNode, useCallback, useEffect, useRef, useState } from "react";
import { useApp, useRights } from "../../app/AppArea";
import { api } from "../../api/endpoints";
import type { InstanceSummary } from "../../api/types";
import { useAppEvents, useFallBackPoll } from "../../data/appFeed";
import { useFilters } from "../../data/useFilters";
import { useNow } from "../../data/useNow";
import { useResource } from "../../data/useResource";
import { useSelection } from "../../data/useSelection";
import { useT } from "../../i18n";
import { INSTANCE_FILTERS, instanceQuery, matches, merge } from "../../lib/instanceQuery";
import { runsAsCsv, saveFile } from "../../lib/transfer";
import { Button } from "../../ui/Button";
import { ErrorBox } from "../../ui/ErrorBox";
import { InstanceTable, useRunColumns } from "../../ui/InstanceTable";
import { useSay } from "../../ui/Toasts";
import { Empty, Pager, Spinner } from "../../ui/bits";
import { FilterBar } from "./FilterBar";
import { InstanceBulk } from "./InstanceBulk";

const FLUSH_MS = 250;
const MOST_WAITING = 2000;
const EXPORT_PAGE = 500;
const MOST_EXPORTED = 20_000;

/** Collects news and hands them over a few times a second; while paused it only counts. */
function useNews(isPaused: boolean, take: (news: InstanceSummary[]) => void, missed: () => void): number {
  const waiting = useRef(new Map<string, InstanceSummary>());
  const [count, setCount] = useState(0);
  const latest = useRef(take);
  latest.current = take;
  const flush = useCallback(() => {
    if (waiting.current.size === 0) return;
    const news = [...waiting.current.values()];
    waiting.current.clear();
    setCount(0);
    latest.current(news);
  }, []);
  useAppEvents({
    instance: (run) => {
      const news = waiting.current;
      news.set(run.id, run);
      const [oldest] = news.keys();
      if (news.size > MOST_WAITING && oldest !== undefined) news.delete(oldest);
    },
    missed: () => {
      if (!isPaused) missed();
    },
  });
  useEffect(() => {
    const timer = setInterval(() => (isPaused ? setCount(waiting.current.size) : flush()), FLUSH_MS);
    return () => clearInterval(timer);
  }, [isPaused, flush]);
  return count;
}

export default function InstancesPage(): ReactNode {
  const t = useT();
  const app = useApp();
  const { operate } = useRights();
  const now = useNow(1000);
  const say = useSay();
  const columns = useRunColumns();
  const [filters, setFilters] = useFilters(INSTANCE_FILTERS);
  const [isPaused, setPaused] = useState(false);
  const isFirst = filters.cursor === undefined;
  const limit = Number(instanceQuery(filters, 0).limit);
  const poll = useFallBackPoll();
  const runs = useResource(
    `instances/${app.id}/${JSON.stringify(filters)}`,
    (signal) => api.instances(app.id, instanceQuery(filters, Date.now()), signal),
    { keep: true, pollMs: isPaused || !isFirst ? 0 : poll },
  );
  const news = useNews(
    isPaused,
    (fresh) => {
      runs.patch((page) => ({
        ...page,
        items: merge(
          page.items,
          fresh,
          (run) => isFirst && matches(filters, run, Date.now()),
          Math.max(limit, page.items.length),
        ),
      }));
    },
    runs.reload,
  );
  const save = async (): Promise<void> => {
    const all: InstanceSummary[] = [];
    const query = instanceQuery({ ...filters, limit: String(EXPORT_PAGE) }, Date.now());
    let cursor: string | undefined;
    try {
      do {
        const page = await api.instances(app.id, { ...query, cursor });
        all.push(...page.items);
        cursor = page.nextCursor ?? undefined;
      } while (cursor !== undefined && all.length < MOST_EXPORTED);
      saveFile(`${app.name}-runs.csv`, "text/csv", runsAsCsv(all));
      say.done(t("runs.exported", { n: all.length }));
    } catch (thrown) {
      say.failed(thrown);
    }
  };
  const items = runs.data?.items ?? [];
  const selection = useSelection(items.map((run) => run.id));
  const chosen = items.filter((run) => selection.ids.has(run.id));
  const isFiltered = Object.keys(filters).some((name) => name !== "cursor" && name !== "limit");

  return (
    <>
      <div className="page-head">
        <h1>{t("nav.instances")}</h1>
        <span className="grow" />
        {isPaused && news > 0 && <span className="dim">{t("live.news", { n: news })}</span>}
        <Button
          icon={isPaused ? "play" : "pause"}
          aria-pressed={isPaused}
          onClick={() => {
            if (isPaused) runs.reload();
            setPaused(!isPaused);
          }}
          data-testid="instances-pause"
        >
          {t(isPaused ? "live.resume" : "live.pause")}
        </Button>
        <Button icon="download" onClick={() => void save()} title={t("runs.export")} aria-label={t("runs.export")} data-testid="runs-export" />
        {columns.menu}
      </div>
      <FilterBar filters={filters} setFilters={setFilters} />
      {runs.error !== undefined && <ErrorBox error={runs.error} onRetry={runs.reload} />}
      {operate && chosen.length > 0 && (
        <InstanceBulk runs={chosen} onDone={runs.reload} onClear={selection.clear} />
      )}
      {runs.data === undefined && runs.loading && <Spinner />}
      {runs.data !== undefined && items.length === 0 && (
        <Empty title={isFiltered ? t("list.nothing") : t("runs.empty")}>
          {!isFiltered && <p>{t("runs.empty.text")}</p>}
        </Empty>
      )}
      {items.length > 0 && (
        <InstanceTable appId={app.id} runs={items} now={now} columns={columns} selection={selection} />
      )}
      {runs.data !== undefined && items.length > 0 && (
        <Pager
          shown={items.length}
          total={runs.data.total}
          isFirst={isFirst}
          hasNext={typeof runs.data.nextCursor === "string"}
          onFirst={() => setFilters({ cursor: undefined }, { push: true })}
          onNext={() => setFilters({ cursor: runs.data?.nextCursor ?? undefined }, { push: true })}
        />
      )}
    </>
  );
}
