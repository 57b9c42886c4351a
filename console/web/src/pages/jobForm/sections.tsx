import type { ReactNode } from "react";
import type { JobInput } from "../../api/types";
import { useT, useWord } from "../../i18n";
import { Switch } from "../../ui/Button";
import { Field } from "../../ui/Field";
import { Choice } from "../../ui/inputs";
import { useForm } from "./context";
import { hasTasks, isScript, isSpread } from "./draft";
import { DurationField, NumberField, TextField } from "./fields";

const EXECUTE = ["STANDALONE", "BROADCAST", "MAP", "MAP_REDUCE"] as const;
const PROCESSORS = ["BUILT_IN", "SHELL", "PYTHON", "EXTERNAL"] as const;
const DISPATCH = ["HEALTH_FIRST", "RANDOM", "ROUND_ROBIN", "SPECIFY"] as const;
const LEVELS = ["DEBUG", "INFO", "WARN", "ERROR", "OFF"] as const;

interface SectionProps {
  title: string;
  hint?: string;
  children: ReactNode;
}

export function Section({ title, hint, children }: SectionProps): ReactNode {
  return (
    <fieldset className="section">
      <legend>{title}</legend>
      {hint !== undefined && <p className="hint">{hint}</p>}
      <div className="fields">{children}</div>
    </fieldset>
  );
}

export function BasicsSection(): ReactNode {
  const t = useT();
  const { draft, set } = useForm();
  return (
    <Section title={t("form.section.basics")}>
      <TextField name="name" label={t("form.name")} required wide autoFocus={draft.name === ""} />
      <TextField name="description" label={t("form.description")} wide />
      <TextField name="tag" label={t("form.tag")} hint={t("form.tag.hint")} />
      <Field label={t("form.enabled")} hint={t("form.enabled.hint")} name="enabled">
        {() => (
          <Switch
            on={draft.enabled}
            label={t("form.enabled")}
            onChange={(enabled) => set({ enabled })}
            testId="form-enabled"
          />
        )}
      </Field>
    </Section>
  );
}

const PLACEHOLDER: Record<string, string> = {
  SHELL: "#!/bin/sh\necho hello",
  PYTHON: 'print("hello")',
};

export function WorkSection(): ReactNode {
  const t = useT();
  const word = useWord();
  const { draft, set, workers, errorsOf } = useForm();
  const known = [...new Set(workers.flatMap((worker) => worker.processors))].toSorted();
  const change = (processorType: JobInput["processorType"]): void => set({ processorType });
  return (
    <Section title={t("form.section.work")}>
      <Field
        label={t("form.executeType")}
        hint={t(`execute.${draft.executeType}.text`)}
        name="executeType"
        errors={errorsOf("executeType")}
        wide
      >
        {() => (
          <Choice
            label={t("form.executeType")}
            value={draft.executeType}
            options={EXECUTE.map((value) => ({ value, text: word("execute", value) }))}
            onChange={(value) =>
              set({ executeType: EXECUTE.find((type) => type === value) ?? "STANDALONE" })
            }
            testId="form-executeType"
          />
        )}
      </Field>
      <Field label={t("form.processorType")} name="processorType" errors={errorsOf("processorType")} wide>
        {() => (
          <Choice
            label={t("form.processorType")}
            value={draft.processorType}
            options={PROCESSORS.map((value) => ({ value, text: word("processor", value) }))}
            onChange={(value) => change(PROCESSORS.find((type) => type === value) ?? "BUILT_IN")}
            testId="form-processorType"
          />
        )}
      </Field>
      {isScript(draft) ? (
        <TextField
          name="processor"
          label={t("form.script")}
          hint={t("form.script.hint")}
          rows={8}
          placeholder={PLACEHOLDER[draft.processorType] ?? ""}
          required
          wide
        />
      ) : (
        <TextField
          name="processor"
          label={t("form.processorName")}
          hint={known.length > 0 ? t("form.processorName.known", { n: known.length }) : t("form.processorName.hint")}
          list="known-processors"
          required
          wide
        />
      )}
      <datalist id="known-processors">
        {known.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <TextField name="params" label={t("form.params")} hint={t("form.params.hint")} rows={4} wide />
    </Section>
  );
}

export function PlaceSection(): ReactNode {
  const t = useT();
  const word = useWord();
  const { draft, set, workers, errorsOf } = useForm();
  const tags = [...new Set(workers.flatMap((worker) => worker.tags))];
  const suggestions = [...tags, ...workers.map((worker) => worker.address)];
  const listed = draft.designatedWorkers.split(",").map((entry) => entry.trim());
  const add = (entry: string): void => {
    const kept = listed.filter((old) => old !== "");
    set({ designatedWorkers: [...kept, entry].join(",") });
  };
  return (
    <Section title={t("form.section.place")} hint={t("form.section.place.hint")}>
      <Field label={t("form.dispatch")} name="dispatchStrategy" errors={errorsOf("dispatchStrategy")} wide>
        {() => (
          <Choice
            label={t("form.dispatch")}
            value={draft.dispatchStrategy}
            options={DISPATCH.map((value) => ({ value, text: word("dispatch", value) }))}
            onChange={(value) =>
              set({ dispatchStrategy: DISPATCH.find((kind) => kind === value) ?? "HEALTH_FIRST" })
            }
          />
        )}
      </Field>
      {draft.dispatchStrategy === "SPECIFY" && (
        <TextField
          name="dispatchConfig"
          label={t("form.dispatchConfig")}
          hint={t("form.dispatchConfig.hint")}
          required
          wide
        />
      )}
      <TextField name="designatedWorkers" label={t("form.designated")} hint={t("form.designated.hint")} wide />
      {suggestions.some((entry) => !listed.includes(entry)) && (
        <p className="suggestions">
          {suggestions
            .filter((entry) => !listed.includes(entry))
            .map((entry) => (
              <button key={entry} type="button" className="tag" onClick={() => add(entry)}>
                + {entry}
              </button>
            ))}
        </p>
      )}
      {isSpread(draft) && (
        <NumberField name="maxWorkers" label={t("form.maxWorkers")} hint={t("form.zeroNoLimit")} />
      )}
      <NumberField name="minCpuCores" whole={false} label={t("form.minCpu")} suffix={t("unit.cores")} hint={t("form.zeroAny")} />
      <NumberField name="minMemoryGib" whole={false} label={t("form.minMemory")} suffix="GiB" hint={t("form.zeroAny")} />
      <NumberField name="minDiskGib" whole={false} label={t("form.minDisk")} suffix="GiB" hint={t("form.zeroAny")} />
    </Section>
  );
}

export function LimitSection(): ReactNode {
  const t = useT();
  const word = useWord();
  const { draft, set, errorsOf } = useForm();
  return (
    <Section title={t("form.section.limits")}>
      <DurationField name="timeLimitMs" label={t("form.timeLimit")} hint={t("form.zeroNoLimit")} />
      <NumberField name="taskRetries" label={t("form.taskRetries")} hint={t("form.taskRetries.hint")} />
      {hasTasks(draft) && (
        <NumberField name="concurrency" label={t("form.concurrency")} hint={t("form.concurrency.hint")} />
      )}
      <DurationField name="noWorkerGraceMs" label={t("form.grace")} hint={t("form.grace.hint")} />
      <Field label={t("form.logLevel")} hint={t("form.logLevel.hint")} name="logLevel" errors={errorsOf("logLevel")}>
        {(ids) => (
          <select
            {...ids}
            value={draft.logLevel}
            onChange={(event) =>
              set({ logLevel: LEVELS.find((level) => level === event.target.value) ?? "INFO" })
            }
          >
            {LEVELS.map((level) => (
              <option key={level} value={level}>
                {word("level", level)}
              </option>
            ))}
          </select>
        )}
      </Field>
    </Section>
  );
}
