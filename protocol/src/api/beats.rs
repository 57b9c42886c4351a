//! The beats of a second-level job, which are parts of one instance.

use powerjob_common::status::InstanceStatus;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `GET /v1/instances/{instanceId}/beats`: how the beats of a second-level job fare.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BeatOverview {
    /// Whether the worker that makes the beats has answered. If not, the rest is what workers have
    /// reported: some seconds old while one that makes them is away.
    pub is_live: bool,
    /// All beats of the instance, and those that fell between two workers as missed.
    pub counts: BeatCounts,
    /// When the next beat is due, epoch milliseconds; absent while it depends on the end of another.
    pub next_at: Option<i64>,
    /// Those that run, then those that ended last, the newest first; a limited number.
    pub beats: Vec<SubInstance>,
    /// By attempt, the first one first: each is another worker, or another life of it.
    pub attempts: Vec<BeatAttempt>,
}

/// The beats of one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BeatAttempt {
    /// Number of the attempt.
    pub number: u32,
    /// Its beats.
    pub counts: BeatCounts,
    /// The first time that it looked at, epoch milliseconds.
    pub first_at: Option<i64>,
    /// The last time that it looked at, as last reported, epoch milliseconds.
    pub last_at: Option<i64>,
}

/// What became of beats.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BeatCounts {
    /// All whose time has come.
    pub total: u64,
    /// Wait for those that run.
    pub waiting: u64,
    /// Run now.
    pub running: u64,
    /// Ended well.
    pub succeeded: u64,
    /// Failed, or were not run because too many ran (overlap `ALLOW`).
    pub failed: u64,
    /// Called off or cancelled because too many ran (overlap `SKIP`, `QUEUE`, `REPLACE`).
    pub skipped: u64,
    /// Were not made because their time had passed.
    pub missed: u64,
}

/// One beat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubInstance {
    /// The attempt that it belongs to.
    pub attempt: u32,
    /// Its number within the attempt, from 1.
    pub number: u64,
    /// The time it stands for, epoch milliseconds.
    pub nominal_at: i64,
    /// When its code began, epoch milliseconds of the worker; absent = it has not.
    pub started_at: Option<i64>,
    /// When it ended, epoch milliseconds of the worker.
    pub finished_at: Option<i64>,
    /// How it stands.
    #[schema(schema_with = super::schema::instance_status)]
    pub status: InstanceStatus,
    /// Its result or the cause of its failure, shortened.
    pub result: String,
}
