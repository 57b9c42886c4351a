//! The single tasks of an instance that is spread over several workers, for people who look for them.

use serde::{Deserialize, Serialize};

use super::codec::{Decode, Encode};
use super::server_to_worker::TaskLine;

/// Asks a worker for tasks of an instance whose master it is; server to worker. Each answer is found
/// among a bounded number of tasks: with [`TasksFound::next`] the same question is asked again.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct FindTasks {
    /// The instance.
    pub instance_id: i64,
    /// The attempt.
    pub attempt: u32,
    /// In this state, as in [`TaskLine::status`]; 0 = in any.
    pub status: u8,
    /// Of the level with this name; empty = of any.
    pub level: String,
    /// At the worker with this name, now or last; empty = at any.
    pub worker: String,
    /// With this text in path, level, content or result, in any letter case; empty = with any.
    pub text: String,
    /// Where to go on.
    pub after: TaskPlace,
    /// Tasks to be found at most.
    pub limit: u32,
}

/// A place in the order in which tasks are found; the default is before all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct TaskPlace {
    /// The group: failed, running, others.
    pub group: u8,
    /// The place in the group.
    pub number: u32,
}

/// Answers [`FindTasks`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct TasksFound {
    /// Whether the worker is the master of this attempt; otherwise the rest is empty.
    pub is_known: bool,
    /// Those that fit, failed ones first.
    pub tasks: Vec<TaskLine>,
    /// Where to go on; `None` = there is nothing more.
    pub next: Option<TaskPlace>,
}
