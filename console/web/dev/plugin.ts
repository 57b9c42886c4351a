// A pretended server for `npm run dev:mock` and `npm run preview:mock`: see the console without one.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Connect, Plugin } from "vite";
import { dispatchRun, finishRun, jobs, message, runs, startRun, workers, writeLine } from "./data";
import { answer } from "./routes";

interface Stream {
  path: string;
  query: URLSearchParams;
  send: (event: string, data: unknown, id?: string) => void;
}

const streams = new Set<Stream>();
const TICK_MS = 400;

function tell(path: RegExp, event: string, data: unknown, id?: string): void {
  for (const stream of streams) {
    if (path.test(stream.path)) stream.send(event, data, id);
  }
}

/** Lets time pass: runs start, write, end; workers breathe; messages flow. */
function tick(): void {
  const now = Date.now();
  for (const job of jobs) {
    if (!job.enabled || !job.nextTriggerAt || job.nextTriggerAt > now || job.schedule.type !== "FIXED_RATE") continue;
    const run = startRun(job, job.nextTriggerAt, "SCHEDULE");
    job.nextTriggerAt += Number(job.schedule.expression);
    tell(new RegExp(`/apps/${job.appId}/events`), "instance", run.summary);
  }
  for (const run of runs.slice(0, 60)) {
    const { summary } = run;
    if (summary.finishedAt !== null || summary.jobName === "gpu-report") continue;
    const events = new RegExp(`/apps/${summary.appId}/events`);
    const log = new RegExp(`/instances/${summary.id}/log/stream`);
    if (summary.attempt === 0) {
      if (now - summary.expectedAt < 700) continue;
      dispatchRun(run, now);
      tell(events, "instance", summary);
    } else if (now - (summary.startedAt ?? now) > run.takesMs) {
      finishRun(run, run.willFail ? "FAILED" : "SUCCEED", now);
      tell(events, "instance", summary);
      tell(log, "end", {});
    } else {
      tell(log, "line", writeLine(run, now), String(run.lines.length));
    }
  }
  for (const [appId, list] of Object.entries(workers)) {
    const [first] = list;
    if (first === undefined) continue;
    first.cpuLoad = 1 + Math.random() * 3;
    first.lastSeenAt = now;
    tell(new RegExp(`/apps/${appId}/events`), "worker", first);
  }
  for (const stream of streams) {
    if (stream.path !== "/v1/tap") continue;
    stream.send("message", message(stream.query.get("instanceId") ?? "604919300096000387"));
    if (Math.random() < 0.02) stream.send("lagged", { missed: 4 });
  }
}

function openStream(url: URL, request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" });
  const stream: Stream = {
    path: url.pathname,
    query: url.searchParams,
    send: (event, data, id) => {
      const head = id === undefined ? "" : `id: ${id}\n`;
      response.write(`${head}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    },
  };
  stream.send("hello", { node: "server-1", now: Date.now() + Number(process.env.MOCK_CLOCK ?? 0) });
  streams.add(stream);
  request.on("close", () => streams.delete(stream));
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return text === "" ? undefined : (JSON.parse(text) as unknown);
}

async function serve(url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const isSignedIn = (request.headers.cookie ?? "").includes("pj_mock=1");
  const isStream = /\/events$|\/log\/stream$|^\/v1\/tap$/.test(url.pathname);
  if (isStream && isSignedIn) {
    openStream(url, request, response);
    return;
  }
  const method = request.method ?? "GET";
  const body = await readBody(request);
  const result = answer({ method, path: url.pathname, query: url.searchParams, body, isSignedIn });
  if (result.cookie !== undefined) {
    const cookie = result.cookie === "" ? "pj_mock=; Max-Age=0" : result.cookie;
    response.setHeader("Set-Cookie", `${cookie}; Path=/; SameSite=Strict`);
  }
  if (result.status === 429) response.setHeader("Retry-After", "7");
  const type = result.text !== undefined ? "text/plain" : result.status >= 400 ? "application/problem+json" : "application/json";
  response.writeHead(result.status, { "Content-Type": type });
  response.end(result.text ?? (result.body === undefined ? "" : JSON.stringify(result.body)));
}

const middleware: Connect.NextHandleFunction = (request, response, next) => {
  const url = new URL(request.url ?? "/", "http://localhost");
  if (!url.pathname.startsWith("/v1/")) {
    next();
    return;
  }
  serve(url, request, response).catch(next);
};

export function mockApi(): Plugin {
  return {
    name: "mock-api",
    configureServer: (server) => {
      server.middlewares.use(middleware);
      setInterval(tick, TICK_MS).unref();
    },
    configurePreviewServer: (server) => {
      server.middlewares.use(middleware);
      setInterval(tick, TICK_MS).unref();
    },
  };
}
