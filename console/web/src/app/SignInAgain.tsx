import type { ReactNode } from "react";
import { EXPIRED, useMe, useSession } from "../data/session";
import { useT, useWord } from "../i18n";
import { LoginForm } from "../pages/login/LoginForm";
import { Dialog } from "../ui/Dialog";

/** The session ended while a page was open: sign in on top of it, so nothing typed is lost. */
export function SignInAgain(): ReactNode {
  const t = useT();
  const word = useWord();
  const me = useMe();
  const { signOut } = useSession();
  return (
    <Dialog title={t("login.again")} testId="sign-in-again" onClose={() => void signOut()}>
      <p className="notice">{word("problem", EXPIRED)}</p>
      <LoginForm account={me.account} nested />
    </Dialog>
  );
}
