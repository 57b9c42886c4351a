//! Workers. `GET /v1/apps/{appId}/workers`, `POST /v1/apps/{appId}/worker-orders`.

use powerjob_common::status::WorkerOrderKind;
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
    /// `ONLINE`, `OFFLINE` (by order), `DRAINING` (by order, or it shuts down), `DRAINED` (by order,
    /// and it has nothing any more), `SUSPECT` (without a connection, or it has just come), `LOST`.
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
    /// What an operator ordered; absent when it is simply to work.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub order: Option<WorkerOrder>,
}

/// An order of an operator about a node: it counts until the next one, whatever restarts meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkerOrder {
    /// `OFFLINE` or `DRAIN`.
    #[schema(schema_with = super::schema::worker_order_kind)]
    pub kind: WorkerOrderKind,
    /// The account that gave it.
    pub given_by: String,
    /// When, epoch milliseconds.
    pub given_at: i64,
    /// Why, for people; may be empty.
    pub reason: String,
}

/// Body of `POST /v1/apps/{appId}/worker-orders`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkerOrderInput {
    /// Name of the node.
    pub node: String,
    /// `ONLINE`: work as usual. `DRAIN`: take nothing new, end what you have. `OFFLINE`: take nothing
    /// new, and give what you have to others at once, as if you were lost.
    #[schema(schema_with = super::schema::worker_order_kind)]
    pub kind: WorkerOrderKind,
    /// Why, for people; at most 500 characters.
    #[serde(default)]
    pub reason: String,
}
