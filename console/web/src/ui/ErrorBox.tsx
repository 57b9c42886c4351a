import type { ReactNode } from "react";
import type { ApiError } from "../api/problem";
import { useI18n, useT, useWord } from "../i18n";
import { useReasons } from "../i18n/reason";
import { Button } from "./Button";
import { Icon } from "./Icon";

/** The sentence for an error: ours in the person's language where we know the code. */
export function useErrorText(): (error: ApiError) => string {
  const word = useWord();
  const { lang } = useI18n();
  return (error) => {
    const known = word("problem", error.code);
    const isOurs = error.problem.status === 0;
    const translated = known !== error.code && (isOurs || lang !== "en");
    return translated ? known : error.problem.title;
  };
}

interface Props {
  error: ApiError;
  onRetry?: (() => void) | undefined;
  /** Fields that show their errors themselves. */
  shownFields?: (field: string) => boolean;
}

/** What the server said, with its code; never a blank page. */
export function ErrorBox({ error, onRetry, shownFields }: Props): ReactNode {
  const t = useT();
  const text = useErrorText();
  const { wordField } = useReasons();
  const { detail } = error.problem;
  const others = error.fields.filter((entry) => shownFields?.(entry.field) !== true);
  return (
    <div className="error-box" role="alert" data-testid="error" data-code={error.code}>
      <Icon name="warn" size={16} />
      <div>
        <strong>{text(error)}</strong>
        {detail !== null && detail !== undefined && detail !== "" && <p>{detail}</p>}
        {others.length > 0 && (
          <ul>
            {others.map((entry) => (
              <li key={entry.field + entry.reason}>
                <code>{entry.field}</code> {wordField(entry)}
              </li>
            ))}
          </ul>
        )}
        {error.retryAfterSeconds !== undefined && (
          <p>{t("error.retryAfter", { seconds: error.retryAfterSeconds })}</p>
        )}
        <p className="dim">
          <code>{error.code}</code>
          {error.problem.status > 0 && ` · HTTP ${error.problem.status}`}
        </p>
      </div>
      {onRetry !== undefined && (
        <Button small icon="reload" onClick={onRetry}>
          {t("action.retry")}
        </Button>
      )}
    </div>
  );
}
