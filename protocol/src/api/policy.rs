//! What a job does when something goes wrong: missed times, runs that overlap, failed runs.

use powerjob_common::status::{BackOffKind, MisfirePolicy, OverlapPolicy};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Rules of a job's schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PolicyInput {
    /// What becomes of times that passed while no server could act: `SKIP`, `ONCE` (default: one
    /// run stands for all), `CATCH_UP` (the last `catchUp` of them run).
    #[schema(schema_with = super::schema::misfire_policy)]
    pub misfire: MisfirePolicy,
    /// With `CATCH_UP`: how many, 1 to 1,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catch_up: Option<u32>,
    /// What becomes of a run that is due while `maxInstances` others are out (for all but `ALLOW`:
    /// at least one): `ALLOW` (default: it fails; without a limit it runs beside them), `SKIP` (it
    /// is called off), `QUEUE` (it waits), `REPLACE` (the oldest is stopped for it).
    #[schema(schema_with = super::schema::overlap_policy)]
    pub overlap: OverlapPolicy,
    /// With `QUEUE`: how many may wait, 1 to 10,000; 100 if absent. One more is called off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_limit: Option<u32>,
    /// Scheduled runs start up to so many milliseconds after their time, each by another share of
    /// it, the same however often it is asked; 0 to 86,400,000 (a day).
    pub jitter_ms: u32,
    /// For `FIXED_RATE` and `FIXED_DELAY` of stand-alone jobs: whether a worker makes the beats inside
    /// one instance that does not end, instead of the server making an instance for each. Absent:
    /// yes, if the interval is shorter than a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_level: Option<bool>,
}

impl Default for PolicyInput {
    fn default() -> Self {
        Self {
            misfire: MisfirePolicy::Once,
            catch_up: None,
            overlap: OverlapPolicy::Allow,
            queue_limit: None,
            jitter_ms: 0,
            second_level: None,
        }
    }
}

/// How long a failed run waits before it is repeated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RetryInput {
    /// `FIXED` (default): always `delayMs`; `EXPONENTIAL`: `delayMs`, then `factor` times as long
    /// each time, up to `limitMs`.
    #[schema(schema_with = super::schema::back_off_kind)]
    pub back_off: BackOffKind,
    /// The first wait in milliseconds; 0 to 30 days, 10,000 if absent.
    pub delay_ms: u64,
    /// With `EXPONENTIAL`: 1 to 100; 2 if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<f64>,
    /// With `EXPONENTIAL`: the longest wait in milliseconds, up to 30 days; an hour if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_ms: Option<u64>,
    /// Share of each wait, 0 to 1, that chance may take off, so that runs that failed together are
    /// not repeated together.
    pub jitter: f64,
}

impl Default for RetryInput {
    fn default() -> Self {
        Self {
            back_off: BackOffKind::Fixed,
            delay_ms: 10_000,
            factor: None,
            limit_ms: None,
            jitter: 0.0,
        }
    }
}
