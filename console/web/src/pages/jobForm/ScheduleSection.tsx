import { type ReactNode, useRef } from "react";
import type { ScheduleInput } from "../../api/types";
import { useServer } from "../../data/session";
import { useT, useWord } from "../../i18n";
import { NEW_DAILY, writeDaily } from "../../lib/daily";
import { browserZone, fromLocalInput, toLocalInput } from "../../lib/time";
import { Field } from "../../ui/Field";
import { Choice, DurationInput } from "../../ui/inputs";
import { DailyEditor } from "./DailyEditor";
import { SchedulePreview } from "./SchedulePreview";
import { useForm } from "./context";
import { Section } from "./sections";

const TYPES = ["CRON", "FIXED_RATE", "FIXED_DELAY", "DAILY_TIME_INTERVAL", "ONCE", "API", "WORKFLOW"] as const;

/** What a type starts with, so that there is something to change. */
const FIRST: Record<(typeof TYPES)[number], string> = {
  CRON: "0 0/10 * * * ?",
  FIXED_RATE: "60000",
  FIXED_DELAY: "60000",
  DAILY_TIME_INTERVAL: writeDaily(NEW_DAILY),
  ONCE: "",
  API: "",
  WORKFLOW: "",
};

/** What the browser's own field for a date and time can show. */
const LOCAL_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?$/;

const EXAMPLES = ["0 * * * * ?", "0 0/10 * * * ?", "0 0 * * * ?", "0 0 3 * * ?", "0 0 9 ? * MON-FRI", "0 0 1 1 * ?"];

const ZONES = Intl.supportedValuesOf("timeZone");

export function ScheduleSection(): ReactNode {
  const t = useT();
  const word = useWord();
  const { draft, setSchedule, errorsOf, check } = useForm();
  const { schedule } = draft;
  // coming back to a type brings back what was typed for it
  const written = useRef<Record<string, string>>({});

  const chooseType = (value: string): void => {
    const type = TYPES.find((candidate) => candidate === value) ?? "CRON";
    written.current[schedule.type] = schedule.expression;
    setSchedule({ type, expression: written.current[type] ?? FIRST[type] });
  };
  return (
    <Section title={t("form.section.schedule")}>
      <Field
        label={t("form.scheduleType")}
        hint={t(`schedule.type.${schedule.type}.text`)}
        name="schedule.type"
        errors={errorsOf("schedule.type")}
        wide
      >
        {() => (
          <Choice
            label={t("form.scheduleType")}
            value={schedule.type}
            options={TYPES.map((value) => ({ value, text: word("schedule.type", value) }))}
            onChange={chooseType}
            testId="form-schedule-type"
          />
        )}
      </Field>
      <Expression />
      {schedule.type !== "API" && schedule.type !== "WORKFLOW" && <ZoneAndLife />}
      <SchedulePreview check={check} />
    </Section>
  );
}

function Expression(): ReactNode {
  const t = useT();
  const { draft, setSchedule, errorsOf } = useForm();
  const { schedule } = draft;
  const errors = errorsOf("schedule.expression");
  switch (schedule.type) {
    case "CRON":
      return (
        <>
          <Field
            label={t("form.cron")}
            hint={t("form.cron.hint")}
            name="schedule.expression"
            errors={errors}
            required
            wide
          >
            {(ids) => (
              <input
                {...ids}
                className="mono"
                spellCheck={false}
                value={schedule.expression}
                onChange={(event) => setSchedule({ expression: event.target.value })}
                data-testid="form-expression"
              />
            )}
          </Field>
          <p className="suggestions">
            {EXAMPLES.map((expression) => (
              <button
                key={expression}
                type="button"
                className="tag mono"
                onClick={() => setSchedule({ expression })}
              >
                {expression}
              </button>
            ))}
          </p>
        </>
      );
    case "FIXED_RATE":
    case "FIXED_DELAY":
      return (
        <Field label={t("form.every")} name="schedule.expression" errors={errors} required>
          {(ids) => (
            <DurationInput
              key={schedule.type}
              ids={ids}
              value={/^\d{1,15}$/.test(schedule.expression) ? Number(schedule.expression) : Number.NaN}
              onChange={(ms) => setSchedule({ expression: Number.isNaN(ms) ? "" : String(ms) })}
            />
          )}
        </Field>
      );
    case "DAILY_TIME_INTERVAL":
      return (
        <DailyEditor
          expression={schedule.expression}
          errors={errors}
          onChange={(expression) => setSchedule({ expression })}
        />
      );
    case "ONCE":
      return (
        <Field label={t("form.once")} hint={t("form.once.hint")} name="schedule.expression" errors={errors} required>
          {(ids) => (
            <input
              {...ids}
              type={schedule.expression === "" || LOCAL_TIME.test(schedule.expression) ? "datetime-local" : "text"}
              step={1}
              value={schedule.expression}
              onChange={(event) => setSchedule({ expression: event.target.value })}
              data-testid="form-once"
            />
          )}
        </Field>
      );
    default:
      return null;
  }
}

function ZoneAndLife(): ReactNode {
  const t = useT();
  const server = useServer();
  const { draft, setSchedule, errorsOf } = useForm();
  const { schedule } = draft;
  const life = (name: "startAt" | "endAt"): ReactNode => (
    <Field
      label={t(name === "startAt" ? "form.startAt" : "form.endAt")}
      hint={t("form.life.hint", { zone: browserZone() })}
      name={`schedule.${name}`}
      errors={errorsOf(`schedule.${name}`)}
    >
      {(ids) => (
        <input
          {...ids}
          type="datetime-local"
          step={1}
          value={toLocalInput(schedule[name])}
          onChange={(event) => {
            const change: Partial<ScheduleInput> = { [name]: fromLocalInput(event.target.value) };
            setSchedule(change);
          }}
        />
      )}
    </Field>
  );
  return (
    <>
      <Field
        label={t("form.zone")}
        hint={t("form.zone.hint", { zone: server.zone })}
        name="schedule.zone"
        errors={errorsOf("schedule.zone")}
      >
        {(ids) => (
          <input
            {...ids}
            list="zones"
            placeholder={server.zone}
            value={schedule.zone ?? ""}
            onChange={(event) => setSchedule({ zone: event.target.value.trim() || null })}
          />
        )}
      </Field>
      <datalist id="zones">
        {ZONES.map((zone) => (
          <option key={zone} value={zone} />
        ))}
      </datalist>
      {life("startAt")}
      {life("endAt")}
    </>
  );
}
