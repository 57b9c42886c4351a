import { type FormEvent, type ReactNode, useMemo, useRef, useState } from "react";
import { Link, useLocation } from "wouter";
import { useApp } from "../../app/AppArea";
import { paths } from "../../app/paths";
import { api } from "../../api/endpoints";
import { ApiError, asApiError, reasonsFor } from "../../api/problem";
import type { FieldError, Job, JobInput, Worker } from "../../api/types";
import { releaseGuard, useLeaveGuard } from "../../data/guard";
import { useT } from "../../i18n";
import { useReasons } from "../../i18n/reason";
import { Button } from "../../ui/Button";
import { useConfirm } from "../../ui/Confirm";
import { ErrorBox } from "../../ui/ErrorBox";
import { Icon } from "../../ui/Icon";
import { useSay } from "../../ui/Toasts";
import { Tabs } from "../../ui/bits";
import { JsonView } from "./JsonView";
import { PolicySection } from "./PolicySection";
import { ScheduleSection } from "./ScheduleSection";
import { type FormContext, FormProvider } from "./context";
import { draftErrors } from "./draft";
import { scheduleErrors, useScheduleCheck } from "./useScheduleCheck";
import { BasicsSection, LimitSection, PlaceSection, WorkSection } from "./sections";

interface Props {
  first: JobInput;
  /** The stored job that is edited; without it a new one is made. */
  job?: Job;
  workers: Worker[];
  onReload?: () => void;
}

type View = "form" | "json";

/** Brings the first wrong field into view and the keyboard to it. */
function showFirstError(form: HTMLFormElement | null): void {
  requestAnimationFrame(() => {
    const field = form?.querySelector<HTMLElement>(".field.wrong");
    field?.scrollIntoView({ block: "center", behavior: "smooth" });
    field?.querySelector<HTMLElement>("input, textarea, select")?.focus({ preventScroll: true });
  });
}

export function JobForm({ first, job, workers, onReload }: Props): ReactNode {
  const t = useT();
  const { wordField } = useReasons();
  const app = useApp();
  const say = useSay();
  const confirm = useConfirm();
  const [, navigate] = useLocation();
  const [draft, setDraft] = useState(first);
  const [base] = useState({ first, revision: job?.revision });
  const [view, setView] = useState<View>("form");
  const [isJsonGood, setJsonGood] = useState(true);
  const [busy, setBusy] = useState(false);
  const [isTried, setTried] = useState(false);
  const [error, setError] = useState<ApiError>();
  const form = useRef<HTMLFormElement>(null);

  const isDirty = useMemo(
    () => JSON.stringify(draft) !== JSON.stringify(base.first),
    [draft, base.first],
  );
  useLeaveGuard(isDirty || !isJsonGood, () =>
    confirm({
      title: t("form.leave"),
      text: t("form.leave.text"),
      action: t("form.leave.action"),
      danger: true,
    }),
  );

  const check = useScheduleCheck(draft.schedule);
  const wrong = [...draftErrors(draft, t), ...scheduleErrors(check)];
  const own: FieldError[] = isTried ? wrong : [];
  const errors = [...own, ...(error?.fields ?? [])];
  const context: FormContext = {
    draft,
    workers,
    check,
    set: (change) => setDraft((old) => ({ ...old, ...change })),
    setSchedule: (change) =>
      setDraft((old) => ({ ...old, schedule: { ...old.schedule, ...change } })),
    errorsOf: (field) => reasonsFor(errors, field, wordField),
  };

  const save = async (isForced: boolean): Promise<void> => {
    setTried(true);
    setError(undefined);
    if (wrong.length > 0) {
      setView("form");
      showFirstError(form.current);
      return;
    }
    setBusy(true);
    const body: JobInput = { ...draft, name: draft.name.trim() };
    try {
      const saved =
        job === undefined
          ? await api.createJob(app.id, body)
          : await api.saveJob(job.id, isForced ? body : { ...body, baseRevision: base.revision ?? null });
      releaseGuard();
      say.done(t("form.saved", { name: saved.name }));
      navigate(paths.job(app.id, saved.id));
    } catch (thrown) {
      setError(asApiError(thrown));
      showFirstError(form.current);
    } finally {
      setBusy(false);
    }
  };

  const isConflict = error?.problem.status === 409 && job !== undefined;
  return (
    <FormProvider value={context}>
      <form
        ref={form}
        className="job-form"
        noValidate
        data-testid="job-form"
        onSubmit={(event: FormEvent) => {
          event.preventDefault();
          void save(false);
        }}
      >
        <div className="page-head sticky">
          <Link href={paths.jobs(app.id)} className="crumb">
            {t("nav.jobs")}
          </Link>
          <Icon name="right" size={10} />
          <h1>{job === undefined ? t("jobs.new") : t("form.edit", { name: job.name })}</h1>
          {isDirty && <span className="tag warn">{t("form.dirty")}</span>}
          <Tabs
            tabs={[
              { key: "form", text: t("form.view.form"), testId: "form-view-form" },
              { key: "json", text: t("form.view.json"), testId: "form-view-json" },
            ]}
            current={view}
            onSelect={(key) => {
              if (isJsonGood) setView(key === "json" ? "json" : "form");
            }}
          />
          <span className="grow" />
          <Link
            href={job === undefined ? paths.jobs(app.id) : paths.job(app.id, job.id)}
            className="button"
          >
            {t("action.cancel")}
          </Link>
          <Button type="submit" kind="primary" busy={busy} disabled={!isJsonGood} data-testid="form-save">
            {t("action.save")}
          </Button>
        </div>
        {own.length > 0 && error === undefined && (
          <p className="notice bad" role="alert" data-testid="form-errors">
            {t("form.errors", { n: own.length })}
          </p>
        )}
        {error !== undefined && <ErrorBox error={error} />}
        {isConflict && (
          <p className="notice">
            {t("form.conflict")}{" "}
            <Button small onClick={() => { releaseGuard(); onReload?.(); window.location.reload(); }}>
              {t("form.conflict.load")}
            </Button>{" "}
            <Button small kind="danger" onClick={() => void save(true)}>
              {t("form.conflict.force")}
            </Button>
          </p>
        )}
        {view === "json" ? (
          <JsonView draft={draft} onDraft={setDraft} onGood={setJsonGood} />
        ) : (
          <>
            <BasicsSection />
            <ScheduleSection />
            <PolicySection />
            <WorkSection />
            <PlaceSection />
            <LimitSection />
          </>
        )}
      </form>
    </FormProvider>
  );
}
