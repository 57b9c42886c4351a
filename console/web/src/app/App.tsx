import { type ReactNode, Suspense } from "react";
import { Redirect, Route, Router, Switch, useLocation, useSearch } from "wouter";
import { guarded } from "../data/guard";
import { type SessionState, SessionProvider, useSession } from "../data/session";
import type { Dictionary } from "../i18n/en";
import { I18nProvider, type Lang } from "../i18n";
import { LoginPage } from "../pages/login/LoginPage";
import { ConfirmProvider } from "../ui/Confirm";
import { ErrorBox } from "../ui/ErrorBox";
import { ToastProvider } from "../ui/Toasts";
import { Spinner } from "../ui/bits";
import { AppArea } from "./AppArea";
import { ErrorBoundary } from "./ErrorBoundary";
import { Frame } from "./Frame";
import { NotFound } from "./NotFound";
import { ShortLink } from "./ShortLink";
import { AppsPage, InspectorPage, ServerPage } from "./pages";
import { paths } from "./paths";

interface Props {
  lang: { lang: Lang; dictionary: Dictionary };
  session: SessionState;
}

export function App({ lang, session }: Props): ReactNode {
  return (
    <I18nProvider first={lang}>
      <SessionProvider first={session}>
        <Router aroundNav={(navigate, to, options) => guarded(() => navigate(to, options))}>
          <ErrorBoundary>
            <ToastProvider>
              <ConfirmProvider>
                <Root />
              </ConfirmProvider>
            </ToastProvider>
          </ErrorBoundary>
        </Router>
      </SessionProvider>
    </I18nProvider>
  );
}

function Root(): ReactNode {
  const { state, check } = useSession();
  switch (state.kind) {
    case "unknown":
      return <Spinner />;
    case "broken":
      return (
        <main className="alone">
          <ErrorBox error={state.error} onRetry={() => void check()} />
        </main>
      );
    case "out":
      return <SignedOut reason={state.reason} />;
    case "in":
      return <SignedIn />;
  }
}

function SignedOut({ reason }: { reason: string | undefined }): ReactNode {
  const [path] = useLocation();
  const search = useSearch();
  if (path === paths.login) return <LoginPage />;
  const wanted = path === "/" ? undefined : search === "" ? path : `${path}?${search}`;
  const query = new URLSearchParams();
  if (wanted !== undefined) query.set("to", wanted);
  if (reason !== undefined) query.set("reason", reason);
  const text = query.toString();
  return <Redirect to={text === "" ? paths.login : `${paths.login}?${text}`} replace />;
}

function SignedIn(): ReactNode {
  return (
    <Switch>
      <Route path={paths.login}>
        <LoginPage />
      </Route>
      <Route path="/apps/:appId/*?">
        {({ appId }) => <AppArea key={appId} appId={appId ?? ""} />}
      </Route>
      <Route>
        <Frame>
          <Suspense fallback={<Spinner />}>
            <Switch>
              <Route path="/">
                <Redirect to={paths.apps} replace />
              </Route>
              <Route path={paths.apps}>
                <AppsPage />
              </Route>
              <Route path={paths.inspector}>
                <InspectorPage />
              </Route>
              <Route path={paths.server}>
                <ServerPage />
              </Route>
              <Route path="/jobs/:id">{({ id }) => <ShortLink kind="job" id={id} />}</Route>
              <Route path="/instances/:id">
                {({ id }) => <ShortLink kind="instance" id={id} />}
              </Route>
              <Route>
                <NotFound />
              </Route>
            </Switch>
          </Suspense>
        </Frame>
      </Route>
    </Switch>
  );
}
