//! Which workers of the reference may share a run: those that can carry out its job. A native worker
//! is never among them, because their task trackers could not speak to it.

use powerjob_common::id::AppId;

use crate::domain::dispatch::survey;
use crate::domain::job::JobDefinition;
use crate::domain::worker::Worker;
use crate::live::WorkerTable;

/// Their addresses, `first` (who gets the run) in front, as many as the job allows.
pub(super) fn addresses(
    workers: &WorkerTable,
    job: &JobDefinition,
    first: Option<&str>,
) -> Vec<String> {
    let known = workers.of_app(job.app_id);
    let java: Vec<&Worker> = known
        .iter()
        .map(|entry| entry.facts.as_ref())
        .filter(|worker| !worker.node.has_lives())
        .collect();
    let fit = survey(job, java.iter().copied()).fit;
    let others = fit.into_iter().map(|place| java[place].address.clone());
    let mut addresses: Vec<String> = first.map(str::to_owned).into_iter().collect();
    addresses.extend(others.filter(|address| Some(address.as_str()) != first));
    if job.max_workers > 0 {
        addresses.truncate(job.max_workers as usize);
    }
    addresses
}

/// Why an application may not ask for the workers of a job, in the reference's words.
pub(super) fn check_asker(
    job: Option<&JobDefinition>,
    job_id: i64,
    asker: Option<AppId>,
) -> Result<(), String> {
    match job {
        None => Err(format!("can't find jobInfo by jobId: {job_id}")),
        Some(job) if Some(job.app_id) != asker => Err("Permission Denied!".to_owned()),
        Some(_) => Ok(()),
    }
}
