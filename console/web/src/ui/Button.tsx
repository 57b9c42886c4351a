import type { ButtonHTMLAttributes, ReactNode } from "react";
import { Icon, type IconName } from "./Icon";

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  icon?: IconName;
  kind?: "plain" | "primary" | "danger" | "quiet";
  busy?: boolean;
  small?: boolean;
}

export function Button({
  icon,
  kind = "plain",
  busy = false,
  small = false,
  children,
  className = "",
  disabled,
  ...rest
}: Props): ReactNode {
  const classes = ["button", kind, small ? "small" : "", busy ? "busy" : "", className];
  return (
    <button
      type="button"
      {...rest}
      className={classes.filter(Boolean).join(" ")}
      disabled={disabled === true || busy}
    >
      {icon !== undefined && <Icon name={icon} />}
      {children}
    </button>
  );
}

interface SwitchProps {
  on: boolean;
  busy?: boolean;
  disabled?: boolean;
  label: string;
  onChange: (on: boolean) => void;
  testId?: string;
}

/** Shows what is, not what was clicked: it moves when its owner says so. */
export function Switch({ on, busy = false, disabled = false, label, onChange, testId }: SwitchProps): ReactNode {
  return (
    <button
      type="button"
      role="switch"
      aria-checked={on}
      aria-label={label}
      aria-busy={busy}
      title={label}
      disabled={disabled || busy}
      className={busy ? "switch busy" : "switch"}
      onClick={() => onChange(!on)}
      data-testid={testId}
    >
      <span />
    </button>
  );
}
