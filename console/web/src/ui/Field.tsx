import { type ReactNode, useId } from "react";

export interface FieldIds {
  id: string;
  "aria-invalid": boolean;
  "aria-describedby": string | undefined;
}

interface Props {
  label: string;
  hint?: ReactNode;
  errors?: string[];
  required?: boolean;
  /** Path of the field in the request; errors are scrolled to by it. */
  name?: string;
  wide?: boolean;
  children: (ids: FieldIds) => ReactNode;
}

/** A labelled field with its help and its errors. */
export function Field({ label, hint, errors = [], required = false, name, wide = false, children }: Props): ReactNode {
  const id = useId();
  const notes = `${id}-notes`;
  const wrong = errors.length > 0;
  const classes = ["field", wide ? "wide" : "", wrong ? "wrong" : ""].filter(Boolean).join(" ");
  return (
    <div className={classes} data-field={name}>
      <label htmlFor={id}>
        {label}
        {required && <span className="required">*</span>}
      </label>
      {children({
        id,
        "aria-invalid": wrong,
        "aria-describedby": wrong || hint !== undefined ? notes : undefined,
      })}
      <div id={notes}>
        {errors.map((error) => (
          <p key={error} className="field-error" data-testid="field-error">
            {error}
          </p>
        ))}
        {!wrong && hint !== undefined && <p className="hint">{hint}</p>}
      </div>
    </div>
  );
}
