// Data in memory for `npm run dev:mock`. Never part of the bundle.
import type {
  ActorState,
  App,
  InstanceSummary,
  Job,
  JobInput,
  LogEntry,
  RunBar,
  TappedMessage,
  Timeline,
  Worker,
} from "../src/api/types";
import { NEW_JOB } from "../src/pages/jobForm/draft";

type Status = InstanceSummary["status"];

export interface Run {
  summary: InstanceSummary;
  params: string;
  timeline: Timeline;
  lines: LogEntry[];
  takesMs: number;
  willFail: boolean;
}

export const GIB = 2 ** 30;
const START = Date.now();
let lastId = 604_919_300_096_000_323n;

/** Beyond 2^53, as real ids are. */
export function nextId(): string {
  lastId += 64n;
  return lastId.toString();
}

interface AppSeed {
  id: string;
  name: string;
  title: string;
  tags: string[];
}

export const appSeeds: AppSeed[] = [
  { id: "604919300096000001", name: "billing", title: "Invoices and dunning", tags: ["prod", "finance"] },
  { id: "604919300096000002", name: "search-index", title: "Search index builds", tags: ["prod"] },
  { id: "604919300096000003", name: "playground", title: "For trying things out", tags: [] },
];

function job(id: string, appId: string, change: Partial<JobInput>, text: string, nextMs?: number): Job {
  return {
    ...NEW_JOB,
    ...change,
    id,
    appId,
    revision: 3,
    scheduleText: text,
    nextTriggerAt: nextMs === undefined ? null : START + nextMs,
    createdAt: START - 40 * 86_400_000,
    modifiedAt: START - 2 * 86_400_000,
  };
}

const schedule = (type: Job["schedule"]["type"], expression: string): Job["schedule"] => ({
  type,
  expression,
  zone: null,
  startAt: null,
  endAt: null,
});

const billing = appSeeds[0]?.id ?? "";
const search = appSeeds[1]?.id ?? "";

export const jobs: Job[] = [
  job("901", billing, { name: "nightly-invoices", description: "Writes the invoices of the day", tag: "core", processor: "billing.InvoiceProcessor", params: '{"region":"eu","batch":500}', executeType: "MAP_REDUCE", schedule: schedule("CRON", "0 0 3 * * ?") }, "at 03:00 every day", 5 * 3_600_000),
  job("902", billing, { name: "payment-poll", processor: "billing.PollProcessor", tag: "core", schedule: schedule("FIXED_RATE", "8000") }, "every 8 seconds", 8000),
  job("903", billing, { name: "dunning-mails", processor: "billing.MailProcessor", enabled: false, schedule: schedule("CRON", "0 0/10 8-17 ? * MON-FRI") }, "every 10 minutes, hours 8 to 17 on Mon to Fri"),
  job("904", billing, { name: "cleanup-temp", processorType: "SHELL", processor: "#!/bin/sh\nrm -rf /var/tmp/billing/*\n", executeType: "BROADCAST", schedule: schedule("FIXED_DELAY", "600000") }, "10 minutes after the previous run has ended", 400_000),
  job("905", billing, { name: "office-hours-sync", processor: "billing.SyncProcessor", schedule: schedule("DAILY_TIME_INTERVAL", '{"interval":15,"intervalUnit":"MINUTES","startTimeOfDay":"08:00:00","endTimeOfDay":"18:00:00","daysOfWeek":[1,2,3,4,5]}') }, "every 15 minutes from 08:00:00 to 18:00:00 on Mon, Tue, Wed, Thu, Fri", 900_000),
  job("906", billing, { name: "gpu-report", processor: "billing.GpuReport", designatedWorkers: "tagIn:gpu", minCpuCores: 8, schedule: schedule("CRON", "0 0 0 13 * FRI") }, "at 00:00 on day 13 of the month if that is also on Fri", 90_000_000),
  job("907", billing, { name: "on-demand-export", processor: "billing.ExportProcessor", schedule: schedule("API", "") }, "on request"),
  job("908", search, { name: "reindex", processor: "search.Reindex", schedule: schedule("CRON", "0 0 * * * ?") }, "every hour", 1_800_000),
];

function worker(node: string, change: Partial<Worker>): Worker {
  return {
    node,
    incarnation: String(START - 7_200_000),
    address: "10.0.3.17:27777",
    tags: ["eu"],
    software: "powerjob 0.1.0",
    protocol: "native",
    state: "ONLINE",
    connectedAt: START - 7_200_000,
    lastSeenAt: START,
    cpuCores: 8,
    cpuLoad: 2.1,
    memoryTotalBytes: 16 * GIB,
    memoryUsedBytes: 9.2 * GIB,
    processMemoryBytes: 0.1 * GIB,
    diskTotalBytes: 200 * GIB,
    diskUsedBytes: 64 * GIB,
    running: 2,
    capacity: 64,
    score: 87,
    processors: ["billing.InvoiceProcessor", "billing.PollProcessor", "billing.MailProcessor", "billing.SyncProcessor"],
    ...change,
  };
}

export const workers: Record<string, Worker[]> = {
  [billing]: [
    worker("worker-eu-1", {}),
    worker("worker-eu-2", { address: "10.0.3.18:27777", cpuLoad: 7.6, memoryUsedBytes: 15.1 * GIB, running: 60 }),
    worker("worker-us-1", { address: "10.4.0.9:27777", tags: ["us", "large"], state: "SUSPECT", cpuLoad: -1, lastSeenAt: START - 1900 }),
    worker("java-peer", { address: "10.4.0.31:27777", tags: [], state: "LOST", software: "PowerJob 5.1.1", protocol: "http", lastSeenAt: START - 95_000, running: 0 }),
  ],
  [search]: [worker("indexer-1", { address: "10.0.5.2:27777", processors: ["search.Reindex"] })],
};

export const runs: Run[] = [];

const MESSAGES = [
  "Connected to the billing database (12 ms)",
  "Read 500 open items, cursor 604919300096000323",
  "Wrote invoice batch",
  "Slow answer from the mail relay: 1.8 s",
  "Retrying item 88 after: connection reset by peer\n    at relay.send (relay.rs:118)\n    at batch.run (batch.rs:64)",
];

export function writeLine(run: Run, at: number): LogEntry {
  const which = run.lines.length % MESSAGES.length;
  const line: LogEntry = {
    at,
    level: which === 3 ? "WARN" : which === 4 ? "ERROR" : which === 0 ? "DEBUG" : "INFO",
    attempt: Math.max(1, run.summary.attempt),
    worker: run.lines.length % 3 === 2 ? "worker-eu-2" : "worker-eu-1",
    text: MESSAGES[which] ?? "",
  };
  if (run.lines.length === 17) {
    Object.assign(line, { isGap: true, text: "312 lines lost: the worker's buffer was full" });
  }
  run.lines.push(line);
  return line;
}

export function startRun(of: Job, at: number, trigger: string, params = ""): Run {
  const run: Run = {
    summary: {
      id: nextId(),
      jobId: of.id,
      jobName: of.name,
      appId: of.appId,
      status: "WAITING_DISPATCH",
      trigger,
      attempt: 0,
      expectedAt: at,
      startedAt: null,
      finishedAt: null,
      worker: null,
      result: "",
    },
    params,
    timeline: { createdAt: at - 900, expectedAt: at },
    lines: [],
    takesMs: 2500 + Math.random() * 9000,
    willFail: of.name === "dunning-mails" || Math.random() < 0.12,
  };
  runs.unshift(run);
  return run;
}

export function dispatchRun(run: Run, at: number): void {
  const { summary, timeline } = run;
  summary.attempt += 1;
  summary.status = "RUNNING";
  summary.worker = "worker-eu-1";
  summary.startedAt = at + 3;
  Object.assign(timeline, { dispatchedAt: at, receivedAt: at + 2, startedAt: at + 3 });
}

export function finishRun(run: Run, status: Status, at: number): void {
  const { summary, timeline } = run;
  summary.status = status;
  summary.finishedAt = at;
  Object.assign(timeline, { finishedAt: at, recordedAt: at + 4 });
  const results: Partial<Record<Status, string>> = {
    SUCCEED: '{"invoices":1204,"cursor":604919300096000323}',
    FAILED: "relay refused 3 of 500 mails: connection reset by peer",
    STOPPED: "stopped by admin",
    CANCELED: "canceled by admin",
  };
  summary.result = results[status] ?? "";
}

function seedRuns(): void {
  const endings: Status[] = ["SUCCEED", "SUCCEED", "SUCCEED", "FAILED", "SUCCEED", "STOPPED", "SUCCEED", "CANCELED"];
  for (let round = 32; round > 0; round -= 1) {
    for (const [index, of] of jobs.entries()) {
      if (of.name === "on-demand-export" || of.name === "gpu-report") continue;
      const at = START - round * 1_380_000 - index * 41_000;
      const run = startRun(of, at, round % 9 === 0 ? "API" : "SCHEDULE");
      dispatchRun(run, at + 6);
      for (let line = 0; line < 40; line += 1) writeLine(run, at + 20 + line * 140);
      const status = of.name === "dunning-mails" && round < 4 ? "FAILED" : endings[(round * 3 + index) % endings.length];
      finishRun(run, status ?? "SUCCEED", at + 400 + ((round * 7919 + index * 104_729) % 60_000));
    }
  }
  const gpu = jobs.find((of) => of.name === "gpu-report");
  if (gpu !== undefined) startRun(gpu, START - 30_000, "API");
}
seedRuns();

export function bar({ summary }: Run): RunBar {
  const { id, status, expectedAt, startedAt, finishedAt } = summary;
  return { id, status, expectedAt, startedAt: startedAt ?? null, finishedAt: finishedAt ?? null };
}

export function appView(seed: AppSeed): App {
  const mine = runs.filter((run) => run.summary.appId === seed.id);
  const dayAgo = Date.now() - 86_400_000;
  const ended = (status: Status): number =>
    mine.filter((run) => run.summary.status === status && (run.summary.finishedAt ?? 0) > dayAgo).length;
  const next = jobs.filter((of) => of.appId === seed.id).flatMap((of) => of.nextTriggerAt ?? []);
  return {
    ...seed,
    createdAt: START - 90 * 86_400_000,
    permissions: ["READ", "WRITE", "OPS", "SU"],
    health: {
      workersOnline: (workers[seed.id] ?? []).filter((entry) => entry.state === "ONLINE").length,
      jobs: jobs.filter((of) => of.appId === seed.id).length,
      openInstances: mine.filter((run) => run.summary.finishedAt === null).length,
      failedLastDay: seed.name === "search-index" ? 0 : ended("FAILED"),
      succeededLastDay: ended("SUCCEED"),
      nextTriggerAt: next.length === 0 ? null : Math.min(...next),
    },
  };
}

export function actor(path: string, busy: number): ActorState {
  return {
    path,
    depth: Math.floor(Math.random() * busy),
    capacity: 1024,
    handled: Math.floor(Date.now() / 700) % 900_000,
    refused: path.endsWith("store") ? 3 : 0,
    rate: busy * (0.8 + Math.random() * 0.4),
    p50Us: 40 + Math.floor(Math.random() * 60),
    p99Us: path.endsWith("store") ? 140_000 : 900,
    restarts: path.endsWith("dispatcher") ? 1 : 0,
  };
}

let sequence = 0;

export function message(instanceId: string): TappedMessage {
  sequence += 1;
  const kinds = ["RunInstances", "InstanceReports", "Heartbeat", "LogLines"];
  const kind = kinds[sequence % kinds.length] ?? "";
  return {
    at: Date.now(),
    node: sequence % 2 === 0 ? "server-1" : "worker-eu-1",
    sequence,
    from: "server/billing/dispatcher",
    to: "worker/runs/3",
    kind,
    sizeBytes: 180 + ((sequence * 37) % 4000),
    waitedUs: 12 + ((sequence * 13) % 400),
    handlingUs: 60 + ((sequence * 977) % 90_000),
    outcome: sequence % 23 === 0 ? "failed" : "ok",
    traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
    instances: [instanceId],
    body: { kind, instances: [{ instance: instanceId, attempt: 1, epoch: 7, params: "***" }] },
  };
}
