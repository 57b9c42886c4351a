//! Making occurrences: plan, store, hand over.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use powerjob_common::id::{InstanceId, JobId};
use powerjob_common::status::{SwitchableStatus, TimeExpressionType};
use powerjob_common::time::UnixMillis;

use super::{STORE_PAUSE, Scheduler, TURN_PAUSE};
use crate::actor::instance_manager::{AdoptRuns, AdoptedRun, home_of, shard_of};
use crate::domain::fold;
use crate::domain::instance::{Instance, Trigger};
use crate::domain::job::JobDefinition;
use crate::domain::look_ahead::horizon;
use crate::domain::trigger::{Occurrence, Timetable, after_run, plan};
use crate::live::Event;
use crate::store;
use crate::store::write::{Lane, TriggerWrite, WriteOp, WriteOutcome};

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

impl Scheduler {
    /// Makes the occurrences of all jobs that are due within the look-ahead.
    pub(super) fn make_occurrences(&mut self, now: UnixMillis) {
        let until = horizon(&self.index, self.parts.look_ahead, now);
        let due = self.index.take_due(until, MAX_JOBS_AT_ONCE);
        if due.len() < MAX_JOBS_AT_ONCE {
            self.not_before = now.after(TURN_PAUSE);
        }
        let mut items = Vec::with_capacity(due.len());
        for (job_id, next) in due {
            if let Some(pending) = self.plan_job(job_id, next, now) {
                items.push((token(job_id), write_of(&pending)));
                self.pending.insert(job_id, pending);
            }
        }
        self.submit(items, now);
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
        let shards = self.parts.adopt.len();
        let home = home_of(job, shards);
        loop {
            let id = self.parts.ids.next(now);
            if home.is_none_or(|home| shard_of(id, shards) == home) {
                return id;
            }
        }
    }

    fn submit(&mut self, items: Vec<(u64, WriteOp)>, now: UnixMillis) {
        if items.is_empty() {
            return;
        }
        let writer = self.parts.store.writer();
        if let Err(overloaded) = writer.submit(Lane::Bulk, &self.sink, items) {
            for (token, _) in overloaded.items {
                self.try_again(job_of(token), now, "too many writes are waiting");
            }
        }
    }

    pub(super) fn take_commits(
        &mut self,
        results: Vec<(u64, WriteOutcome)>,
        ctx: &mut Context<Self>,
    ) {
        let now = self.now();
        let mut adopted: Vec<Vec<AdoptedRun>> =
            self.parts.adopt.iter().map(|_| Vec::new()).collect();
        let mut advances = Vec::new();
        for (token, outcome) in results {
            let job_id = job_of(token);
            match outcome {
                WriteOutcome::Applied => {
                    if let Some(ended) = self.applied(job_id, &mut adopted) {
                        self.end_schedule(ended, ctx);
                    }
                }
                WriteOutcome::Stale => self.reload(job_id, ctx),
                // An adopted row has the trigger key: go on behind it.
                WriteOutcome::Duplicate => advances.extend(self.pass_over(job_id)),
                WriteOutcome::Fenced => drop(self.pending.remove(&job_id)),
                WriteOutcome::Failed(reason) => self.try_again(job_id, now, &reason),
            }
        }
        for (port, runs) in self.parts.adopt.iter().zip(adopted) {
            // Refused: the occurrences are stored, and found when the application is loaded again.
            if !runs.is_empty()
                && let Err(refused) = port.tell(AdoptRuns { runs })
            {
                tracing::error!(%refused, "an instance manager did not take its occurrences");
            }
        }
        self.submit(advances, now);
    }

    /// Hands the occurrences over; returns the job if its schedule has no further time.
    fn applied(
        &mut self,
        job_id: JobId,
        adopted: &mut [Vec<AdoptedRun>],
    ) -> Option<Arc<JobDefinition>> {
        let pending = self.pending.remove(&job_id)?;
        let Pending {
            job,
            epoch,
            next,
            instances,
            ..
        } = pending;
        if !self.parts.ownership.is_loaded(job.app_id, epoch) {
            return None; // stored, and found by whoever loads the application
        }
        let was_passed_over = instances.is_empty();
        for instance in instances {
            let shard = shard_of(instance.instance_id, adopted.len());
            adopted[shard].push(AdoptedRun {
                instance: Box::new(instance),
                job: job.clone(),
                epoch,
            });
        }
        // A save that came between has set the next time already.
        let is_present = |present: &Arc<JobDefinition>| present.revision == job.revision;
        if !self.parts.jobs.get(job_id).as_ref().is_some_and(is_present) {
            return None;
        }
        self.follow_time(job_id, next);
        if was_passed_over {
            self.begin_loop_anew(&job);
        }
        let goes_on = next.is_some() || job.schedule.kind == TimeExpressionType::FixedDelay;
        (!goes_on).then_some(job)
    }

    /// Switches a job off whose schedule has no further time. If that fails, the next owner of the
    /// application does it.
    pub(super) fn end_schedule(&self, job: Arc<JobDefinition>, ctx: &mut Context<Self>) {
        let store = self.parts.store.clone();
        let work = async move {
            let ended = store.end_schedule(job.id, job.revision).await;
            (job, ended)
        };
        ctx.spawn(work.into_actor(self).map(|(job, ended), actor, _ctx| {
            let (job_id, app_id) = (job.id, job.app_id);
            match ended {
                Ok(true) => {
                    tracing::info!(%job_id, "the schedule has ended: switched the job off");
                    actor.follow(Arc::new(JobDefinition {
                        status: SwitchableStatus::Disable,
                        next_trigger_at: None,
                        ..(*job).clone()
                    }));
                    actor.parts.events.publish(app_id, || Event::JobChanged {
                        job_id,
                        deleted: false,
                    });
                }
                Ok(false) => {} // it was changed meanwhile
                Err(error) => tracing::warn!(%job_id, %error, "a job was not switched off"),
            }
        }));
    }

    /// A loop goes on when its run ends; without a run it would never.
    fn begin_loop_anew(&mut self, job: &JobDefinition) {
        if self.index.get(job.id).is_none()
            && let Some(schedule) = self.schedule(job)
        {
            let next = after_run(&schedule, &job.schedule.lifecycle, self.now());
            self.index.set(job.id, next);
        }
    }

    fn pass_over(&mut self, job_id: JobId) -> Option<(u64, WriteOp)> {
        let pending = self.pending.get_mut(&job_id)?;
        if pending.instances.is_empty() {
            // Nothing was to be inserted, so nothing can be there already.
            self.pending.remove(&job_id);
            return None;
        }
        tracing::warn!(%job_id, nominal = %pending.from, "an occurrence exists already");
        pending.instances.clear();
        Some((token(job_id), write_of(pending)))
    }

    fn try_again(&mut self, job_id: JobId, now: UnixMillis, reason: &str) {
        tracing::warn!(%job_id, reason, "occurrences could not be stored");
        if let Some(pending) = self.pending.remove(&job_id) {
            self.index.set(job_id, Some(pending.from));
        }
        self.not_before = now.after(STORE_PAUSE);
    }

    /// The job was changed: go on with what the store holds.
    fn reload(&mut self, job_id: JobId, ctx: &mut Context<Self>) {
        let store = self.parts.store.clone();
        let work = async move { store.job(job_id).await };
        ctx.spawn(work.into_actor(self).map(move |found, actor, _ctx| {
            let now = actor.now();
            match found {
                Ok(job) => {
                    actor.pending.remove(&job_id);
                    actor.follow(Arc::new(job));
                }
                Err(store::Error::NotFound { .. }) => {
                    actor.pending.remove(&job_id);
                    actor.parts.jobs.remove(job_id);
                }
                Err(error) => actor.try_again(job_id, now, &error.to_string()),
            }
            actor.set_deadline();
        }));
    }

    /// The store holds `next` as the job's next time.
    fn follow_time(&mut self, job_id: JobId, next: Option<UnixMillis>) {
        self.index.set(job_id, next);
        if next.is_some() {
            self.loops.remove(&job_id);
        } else {
            self.loops.insert(job_id);
        }
    }

    /// Goes on with a job as it is stored.
    pub(super) fn follow(&mut self, job: Arc<JobDefinition>) {
        let is_on = job.status == SwitchableStatus::Enable;
        self.follow_time(job.id, job.next_trigger_at.filter(|_| is_on));
        if job.status == SwitchableStatus::Deleted {
            self.parts.jobs.remove(job.id);
            self.loops.remove(&job.id);
        } else {
            self.parts.jobs.put(&job);
        }
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

fn token(job_id: JobId) -> u64 {
    job_id.0.cast_unsigned()
}

fn job_of(token: u64) -> JobId {
    JobId(token.cast_signed())
}
