import { type ReactNode, useState } from "react";
import type { JobInput } from "../../api/types";
import { useT } from "../../i18n";
import { readDraft } from "./draft";

interface Props {
  draft: JobInput;
  onDraft: (draft: JobInput) => void;
  /** Whether the text can be read; until then one cannot leave it. */
  onGood: (isGood: boolean) => void;
}

/** The same form as JSON, the body of the API. */
export function JsonView({ draft, onDraft, onGood }: Props): ReactNode {
  const t = useT();
  const [text, setText] = useState(() => JSON.stringify(draft, null, 2));
  const [error, setError] = useState<string>();
  const change = (typed: string): void => {
    setText(typed);
    const read = readDraft(typed, t);
    if ("draft" in read) onDraft(read.draft);
    setError("error" in read ? read.error : undefined);
    onGood("draft" in read);
  };
  return (
    <div className="json-view">
      <p className="hint">{t("form.json.hint")}</p>
      {error !== undefined && (
        <p className="notice bad pre" role="alert" data-testid="json-error">
          {error}
        </p>
      )}
      <textarea
        className="mono"
        rows={32}
        spellCheck={false}
        aria-label={t("form.view.json")}
        aria-invalid={error !== undefined}
        value={text}
        onChange={(event) => change(event.target.value)}
        data-testid="form-json"
      />
    </div>
  );
}
