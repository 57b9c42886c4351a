//! How the runs of an application fared. `GET /v1/apps/{appId}/statistics`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::id::Id;

/// The runs of the last 24 hours, the present one included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppStatistics {
    /// Whether there were so many runs that only the newest 50,000 count.
    pub is_cut: bool,
    /// One for each hour, oldest first.
    pub hours: Vec<HourCounts>,
    /// From the time a run was meant for to the start of its processor; absent when nothing started.
    pub lateness: Option<Spread>,
    /// The jobs that failed most, at most 8.
    pub failing: Vec<JobFigures>,
    /// The jobs that take longest by their median, at most 8.
    pub slowest: Vec<JobFigures>,
}

/// The runs that were meant for an hour and have ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HourCounts {
    /// Start of the hour, epoch milliseconds.
    pub from: i64,
    /// Runs that succeeded.
    pub succeeded: u64,
    /// Runs that failed.
    pub failed: u64,
}

/// Spans of time in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Spread {
    /// How many were measured.
    pub count: u64,
    /// The median.
    pub p50_ms: i64,
    /// The 99 % quantile.
    pub p99_ms: i64,
    /// The longest.
    pub max_ms: i64,
}

/// The runs of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobFigures {
    /// The job.
    pub job_id: Id,
    /// Its name.
    pub job_name: String,
    /// Runs that succeeded or failed.
    pub ended: u64,
    /// Runs that failed.
    pub failed: u64,
    /// How long its runs took; absent when none of them ran.
    pub durations: Option<Spread>,
}
