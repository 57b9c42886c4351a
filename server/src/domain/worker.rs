//! A worker as the server knows it.

use powerjob_common::id::{AppId, NodeRef};
use powerjob_common::status::WorkerOrderKind;
use powerjob_common::system_metrics::SystemMetrics;
use powerjob_common::time::UnixMillis;
use serde::Serialize;

/// What a worker last said of itself, and what the server makes of it. Shared as `Arc<Worker>`; a
/// change makes a new value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Worker {
    pub node: NodeRef,
    pub app_id: AppId,
    /// For display, and for a job's designated workers.
    pub address: String,
    /// `host:port` where other workers of the application reach it; empty = nowhere.
    pub peer_address: String,
    pub tags: Vec<String>,
    /// Name and version of its software.
    pub software: String,
    pub state: WorkerState,
    pub connected_at: UnixMillis,
    pub last_seen_at: UnixMillis,
    pub metrics: SystemMetrics,
    /// Runs it says it has.
    pub running: u32,
    /// Runs it takes at most.
    pub capacity: u32,
    /// Names of its processors, sorted; `None` = it does not say which it has.
    pub processors: Option<Vec<String>>,
    /// What the operator wants of it, unless it is simply to work.
    pub order: Option<WorkerOrder>,
}

/// What an operator wants of a worker, in this and every later life of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkerOrder {
    pub kind: WorkerOrderKind,
    /// Name of the account that gave it.
    pub given_by: String,
    pub given_at: UnixMillis,
    /// For people; may be empty.
    pub reason: String,
    /// Grows with every order about the worker.
    pub revision: i64,
}

/// Whether a worker can be given work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum WorkerState {
    /// It is there and takes work.
    Online,
    /// It ends what it has and takes nothing new: it shuts down, or was told to.
    Draining,
    /// It was told to drain and has nothing any more.
    Drained,
    /// It was taken off line.
    Offline,
    /// Its connection is gone or it has not yet said what it holds; it may come (back) any moment.
    Suspect,
    /// It is gone; what it had runs elsewhere or has failed.
    Lost,
}

impl WorkerState {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Online, Self::Draining, Self::Suspect, Self::Lost];

    /// The name as the API spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Online => "ONLINE",
            Self::Draining => "DRAINING",
            Self::Drained => "DRAINED",
            Self::Offline => "OFFLINE",
            Self::Suspect => "SUSPECT",
            Self::Lost => "LOST",
        }
    }
}
