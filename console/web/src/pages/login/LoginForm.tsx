import { type FormEvent, type ReactNode, useEffect, useState } from "react";
import { type ApiError, asApiError } from "../../api/problem";
import { useSession } from "../../data/session";
import { useT } from "../../i18n";
import { Button } from "../../ui/Button";
import { ErrorBox } from "../../ui/ErrorBox";
import { Field } from "../../ui/Field";

interface Props {
  account?: string;
  /** Inside a dialog: the person is known. */
  nested?: boolean;
}

/** Counts the seconds down that the server wants to have passed. */
function useWait(error: ApiError | undefined): number {
  const [left, setLeft] = useState(0);
  useEffect(() => {
    let seconds = error?.retryAfterSeconds ?? 0;
    setLeft(seconds);
    if (seconds === 0) return undefined;
    const timer = setInterval(() => {
      seconds -= 1;
      setLeft(seconds);
      if (seconds <= 0) clearInterval(timer);
    }, 1000);
    return () => clearInterval(timer);
  }, [error]);
  return left;
}

export function LoginForm({ account: known = "", nested = false }: Props): ReactNode {
  const t = useT();
  const { signIn } = useSession();
  const [account, setAccount] = useState(known);
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError>();
  const [isMissing, setMissing] = useState(false);
  const wait = useWait(error);

  const submit = async (): Promise<void> => {
    setMissing(true);
    if (account.trim() === "" || password === "") return;
    setBusy(true);
    setError(undefined);
    try {
      await signIn(account.trim(), password);
    } catch (thrown) {
      setError(asApiError(thrown));
      setPassword("");
      setMissing(false);
    } finally {
      setBusy(false);
    }
  };
  const missing = (value: string): string[] =>
    isMissing && value === "" ? [t("form.required")] : [];

  return (
    <form
      noValidate
      className="login-form"
      data-testid="login-form"
      onSubmit={(event: FormEvent) => {
        event.preventDefault();
        void submit();
      }}
    >
      {error !== undefined && <ErrorBox error={error} />}
      <Field label={t("login.account")} errors={missing(account.trim())} wide>
        {(ids) => (
          <input
            {...ids}
            name="account"
            autoComplete="username"
            autoFocus={!nested && known === ""}
            readOnly={nested}
            value={account}
            onChange={(event) => setAccount(event.target.value)}
            data-testid="login-account"
          />
        )}
      </Field>
      <Field label={t("login.password")} errors={missing(password)} wide>
        {(ids) => (
          <input
            {...ids}
            name="password"
            type="password"
            autoComplete="current-password"
            autoFocus={nested || known !== ""}
            value={password}
            onChange={(event) => setPassword(event.target.value)}
            data-testid="login-password"
          />
        )}
      </Field>
      <Button type="submit" kind="primary" busy={busy} disabled={wait > 0} data-testid="login-submit">
        {wait > 0 ? t("login.wait", { seconds: wait }) : t("login.submit")}
      </Button>
    </form>
  );
}
