//! A job as the server knows it.

use powerjob_common::id::{AppId, JobId};
use powerjob_common::status::{
    DispatchStrategy, ExecuteType, LogLevel, ProcessorType, SwitchableStatus, TimeExpressionType,
};
use powerjob_common::time::UnixMillis;
use powerjob_common::time_expression::Lifecycle;
use serde::Serialize;

use super::policy::{RetryPolicy, SchedulePolicy};

/// A job as stored. Shared as `Arc<JobDefinition>`; a change makes a new value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobDefinition {
    pub id: JobId,
    pub app_id: AppId,
    /// Grows by one with every save.
    pub revision: i64,
    pub name: String,
    pub description: String,
    pub schedule: ScheduleSpec,
    pub policy: SchedulePolicy,
    pub execute_type: ExecuteType,
    pub processor_type: ProcessorType,
    pub processor: String,
    pub params: String,
    pub status: SwitchableStatus,
    /// Runs at the same time; 0 = no limit.
    pub max_instances: u32,
    pub concurrency: u32,
    /// 0 = none.
    pub time_limit_ms: u64,
    pub instance_retries: u32,
    pub retry: RetryPolicy,
    pub task_retries: u32,
    pub dispatch_strategy: DispatchStrategy,
    pub dispatch_config: String,
    pub designated_workers: String,
    /// 0 = no limit.
    pub max_workers: u32,
    pub min_cpu_cores: f64,
    pub min_memory_gib: f64,
    pub min_disk_gib: f64,
    pub log_level: LogLevel,
    pub tag: String,
    pub no_worker_grace_ms: u64,
    /// The next nominal time that has no instance yet; `None` when it is not scheduled.
    pub next_trigger_at: Option<UnixMillis>,
    pub created_at: UnixMillis,
    pub modified_at: UnixMillis,
}

impl JobDefinition {
    /// Whether its schedule makes one instance that does not end, whose beats a worker makes.
    pub fn is_second_level(&self) -> bool {
        let is_fixed = matches!(
            self.schedule.kind,
            TimeExpressionType::FixedRate | TimeExpressionType::FixedDelay
        );
        is_fixed && self.policy.second_level && self.execute_type == ExecuteType::Standalone
    }

    /// Whether its schedule goes on when a run of it has ended, and not before.
    pub fn is_loop(&self) -> bool {
        self.schedule.kind == TimeExpressionType::FixedDelay || self.is_second_level()
    }
}

/// When a job runs, as text; `powerjob_common::time_expression::Schedule` is its parsed form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScheduleSpec {
    pub kind: TimeExpressionType,
    pub expression: String,
    /// IANA name; `None` = the server's zone.
    pub zone: Option<String>,
    pub lifecycle: Lifecycle,
}

/// What a person defines about a job; validated before it reaches the scheduler.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobDraft {
    /// `None` makes a new job.
    pub id: Option<JobId>,
    pub app_id: AppId,
    pub name: String,
    pub description: String,
    pub schedule: ScheduleSpec,
    pub policy: SchedulePolicy,
    pub execute_type: ExecuteType,
    pub processor_type: ProcessorType,
    pub processor: String,
    pub params: String,
    pub status: SwitchableStatus,
    pub max_instances: u32,
    pub concurrency: u32,
    pub time_limit_ms: u64,
    pub instance_retries: u32,
    pub retry: RetryPolicy,
    pub task_retries: u32,
    pub dispatch_strategy: DispatchStrategy,
    pub dispatch_config: String,
    pub designated_workers: String,
    pub max_workers: u32,
    pub min_cpu_cores: f64,
    pub min_memory_gib: f64,
    pub min_disk_gib: f64,
    pub log_level: LogLevel,
    pub tag: String,
    pub no_worker_grace_ms: u64,
}

impl JobDraft {
    /// The job as it is saved at `now`; the store gives a new one its id and every one its revision.
    pub fn into_definition(
        self,
        next_trigger_at: Option<UnixMillis>,
        now: UnixMillis,
    ) -> JobDefinition {
        JobDefinition {
            id: self.id.unwrap_or(JobId(0)),
            app_id: self.app_id,
            revision: 0,
            name: self.name,
            description: self.description,
            schedule: self.schedule,
            policy: self.policy,
            execute_type: self.execute_type,
            processor_type: self.processor_type,
            processor: self.processor,
            params: self.params,
            status: self.status,
            max_instances: self.max_instances,
            concurrency: self.concurrency,
            time_limit_ms: self.time_limit_ms,
            instance_retries: self.instance_retries,
            retry: self.retry,
            task_retries: self.task_retries,
            dispatch_strategy: self.dispatch_strategy,
            dispatch_config: self.dispatch_config,
            designated_workers: self.designated_workers,
            max_workers: self.max_workers,
            min_cpu_cores: self.min_cpu_cores,
            min_memory_gib: self.min_memory_gib,
            min_disk_gib: self.min_disk_gib,
            log_level: self.log_level,
            tag: self.tag,
            no_worker_grace_ms: self.no_worker_grace_ms,
            next_trigger_at,
            created_at: now,
            modified_at: now,
        }
    }
}
