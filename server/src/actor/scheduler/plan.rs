//! Making occurrences: plan, store, hand over.

use std::sync::Arc;
use std::time::Duration;

use powerjob_common::id::{InstanceId, JobId};
use powerjob_common::status::SwitchableStatus;
use powerjob_common::time::UnixMillis;

use super::planner::{Planner, STORE_PAUSE, TURN_PAUSE};
use crate::actor::instance_manager::{AdoptedRun, home_of, shard_of};
use crate::domain::fold;
use crate::domain::instance::{Instance, Trigger};
use crate::domain::job::JobDefinition;
use crate::domain::look_ahead::horizon;
use crate::domain::trigger::{LoopRunEnd, Occurrence, Timetable, after_run, plan};
use crate::store::write::{TriggerWrite, WriteOp, WriteOutcome};

/// Jobs that are looked at in one turn.
const MAX_JOBS_AT_ONCE: usize = 2_000;

/// A trigger whose commit is not known yet.
#[derive(Debug)]
pub(super) struct Pending {
    job: Arc<JobDefinition>,
    epoch: i64,
    pub(super) from: UnixMillis,
    next: Option<UnixMillis>,
    /// What the store expects as the job's next time.
    stored_next: Option<UnixMillis>,
    instances: Vec<Instance>,
}

impl Planner {
    /// Makes the occurrences of all jobs that are due within the look-ahead.
    pub(super) fn make_occurrences(&mut self, now: UnixMillis) {
        let until = horizon(&self.index, self.parts.look_ahead, now);
        let due = self.index.take_due(until, MAX_JOBS_AT_ONCE);
        if due.len() < MAX_JOBS_AT_ONCE {
            self.not_before = now.after(TURN_PAUSE);
        }
        for (job_id, next) in due {
            if self.pending.contains_key(&job_id) {
                // A save came between: first it must be known what became of the earlier trigger.
                self.index.set(job_id, Some(next));
                continue;
            }
            if let Some(pending) = self.plan_job(job_id, next, now) {
                let write = (token(job_id), write_of(&pending));
                self.outbox.writes.push(write);
                self.pending.insert(job_id, pending);
            }
        }
    }

    fn plan_job(&mut self, job_id: JobId, next: UnixMillis, now: UnixMillis) -> Option<Pending> {
        let job = self.parts.jobs.get(job_id)?;
        if job.status != SwitchableStatus::Enable {
            return None;
        }
        let Some(epoch) = self.parts.ownership.epoch(job.app_id) else {
            // The lease is late: it comes back, or the process ends.
            self.index.set(job_id, Some(next));
            self.not_before = now.after(STORE_PAUSE);
            return None;
        };
        let schedule = self.schedule(&job)?;
        let table = Timetable::of(&job, &schedule);
        let ahead = u64::try_from(next.0.saturating_sub(now.0))
            .map_or(Duration::ZERO, Duration::from_millis);
        let plan = plan(&table, next, now, self.parts.look_ahead.max(ahead));
        if let Some(since) = plan.missed_since {
            let made = plan.occurrences.iter().filter(|it| it.nominal <= now);
            tracing::info!(
                %job_id, %since, policy = ?job.policy.misfire, caught_up_count = made.count(),
                "trigger times were missed"
            );
        }
        let instances = plan
            .occurrences
            .iter()
            .map(|occurrence| self.new_instance(&job, occurrence, now))
            .collect();
        Some(Pending {
            stored_next: (!self.loops.contains(&job_id)).then_some(next),
            epoch,
            from: next,
            next: plan.next,
            instances,
            job,
        })
    }

    fn new_instance(
        &mut self,
        job: &JobDefinition,
        occurrence: &Occurrence,
        now: UnixMillis,
    ) -> Instance {
        Instance {
            instance_id: self.next_id(job, now),
            job_id: job.id,
            app_id: job.app_id,
            job_revision: job.revision,
            trigger: Trigger::Schedule {
                nominal: occurrence.nominal,
            },
            job_params: (!job.params.is_empty()).then(|| job.params.clone()),
            instance_params: None,
            chosen_worker: None,
            created_at: now,
            state: fold::waiting(occurrence.start_at),
        }
    }

    /// An id; that of a job whose runs must know each other leads to their shard.
    fn next_id(&mut self, job: &JobDefinition, now: UnixMillis) -> InstanceId {
        let shards = self.parts.shards;
        let home = home_of(job, shards);
        loop {
            let id = self.parts.ids.next(now);
            if home.is_none_or(|home| shard_of(id, shards) == home) {
                return id;
            }
        }
    }

    /// The store's queue has no room for these triggers.
    pub(crate) fn refused(&mut self, items: Vec<(u64, WriteOp)>) {
        let now = self.now();
        for (token, _) in items {
            self.try_again(job_of(token), now, "too many writes are waiting");
        }
    }

    /// What became of triggers.
    pub(crate) fn committed(&mut self, results: Vec<(u64, WriteOutcome)>) {
        let now = self.now();
        for (token, outcome) in results {
            let job_id = job_of(token);
            match outcome {
                WriteOutcome::Applied => self.applied(job_id),
                WriteOutcome::Stale => self.outbox.reloads.push(job_id),
                // An adopted row has the trigger key: go on behind it.
                WriteOutcome::Duplicate => self.pass_over(job_id),
                WriteOutcome::Fenced => drop(self.pending.remove(&job_id)),
                WriteOutcome::Failed(reason) => self.try_again(job_id, now, &reason),
            }
        }
    }

    /// Hands the occurrences over and goes on; a schedule without a further time ends.
    fn applied(&mut self, job_id: JobId) {
        let Some(pending) = self.pending.remove(&job_id) else {
            return;
        };
        let Pending {
            job,
            epoch,
            next,
            instances,
            ..
        } = pending;
        if !self.parts.ownership.is_loaded(job.app_id, epoch) {
            return; // stored, and found by whoever loads the application
        }
        let was_passed_over = instances.is_empty();
        let adopted = instances.into_iter().map(|instance| AdoptedRun {
            instance: Box::new(instance),
            job: job.clone(),
            epoch,
            is_counted: false,
            present: None,
        });
        self.outbox.adopted.extend(adopted);
        // A save that came between has set the next time already.
        let is_present = |present: &Arc<JobDefinition>| present.revision == job.revision;
        if !self.parts.jobs.get(job_id).as_ref().is_some_and(is_present) {
            return;
        }
        self.follow_time(job_id, next);
        if was_passed_over {
            self.begin_loop_anew(&job);
        }
        if next.is_none() && !job.is_loop() {
            self.outbox.ended.push(job);
        }
    }

    /// A loop goes on when its run ends; without a run it would never.
    fn begin_loop_anew(&mut self, job: &JobDefinition) {
        if self.index.get(job.id).is_none()
            && let Some(schedule) = self.schedule(job)
        {
            let end = LoopRunEnd {
                at: self.now(),
                is_failure: false,
            };
            let next = after_run(job, &schedule, end);
            self.index.set(job.id, next);
        }
    }

    /// One of the occurrences exists already: finds out which, one after the other, and goes on
    /// behind it.
    fn pass_over(&mut self, job_id: JobId) {
        let Some(pending) = self.pending.get_mut(&job_id) else {
            return;
        };
        match pending.instances.len() {
            // Nothing was to be inserted, so nothing can be there already.
            0 => {
                self.pending.remove(&job_id);
                return;
            }
            1 => {
                tracing::warn!(%job_id, nominal = %pending.from, "an occurrence exists already");
                pending.instances.clear();
            }
            _ => {
                pending.next = pending.instances.get(1).and_then(nominal_of);
                pending.instances.truncate(1);
            }
        }
        let write = (token(job_id), write_of(pending));
        self.outbox.writes.push(write);
    }

    pub(super) fn try_again(&mut self, job_id: JobId, now: UnixMillis, reason: &str) {
        tracing::warn!(%job_id, reason, "occurrences could not be stored");
        if let Some(pending) = self.pending.remove(&job_id) {
            self.index.set(job_id, Some(pending.from));
        }
        self.not_before = now.after(STORE_PAUSE);
    }
}

fn write_of(pending: &Pending) -> WriteOp {
    WriteOp::Trigger(Box::new(TriggerWrite {
        app_id: pending.job.app_id,
        job_id: pending.job.id,
        job_revision: pending.job.revision,
        expect_next: pending.stored_next,
        next: pending.next,
        instances: pending.instances.clone(),
    }))
}

fn nominal_of(instance: &Instance) -> Option<UnixMillis> {
    match instance.trigger {
        Trigger::Schedule { nominal } => Some(nominal),
        Trigger::Api | Trigger::Workflow { .. } => None,
    }
}

fn token(job_id: JobId) -> u64 {
    job_id.0.cast_unsigned()
}

fn job_of(token: u64) -> JobId {
    JobId(token.cast_signed())
}
