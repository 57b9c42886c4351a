//! The reference's messages between servers and workers over HTTP (spec 05 sections 1 to 6).
//!
//! Reading is as lenient as the reference's own (spec 05 section 1.4): unknown keys are ignored, null
//! is the same as absent, numbers may stand in quotes. Writing leaves absent values out and adds no
//! key that the reference does not know, because workers before 4.3.8 fail on those.

mod answer;
mod lenient;
mod server_to_worker;
mod worker_to_server;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use self::answer::{AskResponse, Bytes, ResultDto};
pub use self::server_to_worker::{
    DeployContainer, InstanceDetail, QueriedTask, QueryInstanceStatus, RunJob, StopInstance,
    SubInstanceDetail, TaskDetail,
};
pub use self::worker_to_server::{
    DeployedContainer, InstanceStatusReport, LogContent, LogReport, Ping, QueryContainer,
    QueryJobCluster, SystemMetrics, WorkerHeartbeat,
};

/// The body is no message of the expected type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JsonError(String);

/// Reads a message: exactly one JSON object. Of a key that stands there twice the last one counts.
///
/// # Errors
/// When it is none, or a value cannot be understood as what its key needs.
pub fn decode<M: DeserializeOwned>(body: &[u8]) -> Result<M, JsonError> {
    let value: Value = serde_json::from_slice(body).map_err(|it| JsonError(it.to_string()))?;
    if !value.is_object() {
        return Err(JsonError("the body is no JSON object".to_owned()));
    }
    serde_json::from_value(value).map_err(|it| JsonError(it.to_string()))
}

/// Writes a message.
pub fn encode<M: Serialize>(message: &M) -> Vec<u8> {
    serde_json::to_vec(message).expect("messages have text keys and no failing values")
}
