import { type ComponentType, lazy } from "react";

// Each page is a file of its own, loaded when it is wanted.

type Load<Props> = () => Promise<{ default: ComponentType<Props> }>;
type None = Record<string, never>;

const home: Load<None> = () => import("../pages/home/HomePage");
const jobs: Load<None> = () => import("../pages/jobs/JobsPage");
const job: Load<{ jobId: string }> = () => import("../pages/job/JobPage");
const jobForm: Load<{ jobId?: string }> = () => import("../pages/jobForm/JobFormPage");
const instances: Load<None> = () => import("../pages/instances/InstancesPage");
const instance: Load<{ instanceId: string }> = () => import("../pages/instance/InstancePage");
const calendar: Load<None> = () => import("../pages/calendar/CalendarPage");
const worker: Load<{ node: string }> = () => import("../pages/workers/WorkerPage");
const workers: Load<None> = () => import("../pages/workers/WorkersPage");
const apps: Load<None> = () => import("../pages/apps/AppsPage");
const inspector: Load<None> = () => import("../pages/inspector/InspectorPage");
const server: Load<None> = () => import("../pages/server/ServerPage");

export const HomePage = lazy(home);
export const JobsPage = lazy(jobs);
export const JobPage = lazy(job);
export const JobFormPage = lazy(jobForm);
export const InstancesPage = lazy(instances);
export const InstancePage = lazy(instance);
export const CalendarPage = lazy(calendar);
export const WorkerPage = lazy(worker);
export const WorkersPage = lazy(workers);
export const AppsPage = lazy(apps);
export const InspectorPage = lazy(inspector);
export const ServerPage = lazy(server);

const PATTERNS: [RegExp, () => Promise<unknown>][] = [
  [/^\/apps\/\d+$/, home],
  [/^\/apps\/\d+\/jobs$/, jobs],
  [/^\/apps\/\d+\/jobs\/(?:new|\d+\/edit)$/, jobForm],
  [/^\/apps\/\d+\/jobs\/\d+$/, job],
  [/^\/apps\/\d+\/instances$/, instances],
  [/^\/apps\/\d+\/instances\/\d+$/, instance],
  [/^\/apps\/\d+\/calendar$/, calendar],
  [/^\/apps\/\d+\/workers$/, workers],
  [/^\/apps\/\d+\/workers\/[^/]+$/, worker],
  [/^\/(?:apps)?$/, apps],
  [/^\/inspector$/, inspector],
  [/^\/server$/, server],
];

/** Starts loading the page of an address, before anything else has been asked. */
export function preloadPage(path: string): void {
  const load = PATTERNS.find(([pattern]) => pattern.test(path))?.[1];
  // a failure shows when the page is rendered
  load?.().catch(() => undefined);
}
