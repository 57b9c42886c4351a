import type { ReactNode } from "react";
import { useMe, useSession } from "../data/session";
import { useT, useWord } from "../i18n";
import { LoginForm } from "../pages/login/LoginForm";
import { Dialog } from "../ui/Dialog";

/** The session ended while a page was open: sign in on top of it, so nothing typed is lost. */
export function SignInAgain({ reason }: { reason: string }): ReactNode {
  const t = useT();
  const word = useWord();
  const me = useMe();
  const { signOut } = useSession();
  return (
    <Dialog title={t("login.again")} testId="sign-in-again" onClose={() => void signOut()}>
      <p className="notice">{word("problem", reason)}</p>
      <LoginForm account={me.account} nested />
    </Dialog>
  );
}
