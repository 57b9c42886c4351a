//! What is coming. `GET /v1/apps/{appId}/calendar`, `GET /v1/jobs/{jobId}/triggers`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::id::Id;

/// The triggers that the schedules of an application will make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Calendar {
    /// From when, epoch milliseconds.
    pub from: i64,
    /// Until when, epoch milliseconds.
    pub until: i64,
    /// The triggers in their order; without those of the jobs in `often`.
    pub triggers: Vec<CalendarTrigger>,
    /// Jobs with more triggers in this span than anybody reads, soonest first.
    pub often: Vec<OftenJob>,
    /// Whether there are more triggers than are shown: ask for a shorter span.
    pub is_cut: bool,
}

/// A trigger to come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CalendarTrigger {
    /// Its nominal time, epoch milliseconds.
    pub at: i64,
    /// The job.
    pub job_id: Id,
    /// Its name.
    pub job_name: String,
}

/// A job that is triggered often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OftenJob {
    /// The job.
    pub job_id: Id,
    /// Its name.
    pub job_name: String,
    /// Its schedule in words.
    pub schedule_text: String,
    /// Its next trigger, epoch milliseconds.
    pub next_at: i64,
}

/// The next triggers of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobTriggers {
    /// The schedule in words.
    pub text: String,
    /// The zone in which it thinks.
    pub zone: String,
    /// Nominal times, epoch milliseconds; empty while the job is switched off.
    pub next: Vec<i64>,
}
