//! Runs on demand: the hot path. One message to an actor, no database here.

use std::sync::Arc;
use std::time::Duration;

use powerjob_common::reason::{Reason, ReasonCode};
use powerjob_common::time::UnixMillis;
use powerjob_protocol::api::id::Id;
use powerjob_protocol::api::job::RunInput;
use powerjob_protocol::api::problem::FieldError;

use super::job_draft::MAX_PARAMS_BYTES;
use super::mistakes::out_of_range;
use super::{CHANGE_LIMIT, ServiceError, Services, Thing, ask};
use crate::actor::instance_manager::{RunRequest, StartError, StartRuns};
use crate::domain::job::JobDefinition;

/// Runs of one batch at most.
pub const MAX_BATCH: usize = 10_000;
/// Longest choice of workers.
const MAX_WORKER_BYTES: usize = 255;
/// A run can be put off for a year at most.
const MAX_DELAY_MS: u64 = 366 * DAY_MS;
const DAY_MS: u64 = 24 * 3_600 * 1_000;
/// A time so little in the past is now: clocks differ, and people type slowly.
const PAST_MS: i64 = 60_000;

/// Runs a job once.
pub async fn start(
    services: &Services,
    job: &Arc<JobDefinition>,
    input: RunInput,
) -> Result<Id, ServiceError> {
    let mut errors = Vec::new();
    check(&input, services.now(), "", &mut errors);
    let started = start_all(services, job, vec![input], errors).await?;
    let lost = || ServiceError::Internal("a run was started without an id".to_owned());
    started.first().copied().ok_or_else(lost)
}

/// Runs a job several times.
pub async fn start_batch(
    services: &Services,
    job: &Arc<JobDefinition>,
    runs: Vec<RunInput>,
) -> Result<Vec<Id>, ServiceError> {
    if !(1..=MAX_BATCH).contains(&runs.len()) {
        return Err(ServiceError::field(
            "runs",
            out_of_range(runs.len(), 1, MAX_BATCH),
        ));
    }
    let (now, mut errors) = (services.now(), Vec::new());
    for (place, run) in runs.iter().enumerate() {
        check(run, now, &format!("runs[{place}]."), &mut errors);
    }
    start_all(services, job, runs, errors).await
}

fn check(run: &RunInput, now: UnixMillis, path: &str, errors: &mut Vec<FieldError>) {
    let mut wrong = |field: &str, reason: Reason| {
        errors.push(FieldError::new(format!("{path}{field}"), reason));
    };
    if run
        .params
        .as_ref()
        .is_some_and(|params| params.len() > MAX_PARAMS_BYTES)
    {
        wrong(
            "params",
            Reason::new(ReasonCode::TooManyBytes, "most", MAX_PARAMS_BYTES),
        );
    }
    if let Some(worker) = &run.worker {
        if worker.trim().is_empty() {
            wrong("worker", ReasonCode::Empty.into());
        } else if worker.len() > MAX_WORKER_BYTES {
            wrong(
                "worker",
                Reason::new(ReasonCode::TooManyBytes, "most", MAX_WORKER_BYTES),
            );
        }
    }
    if run.delay_ms > MAX_DELAY_MS {
        wrong("delayMs", out_of_range(run.delay_ms, 0, MAX_DELAY_MS));
    }
    let Some(at) = run.at else { return };
    if run.delay_ms > 0 {
        wrong("at", Reason::new(ReasonCode::EitherOr, "other", "delayMs"));
    }
    if at < now.0 - PAST_MS {
        wrong("at", ReasonCode::InPast.into());
    }
    if at > now.after(Duration::from_millis(MAX_DELAY_MS)).0 {
        wrong(
            "at",
            Reason::new(ReasonCode::TooFarAhead, "days", MAX_DELAY_MS / DAY_MS),
        );
    }
}

async fn start_all(
    services: &Services,
    job: &Arc<JobDefinition>,
    runs: Vec<RunInput>,
    errors: Vec<FieldError>,
) -> Result<Vec<Id>, ServiceError> {
    if !errors.is_empty() {
        return Err(ServiceError::Invalid(errors));
    }
    let job = job.clone();
    let runs = runs
        .into_iter()
        .map(|run| RunRequest {
            params: run.params,
            worker: run.worker,
            delay_ms: run.delay_ms,
            at: run.at.map(UnixMillis),
        })
        .collect();
    let started = ask(CHANGE_LIMIT, |reply| {
        services
            .handles
            .instances
            .start(StartRuns { job, runs, reply })
    })
    .await?
    .map_err(|error| match error {
        StartError::NotOwner => ServiceError::NotOwner(None),
        StartError::JobDeleted => ServiceError::NotFound(Thing::Job),
        StartError::Unavailable(why) => ServiceError::Unavailable(why),
    })?;
    Ok(started.into_iter().map(|id| Id(id.0)).collect())
}
