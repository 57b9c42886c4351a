import { type ReactNode, useState } from "react";
import { api } from "../../api/endpoints";
import { type ApiError, asApiError, reasonsFor } from "../../api/problem";
import type { App, AppWithSecret } from "../../api/types";
import { useT } from "../../i18n";
import { useReasons } from "../../i18n/reason";
import { Dialog, DialogFooter } from "../../ui/Dialog";
import { ErrorBox } from "../../ui/ErrorBox";
import { Field } from "../../ui/Field";

interface Props {
  /** Edits it; without it a new one is made. */
  app?: App;
  onClose: () => void;
  onMade: (made: AppWithSecret) => void;
  onSaved: () => void;
}

const NAME = /^[A-Za-z0-9._-]{1,64}$/;
const FIELDS = ["name", "title", "tags"];

export function readTags(text: string): string[] {
  return [...new Set(text.split(/[,，\s]+/).filter((tag) => tag !== ""))];
}

export function AppForm({ app, onClose, onMade, onSaved }: Props): ReactNode {
  const t = useT();
  const { wordField } = useReasons();
  const [name, setName] = useState(app?.name ?? "");
  const [title, setTitle] = useState(app?.title ?? "");
  const [tags, setTags] = useState(app?.tags.join(", ") ?? "");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError>();
  const [isTried, setTried] = useState(false);

  const submit = async (): Promise<void> => {
    setTried(true);
    if (!NAME.test(name)) return;
    setBusy(true);
    setError(undefined);
    try {
      if (app === undefined) {
        onMade(await api.createApp({ name, title, tags: readTags(tags) }));
      } else {
        await api.changeApp(app.id, { title, tags: readTags(tags) });
        onSaved();
      }
    } catch (thrown) {
      setError(asApiError(thrown));
    } finally {
      setBusy(false);
    }
  };
  const errors = (field: string): string[] => reasonsFor(error?.fields ?? [], field, wordField);
  const nameErrors = isTried && !NAME.test(name) ? [t("apps.name.rule")] : errors("name");

  return (
    <Dialog
      title={app === undefined ? t("apps.create") : t("apps.edit", { app: app.name })}
      testId="app-form"
      onClose={onClose}
      onSubmit={() => void submit()}
      footer={
        <DialogFooter
          action={app === undefined ? t("apps.create.action") : t("action.save")}
          busy={busy}
          onClose={onClose}
        />
      }
    >
      {error !== undefined && (
        <ErrorBox error={error} shownFields={(field) => FIELDS.includes(field)} />
      )}
      <Field label={t("apps.name")} hint={t("apps.name.hint")} errors={nameErrors} required wide>
        {(ids) => (
          <input
            {...ids}
            autoFocus={app === undefined}
            readOnly={app !== undefined}
            value={name}
            onChange={(event) => setName(event.target.value)}
            data-testid="app-name"
          />
        )}
      </Field>
      <Field label={t("apps.title")} errors={errors("title")} wide>
        {(ids) => (
          <input
            {...ids}
            maxLength={255}
            value={title}
            onChange={(event) => setTitle(event.target.value)}
            data-testid="app-title"
          />
        )}
      </Field>
      <Field label={t("apps.tags")} hint={t("apps.tags.hint")} errors={errors("tags")} wide>
        {(ids) => (
          <input
            {...ids}
            value={tags}
            onChange={(event) => setTags(event.target.value)}
            data-testid="app-tags"
          />
        )}
      </Field>
    </Dialog>
  );
}
