//! Workers. `GET /v1/apps/{appId}/workers`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A worker as the server sees it, and the body of the event `worker`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Worker {
    /// Stable name of the node.
    pub node: String,
    /// Number of its present life, epoch milliseconds of its start.
    pub incarnation: String,
    /// Address for display.
    pub address: String,
    /// Tags.
    pub tags: Vec<String>,
    /// Software and version.
    pub software: String,
    /// `native` or `http`.
    pub protocol: String,
    /// `ONLINE`, `DRAINING`, `SUSPECT`, `LOST`.
    pub state: String,
    /// When it connected, epoch milliseconds.
    pub connected_at: i64,
    /// When it was last heard, epoch milliseconds.
    pub last_seen_at: i64,
    /// Processors it may use.
    pub cpu_cores: f64,
    /// Load of the last minute, in processors; negative = not available.
    pub cpu_load: f64,
    /// Memory it may use, in bytes.
    pub memory_total_bytes: u64,
    /// Memory in use, in bytes.
    pub memory_used_bytes: u64,
    /// Memory of its process, in bytes.
    pub process_memory_bytes: u64,
    /// Size of its disk, in bytes.
    pub disk_total_bytes: u64,
    /// Used part, in bytes.
    pub disk_used_bytes: u64,
    /// Runs it has.
    pub running: u32,
    /// Runs it takes at most.
    pub capacity: u32,
    /// Rank among workers, higher is better.
    pub score: i32,
    /// Names of its processors.
    pub processors: Vec<String>,
}
