//! The tasks of an instance that is spread over several workers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `GET /v1/instances/{instanceId}/tasks`: how the tasks of a broadcast, map or map-reduce fare.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskOverview {
    /// Whether the worker that has the tasks has answered. If not, there are none: the instance has
    /// ended, has not begun, or its worker is away.
    pub is_live: bool,
    /// All tasks.
    pub counts: TaskCounts,
    /// By worker.
    pub workers: Vec<WorkerTasks>,
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
    /// Its result or the cause of its failure, shortened.
    pub result: String,
}
