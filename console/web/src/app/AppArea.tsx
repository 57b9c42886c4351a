import { type ReactNode, Suspense, createContext, useContext, useEffect } from "react";
import { Route, Switch } from "wouter";
import { api } from "../api/endpoints";
import type { App } from "../api/types";
import { AppFeedProvider } from "../data/appFeed";
import { useResource } from "../data/useResource";
import { isId } from "../lib/ids";
import { remember } from "../lib/storage";
import { ErrorBox } from "../ui/ErrorBox";
import { Spinner } from "../ui/bits";
import { Frame } from "./Frame";
import { NotFound } from "./NotFound";
import {
  CalendarPage,
  HomePage,
  InstancePage,
  InstancesPage,
  JobFormPage,
  JobPage,
  JobsPage,
  WorkerPage,
  WorkersPage,
} from "./pages";

interface AppContext {
  app: App;
  reload: () => void;
}

const Context = createContext<AppContext | undefined>(undefined);

/** The application one is in. */
export function useApp(): App {
  return useAppContext().app;
}

export function useAppContext(): AppContext {
  const value = useContext(Context);
  if (value === undefined) throw new Error("not in an application");
  return value;
}

/** Whether the person may change definitions, operate runs. */
export function useRights(): { write: boolean; operate: boolean } {
  const { permissions } = useApp();
  const all = permissions.includes("SU");
  return {
    write: all || permissions.includes("WRITE"),
    operate: all || permissions.includes("OPS"),
  };
}

export function AppArea({ appId }: { appId: string }): ReactNode {
  const resource = useResource(isId(appId) ? appId : undefined, (signal) => api.app(appId, signal));
  const { data: app, error, reload } = resource;
  useEffect(() => {
    if (app !== undefined) remember("app", app.id);
  }, [app]);
  if (!isId(appId)) {
    return (
      <Frame>
        <NotFound />
      </Frame>
    );
  }
  if (app === undefined) {
    return <Frame>{error ? <ErrorBox error={error} onRetry={reload} /> : <Spinner />}</Frame>;
  }
  return (
    <Context.Provider value={{ app, reload }}>
      <AppFeedProvider appId={appId}>
        <Frame app={app}>
          <Suspense fallback={<Spinner />}>
            <Pages />
          </Suspense>
        </Frame>
      </AppFeedProvider>
    </Context.Provider>
  );
}

function Pages(): ReactNode {
  return (
    <Switch>
      <Route path="/apps/:appId">
        <HomePage />
      </Route>
      <Route path="/apps/:appId/jobs">
        <JobsPage />
      </Route>
      <Route path="/apps/:appId/jobs/new">
        <JobFormPage />
      </Route>
      <Route path="/apps/:appId/jobs/:id/edit">
        {({ id }) => <JobFormPage key={id} jobId={id} />}
      </Route>
      <Route path="/apps/:appId/jobs/:id">{({ id }) => <JobPage key={id} jobId={id} />}</Route>
      <Route path="/apps/:appId/instances">
        <InstancesPage />
      </Route>
      <Route path="/apps/:appId/instances/:id">
        {({ id }) => <InstancePage key={id} instanceId={id} />}
      </Route>
      <Route path="/apps/:appId/calendar">
        <CalendarPage />
      </Route>
      <Route path="/apps/:appId/workers">
        <WorkersPage />
      </Route>
      <Route path="/apps/:appId/workers/:node">
        {({ node }) => <WorkerPage key={node} node={node} />}
      </Route>
      <Route>
        <NotFound />
      </Route>
    </Switch>
  );
}
