import { type ReactNode, useState } from "react";
import { useLocation } from "wouter";
import { paths } from "../app/paths";
import { api } from "../api/endpoints";
import { type ApiError, asApiError, reasonsFor } from "../api/problem";
import { useT } from "../i18n";
import { useReasons } from "../i18n/reason";
import { useNow } from "../data/useNow";
import { useResource } from "../data/useResource";
import { recallList, rememberInList } from "../lib/storage";
import { browserZone, fromLocalInput, toLocalInput } from "../lib/time";
import { Dialog, DialogFooter } from "./Dialog";
import { ErrorBox } from "./ErrorBox";
import { Field } from "./Field";
import { DurationInput } from "./inputs";
import { useSay } from "./Toasts";

interface Props {
  appId: string;
  job: { id: string; name: string };
  /** What the text starts with, for example the parameters of an earlier run. */
  params?: string;
  onClose: () => void;
}

const MOST_KEPT = 10;
const SHOWN = 80;
const MINUTE_MS = 60_000;

/** Starts a job by hand and opens the run. */
export function RunDialog({ appId, job, params: first = "", onClose }: Props): ReactNode {
  const t = useT();
  const { wordField } = useReasons();
  const say = useSay();
  const [, navigate] = useLocation();
  const history = `run.${job.id}`;
  const [params, setParams] = useState(first);
  const [worker, setWorker] = useState("");
  const workers = useResource(appId, (signal) => api.workers(appId, signal));
  const [delayMs, setDelayMs] = useState(0);
  const [at, setAt] = useState<number | null>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError>();
  const earlier = recallList(history);
  const now = useNow(MINUTE_MS);

  const isOver = at !== null && at < now - MINUTE_MS;

  const start = async (): Promise<void> => {
    if (Number.isNaN(delayMs) || isOver) return;
    setBusy(true);
    setError(undefined);
    try {
      const when = at === null ? { delayMs } : { at };
      const { instanceId } = await api.runJob(job.id, {
        ...when,
        ...(params === "" ? {} : { params }),
        ...(worker === "" ? {} : { worker }),
      });
      if (params !== "") rememberInList(history, params, MOST_KEPT);
      say.done(t("run.started", { job: job.name }));
      onClose();
      navigate(paths.instance(appId, instanceId));
    } catch (thrown) {
      setError(asApiError(thrown));
    } finally {
      setBusy(false);
    }
  };
  const errors = (field: string): string[] => reasonsFor(error?.fields ?? [], field, wordField);
  const delayErrors = Number.isNaN(delayMs) ? [t("form.notDuration")] : errors("delayMs");

  return (
    <Dialog
      title={t("run.title", { job: job.name })}
      testId="run-dialog"
      onClose={onClose}
      onSubmit={() => void start()}
      footer={
        <DialogFooter
          action={delayMs > 0 || at !== null ? t("run.later") : t("run.now")}
          busy={busy}
          onClose={onClose}
        />
      }
    >
      {error !== undefined && (
        <ErrorBox error={error} shownFields={(field) => ["params", "worker", "delayMs", "at"].includes(field)} />
      )}
      <Field label={t("run.params")} hint={t("run.params.hint")} errors={errors("params")} wide>
        {(ids) => (
          <textarea
            {...ids}
            className="mono"
            rows={5}
            autoFocus
            value={params}
            onChange={(event) => setParams(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void start();
            }}
            data-testid="run-params"
          />
        )}
      </Field>
      {earlier.length > 0 && (
        <Field label={t("run.earlier")} wide>
          {(ids) => (
            <select
              {...ids}
              value=""
              onChange={(event) => setParams(earlier[Number(event.target.value)] ?? "")}
              data-testid="run-history"
            >
              <option value="">{t("run.earlier.choose")}</option>
              {earlier.map((entry, index) => (
                <option key={entry} value={index}>
                  {entry.length > SHOWN ? `${entry.slice(0, SHOWN)}…` : entry}
                </option>
              ))}
            </select>
          )}
        </Field>
      )}
      <Field label={t("run.worker")} hint={t("run.worker.hint")} errors={errors("worker")} wide>
        {(ids) => (
          <select
            {...ids}
            value={worker}
            onChange={(event) => setWorker(event.target.value)}
            data-testid="run-worker"
          >
            <option value="">{t("run.worker.any")}</option>
            {(workers.data ?? []).map((entry) => (
              <option key={entry.node} value={entry.node}>
                {entry.node}
              </option>
            ))}
          </select>
        )}
      </Field>
      <Field label={t("run.delay")} errors={delayErrors}>
        {(ids) => <DurationInput ids={ids} value={delayMs} onChange={setDelayMs} />}
      </Field>
      <Field
        label={t("run.at")}
        hint={t("run.at.hint", { zone: browserZone() })}
        errors={isOver ? [t("run.at.past")] : errors("at")}
      >
        {(ids) => (
          <input
            {...ids}
            type="datetime-local"
            step={1}
            value={toLocalInput(at)}
            onChange={(event) => setAt(fromLocalInput(event.target.value))}
            data-testid="run-at"
          />
        )}
      </Field>
    </Dialog>
  );
}
