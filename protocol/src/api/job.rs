//! Jobs. `/v1/apps/{appId}/jobs`, `/v1/jobs/{jobId}` and what hangs on it.

use powerjob_common::status::{DispatchStrategy, ExecuteType, LogLevel, ProcessorType};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::id::Id;
use super::instance::RunBar;
use super::policy::{PolicyInput, RetryInput};
use super::reason::Reason;
use super::schedule::ScheduleInput;

/// What a person defines about a job: body of `POST /v1/apps/{appId}/jobs` and `PUT /v1/jobs/{jobId}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobInput {
    /// 1 to 255 characters.
    pub name: String,
    /// At most 255 characters.
    #[serde(default)]
    pub description: String,
    /// When it runs.
    pub schedule: ScheduleInput,
    /// `STANDALONE`, `BROADCAST`, `MAP`, `MAP_REDUCE`.
    #[schema(schema_with = super::schema::execute_type)]
    #[serde(default = "default_execute_type")]
    pub execute_type: ExecuteType,
    /// `BUILT_IN`, `SHELL`, `PYTHON`, `EXTERNAL`.
    #[schema(schema_with = super::schema::processor_type)]
    #[serde(default = "default_processor_type")]
    pub processor_type: ProcessorType,
    /// Name of the processor, or the script for `SHELL` and `PYTHON`; at most 255 characters for a
    /// name, 64 KiB for a script.
    pub processor: String,
    /// Parameters given to every run, at most 1 MiB.
    #[serde(default)]
    pub params: String,
    /// What becomes of missed times and of runs that overlap.
    #[serde(default)]
    pub policy: PolicyInput,
    /// Whether its schedule runs.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Runs at the same time; 0 = no limit.
    #[serde(default)]
    pub max_instances: u32,
    /// Tasks at the same time on one worker.
    #[serde(default = "default_concurrency")]
    pub concurrency: u32,
    /// Time limit of a run in milliseconds; 0 = none.
    #[serde(default)]
    pub time_limit_ms: u64,
    /// Repetitions of a failed run.
    #[serde(default)]
    pub instance_retries: u32,
    /// How long a failed run waits before it is repeated.
    #[serde(default)]
    pub retry: RetryInput,
    /// Repetitions of a failed task.
    #[serde(default)]
    pub task_retries: u32,
    /// `HEALTH_FIRST`, `RANDOM`, `SPECIFY`, `ROUND_ROBIN`.
    #[schema(schema_with = super::schema::dispatch_strategy)]
    #[serde(default = "default_strategy")]
    pub dispatch_strategy: DispatchStrategy,
    /// For `SPECIFY`: addresses or tags, `tagIn:..`, `tagEquals:..`.
    #[serde(default)]
    pub dispatch_config: String,
    /// Only these workers, by address or tag, separated by commas; empty = any.
    #[serde(default)]
    pub designated_workers: String,
    /// At most this many workers; 0 = no limit.
    #[serde(default)]
    pub max_workers: u32,
    /// Free processors a worker must have; 0 = any.
    #[serde(default)]
    pub min_cpu_cores: f64,
    /// Free memory in GiB a worker must have; 0 = any.
    #[serde(default)]
    pub min_memory_gib: f64,
    /// Free disk in GiB a worker must have; 0 = any.
    #[serde(default)]
    pub min_disk_gib: f64,
    /// Lowest level of log lines that are kept.
    #[schema(schema_with = super::schema::log_level)]
    #[serde(default = "default_log_level")]
    pub log_level: LogLevel,
    /// Tag for filtering.
    #[serde(default)]
    pub tag: String,
    /// How long a run waits while there is no worker at all, in milliseconds, before it fails.
    #[serde(default = "default_no_worker_grace_ms")]
    pub no_worker_grace_ms: u64,
    /// The revision the change is based on; a different present revision is refused with 409.
    /// Absent: the change wins.
    #[serde(default)]
    pub base_revision: Option<i64>,
}

fn yes() -> bool {
    true
}
fn default_execute_type() -> ExecuteType {
    ExecuteType::Standalone
}
fn default_processor_type() -> ProcessorType {
    ProcessorType::BuiltIn
}
fn default_strategy() -> DispatchStrategy {
    DispatchStrategy::HealthFirst
}
fn default_log_level() -> LogLevel {
    LogLevel::Info
}
fn default_concurrency() -> u32 {
    5
}
fn default_no_worker_grace_ms() -> u64 {
    60_000
}

/// A job as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// Its id.
    pub id: Id,
    /// Its application.
    pub app_id: Id,
    /// Grows by one with every save.
    pub revision: i64,
    /// The definition.
    #[serde(flatten)]
    pub definition: JobInput,
    /// The schedule in words.
    pub schedule_text: String,
    /// The next time it is due, epoch milliseconds; absent when it is not scheduled.
    pub next_trigger_at: Option<i64>,
    /// When it was made, epoch milliseconds.
    pub created_at: i64,
    /// When it was changed, epoch milliseconds.
    pub modified_at: i64,
}

/// A job in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobSummary {
    /// The job.
    pub job: Job,
    /// Its last runs, newest first, at most 10 in a list.
    pub recent_runs: Vec<RunBar>,
    /// Runs that wait or run now.
    pub open_instances: u64,
}

/// `POST /v1/jobs/{jobId}/runs`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunInput {
    /// Parameters of this run, at most 1 MiB.
    #[serde(default)]
    pub params: Option<String>,
    /// The workers that may run it, in the place of those that the job designates and written as there:
    /// names, addresses or tags, separated by commas; at most 255 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    /// Wait this long before it starts, in milliseconds; up to 366 days.
    #[serde(default)]
    pub delay_ms: u64,
    /// Start it then instead, epoch milliseconds; up to 366 days ahead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<i64>,
}

/// `POST /v1/jobs/{jobId}/runs:batch`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunBatchInput {
    /// 1 to 10,000 runs.
    pub runs: Vec<RunInput>,
}

/// Answer to a run call: the run is durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunAccepted {
    /// The new instance.
    pub instance_id: Id,
}

/// Answer to a batch of run calls: all are durable, in the order of the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunBatchAccepted {
    /// The new instances.
    pub instance_ids: Vec<Id>,
}

/// `GET /v1/jobs/{jobId}/diagnosis`: why is it not running?
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    /// Whether it would run if it were triggered now.
    pub can_run: bool,
    /// Whether its schedule will trigger it.
    pub is_scheduled: bool,
    /// What stands in the way, most important first.
    pub reasons: Vec<Reason>,
    /// Each known worker and whether it fits.
    pub workers: Vec<WorkerFit>,
}

/// Whether a worker fits a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkerFit {
    /// The worker's node name.
    pub worker: String,
    /// Its address.
    pub address: String,
    /// Whether it could run the job.
    pub fits: bool,
    /// Why not; absent when it fits.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<Reason>,
}
