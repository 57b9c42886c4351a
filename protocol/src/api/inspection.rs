//! The inside of the nodes. `GET /v1/actors`, `GET /v1/tap`, `GET /v1/tap/recent`; administrators only.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The actors of one node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeActors {
    /// Name of the node.
    pub node: String,
    /// `server` or `worker`.
    pub role: String,
    /// Its actors, sorted by path; empty with `error` set when the node did not answer.
    pub actors: Vec<ActorState>,
    /// Why there are none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
}

/// The numbers of one actor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActorState {
    /// Place in the tree, e.g. `server/instances/0`.
    pub path: String,
    /// Queued plus running work.
    pub depth: u64,
    /// Places in its queue.
    pub capacity: u64,
    /// Messages handled since the start.
    pub handled: u64,
    /// Messages refused because the queue was full.
    pub refused: u64,
    /// Messages a second.
    pub rate: f64,
    /// Median of the handling time in microseconds.
    pub p50_us: u64,
    /// 99 % quantile of the handling time in microseconds.
    pub p99_us: u64,
    /// How often it was rebuilt.
    pub restarts: u32,
}

/// A message that passed, the data of the event `message` of `GET /v1/tap`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TappedMessage {
    /// When its handling ended, epoch milliseconds.
    pub at: i64,
    /// The node that saw it.
    pub node: String,
    /// Number of the record on its node.
    pub sequence: u64,
    /// Sender.
    pub from: String,
    /// Receiver.
    pub to: String,
    /// Name of its type.
    pub kind: String,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Time in the queue, in microseconds.
    pub waited_us: u64,
    /// Handling time or round trip, in microseconds.
    pub handling_us: u64,
    /// `ok`, `failed`, `dropped`.
    pub outcome: String,
    /// Its trace, 32 hexadecimal digits; empty when none.
    pub trace_id: String,
    /// The instances it concerns (at most 16).
    pub instances: Vec<super::id::Id>,
    /// Its body, if asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub body: Option<serde_json::Value>,
}
