//! Takes an application over: its jobs, its open instances, its schedules.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use powerjob_common::id::{AppId, JobId};
use powerjob_common::status::{SwitchableStatus, TimeExpressionType};
use powerjob_common::time::UnixMillis;

use super::ElectorParts;
use crate::actor::instance_manager::{AdoptRuns, AdoptedRun, shard_of};
use crate::actor::scheduler::{ScheduleApp, parse_schedule};
use crate::actor::worker_registry::ApplyWorkerOrders;
use crate::domain::instance::Instance;
use crate::domain::job::JobDefinition;
use crate::domain::trigger::{after_run, first_trigger};

/// Instances that are loaded at once.
const PIECE: u32 = 2_000;

/// Definitions of jobs by revision.
type Definitions = HashMap<(JobId, i64), Arc<JobDefinition>>;

/// Why an application was not loaded.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    #[error(transparent)]
    Store(#[from] crate::store::Error),
    #[error("the lease ran out meanwhile")]
    LeaseRanOut,
    #[error("an actor did not take what was loaded: {0}")]
    Refused(#[from] powerjob_common::actor::Refused),
}

/// Loads everything about an application and hands it over. Repeating it is harmless. That it is ours
/// was read when the ownership table had this generation.
pub(super) async fn load_app(
    parts: &ElectorParts,
    app_id: AppId,
    epoch: i64,
    generation: u64,
) -> Result<(), LoadError> {
    // First of all: workers that were taken off line must not be given what is loaded next.
    let orders = parts.store.worker_orders(app_id).await?;
    parts.order_workers.tell(ApplyWorkerOrders {
        app_id,
        orders,
        reply: None,
    })?;
    let jobs = parts.store.load_jobs(vec![app_id]).await?;
    let mut by_id: HashMap<JobId, Arc<JobDefinition>> = HashMap::with_capacity(jobs.len());
    for job in jobs {
        let job = Arc::new(job);
        parts.jobs.put(job.clone());
        by_id.insert(job.id, job);
    }
    let busy = load_instances(parts, app_id, epoch, &mut by_id).await?;
    if parts.ownership.generation() != generation {
        return Err(LoadError::LeaseRanOut);
    }
    parts.ownership.enter(app_id, epoch);
    let now = parts.clock.now();
    let jobs = by_id
        .into_values()
        .filter(|job| job.status == SwitchableStatus::Enable)
        .map(|job| {
            let next = next_of(parts, &job, busy.contains(&job.id), now);
            (job, next)
        })
        .collect();
    parts.schedule.tell(ScheduleApp { app_id, jobs })?;
    tracing::info!(%app_id, epoch, "took over an application");
    Ok(())
}

/// Hands the open instances to their managers; returns the jobs that have any.
async fn load_instances(
    parts: &ElectorParts,
    app_id: AppId,
    epoch: i64,
    jobs: &mut HashMap<JobId, Arc<JobDefinition>>,
) -> Result<HashSet<JobId>, LoadError> {
    let mut busy = HashSet::new();
    let mut former = Definitions::new();
    let mut after = None;
    loop {
        let piece = parts
            .store
            .open_instances(vec![app_id], after, PIECE)
            .await?;
        let Some(last) = piece.last() else {
            return Ok(busy);
        };
        after = Some(last.instance_id);
        busy.extend(piece.iter().map(|instance| instance.job_id));
        load_missing_jobs(parts, &piece, jobs).await?;
        load_former_definitions(parts, &piece, jobs, &mut former).await?;
        hand_over(parts, piece, epoch, jobs, &former)?;
    }
}

/// Deleted jobs may have open instances, too.
async fn load_missing_jobs(
    parts: &ElectorParts,
    piece: &[Instance],
    jobs: &mut HashMap<JobId, Arc<JobDefinition>>,
) -> Result<(), LoadError> {
    let missing: HashSet<_> = piece
        .iter()
        .map(|instance| instance.job_id)
        .filter(|id| !jobs.contains_key(id))
        .collect();
    if !missing.is_empty() {
        let found = parts.store.jobs(missing.into_iter().collect()).await?;
        jobs.extend(found.into_iter().map(|job| (job.id, Arc::new(job))));
    }
    Ok(())
}

/// An open run goes on by the definition that it began with, not by what became of it since. A
/// revision that the history does not have (rows of the reference) is replaced by the present one.
async fn load_former_definitions(
    parts: &ElectorParts,
    piece: &[Instance],
    jobs: &HashMap<JobId, Arc<JobDefinition>>,
    former: &mut Definitions,
) -> Result<(), LoadError> {
    for instance in piece {
        let key = (instance.job_id, instance.job_revision);
        let is_present = |job: &Arc<JobDefinition>| job.revision == instance.job_revision;
        if former.contains_key(&key) || jobs.get(&instance.job_id).is_none_or(is_present) {
            continue;
        }
        match parts.store.job_at_revision(key.0, key.1).await {
            Ok(job) => drop(former.insert(key, Arc::new(job))),
            Err(crate::store::Error::NotFound { .. }) => {
                if let Some(job) = jobs.get(&instance.job_id) {
                    former.insert(key, job.clone());
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn hand_over(
    parts: &ElectorParts,
    piece: Vec<Instance>,
    epoch: i64,
    jobs: &HashMap<JobId, Arc<JobDefinition>>,
    former: &Definitions,
) -> Result<(), LoadError> {
    let mut by_shard: Vec<Vec<AdoptedRun>> = parts.adopt.iter().map(|_| Vec::new()).collect();
    for instance in piece {
        let key = (instance.job_id, instance.job_revision);
        let Some(job) = former.get(&key).or_else(|| jobs.get(&instance.job_id)) else {
            tracing::error!(instance_id = %instance.instance_id, "the job of an open instance is gone");
            continue;
        };
        let shard = shard_of(instance.instance_id, by_shard.len());
        by_shard[shard].push(AdoptedRun {
            job: job.clone(),
            instance: Box::new(instance),
            epoch,
        });
    }
    for (port, runs) in parts.adopt.iter().zip(by_shard) {
        if !runs.is_empty() {
            port.tell(AdoptRuns { runs })?;
        }
    }
    Ok(())
}

/// The time from which a job's schedule goes on. One without a time in the store begins anew: a loop
/// without a run, and what the reference never gives a time.
fn next_of(
    parts: &ElectorParts,
    job: &JobDefinition,
    is_busy: bool,
    now: UnixMillis,
) -> Option<UnixMillis> {
    if job.next_trigger_at.is_some() {
        return job.next_trigger_at;
    }
    let schedule = parse_schedule(&job.schedule, parts.zone).ok()?;
    let lifecycle = &job.schedule.lifecycle;
    match job.schedule.kind {
        TimeExpressionType::FixedDelay if is_busy => None,
        TimeExpressionType::FixedDelay => after_run(&schedule, lifecycle, now),
        _ => first_trigger(&schedule, lifecycle, now),
    }
}
