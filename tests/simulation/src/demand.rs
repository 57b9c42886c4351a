//! How much of its workers an application asks for, by the jobs it has.

use powerjob_common::status::TimeExpressionType;
use powerjob_server::domain::job::JobDefinition;

/// Places of workers that the runs of a job keep busy on average.
pub(crate) fn places_needed(job: &JobDefinition) -> f64 {
    let busy_ms = mean_ms(&job.params) * mean_attempts(job);
    match job.schedule.kind {
        TimeExpressionType::Cron => busy_ms / 1_000.0,
        TimeExpressionType::FixedRate => {
            busy_ms / job.schedule.expression.parse().unwrap_or(1_000.0)
        }
        TimeExpressionType::FixedDelay => 1.0, // the next run begins after the last one
        _ => 0.0,
    }
}

/// How long the code of a run takes on average (see the worker's `start_code`).
fn mean_ms(kind: &str) -> f64 {
    match kind {
        "quick" => 15.0,
        "slow" => 1_650.0,
        _ => (1.0 + 202.0 + 950.0) / 3.0,
    }
}

/// Two of three attempts of failing code fail.
fn mean_attempts(job: &JobDefinition) -> f64 {
    if job.params != "failing" {
        return 1.0;
    }
    let retries = i32::try_from(job.instance_retries).unwrap_or(i32::MAX);
    (0..=retries)
        .map(|attempt| (2.0_f64 / 3.0).powi(attempt))
        .sum()
}
