import type { ReactNode } from "react";
import type { JobInput } from "../../api/types";
import { Field } from "../../ui/Field";
import { DurationInput, NumberInput } from "../../ui/inputs";
import { useForm } from "./context";

type FieldsOf<Kind> = {
  [Name in keyof JobInput]-?: JobInput[Name] extends Kind ? Name : never;
}[keyof JobInput];

interface Common {
  label: string;
  hint?: ReactNode;
  required?: boolean;
  wide?: boolean;
}

interface TextProps extends Common {
  name: "name" | "description" | "tag" | "processor" | "params" | "dispatchConfig" | "designatedWorkers";
  rows?: number;
  list?: string;
  placeholder?: string;
  autoFocus?: boolean;
}

export function TextField({ name, rows, list, placeholder, autoFocus, ...rest }: TextProps): ReactNode {
  const { draft, set, errorsOf } = useForm();
  const change = (value: string): void => set({ [name]: value });
  return (
    <Field {...rest} name={name} errors={errorsOf(name)}>
      {(ids) =>
        rows === undefined ? (
          <input
            {...ids}
            value={draft[name]}
            list={list}
            placeholder={placeholder}
            autoFocus={autoFocus}
            onChange={(event) => change(event.target.value)}
            data-testid={`form-${name}`}
          />
        ) : (
          <textarea
            {...ids}
            className="mono"
            rows={rows}
            value={draft[name]}
            placeholder={placeholder}
            spellCheck={false}
            onChange={(event) => change(event.target.value)}
            data-testid={`form-${name}`}
          />
        )
      }
    </Field>
  );
}

interface NumberProps extends Common {
  name: Exclude<FieldsOf<number>, undefined>;
  whole?: boolean;
  suffix?: string;
}

export function NumberField({ name, whole = true, suffix, ...rest }: NumberProps): ReactNode {
  const { draft, set, errorsOf } = useForm();
  const more = suffix === undefined ? {} : { suffix };
  return (
    <Field {...rest} name={name} errors={errorsOf(name)}>
      {(ids) => (
        <NumberInput
          ids={ids}
          value={draft[name]}
          whole={whole}
          onChange={(value) => set({ [name]: value })}
          {...more}
        />
      )}
    </Field>
  );
}

interface DurationProps extends Common {
  name: "timeLimitMs" | "noWorkerGraceMs";
}

export function DurationField({ name, ...rest }: DurationProps): ReactNode {
  const { draft, set, errorsOf } = useForm();
  return (
    <Field {...rest} name={name} errors={errorsOf(name)}>
      {(ids) => (
        <DurationInput ids={ids} value={draft[name]} onChange={(value) => set({ [name]: value })} />
      )}
    </Field>
  );
}
