import { type ReactNode, useState } from "react";
import { api } from "../../api/endpoints";
import { type ApiError, asApiError, reasonsFor } from "../../api/problem";
import type { App } from "../../api/types";
import { useT } from "../../i18n";
import { useReasons } from "../../i18n/reason";
import { Button } from "../../ui/Button";
import { Dialog, DialogFooter } from "../../ui/Dialog";
import { ErrorBox } from "../../ui/ErrorBox";
import { Field } from "../../ui/Field";
import { Copyable } from "../../ui/bits";

interface Props {
  app: App;
  onClose: () => void;
}

/** Sets the password of an application's programs: a given one, or one that is made up and shown once. */
export function ClientPasswordDialog({ app, onClose }: Props): ReactNode {
  const t = useT();
  const [set, setSet] = useState<string>();
  if (set === undefined) return <PasswordForm app={app} onClose={onClose} onSet={setSet} />;
  return (
    <Dialog
      title={t("apps.client.done", { app: app.name })}
      testId="client-password-dialog"
      onClose={onClose}
      footer={
        <Button onClick={onClose} data-testid="client-password-close">
          {t("apps.secret.kept")}
        </Button>
      }
    >
      <p className="notice">{t("apps.client.once")}</p>
      <div data-testid="client-password">
        <Copyable text={set} block />
      </div>
    </Dialog>
  );
}

function PasswordForm({ app, onClose, onSet }: Props & { onSet: (password: string) => void }): ReactNode {
  const t = useT();
  const { wordField } = useReasons();
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError>();

  const submit = async (): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      const answer = await api.setClientPassword(app.id, password === "" ? {} : { password });
      onSet(answer.clientPassword);
    } catch (thrown) {
      setError(asApiError(thrown));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog
      title={t("apps.client")}
      testId="client-password-form"
      onClose={onClose}
      onSubmit={() => void submit()}
      footer={<DialogFooter action={t("apps.client.action")} busy={busy} onClose={onClose} />}
    >
      {error !== undefined && (
        <ErrorBox error={error} shownFields={(field) => field === "password"} />
      )}
      <p>{t("apps.client.text", { app: app.name })}</p>
      <Field
        label={t("apps.client.password")}
        hint={t("apps.client.hint")}
        errors={reasonsFor(error?.fields ?? [], "password", wordField)}
        wide
      >
        {(ids) => (
          <input
            {...ids}
            type="password"
            autoComplete="new-password"
            value={password}
            onChange={(event) => setPassword(event.target.value)}
            data-testid="client-password-input"
          />
        )}
      </Field>
    </Dialog>
  );
}
