//! Instances. `/v1/apps/{appId}/instances`, `/v1/instances/{instanceId}` and its log.

use powerjob_common::status::{InstanceStatus, LogLevel};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::id::Id;
use super::reason::Reason;

/// A run in a bar chart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunBar {
    /// The instance.
    pub id: Id,
    /// Its state.
    #[schema(schema_with = super::schema::instance_status)]
    pub status: InstanceStatus,
    /// The time it was meant for, epoch milliseconds.
    pub expected_at: i64,
    /// When the processor started, epoch milliseconds.
    pub started_at: Option<i64>,
    /// When it ended, epoch milliseconds.
    pub finished_at: Option<i64>,
}

/// A run in a list, and the body of the event `instance`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstanceSummary {
    /// The instance.
    pub id: Id,
    /// Its job.
    pub job_id: Id,
    /// Name of the job.
    pub job_name: String,
    /// Its application.
    pub app_id: Id,
    /// Its state.
    #[schema(schema_with = super::schema::instance_status)]
    pub status: InstanceStatus,
    /// What made it: `SCHEDULE`, `API`, `WORKFLOW`.
    pub trigger: String,
    /// Number of the present attempt, from 1; 0 = never claimed.
    pub attempt: u32,
    /// When it should (next) start, epoch milliseconds: with jitter, after a wait for a repetition.
    pub expected_at: i64,
    /// The time of its schedule that it stands for, epoch milliseconds; only if a schedule made it.
    #[serde(default)]
    pub nominal_at: Option<i64>,
    /// When the processor started, epoch milliseconds.
    pub started_at: Option<i64>,
    /// When it ended, epoch milliseconds.
    pub finished_at: Option<i64>,
    /// The worker that has or had it.
    pub worker: Option<String>,
    /// First 200 characters of the parameters of this run.
    #[serde(default)]
    pub params: String,
    /// First 200 characters of the result or cause.
    pub result: String,
}

/// `GET /v1/instances/{instanceId}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Instance {
    /// What lists show.
    #[serde(flatten)]
    pub summary: InstanceSummary,
    /// Parameters of the job as this run got them.
    pub job_params: String,
    /// Parameters of this run.
    pub instance_params: String,
    /// The workers that its caller chose; absent when the job decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chosen_worker: Option<String>,
    /// The whole result or cause; while it runs, what became of the last task attempt if that failed.
    pub full_result: String,
    /// Revision of the job definition it uses.
    pub job_revision: i64,
    /// The steps of the present attempt.
    pub timeline: Timeline,
    /// All attempts, oldest first.
    pub attempts: Vec<Attempt>,
    /// Why it waits; absent when it does not wait.
    pub waiting_for: Option<Reason>,
    /// Trace of its messages, 32 hexadecimal digits.
    pub trace_id: String,
    /// What can be done with it now: `STOP`, `KILL`, `CANCEL`, `RETRY`,
    /// `RETRY_FAILED_TASKS`.
    pub actions: Vec<String>,
}

/// When each step happened, epoch milliseconds; absent = not yet or not known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Timeline {
    /// The row was made.
    pub created_at: Option<i64>,
    /// It was meant to start.
    pub expected_at: Option<i64>,
    /// It was claimed for a worker and sent.
    pub dispatched_at: Option<i64>,
    /// The worker took it (the worker's clock).
    pub received_at: Option<i64>,
    /// The processor started (the worker's clock).
    pub started_at: Option<i64>,
    /// The processor ended (the worker's clock).
    pub finished_at: Option<i64>,
    /// The server stored the end.
    pub recorded_at: Option<i64>,
}

/// One attempt of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// Number, from 1.
    pub number: u32,
    /// How it ended or stands.
    #[schema(schema_with = super::schema::instance_status)]
    pub status: InstanceStatus,
    /// The worker.
    pub worker: Option<String>,
    /// Its steps.
    pub timeline: Timeline,
    /// Result or cause.
    pub result: String,
}

/// `GET /v1/instances/{instanceId}/log`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogPage {
    /// The lines, oldest first.
    pub lines: Vec<LogEntry>,
    /// Give it as `cursor` to go on after the last line; always present, also for following.
    pub next_cursor: String,
    /// Give it as `cursor`, with `tail`, to get the lines before the first one; absent when there
    /// are none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub previous_cursor: Option<String>,
    /// Whether nothing more will come after the last line: the instance has ended and all is here.
    pub is_complete: bool,
}

/// A line of a run's log, and the body of the event `line` of its live stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogEntry {
    /// When it was written, epoch milliseconds of the worker.
    pub at: i64,
    /// Its level.
    #[schema(schema_with = super::schema::log_level)]
    pub level: LogLevel,
    /// The attempt that wrote it.
    pub attempt: u32,
    /// The worker that wrote it.
    pub worker: String,
    /// The text; for a gap, how many lines were lost and why.
    pub text: String,
    /// Whether lines were lost here.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub is_gap: bool,
}
