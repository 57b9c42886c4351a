//! The form in which `pj_job_history` keeps definitions.
//!
//! It is written for ever: a field may be added with a default, but none may be renamed.

use powerjob_common::id::{AppId, JobId};
use powerjob_common::status::{
    DispatchStrategy, ExecuteType, LogLevel, ProcessorType, SwitchableStatus, TimeExpressionType,
};
use powerjob_common::time::UnixMillis;
use powerjob_common::time_expression::Lifecycle;
use serde::{Deserialize, Serialize};

use super::policy::{Policy, Retry};
use crate::domain::job::{JobDefinition, ScheduleSpec};
use crate::domain::policy::{RetryPolicy, SchedulePolicy};
use crate::store::Error;

#[derive(Serialize, Deserialize)]
struct Document(#[serde(with = "Job")] JobDefinition);

#[derive(Serialize, Deserialize)]
#[serde(remote = "JobDefinition")]
struct Job {
    id: JobId,
    app_id: AppId,
    revision: i64,
    name: String,
    description: String,
    #[serde(with = "Schedule")]
    schedule: ScheduleSpec,
    #[serde(with = "Policy", default)]
    policy: SchedulePolicy,
    execute_type: ExecuteType,
    processor_type: ProcessorType,
    processor: String,
    params: String,
    status: SwitchableStatus,
    max_instances: u32,
    concurrency: u32,
    time_limit_ms: u64,
    instance_retries: u32,
    #[serde(with = "Retry", default)]
    retry: RetryPolicy,
    task_retries: u32,
    dispatch_strategy: DispatchStrategy,
    dispatch_config: String,
    designated_workers: String,
    max_workers: u32,
    min_cpu_cores: f64,
    min_memory_gib: f64,
    min_disk_gib: f64,
    log_level: LogLevel,
    tag: String,
    no_worker_grace_ms: u64,
    next_trigger_at: Option<UnixMillis>,
    created_at: UnixMillis,
    modified_at: UnixMillis,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "ScheduleSpec")]
struct Schedule {
    kind: TimeExpressionType,
    expression: String,
    zone: Option<String>,
    lifecycle: Lifecycle,
}

pub(super) fn write(job: &JobDefinition) -> Result<String, Error> {
    serde_json::to_string(&Document(job.clone()))
        .map_err(|error| Error::invalid("job", error.to_string()))
}

pub(super) fn read(text: &str) -> Result<JobDefinition, Error> {
    serde_json::from_str(text)
        .map(|document: Document| document.0)
        .map_err(|error| Error::Damaged(format!("a definition in the history: {error}")))
}
