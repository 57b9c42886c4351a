import type { ReactNode } from "react";
import { useSearch } from "wouter";
import { useApp, useRights } from "../../app/AppArea";
import { NotFound } from "../../app/NotFound";
import { api } from "../../api/endpoints";
import { useResource } from "../../data/useResource";
import { useT } from "../../i18n";
import { isId } from "../../lib/ids";
import { ErrorBox } from "../../ui/ErrorBox";
import { Empty, Spinner } from "../../ui/bits";
import { JobForm } from "./JobForm";
import { NEW_JOB, draftOf } from "./draft";

/** `/jobs/new`, `/jobs/new?copy=<id>` and `/jobs/<id>/edit`. */
export default function JobFormPage({ jobId }: { jobId?: string }): ReactNode {
  const t = useT();
  const app = useApp();
  const { write } = useRights();
  const search = useSearch();
  const source = jobId ?? new URLSearchParams(search).get("copy") ?? undefined;
  const isWrong = source !== undefined && !isId(source);
  const job = useResource(isWrong ? undefined : source, (signal) => api.job(source ?? "", signal));
  const workers = useResource(`workers/${app.id}`, (signal) => api.workers(app.id, signal));
  if (isWrong) return <NotFound />;
  if (!write) return <Empty title={t("form.noRight")} />;
  if (source === undefined) return <JobForm first={NEW_JOB} workers={workers.data ?? []} />;
  if (job.data === undefined) {
    return job.error === undefined ? <Spinner /> : <ErrorBox error={job.error} onRetry={job.reload} />;
  }
  const draft = draftOf(job.data);
  if (jobId === undefined) {
    const first = { ...draft, name: t("form.copyName", { name: draft.name }), enabled: false };
    return <JobForm first={first} workers={workers.data ?? []} />;
  }
  return <JobForm first={draft} job={job.data} workers={workers.data ?? []} onReload={job.reload} />;
}
