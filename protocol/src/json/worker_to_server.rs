//! What a worker of the reference sends to a server (spec 05 section 3).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::lenient;

/// State of a worker, every 10 s; route `/server/workerHeartbeat`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct WorkerHeartbeat {
    /// `host:port` at which the worker is reached.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub worker_address: Option<String>,
    /// Name of its application.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub app_name: Option<String>,
    /// Its application; -1 = not known yet.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::whole"
    )]
    pub app_id: Option<i64>,
    /// When it was sent, epoch milliseconds of the worker.
    #[serde(deserialize_with = "lenient::whole_or_zero")]
    pub heartbeat_time: i64,
    /// Containers it has.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "lenient::items"
    )]
    pub container_infos: Vec<DeployedContainer>,
    /// Version of the software.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub version: Option<String>,
    /// Over which transport it is reached; absent means AKKA.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub protocol: Option<String>,
    /// Its tags, separated by commas.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub tag: Option<String>,
    /// Name of the software; `KingPenguin` for Java.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub client: Option<String>,
    /// Extensions; Java never sets it.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub extra: Option<String>,
    /// Whether it takes nothing more.
    #[serde(deserialize_with = "lenient::flag")]
    pub overload: bool,
    /// Standalone runs it has.
    #[serde(deserialize_with = "lenient::small_or_zero")]
    pub light_task_tracker_num: i32,
    /// Other runs it has.
    #[serde(deserialize_with = "lenient::small_or_zero")]
    pub heavy_task_tracker_num: i32,
    /// Its machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_metrics: Option<SystemMetrics>,
}

/// A worker's machine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SystemMetrics {
    /// Processors.
    #[serde(deserialize_with = "lenient::small_or_zero")]
    pub cpu_processors: i32,
    /// Load of the last minute, in processors; negative when unknown.
    #[serde(deserialize_with = "lenient::real_or_zero")]
    pub cpu_load: f64,
    /// Memory in use by the JVM, GiB.
    #[serde(deserialize_with = "lenient::real_or_zero")]
    pub jvm_used_memory: f64,
    /// Memory the JVM may use, GiB.
    #[serde(deserialize_with = "lenient::real_or_zero")]
    pub jvm_max_memory: f64,
    /// Share of it in use, 0 to 1.
    #[serde(deserialize_with = "lenient::real_or_zero")]
    pub jvm_memory_usage: f64,
    /// Disk in use, GiB.
    #[serde(deserialize_with = "lenient::real_or_zero")]
    pub disk_used: f64,
    /// Size of the disks, GiB.
    #[serde(deserialize_with = "lenient::real_or_zero")]
    pub disk_total: f64,
    /// Share of it in use, 0 to 1.
    #[serde(deserialize_with = "lenient::real_or_zero")]
    pub disk_usage: f64,
    /// What a collector of the user's measured.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub extra: Option<String>,
    /// Rank of the worker as it computes it itself.
    #[serde(deserialize_with = "lenient::small_or_zero")]
    pub score: i32,
}

/// A container on a worker.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DeployedContainer {
    /// The container.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::whole"
    )]
    pub container_id: Option<i64>,
    /// Which jar: its MD5, or the commit it was built from.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub version: Option<String>,
    /// Since when, epoch milliseconds.
    #[serde(deserialize_with = "lenient::whole_or_zero")]
    pub deployed_time: i64,
    /// Filled in by the server.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub worker_address: Option<String>,
}

/// How a run fares; route `/server/reportInstanceStatus`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct InstanceStatusReport {
    /// The application.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::whole"
    )]
    pub app_id: Option<i64>,
    /// The job.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::whole"
    )]
    pub job_id: Option<i64>,
    /// The run.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::whole"
    )]
    pub instance_id: Option<i64>,
    /// The workflow instance, if it is part of one.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::whole"
    )]
    pub wf_instance_id: Option<i64>,
    /// What it adds to the context of its workflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub appended_wf_context: Option<BTreeMap<String, serde_json::Value>>,
    /// Code of `InstanceStatus`: 3, 4 or 5.
    #[serde(deserialize_with = "lenient::small_or_zero")]
    pub instance_status: i32,
    /// At the end, or why it could not begin.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub result: Option<String>,
    /// Tasks; of second-level jobs: triggers.
    #[serde(deserialize_with = "lenient::whole_or_zero")]
    pub total_task_num: i64,
    /// Of these succeeded.
    #[serde(deserialize_with = "lenient::whole_or_zero")]
    pub succeed_task_num: i64,
    /// Of these failed.
    #[serde(deserialize_with = "lenient::whole_or_zero")]
    pub failed_task_num: i64,
    /// When the worker made the tracker of this attempt, epoch milliseconds.
    #[serde(deserialize_with = "lenient::whole_or_zero")]
    pub start_time: i64,
    /// When it ended; only for standalone runs.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::whole"
    )]
    pub end_time: Option<i64>,
    /// When the report was made.
    #[serde(deserialize_with = "lenient::whole_or_zero")]
    pub report_time: i64,
    /// Address of the worker that has the run.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub source_address: Option<String>,
    /// Whether second-level failures are worth an alarm.
    #[serde(deserialize_with = "lenient::flag")]
    pub need_alert: bool,
    /// What the alarm says.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub alert_content: Option<String>,
}

/// Lines of logs; route `/server/reportLog`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct LogReport {
    /// The worker.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub worker_address: Option<String>,
    /// Lines of several runs in the order of their writing.
    #[serde(deserialize_with = "lenient::items")]
    pub instance_log_contents: Vec<LogContent>,
}

/// One line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct LogContent {
    /// The run.
    #[serde(deserialize_with = "lenient::whole_or_zero")]
    pub instance_id: i64,
    /// Epoch milliseconds of the worker.
    #[serde(deserialize_with = "lenient::whole_or_zero")]
    pub log_time: i64,
    /// Code of `LogLevel`.
    #[serde(deserialize_with = "lenient::small_or_zero")]
    pub log_level: i32,
    /// The text, with the stack of an error.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub log_content: Option<String>,
}

/// Asks for the workers of a job; route `/server/queryJobCluster`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct QueryJobCluster {
    /// The application of the asker.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::whole"
    )]
    pub app_id: Option<i64>,
    /// The job.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::whole"
    )]
    pub job_id: Option<i64>,
}

/// Asks where a container is to be had; route `/server/queryContainer`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct QueryContainer {
    /// The container.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::whole"
    )]
    pub container_id: Option<i64>,
}

/// A sign of life between servers; route `/friend/ping`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Ping {
    /// Epoch milliseconds of the asker.
    #[serde(deserialize_with = "lenient::whole_or_zero")]
    pub current_time: i64,
}
