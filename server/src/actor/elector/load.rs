//! Takes an application over: its jobs, its open instances, its schedules.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use powerjob_common::id::{AppId, JobId};
use powerjob_common::status::SwitchableStatus;
use powerjob_common::time::UnixMillis;

use super::ElectorParts;
use super::agenda::FAILURE_PAUSE;
use crate::actor::instance_manager::{AdoptRuns, AdoptedRun, shard_of};
use crate::actor::scheduler::{LoadedJob, ScheduleApp, UnscheduleApp, parse_schedule};
use crate::actor::worker_registry::ApplyWorkerOrders;
use crate::domain::instance::{Instance, Trigger};
use crate::domain::job::JobDefinition;
use crate::domain::trigger::take_up;
use crate::store::job::JobPart;

/// Instances that are loaded at once.
const PIECE: u32 = 2_000;
/// Jobs that are due within so much are loaded before the others.
const SOON: Duration = Duration::from_secs(60);

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
///
/// Jobs are handed over in pieces. Those that are due soon are there when this returns; with a million
/// of them, the first triggers do not wait for the others, which follow by and by.
pub(super) async fn load_app(
    parts: &ElectorParts,
    app_id: AppId,
    epoch: i64,
    generation: u64,
) -> Result<(), LoadError> {
    // What an earlier ownership left behind.
    parts.leaving.unschedule.tell(UnscheduleApp { app_id })?;
    let loading = Loading {
        parts: parts.clone(),
        app_id,
        epoch,
        generation,
    };
    match loading.begin().await {
        Ok(rest) => {
            tokio::spawn(loading.load_rest(rest));
            Ok(())
        }
        Err(error) => {
            parts.leaving.forget(app_id);
            Err(error)
        }
    }
}

struct Loading {
    parts: ElectorParts,
    app_id: AppId,
    epoch: i64,
    generation: u64,
}

impl Loading {
    /// Enters the application with the jobs that matter at once; gives the part that is left.
    async fn begin(&self) -> Result<JobPart, LoadError> {
        let Self {
            ref parts,
            app_id,
            epoch,
            generation,
        } = *self;
        // First of all: workers that were taken off line must not be given what is loaded next.
        let orders = parts.store.worker_orders(app_id).await?;
        parts.order_workers.tell(ApplyWorkerOrders {
            app_id,
            orders,
            reply: None,
        })?;
        let busy = load_instances(parts, app_id, epoch).await?;
        // The end of a run that a loop waits for must not come before the loop.
        self.load_jobs(JobPart::Loops, &busy, false).await?;
        if parts.ownership.generation() != generation {
            return Err(LoadError::LeaseRanOut);
        }
        parts.ownership.enter(app_id, epoch);
        let soon = parts.clock.now().after(SOON);
        self.load_jobs(JobPart::DueUntil(soon), &busy, true).await?;
        tracing::info!(%app_id, epoch, "took over an application");
        Ok(JobPart::DueAfter(soon))
    }

    /// Goes on until all jobs are there, or the application is not ours any more.
    async fn load_rest(self, part: JobPart) {
        let none_is_busy = HashSet::new();
        while let Err(error) = self.load_jobs(part, &none_is_busy, true).await {
            if self.is_over() {
                return;
            }
            tracing::warn!(app_id = %self.app_id, %error, "not all jobs could be loaded");
            tokio::time::sleep(FAILURE_PAUSE).await;
        }
    }

    /// Whether what is loaded now would be of no use.
    fn is_over(&self) -> bool {
        let ownership = &self.parts.ownership;
        ownership.generation() != self.generation || !ownership.is_loaded(self.app_id, self.epoch)
    }

    async fn load_jobs(
        &self,
        part: JobPart,
        busy: &HashSet<JobId>,
        is_entered: bool,
    ) -> Result<(), LoadError> {
        let parts = &self.parts;
        let mut pieces = parts.store.jobs_in_pieces(self.app_id, part);
        while let Some(piece) = pieces.recv().await {
            if is_entered && self.is_over() {
                return Err(LoadError::LeaseRanOut);
            }
            let now = parts.clock.now();
            let jobs = piece?
                .into_iter()
                .map(|job| LoadedJob {
                    next: next_of(parts, &job, busy.contains(&job.id), now),
                    job,
                })
                .collect();
            parts.schedule.tell(ScheduleApp {
                app_id: self.app_id,
                is_entered,
                jobs,
            })?;
        }
        Ok(())
    }
}

/// Hands the open instances to their managers; returns the jobs that have any by their schedule.
async fn load_instances(
    parts: &ElectorParts,
    app_id: AppId,
    epoch: i64,
) -> Result<HashSet<JobId>, LoadError> {
    let mut busy = HashSet::new();
    let mut jobs = HashMap::new();
    let mut former = Definitions::new();
    let mut after = None;
    let mut waiting = Vec::new();
    loop {
        let piece = parts
            .store
            .open_instances(vec![app_id], after, PIECE)
            .await?;
        let Some(last) = piece.last() else {
            // Only now: those that are out count by now, whatever shard has them.
            hand_over(parts, waiting)?;
            return Ok(busy);
        };
        after = Some(last.instance_id);
        let by_schedule = piece
            .iter()
            .filter(|it| matches!(it.trigger, Trigger::Schedule { .. }));
        busy.extend(by_schedule.map(|instance| instance.job_id));
        load_missing_jobs(parts, &piece, &mut jobs).await?;
        load_former_definitions(parts, &piece, &jobs, &mut former).await?;
        let loaded = adopted(parts, piece, epoch, &jobs, &former);
        let (out, others) = loaded.into_iter().partition(|run| run.is_counted);
        waiting.extend::<Vec<_>>(others);
        hand_over(parts, out)?;
    }
}

/// The jobs of open instances, deleted ones too.
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

fn adopted(
    parts: &ElectorParts,
    piece: Vec<Instance>,
    epoch: i64,
    jobs: &HashMap<JobId, Arc<JobDefinition>>,
    former: &Definitions,
) -> Vec<AdoptedRun> {
    let with_job = piece.into_iter().filter_map(|instance| {
        let key = (instance.job_id, instance.job_revision);
        let job = former.get(&key).or_else(|| jobs.get(&instance.job_id));
        if job.is_none() {
            tracing::error!(instance_id = %instance.instance_id, "the job of an open instance is gone");
        }
        let job = job?.clone();
        let present = jobs.get(&key.0).filter(|_| job.is_second_level()).cloned();
        let run = AdoptedRun::loaded(instance, job, epoch, &parts.running);
        Some(AdoptedRun { present, ..run })
    });
    with_job.collect()
}

fn hand_over(parts: &ElectorParts, runs: Vec<AdoptedRun>) -> Result<(), LoadError> {
    let mut by_shard: Vec<Vec<AdoptedRun>> = parts.adopt.iter().map(|_| Vec::new()).collect();
    for run in runs {
        let shard = shard_of(run.instance.instance_id, by_shard.len());
        by_shard[shard].push(run);
    }
    for (port, runs) in parts.adopt.iter().zip(by_shard) {
        for runs in pieces(runs) {
            port.tell(AdoptRuns { runs })?;
        }
    }
    Ok(())
}

/// Letters of a bearable size.
fn pieces(mut runs: Vec<AdoptedRun>) -> Vec<Vec<AdoptedRun>> {
    let mut pieces = Vec::new();
    while !runs.is_empty() {
        let rest = runs.split_off(runs.len().min(PIECE as usize));
        pieces.push(std::mem::replace(&mut runs, rest));
    }
    pieces
}

/// The time from which a job's schedule goes on.
fn next_of(
    parts: &ElectorParts,
    job: &JobDefinition,
    is_busy: bool,
    now: UnixMillis,
) -> Option<UnixMillis> {
    if job.next_trigger_at.is_some() || job.status != SwitchableStatus::Enable {
        return job.next_trigger_at;
    }
    let schedule = parse_schedule(&job.schedule, parts.zone).ok()?;
    take_up(job, &schedule, is_busy, now)
}
