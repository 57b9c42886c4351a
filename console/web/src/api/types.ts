// The types of the HTTP API. `schema.ts` is generated from openapi.json by `npm run types`, so the
// console and the server cannot drift; here they only get short names.

import type { components } from "./schema";

type Schemas = components["schemas"];

export interface Page<T> {
  items: T[];
  nextCursor?: string | null;
  total?: number | null;
}

/** The server fills fields that have a default, and the console always sends them. */
type Filled<T, Optional extends keyof T = never> = Required<Omit<T, Optional>> & Pick<T, Optional>;

export type ActorState = Schemas["ActorState"];
export type App = Schemas["App"];
export type AppChange = Schemas["AppChange"];
export type AppHealth = Schemas["AppHealth"];
export type AppWithSecret = Schemas["AppWithSecret"];
export type AppWithClientPassword = Schemas["AppWithClientPassword"];
export type NewClientPassword = Schemas["NewClientPassword"];
export type AppStatistics = Schemas["AppStatistics"];
export type Attempt = Schemas["Attempt"];
export type Calendar = Schemas["Calendar"];
export type CalendarTrigger = Schemas["CalendarTrigger"];
export type CleaningStatus = Schemas["CleaningStatus"];
export type Diagnosis = Schemas["Diagnosis"];
/** A wrong field; what a form finds itself has no code, for it is worded already. */
export type FieldError = Pick<Schemas["FieldError"], "field" | "reason"> & Partial<Schemas["FieldError"]>;
export type Hello = Schemas["Hello"];
export type HourCounts = Schemas["HourCounts"];
export type Id = Schemas["Id"];
export type Instance = Schemas["Instance"];
export type InstanceSummary = Schemas["InstanceSummary"];
export type JobChanged = Schemas["JobChanged"];
export type Lagged = Schemas["Lagged"];
export type JobFigures = Schemas["JobFigures"];
export type LogEntry = Schemas["LogEntry"];
export type LogPage = Schemas["LogPage"];
export type Me = Schemas["Me"];
export type NewApp = Required<Schemas["NewApp"]>;
export type NodeActors = Schemas["NodeActors"];
export type Problem = Schemas["Problem"];
export type Reason = Schemas["Reason"];
export type ReasonCode = Reason["code"];
export type RunAccepted = Schemas["RunAccepted"];
export type RunBar = Schemas["RunBar"];
export type RunInput = Schemas["RunInput"];
export type ScheduleChecked = Schemas["ScheduleChecked"];
export type ScheduleInput = Filled<Schemas["ScheduleInput"], "zone" | "startAt" | "endAt">;
export type ServerFacts = Schemas["ServerFacts"];
export type ServerStatus = Schemas["ServerStatus"];
export type SessionInfo = Schemas["SessionInfo"];
export type SignIn = Schemas["SignIn"];
export type SignedIn = Schemas["SignedIn"];
export type TappedMessage = Schemas["TappedMessage"];
export type Timeline = Schemas["Timeline"];
export type BeatCounts = Schemas["BeatCounts"];
export type BeatOverview = Schemas["BeatOverview"];
export type SubInstance = Schemas["SubInstance"];
export type Task = Schemas["Task"];
export type TaskCounts = Schemas["TaskCounts"];
export type TaskOverview = Schemas["TaskOverview"];
export type LevelTasks = Schemas["LevelTasks"];
export type Worker = Schemas["Worker"];
export type WorkerOrderInput = Schemas["WorkerOrderInput"];
export type WorkerOrderKind = WorkerOrderInput["kind"];
export type WorkerFit = Schemas["WorkerFit"];

export interface ScheduleCheck {
  schedule: ScheduleInput;
  count: number;
}

export type PolicyInput = Filled<Schemas["PolicyInput"], "catchUp" | "queueLimit" | "secondLevel">;
export type RetryInput = Filled<Schemas["RetryInput"], "factor" | "limitMs">;

export type JobInput = Omit<
  Filled<Schemas["JobInput"], "baseRevision">,
  "schedule" | "policy" | "retry"
> & {
  schedule: ScheduleInput;
  policy: PolicyInput;
  retry: RetryInput;
};

export type Job = JobInput & Omit<Schemas["Job"], keyof Schemas["JobInput"]>;

export type JobSummary = Omit<Schemas["JobSummary"], "job"> & { job: Job };
export type WorkerTasks = Schemas["WorkerTasks"];
