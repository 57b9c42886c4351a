import { type ReactNode, useState } from "react";
import { useLocation } from "wouter";
import { paths } from "../app/paths";
import { api } from "../api/endpoints";
import { type ApiError, asApiError, reasonsFor } from "../api/problem";
import { useT } from "../i18n";
import { recallList, rememberInList } from "../lib/storage";
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

/** Starts a job by hand and opens the run. */
export function RunDialog({ appId, job, params: first = "", onClose }: Props): ReactNode {
  const t = useT();
  const say = useSay();
  const [, navigate] = useLocation();
  const history = `run.${job.id}`;
  const [params, setParams] = useState(first);
  const [delayMs, setDelayMs] = useState(0);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError>();
  const earlier = recallList(history);

  const start = async (): Promise<void> => {
    if (Number.isNaN(delayMs)) return;
    setBusy(true);
    setError(undefined);
    try {
      const { instanceId } = await api.runJob(job.id, params === "" ? { delayMs } : { params, delayMs });
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
  const errors = (field: string): string[] => reasonsFor(error?.fields ?? [], field);
  const delayErrors = Number.isNaN(delayMs) ? [t("form.notDuration")] : errors("delayMs");

  return (
    <Dialog
      title={t("run.title", { job: job.name })}
      testId="run-dialog"
      onClose={onClose}
      onSubmit={() => void start()}
      footer={
        <DialogFooter
          action={delayMs > 0 ? t("run.later") : t("run.now")}
          busy={busy}
          onClose={onClose}
        />
      }
    >
      {error !== undefined && (
        <ErrorBox error={error} shownFields={(field) => ["params", "delayMs"].includes(field)} />
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
      <Field label={t("run.delay")} errors={delayErrors}>
        {(ids) => <DurationInput ids={ids} value={delayMs} onChange={setDelayMs} />}
      </Field>
    </Dialog>
  );
}
