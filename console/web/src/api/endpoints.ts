import { type Query, address, call, takeEarly } from "./client";
import type {
  App,
  AppChange,
  AppStatistics,
  AppWithClientPassword,
  AppWithSecret,
  BeatOverview,
  Calendar,
  CleaningStatus,
  Diagnosis,
  Id,
  Instance,
  InstanceSummary,
  Job,
  JobInput,
  JobSummary,
  LogPage,
  NewApp,
  NewClientPassword,
  NodeActors,
  Page,
  RunAccepted,
  RunBar,
  RunInput,
  ScheduleCheck,
  ScheduleChecked,
  ServerStatus,
  SessionInfo,
  SignIn,
  SignedIn,
  TappedMessage,
  Task,
  TaskOverview,
  Worker,
  WorkerOrderInput,
} from "./types";

type Signal = AbortSignal | undefined;

const get = <T>(path: string, signal: Signal, query: Query = {}): Promise<T> =>
  call<T>("GET", path, signal === undefined ? { query } : { query, signal });

const part = encodeURIComponent;
const app = (id: Id): string => `/v1/apps/${part(id)}`;
const job = (id: Id): string => `/v1/jobs/${part(id)}`;
const instance = (id: Id): string => `/v1/instances/${part(id)}`;

export type JobSwitch = "enable" | "disable";
export type InstanceAction = "STOP" | "KILL" | "CANCEL" | "RETRY" | "RETRY_FAILED_TASKS";

const ACTION_PATHS: Record<InstanceAction, string> = {
  STOP: "stop",
  KILL: "kill",
  CANCEL: "cancel",
  RETRY: "retry",
  RETRY_FAILED_TASKS: "tasks/retry",
};

/** All requests of the console, one function each. */
export const api = {
  signIn: (body: SignIn) => call<SignedIn>("POST", "/v1/session", { body }),
  session: (signal?: AbortSignal) => get<SessionInfo>("/v1/session", signal),
  signOut: () => call<void>("DELETE", "/v1/session"),

  apps: (signal?: AbortSignal, query: Query = {}) => get<Page<App>>("/v1/apps", signal, query),
  app: (id: Id, signal?: AbortSignal) => takeEarly<App>(app(id)) ?? get<App>(app(id), signal),
  createApp: (body: NewApp) => call<AppWithSecret>("POST", "/v1/apps", { body }),
  changeApp: (id: Id, body: AppChange) => call<App>("PATCH", app(id), { body }),
  deleteApp: (id: Id) => call<void>("DELETE", app(id)),
  rotateSecret: (id: Id) => call<AppWithSecret>("POST", `${app(id)}/secret`),
  setClientPassword: (id: Id, body: NewClientPassword) =>
    call<AppWithClientPassword>("POST", `${app(id)}/client-password`, { body }),

  jobs: (id: Id, query: Query, signal?: AbortSignal) =>
    get<Page<JobSummary>>(`${app(id)}/jobs`, signal, query),
  calendar: (id: Id, hours: number, signal?: AbortSignal) =>
    get<Calendar>(`${app(id)}/calendar`, signal, { hours, limit: 2000 }),
  statistics: (id: Id, signal?: AbortSignal) => get<AppStatistics>(`${app(id)}/statistics`, signal),
  job: (id: Id, signal?: AbortSignal) => get<Job>(job(id), signal),
  createJob: (appId: Id, body: JobInput) => call<Job>("POST", `${app(appId)}/jobs`, { body }),
  saveJob: (id: Id, body: JobInput) => call<Job>("PUT", job(id), { body }),
  deleteJob: (id: Id) => call<void>("DELETE", job(id)),
  switchJob: (id: Id, to: JobSwitch) => call<void>("POST", `${job(id)}/${to}`),
  copyJob: (id: Id) => call<Job>("POST", `${job(id)}/copy`),
  diagnosis: (id: Id, signal?: AbortSignal) => get<Diagnosis>(`${job(id)}/diagnosis`, signal),
  jobRuns: (id: Id, limit: number, signal?: AbortSignal) =>
    get<RunBar[]>(`${job(id)}/runs`, signal, { limit }),
  runJob: (id: Id, body: RunInput) => call<RunAccepted>("POST", `${job(id)}/runs`, { body }),
  checkSchedule: (body: ScheduleCheck, signal?: AbortSignal) =>
    call<ScheduleChecked>("POST", "/v1/schedules:check", signal ? { body, signal } : { body }),

  instances: (appId: Id, query: Query, signal?: AbortSignal) =>
    get<Page<InstanceSummary>>(`${app(appId)}/instances`, signal, query),
  instance: (id: Id, signal?: AbortSignal) => get<Instance>(instance(id), signal),
  tasks: (id: Id, signal?: AbortSignal) => get<TaskOverview>(`${instance(id)}/tasks`, signal),
  searchTasks: (id: Id, query: Query, signal?: AbortSignal) =>
    get<Page<Task>>(`${instance(id)}/tasks/search`, signal, query),
  beats: (id: Id, signal?: AbortSignal) => get<BeatOverview>(`${instance(id)}/beats`, signal),
  act: (id: Id, action: InstanceAction) =>
    call<Instance>("POST", `${instance(id)}/${ACTION_PATHS[action]}`),
  log: (id: Id, query: Query, signal?: AbortSignal) =>
    get<LogPage>(`${instance(id)}/log`, signal, query),

  workers: (appId: Id, signal?: AbortSignal) => get<Worker[]>(`${app(appId)}/workers`, signal),
  orderWorker: (appId: Id, body: WorkerOrderInput) =>
    call<Worker>("POST", `${app(appId)}/worker-orders`, { body }),
  actors: (signal?: AbortSignal) => get<NodeActors[]>("/v1/actors", signal),
  server: (signal?: AbortSignal) => get<ServerStatus>("/v1/server", signal),
  cleanNow: () => call<CleaningStatus>("POST", "/v1/server/cleaning"),
  recentMessages: (query: Query, signal?: AbortSignal) =>
    get<TappedMessage[]>("/v1/tap/recent", signal, query),
};

/** Addresses of the event streams and of downloads. */
export const streams = {
  app: (id: Id): string => `${app(id)}/events`,
  log: (id: Id, cursor: string): string => address(`${instance(id)}/log/stream`, { cursor }),
  logFile: (id: Id): string => `${instance(id)}/log/download`,
  tap: (query: Query): string => address("/v1/tap", query),
};
