//! How the runs of an application fared.

use std::collections::HashMap;

use powerjob_common::id::JobId;
use powerjob_protocol::api::id::Id;
use powerjob_protocol::api::statistics as api;

use super::{ServiceError, Services};
use crate::domain::statistics::{self, JobFigures, Spread};
use crate::store::app::App;

const HOURS: u32 = 24;
/// Runs that are summed up: an application may have millions in a day.
const MOST_RUNS: u32 = 50_000;
/// Jobs of each kind.
const MOST_JOBS: usize = 8;

/// The runs of the last day.
pub async fn of_app(services: &Services, app: &App) -> Result<api::AppStatistics, ServiceError> {
    let from = statistics::first_hour(services.now(), HOURS);
    let store = &services.store;
    let runs = store.run_figures(app.id, from, MOST_RUNS).await?;
    let found = statistics::sum_up(&runs, from, HOURS, MOST_JOBS);
    let shown = found.failing.iter().chain(&found.slowest);
    let jobs = store.jobs(shown.map(|job| job.job_id).collect()).await?;
    let names: HashMap<JobId, String> = jobs.into_iter().map(|job| (job.id, job.name)).collect();
    let of_jobs = |jobs: &[JobFigures]| jobs.iter().map(|job| of_job(job, &names)).collect();
    Ok(api::AppStatistics {
        is_cut: runs.len() >= MOST_RUNS as usize,
        hours: found
            .hours
            .iter()
            .map(|hour| api::HourCounts {
                from: hour.from.0,
                succeeded: hour.succeeded,
                failed: hour.failed,
            })
            .collect(),
        lateness: found.lateness.map(spread),
        failing: of_jobs(&found.failing),
        slowest: of_jobs(&found.slowest),
    })
}

fn of_job(job: &JobFigures, names: &HashMap<JobId, String>) -> api::JobFigures {
    api::JobFigures {
        job_id: Id(job.job_id.0),
        job_name: names.get(&job.job_id).cloned().unwrap_or_default(),
        ended: job.ended,
        failed: job.failed,
        durations: job.durations.map(spread),
    }
}

fn spread(spread: Spread) -> api::Spread {
    api::Spread {
        count: spread.count as u64,
        p50_ms: spread.p50_ms,
        p99_ms: spread.p99_ms,
        max_ms: spread.max_ms,
    }
}
