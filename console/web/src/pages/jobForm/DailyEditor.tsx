import { type ReactNode, useState } from "react";
import { useT } from "../../i18n";
import { ALL_DAYS, type Daily, NEW_DAILY, readDaily, writeDaily } from "../../lib/daily";
import { Field } from "../../ui/Field";
import { Button } from "../../ui/Button";
import { DurationInput } from "../../ui/inputs";

interface Props {
  expression: string;
  errors: string[];
  onChange: (expression: string) => void;
}

const DAY_KEYS = ["day.1", "day.2", "day.3", "day.4", "day.5", "day.6", "day.7"] as const;

/** Interval, window of the day and weekdays; anything it cannot show stays as text. */
export function DailyEditor({ expression, errors, onChange }: Props): ReactNode {
  const t = useT();
  const [daily, setDaily] = useState<Daily | undefined>(() => readDaily(expression));
  const known = readDaily(expression);
  const shown = daily ?? known;
  if (shown === undefined) {
    return (
      <Field label={t("form.daily.text")} hint={t("form.daily.unknown")} errors={errors} required wide>
        {(ids) => (
          <>
            <textarea
              {...ids}
              className="mono"
              rows={4}
              value={expression}
              onChange={(event) => onChange(event.target.value)}
            />
            <Button
              small
              onClick={() => {
                setDaily(NEW_DAILY);
                onChange(writeDaily(NEW_DAILY));
              }}
            >
              {t("form.daily.reset")}
            </Button>
          </>
        )}
      </Field>
    );
  }
  const change = (part: Partial<Daily>): void => {
    const next = { ...shown, ...part };
    setDaily(next);
    onChange(writeDaily(next));
  };
  const withSeconds = (text: string): string => (/^\d\d:\d\d$/.test(text) ? `${text}:00` : text);
  const time = (name: "from" | "to"): ReactNode => (
    <Field label={t(`form.daily.${name}`)} required>
      {(ids) => (
        <input
          {...ids}
          type="time"
          step={1}
          value={shown[name]}
          onChange={(event) => change({ [name]: withSeconds(event.target.value) })}
        />
      )}
    </Field>
  );
  const toggle = (day: number): void => {
    const days = shown.days.includes(day)
      ? shown.days.filter((other) => other !== day)
      : [...shown.days, day].toSorted();
    if (days.length > 0) change({ days });
  };
  return (
    <>
      <Field label={t("form.every")} name="schedule.expression" errors={errors} required>
        {(ids) => (
          <DurationInput ids={ids} value={shown.everyMs} onChange={(everyMs) => change({ everyMs })} />
        )}
      </Field>
      {time("from")}
      {time("to")}
      <Field label={t("form.daily.days")} wide>
        {() => (
          <div className="choice" role="group" aria-label={t("form.daily.days")} data-testid="daily-days">
            {ALL_DAYS.map((day) => (
              <label key={day} className={shown.days.includes(day) ? "chosen" : ""}>
                <input type="checkbox" checked={shown.days.includes(day)} onChange={() => toggle(day)} />
                {t(DAY_KEYS[day - 1] ?? "day.1")}
              </label>
            ))}
          </div>
        )}
      </Field>
    </>
  );
}
