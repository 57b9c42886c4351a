import { type ReactNode, useEffect, useState } from "react";
import { useApp } from "../../app/AppArea";
import { api } from "../../api/endpoints";
import type { JobSummary } from "../../api/types";
import type { Filters } from "../../data/useFilters";
import { useResource } from "../../data/useResource";
import { useT, useWord } from "../../i18n";
import { RANGES, readStates } from "../../lib/instanceQuery";
import { INSTANCE_STATES } from "../../lib/status";
import { fromLocalInput, toLocalInput } from "../../lib/time";
import { Icon } from "../../ui/Icon";
import { StatusMark } from "../../ui/Status";
import { SearchInput } from "../../ui/inputs";
import { Button } from "../../ui/Button";

interface Props {
  filters: Filters;
  setFilters: (change: Record<string, string | undefined>) => void;
}

const LARGEST_LIST = 500;

export function FilterBar({ filters, setFilters }: Props): ReactNode {
  const t = useT();
  const word = useWord();
  const states = readStates(filters.status);
  const toggle = (state: string): void => {
    const next = states.includes(state) ? states.filter((old) => old !== state) : [...states, state];
    setFilters({ status: next.join(",") });
  };
  const range = filters.range ?? (filters.from || filters.to ? "custom" : "");
  const [isCustom, setCustom] = useState(range === "custom");
  const chooseRange = (value: string): void => {
    setCustom(value === "custom");
    if (value !== "custom") setFilters({ range: value, from: undefined, to: undefined });
    else setFilters({ range: undefined });
  };
  const setTime = (name: "from" | "to", text: string): void => {
    setFilters({ [name]: fromLocalInput(text)?.toString(), range: undefined });
  };
  const isAny = ["jobId", "status", "range", "from", "to", "query"].some((name) => filters[name]);

  return (
    <div className="filters" data-testid="instance-filters">
      <JobFilter value={filters.jobId} onChange={(jobId) => setFilters({ jobId })} />
      <div className="status-filter" role="group" aria-label={t("runs.status")}>
        {INSTANCE_STATES.map((state) => (
          <button
            key={state}
            type="button"
            aria-pressed={states.includes(state)}
            onClick={() => toggle(state)}
            data-testid={`status-${state}`}
          >
            <StatusMark status={state} size={12} />
            {word("status", state)}
          </button>
        ))}
      </div>
      <select
        aria-label={t("runs.range")}
        value={isCustom ? "custom" : range}
        onChange={(event) => chooseRange(event.target.value)}
        data-testid="instance-range"
      >
        <option value="">{t("runs.range.all")}</option>
        {Object.keys(RANGES).map((name) => (
          <option key={name} value={name}>
            {t("runs.range.last", { time: name })}
          </option>
        ))}
        <option value="custom">{t("runs.range.custom")}</option>
      </select>
      {isCustom &&
        (["from", "to"] as const).map((name) => (
          <label key={name} className="inline">
            {t(`runs.${name}`)}
            <input
              type="datetime-local"
              step={1}
              value={toLocalInput(filters[name] === undefined ? null : Number(filters[name]))}
              onChange={(event) => setTime(name, event.target.value)}
            />
          </label>
        ))}
      <SearchInput
        value={filters.query ?? ""}
        placeholder={t("runs.search")}
        onChange={(query) => setFilters({ query })}
        testId="instances-search"
      />
      {isAny && (
        <Button
          small
          kind="quiet"
          icon="close"
          onClick={() => {
            setCustom(false);
            setFilters({ jobId: "", status: "", range: "", from: "", to: "", query: "" });
          }}
        >
          {t("list.clearFilters")}
        </Button>
      )}
    </div>
  );
}

/** A job by its name; the address holds its id. */
function JobFilter({ value, onChange }: { value: string | undefined; onChange: (id: string | undefined) => void }): ReactNode {
  const t = useT();
  const app = useApp();
  const [text, setText] = useState("");
  const [isOpen, setOpen] = useState(false);
  const chosen = useResource(value, (signal) => api.job(value ?? "", signal));
  const all = useResource(isOpen ? `names/${app.id}` : undefined, (signal) =>
    api.jobs(app.id, { sort: "name", limit: LARGEST_LIST }, signal),
  );
  const jobs = all.data?.items;
  const choose = (match: JobSummary | undefined): void => {
    if (match === undefined) return;
    setText("");
    onChange(match.job.id);
  };
  // the whole name, by typing or from the list; the names may come after it was typed
  const wanted = text.trim().toLowerCase();
  const exact = jobs?.find(({ job }) => job.name.toLowerCase() === wanted || job.id === wanted);
  useEffect(() => {
    choose(exact);
    // only the match counts, not who is told
    // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [exact]);
  if (value !== undefined) {
    return (
      <button
        type="button"
        className="chip"
        onClick={() => onChange(undefined)}
        title={t("runs.job.any")}
        data-testid="job-filter-chosen"
      >
        {t("runs.job.is", { job: chosen.data?.name ?? value })}
        <Icon name="close" size={10} />
      </button>
    );
  }
  return (
    <>
      <input
        type="search"
        list="job-names"
        className="search"
        value={text}
        placeholder={t("runs.job.search")}
        aria-label={t("runs.job.search")}
        onFocus={() => setOpen(true)}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || wanted === "") return;
          choose(jobs?.find(({ job }) => job.name.toLowerCase().includes(wanted)));
        }}
        data-testid="job-filter"
      />
      <datalist id="job-names">
        {(all.data?.items ?? []).map(({ job }) => (
          <option key={job.id} value={job.name} />
        ))}
      </datalist>
    </>
  );
}
