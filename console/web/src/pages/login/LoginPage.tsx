import type { ReactNode } from "react";
import { Redirect, useSearch } from "wouter";
import { paths } from "../../app/paths";
import { LookMenus } from "../../app/UserMenu";
import { EXPIRED, useSession } from "../../data/session";
import { useT, useWord } from "../../i18n";
import { recall } from "../../lib/storage";
import { LoginForm } from "./LoginForm";

/** Only addresses of this console: a link must not lead elsewhere after signing in. */
export function wantedPage(search: string): string {
  const to = new URLSearchParams(search).get("to");
  if (to === null || !/^\/(?![/\\])/.test(to) || to.startsWith(paths.login)) return paths.apps;
  return to;
}

export function LoginPage(): ReactNode {
  const t = useT();
  const word = useWord();
  const search = useSearch();
  const { state } = useSession();
  if (state.kind === "in") return <Redirect to={wantedPage(search)} replace />;
  const reason = new URLSearchParams(search).get("reason");
  return (
    <div className="login">
      <div className="login-look">
        <LookMenus />
      </div>
      <main className="login-card">
        <h1>
          <img src="/favicon.svg" alt="" width={28} height={28} />
          PowerJob
        </h1>
        {reason === EXPIRED && (
          <p className="notice" role="status" data-testid="login-reason">
            {word("problem", reason)}
          </p>
        )}
        <LoginForm account={recall("account") ?? ""} />
        <p className="dim">{t("login.hint")}</p>
      </main>
    </div>
  );
}
