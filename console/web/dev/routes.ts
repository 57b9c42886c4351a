// The API over the data in memory. Only what the console asks for, and only roughly right.
import type { InstanceSummary, Job, JobInput, ScheduleInput } from "../src/api/types";
import {
  type Run,
  actor,
  appSeeds,
  appView,
  bar,
  dispatchRun,
  jobs,
  message,
  nextId,
  runs,
  startRun,
  workers,
} from "./data";

export interface Answer {
  status: number;
  body?: unknown;
  text?: string;
  cookie?: string;
}

export interface Asked {
  method: string;
  path: string;
  query: URLSearchParams;
  body: unknown;
  isSignedIn: boolean;
}

type Handler = (asked: Asked, id: string) => Answer;

const ok = (body: unknown): Answer => ({ status: 200, body });
const problem = (status: number, code: string, title: string, more: object = {}): Answer => ({
  status,
  body: { code, status, title, ...more },
});
const none: Answer = { status: 204 };

const me = { id: "1", account: "admin", nick: "Ada", isAdministrator: true };
const server = () => ({
  node: "server-1",
  version: "0.1.0",
  zone: "Asia/Shanghai",
  now: Date.now() + Number(process.env.MOCK_CLOCK ?? 0),
  startedAt: Date.now() - 3_600_000,
  workerAddress: "0.0.0.0:7701",
});

function page<T>(items: T[], query: URLSearchParams): Answer {
  const from = Number(query.get("cursor") ?? 0);
  const limit = Number(query.get("limit") ?? 50);
  const more = from + limit < items.length;
  return ok({
    items: items.slice(from, from + limit),
    total: items.length,
    ...(more ? { nextCursor: String(from + limit) } : {}),
  });
}

const findJob = (id: string): Job | undefined => jobs.find((job) => job.id === id);
const runsOf = (id: string): Run[] =>
  runs
    .filter((run) => run.summary.jobId === id)
    .toSorted((left, right) => right.summary.expectedAt - left.summary.expectedAt);
const noJob = problem(404, "job-not-found", "There is no such job");

function checked(schedule: ScheduleInput): Answer {
  const zone = schedule.zone ?? "Asia/Shanghai";
  const parts = schedule.expression.trim().split(/\s+/).length;
  if (schedule.type === "CRON" && (parts < 6 || parts > 7)) {
    const reason = `found ${parts} fields; accepted are 6 or 7: second minute hour day month weekday [year]`;
    return ok({ valid: false, text: "", next: [], zone, errors: [{ field: "timeExpression", reason }] });
  }
  const every = schedule.type === "FIXED_RATE" ? Number(schedule.expression) : 600_000;
  const first = Math.ceil(Date.now() / every) * every;
  const hasTimes = ["CRON", "FIXED_RATE", "DAILY_TIME_INTERVAL"].includes(schedule.type);
  const next = hasTimes ? Array.from({ length: 10 }, (_, index) => first + index * every) : [];
  return ok({ valid: true, text: "every 10 minutes", next, zone, errors: [] });
}

function stored(input: JobInput, old: Partial<Job>): Job {
  return {
    ...input,
    id: old.id ?? nextId(),
    appId: old.appId ?? "",
    revision: (old.revision ?? 0) + 1,
    scheduleText: "every 10 minutes",
    nextTriggerAt: input.enabled ? Date.now() + 600_000 : null,
    createdAt: old.createdAt ?? Date.now(),
    modifiedAt: Date.now(),
  };
}

function refuse(input: JobInput): Answer | undefined {
  const errors = [];
  if (input.processor === "bad") errors.push({ field: "processor", reason: "no worker has it" });
  if (input.concurrency > 100) errors.push({ field: "concurrency", reason: "at most 100" });
  if (errors.length === 0) return undefined;
  return problem(422, "invalid-job", "The job cannot be saved", { detail: "Fields are wrong.", errors });
}

function view(run: Run): object {
  const { summary, timeline } = run;
  const isOver = summary.finishedAt !== null;
  const attempt = { number: summary.attempt, status: summary.status, worker: summary.worker, timeline, result: summary.result };
  return {
    ...summary,
    jobParams: findJob(summary.jobId)?.params ?? "",
    instanceParams: run.params,
    fullResult: summary.result,
    jobRevision: 3,
    timeline,
    attempts: summary.attempt === 0 ? [] : [attempt],
    waitingFor: summary.status === "WAITING_DISPATCH" ? { code: "no-worker", text: "no worker of this application is connected" } : null,
    traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
    actions: isOver ? ["RETRY"] : summary.attempt === 0 ? ["CANCEL", "STOP"] : ["STOP", "KILL"],
  };
}

function listInstances({ query }: Asked, appId: string): Answer {
  const states = (query.get("status") ?? "").split(",").filter((state) => state !== "");
  const text = (query.get("query") ?? "").toLowerCase();
  const fits = ({ summary }: Run): boolean =>
    summary.appId === appId &&
    (query.get("jobId") === null || query.get("jobId") === summary.jobId) &&
    (states.length === 0 || states.includes(summary.status)) &&
    summary.expectedAt >= Number(query.get("from") ?? 0) &&
    JSON.stringify(summary).toLowerCase().includes(text);
  const found: InstanceSummary[] = runs.filter(fits).map((run) => run.summary);
  return page(found.toSorted((left, right) => right.expectedAt - left.expectedAt), query);
}

function listJobs({ query }: Asked, appId: string): Answer {
  const text = (query.get("query") ?? "").toLowerCase();
  const lastFailed = (job: Job): number => (runsOf(job.id)[0]?.summary.status === "FAILED" ? 0 : 1);
  const sort = query.get("sort") ?? "failing";
  const order: Record<string, (left: Job, right: Job) => number> = {
    failing: (left, right) => lastFailed(left) - lastFailed(right) || left.name.localeCompare(right.name),
    name: (left, right) => left.name.localeCompare(right.name),
    "-name": (left, right) => right.name.localeCompare(left.name),
    id: (left, right) => left.id.localeCompare(right.id),
    nextTrigger: (left, right) => (left.nextTriggerAt ?? Infinity) - (right.nextTriggerAt ?? Infinity),
  };
  const found = jobs.filter(
    (job) =>
      job.appId === appId &&
      `${job.name} ${job.description} ${job.id}`.toLowerCase().includes(text) &&
      (query.get("enabled") === null || String(job.enabled) === query.get("enabled")) &&
      (query.get("tag") === null || job.tag === query.get("tag")),
  );
  return page(
    found.toSorted(order[sort] ?? order.name).map((job) => ({
      job,
      recentRuns: runsOf(job.id).slice(0, 10).map(bar),
      openInstances: runsOf(job.id).filter((run) => run.summary.finishedAt === null).length,
    })),
    query,
  );
}

/** A cursor is the number of a line. */
function logPage(run: Run, query: URLSearchParams): object {
  const cursor = query.get("cursor") ?? "";
  const limit = Number(query.get("limit") ?? 500);
  const isTail = query.get("tail") === "true";
  const edge = cursor === "" ? (isTail ? run.lines.length : 0) : Number(cursor);
  const [start, end] = isTail ? [Math.max(0, edge - limit), edge] : [edge, Math.min(run.lines.length, edge + limit)];
  return {
    lines: run.lines.slice(start, end),
    nextCursor: String(end),
    previousCursor: start > 0 ? String(start) : undefined,
    isComplete: run.summary.finishedAt !== null && end === run.lines.length,
  };
}

function act(action: "STOPPED" | "CANCELED" | "RETRY"): Handler {
  return (_, id) => {
    const run = runs.find((entry) => entry.summary.id === id);
    if (run === undefined) return problem(404, "instance-not-found", "There is no such instance");
    if (action === "RETRY") {
      Object.assign(run.summary, { finishedAt: null, result: "" });
      Object.assign(run.timeline, { finishedAt: null, recordedAt: null });
      dispatchRun(run, Date.now());
      run.willFail = false;
    } else {
      Object.assign(run.summary, { status: action, finishedAt: Date.now(), result: "by admin" });
    }
    return ok(view(run));
  };
}

const STATE_BY_ORDER = { ONLINE: "ONLINE", OFFLINE: "OFFLINE", DRAIN: "DRAINING" };

function orderWorker({ body }: Asked, appId: string): Answer {
  const { node, kind } = body as { node: string; kind: keyof typeof STATE_BY_ORDER };
  const worker = (workers[appId] ?? []).find((entry) => entry.node === node);
  if (worker === undefined) return problem(404, "worker-not-found", "No such worker");
  worker.state = STATE_BY_ORDER[kind];
  if (kind === "ONLINE") delete worker.order;
  else worker.order = { kind, givenBy: "admin", givenAt: Date.now(), reason: "" };
  return ok(worker);
}

const withJob =
  (then: (job: Job, asked: Asked) => Answer): Handler =>
  (asked, id) => {
    const job = findJob(id);
    return job === undefined ? noJob : then(job, asked);
  };

const withRun =
  (then: (run: Run, asked: Asked) => Answer): Handler =>
  (asked, id) => {
    const run = runs.find((entry) => entry.summary.id === id);
    return run === undefined
      ? problem(404, "instance-not-found", "There is no such instance", { detail: "It may have been cleaned up." })
      : then(run, asked);
  };

const routes: [string, RegExp, Handler][] = [
  ["GET", /^\/v1\/session$/, () => ok({ user: me, server: server() })],
  ["DELETE", /^\/v1\/session$/, () => ({ status: 204, cookie: "" })],
  ["GET", /^\/v1\/apps$/, ({ query }) => {
    const text = (query.get("query") ?? "").toLowerCase();
    return page(appSeeds.filter((seed) => `${seed.name} ${seed.title}`.toLowerCase().includes(text)).map(appView), query);
  }],
  ["POST", /^\/v1\/apps$/, ({ body }) => {
    const seed = { id: nextId(), ...(body as { name: string; title: string; tags: string[] }) };
    if (appSeeds.some((other) => other.name === seed.name)) {
      return problem(409, "app-name-taken", "The name is taken", { errors: [{ field: "name", reason: "another application has this name" }] });
    }
    appSeeds.push(seed);
    return { status: 201, body: { app: appView(seed), workerSecret: "pjw_5f0c8a1e4b7d2396c1ea" } };
  }],
  ["GET", /^\/v1\/apps\/(\d+)$/, (_, id) => {
    const seed = appSeeds.find((other) => other.id === id);
    return seed === undefined ? problem(404, "app-not-found", "There is no such application") : ok(appView(seed));
  }],
  ["POST", /^\/v1\/apps\/(\d+)\/secret$/, (_, id) => {
    const seed = appSeeds.find((other) => other.id === id);
    return seed === undefined ? none : ok({ app: appView(seed), workerSecret: "pjw_99aa10b2c3d4e5f60718" });
  }],
  ["DELETE", /^\/v1\/apps\/(\d+)$/, () => problem(409, "app-not-empty", "The application still has running instances", { detail: "Stop them first." })],
  ["GET", /^\/v1\/apps\/(\d+)\/jobs$/, listJobs],
  ["POST", /^\/v1\/apps\/(\d+)\/jobs$/, ({ body }, appId) => {
    const refused = refuse(body as JobInput);
    if (refused !== undefined) return refused;
    const job = stored(body as JobInput, { appId });
    jobs.push(job);
    return { status: 201, body: job };
  }],
  ["GET", /^\/v1\/jobs\/(\d+)$/, withJob((job) => ok(job))],
  ["PUT", /^\/v1\/jobs\/(\d+)$/, withJob((job, { body }) => refuse(body as JobInput) ?? ok(Object.assign(job, stored(body as JobInput, job))))],
  ["DELETE", /^\/v1\/jobs\/(\d+)$/, withJob((job) => { jobs.splice(jobs.indexOf(job), 1); return none; })],
  ["POST", /^\/v1\/jobs\/(\d+)\/enable$/, withJob((job) => ok(Object.assign(job, { enabled: true, nextTriggerAt: Date.now() + 60_000 })))],
  ["POST", /^\/v1\/jobs\/(\d+)\/disable$/, withJob((job) => job.name === "payment-poll"
    ? problem(403, "not-allowed", "You may not switch this job off", { detail: "It belongs to finance." })
    : ok(Object.assign(job, { enabled: false, nextTriggerAt: null })))],
  ["POST", /^\/v1\/jobs\/(\d+)\/copy$/, withJob((job) => {
    const copy = { ...job, id: nextId(), name: `${job.name} copy`, enabled: false, nextTriggerAt: null };
    jobs.push(copy);
    return { status: 201, body: copy };
  })],
  ["GET", /^\/v1\/jobs\/(\d+)\/diagnosis$/, withJob((job) => ok({
    canRun: job.name !== "gpu-report",
    isScheduled: job.enabled,
    reasons: [...(job.enabled ? [] : ["the schedule is switched off"]), ...(job.name === "gpu-report" ? ["no worker has the tag gpu"] : [])],
    workers: (workers[job.appId] ?? []).map((entry, index) => ({
      worker: entry.node, address: entry.address, fits: index < 2 && job.name !== "gpu-report",
      reason: job.name === "gpu-report" ? "has none of the tags gpu; 5.9 processors free, 8 wanted" : index < 2 ? "" : `is ${entry.state}`,
    })),
  }))],
  ["GET", /^\/v1\/jobs\/(\d+)\/runs$/, (asked, id) => ok(runsOf(id).slice(0, Number(asked.query.get("limit"))).map(bar))],
  ["POST", /^\/v1\/jobs\/(\d+)\/runs$/, withJob((job, { body }) => {
    const run = startRun(job, Date.now(), "API", (body as { params?: string }).params ?? "");
    return { status: 201, body: { instanceId: run.summary.id } };
  })],
  ["POST", /^\/v1\/schedules:check$/, ({ body }) => checked((body as { schedule: ScheduleInput }).schedule)],
  ["GET", /^\/v1\/apps\/(\d+)\/instances$/, listInstances],
  ["GET", /^\/v1\/instances\/(\d+)$/, withRun((run) => ok(view(run)))],
  ["POST", /^\/v1\/instances\/(\d+)\/stop$/, act("STOPPED")],
  ["POST", /^\/v1\/instances\/(\d+)\/kill$/, act("STOPPED")],
  ["POST", /^\/v1\/instances\/(\d+)\/cancel$/, act("CANCELED")],
  ["POST", /^\/v1\/instances\/(\d+)\/retry$/, act("RETRY")],
  ["GET", /^\/v1\/instances\/(\d+)\/log$/, withRun((run, { query }) => ok(logPage(run, query)))],
  ["GET", /^\/v1\/instances\/(\d+)\/log\/download$/, withRun((run) => ({ status: 200, text: run.lines.map((line) => line.text).join("\n") }))],
  ["GET", /^\/v1\/apps\/(\d+)\/workers$/, (_, id) => ok(workers[id] ?? [])],
  ["POST", /^\/v1\/apps\/(\d+)\/worker-orders$/, orderWorker],
  ["GET", /^\/v1\/actors$/, () => ok([
    { node: "server-1", role: "server", actors: ["server", "server/store", "server/apps/billing", "server/apps/billing/triggers", "server/apps/billing/dispatcher", "server/instances/0", "server/instances/1"].map((path, index) => actor(path, 20 + index * 40)) },
    { node: "worker-eu-1", role: "worker", actors: ["worker/runs/0", "worker/runs/1", "worker/log"].map((path) => actor(path, 30)) },
    { node: "java-peer", role: "worker", actors: [], error: "did not answer within 2 s" },
  ])],
  ["GET", /^\/v1\/tap\/recent$/, ({ query }) => ok(Array.from({ length: 12 }, () => ({ ...message(query.get("instanceId") ?? "604919300096000387"), at: Date.now() - 60_000, body: undefined })))],
];

export function answer(asked: Asked): Answer {
  if (asked.method === "POST" && asked.path === "/v1/session") {
    const { account, password } = asked.body as { account: string; password: string };
    if (password === "slow") return problem(429, "too-many-attempts", "Too many attempts");
    if (password !== "admin") return problem(401, "wrong-credentials", "Account or password is wrong");
    return { status: 200, body: { token: "t", expiresAt: 0, user: { ...me, account } }, cookie: "pj_mock=1" };
  }
  if (!asked.isSignedIn) return problem(401, "not-signed-in", "Sign in first");
  for (const [method, pattern, handle] of routes) {
    const match = method === asked.method ? pattern.exec(asked.path) : null;
    if (match !== null) return handle(asked, match[1] ?? "");
  }
  return problem(404, "not-found", "There is no such resource", { detail: `${asked.method} ${asked.path}` });
}
