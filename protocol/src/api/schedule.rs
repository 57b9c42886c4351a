//! Schedules. `POST /v1/schedules:check`.

use powerjob_common::status::TimeExpressionType;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::FieldError;

/// When a job runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScheduleInput {
    /// `API`, `CRON`, `FIXED_RATE`, `FIXED_DELAY`, `DAILY_TIME_INTERVAL`, `WORKFLOW`.
    #[schema(schema_with = super::schema::time_expression_type)]
    #[serde(rename = "type")]
    pub kind: TimeExpressionType,
    /// CRON text, milliseconds, or the JSON of a daily interval; empty for `API` and `WORKFLOW`.
    #[serde(default)]
    pub expression: String,
    /// Time zone, e.g. `Europe/Berlin`; absent = the server's.
    #[serde(default)]
    pub zone: Option<String>,
    /// Not before, epoch milliseconds.
    #[serde(default)]
    pub start_at: Option<i64>,
    /// Not after, epoch milliseconds.
    #[serde(default)]
    pub end_at: Option<i64>,
}

/// `POST /v1/schedules:check`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScheduleCheck {
    /// The schedule.
    pub schedule: ScheduleInput,
    /// How many trigger times to show, 1 to 100.
    #[serde(default = "ten")]
    pub count: u32,
}

fn ten() -> u32 {
    10
}

/// Answer to [`ScheduleCheck`]; a wrong schedule is a normal answer (200), because people type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleChecked {
    /// Whether it can be saved.
    pub valid: bool,
    /// The schedule in words; empty when invalid.
    pub text: String,
    /// The next trigger times, epoch milliseconds.
    pub next: Vec<i64>,
    /// The zone that was used.
    pub zone: String,
    /// What is wrong.
    pub errors: Vec<FieldError>,
}
