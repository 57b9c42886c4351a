import { type ReactNode, useEffect, useState } from "react";
import { useT } from "../i18n";
import { UNIT_MS, type Unit, splitDuration } from "../lib/duration";
import type { FieldIds } from "./Field";

interface NumberProps {
  ids: FieldIds;
  value: number;
  onChange: (value: number) => void;
  whole?: boolean;
  suffix?: string;
}

/** A number of at least 0; what is not one stays visible and counts as NaN. */
export function NumberInput({ ids, value, onChange, whole = true, suffix }: NumberProps): ReactNode {
  const [text, setText] = useState(String(value));
  useEffect(() => {
    setText((old) => (parse(old, whole) === value || Number.isNaN(value) ? old : String(value)));
  }, [value, whole]);
  return (
    <span className="with-unit">
      <input
        {...ids}
        className="number"
        inputMode={whole ? "numeric" : "decimal"}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          onChange(parse(event.target.value, whole));
        }}
      />
      {suffix !== undefined && <span className="unit">{suffix}</span>}
    </span>
  );
}

function parse(text: string, whole: boolean): number {
  const pattern = whole ? /^\d{1,15}$/ : /^\d{1,12}(?:\.\d{1,6})?$/;
  const trimmed = text.trim();
  return pattern.test(trimmed) ? Number(trimmed) : Number.NaN;
}

interface DurationProps {
  ids: FieldIds;
  /** Milliseconds, or NaN for what is not a duration. */
  value: number;
  onChange: (ms: number) => void;
}

const UNITS: readonly Unit[] = ["ms", "s", "min", "h", "d"];

/** A duration with its unit; outside it is always milliseconds. */
export function DurationInput({ ids, value, onChange }: DurationProps): ReactNode {
  const t = useT();
  const [unit, setUnit] = useState<Unit>(() => splitDuration(value || 0).unit);
  const [text, setText] = useState(() => String(splitDuration(value || 0).count));
  const toMs = (count: string, of: Unit): number => {
    const ms = parse(count, false) * UNIT_MS[of];
    return Number.isNaN(ms) ? ms : Math.round(ms);
  };
  useEffect(() => {
    if (Number.isNaN(value) || toMs(text, unit) === value) return;
    const split = splitDuration(value);
    setUnit(split.unit);
    setText(String(split.count));
    // only a change from outside counts, not what is being typed
    // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [value]);
  return (
    <span className="with-unit">
      <input
        {...ids}
        className="number"
        inputMode="decimal"
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          onChange(toMs(event.target.value, unit));
        }}
      />
      <select
        aria-label={t("form.unit")}
        value={unit}
        onChange={(event) => {
          const chosen = UNITS.find((candidate) => candidate === event.target.value) ?? "s";
          setUnit(chosen);
          onChange(toMs(text, chosen));
        }}
      >
        {UNITS.map((candidate) => (
          <option key={candidate} value={candidate}>
            {t(`unit.long.${candidate}`)}
          </option>
        ))}
      </select>
    </span>
  );
}

interface ChoiceProps {
  label: string;
  value: string;
  options: { value: string; text: string }[];
  onChange: (value: string) => void;
  testId?: string;
}

/** A few alternatives side by side. */
export function Choice({ label, value, options, onChange, testId }: ChoiceProps): ReactNode {
  return (
    <div className="choice" role="radiogroup" aria-label={label} data-testid={testId}>
      {options.map((option) => (
        <label key={option.value} className={option.value === value ? "chosen" : ""}>
          <input
            type="radio"
            name={label}
            value={option.value}
            checked={option.value === value}
            onChange={() => onChange(option.value)}
          />
          {option.text}
        </label>
      ))}
    </div>
  );
}

interface SearchProps {
  value: string;
  placeholder: string;
  onChange: (value: string) => void;
  testId?: string;
}

const TYPING_MS = 250;

/** A search box that reports when the typing pauses. */
export function SearchInput({ value, placeholder, onChange, testId }: SearchProps): ReactNode {
  const [text, setText] = useState(value);
  const [told, setTold] = useState(value);
  if (value !== told) {
    setTold(value);
    setText(value);
  }
  useEffect(() => {
    if (text === told) return undefined;
    const timer = setTimeout(() => {
      setTold(text);
      onChange(text);
    }, TYPING_MS);
    return () => clearTimeout(timer);
  }, [text, told, onChange]);
  return (
    <input
      type="search"
      className="search"
      value={text}
      placeholder={placeholder}
      aria-label={placeholder}
      data-testid={testId}
      onChange={(event) => setText(event.target.value)}
    />
  );
}
