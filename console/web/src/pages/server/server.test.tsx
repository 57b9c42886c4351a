import { cleanup, fireEvent, screen, within } from "@testing-library/react";
import { afterEach, expect, it } from "vitest";
import type { ServerStatus } from "../../api/types";
import { INFO, SIGNED_IN, serve, show } from "../../test/render";
import ServerPage from "./ServerPage";

afterEach(cleanup);

const cleaning = {
  isRunning: false,
  rounds: 1,
  failures: 0,
  endedAt: 1,
  tookMs: 1500,
  instances: 1000,
  jobRevisions: 2,
  jobs: 0,
  sessions: 0,
  logBytes: 2048,
};

const STATUS: ServerStatus = {
  node: "server-1",
  version: "0.1.0",
  now: 2,
  startedAt: 1,
  zone: "UTC",
  workerAddress: "10.0.0.1:10010",
  notReady: "the applications are being loaded",
  lease: { epoch: 7, actsForMs: 1200 },
  servers: [
    { node: "server-1", workerAddress: "10.0.0.1:10010", epoch: 7, acquiredAt: 1, apps: 1, isThis: true },
    { node: "server-2", workerAddress: "10.0.0.2:10010", epoch: 3, acquiredAt: 1, apps: 4, isThis: false },
  ],
  apps: [{ id: "4", name: "shop", epoch: 2 }],
  lateness: { starts: 9, p50Us: 1200, p99Us: 4800, sentP50Us: 300, sentP99Us: 900 },
  runs: { open: 3, sent: 12, succeeded: 8, failed: 1, canceled: 0, stopped: 0 },
  actors: [
    {
      path: "server/scheduler",
      depth: 0,
      capacity: 64,
      handled: 1,
      refused: 2,
      rate: 0,
      p50Us: 1,
      p99Us: 2,
      restarts: 0,
    },
  ],
  store: {
    commits: 1,
    rows: 2,
    queuedRows: 0,
    capacityRows: 100,
    refused: 0,
    batchRowsP50: 1,
    batchRowsP99: 8,
    commitP50Us: 700,
    commitP99Us: 2100,
  },
  process: { residentBytes: 40 << 20, cpuMs: 100, threads: 9, openFiles: 30 },
  cleaning,
  settings: [
    { name: "server.zone", value: "UTC", origin: "default" },
    { name: "server.metrics_token", value: "***", origin: "powerjob.toml:3:1" },
  ],
};

it("shows what the server says of itself", async () => {
  serve(() => ({ body: STATUS }));
  show(<ServerPage />);
  const facts = await screen.findByTestId("server-facts");
  expect(facts.textContent).toContain("the applications are being loaded");
  expect(facts.textContent).toContain("1.2 ms / 4.8 ms");
  expect(facts.textContent).toContain("1,000 instances");
  expect(within(screen.getByTestId("servers")).getAllByRole("row")).toHaveLength(3);
  expect(screen.getByRole("link", { name: "shop" }).getAttribute("href")).toBe("/apps/4");
});

it("says nothing while workers prove what they are", async () => {
  serve(() => ({ body: STATUS }));
  show(<ServerPage />);
  await screen.findByTestId("settings");
  expect(screen.queryByTestId("open-door")).toBeNull();
});

it("warns while workers need no proof", async () => {
  const door = { name: "server.allow_unproven_workers", value: "true", origin: "environment" };
  serve(() => ({ body: { ...STATUS, settings: [door] } }));
  show(<ServerPage />);
  const warning = await screen.findByTestId("open-door");
  expect(warning.textContent).toContain("server.allow_unproven_workers is on");
});

it("hides defaults on demand", async () => {
  serve(() => ({ body: STATUS }));
  show(<ServerPage />);
  const settings = await screen.findByTestId("settings");
  expect(settings.textContent).toContain("server.zone");
  fireEvent.click(screen.getByTestId("settings-changed"));
  expect(settings.textContent).not.toContain("server.zone");
  expect(settings.textContent).toContain("***");
});

it("has the server cleaned", async () => {
  const calls = serve((method) => ({
    body: method === "POST" ? { ...cleaning, instances: 5000 } : STATUS,
  }));
  show(<ServerPage />);
  fireEvent.click(await screen.findByTestId("clean-now"));
  expect(await screen.findByText(/5,000 instances/)).toBeDefined();
  expect(calls.some(({ method, path }) => method === "POST" && path === "/v1/server/cleaning")).toBe(true);
});

it("is for administrators only", () => {
  const calls = serve(() => ({ body: STATUS }));
  const user = { ...INFO.user, isAdministrator: false };
  show(<ServerPage />, { ...SIGNED_IN, kind: "in", info: { ...INFO, user }, clockAheadMs: 0 });
  expect(screen.getByTestId("empty")).toBeDefined();
  expect(calls).toHaveLength(0);
});
