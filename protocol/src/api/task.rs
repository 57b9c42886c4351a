//! The tasks of an instance that is spread over several workers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `GET /v1/instances/{instanceId}/tasks`: how the tasks of a broadcast, map or map-reduce fare.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskOverview {
    /// Whether the worker that has the tasks has answered.
    pub is_live: bool,
    /// Whether this is what the journal of the instance has, because no worker has its tasks: those that
    /// failed or had not ended are listed. If it is neither live nor kept there are none: the instance
    /// has ended well, has not begun, or its worker is away.
    pub is_kept: bool,
    /// All tasks.
    pub counts: TaskCounts,
    /// By worker.
    pub workers: Vec<WorkerTasks>,
    /// By level: the names under which tasks were made.
    pub levels: Vec<LevelTasks>,
    /// Tasks that end in a second, going by the last ten seconds; 0 = none, or not known.
    pub per_second: f64,
    /// How long the rest takes at this rate, in milliseconds; absent = nobody knows.
    pub left_ms: Option<u64>,
    /// Failed ones, running ones, then those that ended last; a limited number.
    pub tasks: Vec<Task>,
}

/// How many tasks are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskCounts {
    /// All so far; a running task may still make more.
    pub total: u64,
    /// Given to no worker.
    pub waiting: u64,
    /// Given to a worker.
    pub running: u64,
    /// Ended well.
    pub succeeded: u64,
    /// Failed for good.
    pub failed: u64,
}

/// The tasks of one worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkerTasks {
    /// Name of its node.
    pub node: String,
    /// Its name for people.
    pub name: String,
    /// Whether it can be given tasks now.
    pub is_ready: bool,
    /// Its tasks; none is waiting.
    pub counts: TaskCounts,
}

/// The tasks of one level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LevelTasks {
    /// Its name.
    pub name: String,
    /// Its tasks.
    pub counts: TaskCounts,
}

/// One task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// Its path: `0.3.1` is the second task that the fourth task of the first one made.
    pub id: String,
    /// Name of its level.
    pub name: String,
    /// `WAITING`, `RUNNING`, `FAILED` or `SUCCEEDED`.
    pub status: String,
    /// The worker that has or had it; empty = none.
    pub worker: String,
    /// How often it was given to a worker.
    pub attempts: u32,
    /// Its result or the cause of its failure, shortened; empty when it is not kept.
    pub result: String,
    /// What it was given, shortened; empty when it has none, or none is kept.
    pub content: String,
    /// How long its last try took, in milliseconds, if that is known.
    pub ran_ms: Option<u32>,
}
