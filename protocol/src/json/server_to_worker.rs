//! What a server sends to a worker of the reference, and its answers (spec 05 section 4).

use serde::{Deserialize, Serialize};

use super::lenient;

/// Gives a run to a worker; route `/worker/runJob`. Repeating it is harmless while the worker has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RunJob {
    /// Workers that may share it, the receiver included.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "lenient::texts"
    )]
    pub all_worker_address: Vec<String>,
    /// So many of them at most; 0 = all.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::small"
    )]
    pub max_worker_count: Option<i32>,
    /// The job.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::whole"
    )]
    pub job_id: Option<i64>,
    /// The workflow instance, if it is part of one.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::whole"
    )]
    pub wf_instance_id: Option<i64>,
    /// The run.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::whole"
    )]
    pub instance_id: Option<i64>,
    /// Name of the execute type.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub execute_type: Option<String>,
    /// Name of the processor type.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub processor_type: Option<String>,
    /// Which processor.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub processor_info: Option<String>,
    /// Time limit; 0 = none.
    #[serde(
        rename = "instanceTimeoutMS",
        deserialize_with = "lenient::whole_or_zero"
    )]
    pub instance_timeout_ms: i64,
    /// Parameters of the job.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub job_params: Option<String>,
    /// Parameters of this run.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub instance_params: Option<String>,
    /// Tasks at once on one worker.
    #[serde(deserialize_with = "lenient::small_or_zero")]
    pub thread_concurrency: i32,
    /// Repetitions of a failed task.
    #[serde(deserialize_with = "lenient::small_or_zero")]
    pub task_retry_num: i32,
    /// Name of the kind of schedule.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub time_expression_type: Option<String>,
    /// Milliseconds as text, for second-level jobs.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub time_expression: Option<String>,
    /// Runs at once of a second-level job; those need it.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::small"
    )]
    pub max_instance_num: Option<i32>,
    /// Rules of alarms of a second-level job, JSON text.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub alarm_config: Option<String>,
    /// Where logs go, JSON text.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub log_config: Option<String>,
    /// How the tracker behaves, JSON text.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub advanced_runtime_config: Option<String>,
}

/// Stops a run; route `/worker/stopInstance`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StopInstance {
    /// The run.
    pub instance_id: i64,
}

/// Asks how a run fares; route `/worker/queryInstanceStatus`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryInstanceStatus {
    /// The run.
    pub instance_id: i64,
    /// An SQL condition on the worker's own table of tasks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_query: Option<String>,
}

/// Gives a container to a worker; route `/worker/deployContainer`, and the answer to
/// `/server/queryContainer`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DeployContainer {
    /// The container.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::whole"
    )]
    pub container_id: Option<i64>,
    /// Its name.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub container_name: Option<String>,
    /// Which jar.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub version: Option<String>,
    /// Where it is.
    #[serde(
        rename = "downloadURL",
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub download_url: Option<String>,
}

/// How a run fares, as its worker tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct InstanceDetail {
    /// When it should have begun.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::whole"
    )]
    pub expected_trigger_time: Option<i64>,
    /// When its tracker was made.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::whole"
    )]
    pub actual_trigger_time: Option<i64>,
    /// When it ended.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::whole"
    )]
    pub finished_time: Option<i64>,
    /// Code of `InstanceStatus`.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::small"
    )]
    pub status: Option<i32>,
    /// Its result.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub result: Option<String>,
    /// The worker that has it.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub task_tracker_address: Option<String>,
    /// Its tasks in numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_detail: Option<TaskDetail>,
    /// The tasks that were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queried_task_detail_info_list: Option<Vec<QueriedTask>>,
    /// The last runs of a second-level job, newest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub_instance_details: Option<Vec<SubInstanceDetail>>,
}

/// Tasks in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TaskDetail {
    /// All.
    #[serde(deserialize_with = "lenient::whole_or_zero")]
    pub total_task_num: i64,
    /// Succeeded.
    #[serde(deserialize_with = "lenient::whole_or_zero")]
    pub succeed_task_num: i64,
    /// Failed.
    #[serde(deserialize_with = "lenient::whole_or_zero")]
    pub failed_task_num: i64,
    /// Not given to a worker yet.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::whole"
    )]
    pub waiting_dispatch_task_num: Option<i64>,
    /// Sent, not confirmed.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::whole"
    )]
    pub worker_unreceived_task_num: Option<i64>,
    /// Queued at a worker.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::whole"
    )]
    pub received_task_num: Option<i64>,
    /// Running.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::whole"
    )]
    pub running_task_num: Option<i64>,
}

/// One task.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct QueriedTask {
    /// The task.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub task_id: Option<String>,
    /// Its name.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub task_name: Option<String>,
    /// Its content as JSON text.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub task_content: Option<String>,
    /// The worker that carries it out.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub processor_address: Option<String>,
    /// Its state in words.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub status_str: Option<String>,
    /// Its state as code.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::small"
    )]
    pub status: Option<i32>,
    /// Its result.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub result: Option<String>,
    /// How often it failed.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::small"
    )]
    pub failed_cnt: Option<i32>,
    /// When it was made, epoch milliseconds.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::whole"
    )]
    pub created_time: Option<i64>,
    /// When it changed last.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::whole"
    )]
    pub last_modified_time: Option<i64>,
    /// When it was heard of last.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::whole"
    )]
    pub last_report_time: Option<i64>,
}

/// One run of a second-level job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SubInstanceDetail {
    /// Its number.
    #[serde(deserialize_with = "lenient::whole_or_zero")]
    pub sub_instance_id: i64,
    /// When it began, epoch milliseconds.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::whole"
    )]
    pub start_time: Option<i64>,
    /// When it ended.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::whole"
    )]
    pub finished_time: Option<i64>,
    /// Its result.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub result: Option<String>,
    /// Code of its state; of a running one that of a task.
    #[serde(deserialize_with = "lenient::small_or_zero")]
    pub status: i32,
}
