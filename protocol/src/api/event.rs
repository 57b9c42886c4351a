//! Live updates. `GET /v1/apps/{appId}/events` and the other event streams.
//!
//! Server-sent events; the name of the event tells the type of its data:
//! `hello` (a [`Hello`], first of all), `instance` ([`super::instance::InstanceSummary`]), `job`
//! ([`JobChanged`]), `worker` ([`super::worker::Worker`]), `lagged` ([`Lagged`]: the client was too
//! slow, it should load its lists anew), and comments as a sign of life every 10 s.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::id::Id;

/// First event of every stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Hello {
    /// Node name of the server.
    pub node: String,
    /// Its time, epoch milliseconds.
    pub now: i64,
}

/// A job was saved, switched or deleted: load it anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobChanged {
    /// The job.
    pub id: Id,
    /// Whether it is gone.
    pub deleted: bool,
}

/// Events were thrown away because the client was too slow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Lagged {
    /// How many.
    pub missed: u64,
}
