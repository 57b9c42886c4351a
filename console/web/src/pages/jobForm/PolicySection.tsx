import type { ReactNode } from "react";
import type { PolicyInput, RetryInput } from "../../api/types";
import { useT, useWord } from "../../i18n";
import { Field } from "../../ui/Field";
import { Choice, DurationInput, NumberInput } from "../../ui/inputs";
import { Section } from "./sections";
import { useForm } from "./context";
import { isSpread } from "./draft";
import { NumberField } from "./fields";

const MISFIRE = ["ONCE", "SKIP", "CATCH_UP"] as const;
const OVERLAP = ["ALLOW", "SKIP", "QUEUE", "REPLACE"] as const;
const BEATS_IN = ["AUTO", "RUNS", "ONE_RUN"] as const;
const BACK_OFF = ["FIXED", "EXPONENTIAL"] as const;

const FIRST_CATCH_UP = 3;
const FIRST_QUEUE = 100;
const FIRST_GROWTH = { factor: 2, limitMs: 3_600_000 };
const PERCENT = 100;

interface WayProps<Way extends string> {
  area: string;
  name: string;
  label: string;
  ways: readonly Way[];
  value: Way;
  onChange: (way: Way) => void;
}

/** A few ways to go on, with the words of the chosen one below. */
function WayField<Way extends string>({ area, name, label, ways, value, onChange }: WayProps<Way>): ReactNode {
  const word = useWord();
  const { errorsOf } = useForm();
  return (
    <Field label={label} hint={word(`${area}.text`, value)} name={name} errors={errorsOf(name)} wide>
      {() => (
        <Choice
          label={label}
          value={value}
          options={ways.map((way) => ({ value: way, text: word(area, way) }))}
          onChange={(chosen) => {
            const way = ways.find((candidate) => candidate === chosen);
            if (way !== undefined) onChange(way);
          }}
          testId={`form-${name}`}
        />
      )}
    </Field>
  );
}

interface NestedProps {
  name: string;
  label: string;
  hint?: string;
  value: number;
  onChange: (value: number) => void;
}

function Count({ whole = true, suffix, ...props }: NestedProps & { whole?: boolean; suffix?: string }): ReactNode {
  const { errorsOf } = useForm();
  const { name, label, hint, value, onChange } = props;
  const more = suffix === undefined ? {} : { suffix };
  return (
    <Field label={label} hint={hint} name={name} errors={errorsOf(name)}>
      {(ids) => <NumberInput ids={ids} value={value} whole={whole} onChange={onChange} {...more} />}
    </Field>
  );
}

function Span({ name, label, hint, value, onChange }: NestedProps): ReactNode {
  const { errorsOf } = useForm();
  return (
    <Field label={label} hint={hint} name={name} errors={errorsOf(name)}>
      {(ids) => <DurationInput ids={ids} value={value} onChange={onChange} />}
    </Field>
  );
}

function beatsIn(secondLevel: boolean | null | undefined): (typeof BEATS_IN)[number] {
  if (secondLevel === null || secondLevel === undefined) return "AUTO";
  return secondLevel ? "ONE_RUN" : "RUNS";
}

/** What the job does about missed times, runs that meet, and failed runs. */
export function PolicySection(): ReactNode {
  const t = useT();
  const { draft, set } = useForm();
  const { policy, retry } = draft;
  const change = (part: Partial<PolicyInput>): void => set({ policy: { ...policy, ...part } });
  const changeRetry = (part: Partial<RetryInput>): void => set({ retry: { ...retry, ...part } });
  const isTimed = draft.schedule.type !== "API" && draft.schedule.type !== "WORKFLOW";
  const isFixed = draft.schedule.type === "FIXED_RATE" || draft.schedule.type === "FIXED_DELAY";
  return (
    <Section title={t("form.section.policy")}>
      {isFixed && !isSpread(draft) && (
        <WayField
          area="beatsIn"
          name="policy.secondLevel"
          label={t("form.beats")}
          ways={BEATS_IN}
          value={beatsIn(policy.secondLevel)}
          onChange={(way) => change({ secondLevel: way === "AUTO" ? null : way === "ONE_RUN" })}
        />
      )}
      {isTimed && draft.schedule.type !== "FIXED_DELAY" && (
        <WayField
          area="misfire"
          name="policy.misfire"
          label={t("form.misfire")}
          ways={MISFIRE}
          value={policy.misfire}
          onChange={(misfire) =>
            change({ misfire, catchUp: misfire === "CATCH_UP" ? (policy.catchUp ?? FIRST_CATCH_UP) : null })
          }
        />
      )}
      {isTimed && policy.misfire === "CATCH_UP" && (
        <Count
          name="policy.catchUp"
          label={t("form.catchUp")}
          value={policy.catchUp ?? FIRST_CATCH_UP}
          onChange={(catchUp) => change({ catchUp })}
        />
      )}
      <WayField
        area="overlap"
        name="policy.overlap"
        label={t("form.overlap")}
        ways={OVERLAP}
        value={policy.overlap}
        onChange={(overlap) =>
          change({ overlap, queueLimit: overlap === "QUEUE" ? (policy.queueLimit ?? FIRST_QUEUE) : null })
        }
      />
      <NumberField
        name="maxInstances"
        label={t("form.maxInstances")}
        hint={t(policy.overlap === "ALLOW" ? "form.maxInstances.hint" : "form.maxInstances.least")}
      />
      {policy.overlap === "QUEUE" && (
        <Count
          name="policy.queueLimit"
          label={t("form.queueLimit")}
          hint={t("form.queueLimit.hint")}
          value={policy.queueLimit ?? FIRST_QUEUE}
          onChange={(queueLimit) => change({ queueLimit })}
        />
      )}
      {isTimed && (
        <Span
          name="policy.jitterMs"
          label={t("form.jitter")}
          hint={t("form.jitter.hint")}
          value={policy.jitterMs}
          onChange={(jitterMs) => change({ jitterMs })}
        />
      )}
      <NumberField name="instanceRetries" label={t("form.instanceRetries")} hint={t("form.instanceRetries.hint")} />
      {draft.instanceRetries > 0 && (
        <>
          <WayField
            area="backOff"
            name="retry.backOff"
            label={t("form.backOff")}
            ways={BACK_OFF}
            value={retry.backOff}
            onChange={(backOff) =>
              changeRetry({ backOff, ...(backOff === "FIXED" ? { factor: null, limitMs: null } : FIRST_GROWTH) })
            }
          />
          <Span
            name="retry.delayMs"
            label={t("form.retryDelay")}
            value={retry.delayMs}
            onChange={(delayMs) => changeRetry({ delayMs })}
          />
          {retry.backOff === "EXPONENTIAL" && (
            <>
              <Count
                name="retry.factor"
                whole={false}
                label={t("form.retryFactor")}
                value={retry.factor ?? FIRST_GROWTH.factor}
                onChange={(factor) => changeRetry({ factor })}
              />
              <Span
                name="retry.limitMs"
                label={t("form.retryLimit")}
                value={retry.limitMs ?? FIRST_GROWTH.limitMs}
                onChange={(limitMs) => changeRetry({ limitMs })}
              />
            </>
          )}
          <Count
            name="retry.jitter"
            label={t("form.retryJitter")}
            hint={t("form.retryJitter.hint")}
            suffix="%"
            value={Math.round(retry.jitter * PERCENT)}
            onChange={(percent) => changeRetry({ jitter: percent / PERCENT })}
          />
        </>
      )}
    </Section>
  );
}
