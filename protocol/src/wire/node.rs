//! Questions about the inside of a node: its actors and the messages as they pass.

use serde::{Deserialize, Serialize};

use super::codec::{Decode, Encode};

/// Asks a node for its live actors.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct GetActors {}

/// Answers [`GetActors`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct ActorReadings {
    /// The actors, sorted by path.
    pub items: Vec<WireActorReading>,
}

/// The numbers of one actor; the fields are those of `powerjob_common::actor::ActorReading`.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct WireActorReading {
    /// Place in the tree.
    pub path: String,
    /// Queued plus running work.
    pub depth: u64,
    /// Places in the queue.
    pub capacity: u64,
    /// Letters handled since the start.
    pub handled: u64,
    /// Letters refused because the queue was full.
    pub refused: u64,
    /// Letters a second.
    pub rate: f64,
    /// Median of the handling time in microseconds.
    pub p50_us: u64,
    /// 99 % quantile of the handling time in microseconds.
    pub p99_us: u64,
    /// How often it was rebuilt.
    pub restarts: u32,
}

/// Asks a node to send what passes its tap until [`UnwatchTap`] or the end of the session.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct WatchTap {
    /// Chosen by the asker, unique within the session.
    pub watch_id: u64,
    /// Only messages that concern this instance.
    pub instance_id: Option<i64>,
    /// Only messages whose sender or receiver path contains this text.
    pub actor: Option<String>,
    /// Only messages of this type.
    pub kind: Option<String>,
    /// Only failed and dropped ones.
    pub errors_only: bool,
    /// With their bodies.
    pub bodies: bool,
}

/// Ends a [`WatchTap`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct UnwatchTap {
    /// The watch.
    pub watch_id: u64,
}

/// Records for a watch.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct TapRecords {
    /// The watch.
    pub watch_id: u64,
    /// Records thrown away before these because the watcher was too slow.
    pub dropped: u64,
    /// Each record as the JSON text of `powerjob_common::actor::TapRecord`.
    pub records: Vec<String>,
}
