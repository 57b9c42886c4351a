//! What is due, and what is made of it. Synchronous, as the shard of an instance manager: facts come
//! in, decisions are those of `domain`, and what is to be written and told is put into the
//! [`Outbox`], which the actor empties at the end of each letter.
//!
//! Invariants:
//! 1. At most one trigger of a job is on its way to the store.
//! 2. Occurrences are handed over when they are durable, and only while the application is ours
//!    under the epoch they were made under.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use powerjob_common::id::{AppId, JobId};
use powerjob_common::instance_id::InstanceIdGenerator;
use powerjob_common::status::{SwitchableStatus, TimeExpressionType};
use powerjob_common::time::{Clock, UnixMillis};
use powerjob_common::time_expression::Schedule;

use super::draft::parse;
use super::message::{LoadedJob, ScheduleApp};
use super::plan::Pending;
use crate::actor::instance_manager::AdoptedRun;
use crate::domain::due_index::DueIndex;
use crate::domain::job::JobDefinition;
use crate::domain::look_ahead::wake_at;
use crate::domain::trigger::{LoopRunEnd, after_run};
use crate::live::{JobTable, Ownership};
use crate::store;
use crate::store::write::WriteOp;

/// Turns are at least so far apart, so that jobs due at about the same time share a transaction.
pub(super) const TURN_PAUSE: Duration = Duration::from_millis(20);
/// After a refusal of the store nothing is tried for so long.
pub(super) const STORE_PAUSE: Duration = Duration::from_millis(500);
/// Parsed schedules that are kept; many jobs share one.
const CACHED_SCHEDULES: usize = 20_000;

/// What a schedule is parsed from.
type ScheduleText = (TimeExpressionType, String, Option<String>);

/// What a planner needs to know of its surroundings.
#[derive(Debug, Clone)]
pub(crate) struct PlannerParts {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) jobs: JobTable,
    pub(crate) ownership: Ownership,
    /// The zone of schedules without a zone of their own.
    pub(crate) zone: chrono_tz::Tz,
    /// How far ahead occurrences are made.
    pub(crate) look_ahead: Duration,
    pub(crate) ids: InstanceIdGenerator,
    /// Instance managers.
    pub(crate) shards: usize,
}

/// What letters lead to.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// Triggers for the store, by job.
    pub(crate) writes: Vec<(u64, WriteOp)>,
    /// Occurrences that are stored.
    pub(crate) adopted: Vec<AdoptedRun>,
    /// Jobs whose schedule has no further time: they are to be switched off.
    pub(crate) ended: Vec<Arc<JobDefinition>>,
    /// Jobs that the store knows better.
    pub(crate) reloads: Vec<JobId>,
}

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct Planner {
    pub(super) parts: PlannerParts,
    pub(super) index: DueIndex,
    schedules: HashMap<ScheduleText, Arc<Schedule>>,
    /// Triggers whose commit is not known yet; at most one for each job.
    pub(super) pending: HashMap<JobId, Pending>,
    /// Jobs for which the store holds no next time, whatever the index says: loops between runs.
    pub(super) loops: HashSet<JobId>,
    /// Nothing is made before this.
    pub(super) not_before: UnixMillis,
    pub(crate) outbox: Outbox,
}

impl Planner {
    pub(crate) fn new(parts: PlannerParts) -> Self {
        Self {
            parts,
            index: DueIndex::default(),
            schedules: HashMap::new(),
            pending: HashMap::new(),
            loops: HashSet::new(),
            not_before: UnixMillis(0),
            outbox: Outbox::default(),
        }
    }

    pub(super) fn now(&self) -> UnixMillis {
        self.parts.clock.now()
    }

    /// How many jobs have a next time.
    pub(crate) fn job_count(&self) -> usize {
        self.index.len()
    }

    /// When the next job is to be looked at.
    pub(crate) fn next_deadline(&self) -> Option<UnixMillis> {
        let at = wake_at(&self.index, self.parts.look_ahead);
        at.map(|at| at.max(self.pause_end(self.now())))
    }

    /// Whether every trigger of the past has its occurrence.
    pub(crate) fn is_planned(&self) -> bool {
        let now = self.now();
        let is_past = |time: UnixMillis| time <= now;
        !self.index.first().is_some_and(is_past)
            && !self.pending.values().any(|pending| is_past(pending.from))
    }

    /// The next time of a job, also while its occurrences are on their way to the store.
    pub(super) fn known_next(&self, job_id: JobId) -> Option<UnixMillis> {
        let pending = || self.pending.get(&job_id).map(|pending| pending.from);
        self.index.get(job_id).or_else(pending)
    }

    /// Jobs of an application that is ours, or is about to be.
    pub(crate) fn schedule_app(&mut self, letter: ScheduleApp) {
        let ScheduleApp {
            app_id,
            is_entered,
            jobs,
        } = letter;
        if is_entered && !self.parts.ownership.has(app_id) {
            return; // given away while it was loaded
        }
        for LoadedJob { job, next } in jobs {
            // What was saved in between is known better.
            if self.parts.jobs.put(&job) && job.status == SwitchableStatus::Enable {
                self.enter(job, next);
            }
        }
    }

    /// Begins with a job as it was loaded, unless it was begun with already.
    fn enter(&mut self, job: JobDefinition, next: Option<UnixMillis>) {
        if self.index.get(job.id).is_some() {
            return;
        }
        if job.next_trigger_at.is_none() {
            self.loops.insert(job.id);
        }
        self.index.set(job.id, next);
        if next.is_none() && has_times(&job) {
            self.outbox.ended.push(Arc::new(job));
        }
    }

    /// An application is not ours any more.
    pub(crate) fn unschedule_app(&mut self, app_id: AppId) {
        for job_id in self.parts.jobs.ids_of_app(app_id) {
            self.index.set(job_id, None);
            self.loops.remove(&job_id);
        }
        self.parts.jobs.remove_app(app_id);
    }

    /// Time has passed.
    pub(crate) fn look(&mut self) {
        let now = self.now();
        self.not_before = self.pause_end(now);
        if now >= self.not_before {
            self.make_occurrences(now);
        }
    }

    /// Up to when nothing is made; a clock that was set back does not make a pause longer.
    fn pause_end(&self, now: UnixMillis) -> UnixMillis {
        self.not_before.min(now.after(STORE_PAUSE))
    }

    /// A run of a loop has ended.
    pub(crate) fn run_ended(&mut self, job_id: JobId, end: LoopRunEnd) {
        let Some(job) = self.parts.jobs.get(job_id) else {
            return;
        };
        let is_waiting = self.index.get(job_id).is_some() || self.pending.contains_key(&job_id);
        if is_waiting || job.status != SwitchableStatus::Enable || !job.is_loop() {
            return;
        }
        if let Some(schedule) = self.schedule(&job) {
            let next = after_run(&job, &schedule, end);
            self.index.set(job_id, next);
            if next.is_none() {
                self.outbox.ended.push(job);
            }
        }
    }

    /// The store's own view of a job whose trigger was stale.
    pub(crate) fn reloaded(&mut self, job_id: JobId, found: Result<JobDefinition, store::Error>) {
        match found {
            Ok(job) => {
                self.pending.remove(&job_id);
                self.follow(Arc::new(job));
            }
            Err(store::Error::NotFound { .. }) => {
                self.pending.remove(&job_id);
                self.parts.jobs.remove(job_id);
            }
            Err(error) => self.try_again(job_id, self.now(), &error.to_string()),
        }
    }

    /// A job whose schedule has ended is switched off in the store.
    pub(crate) fn switched_off(&mut self, job: &JobDefinition) {
        self.follow(Arc::new(JobDefinition {
            status: SwitchableStatus::Disable,
            next_trigger_at: None,
            ..job.clone()
        }));
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

    /// The store holds `next` as the job's next time.
    pub(super) fn follow_time(&mut self, job_id: JobId, next: Option<UnixMillis>) {
        self.index.set(job_id, next);
        if next.is_some() {
            self.loops.remove(&job_id);
        } else {
            self.loops.insert(job_id);
        }
    }

    /// The parsed schedule of a job; `None` when the store holds one that cannot be read.
    pub(super) fn schedule(&mut self, job: &JobDefinition) -> Option<Arc<Schedule>> {
        let spec = &job.schedule;
        let text = (spec.kind, spec.expression.clone(), spec.zone.clone());
        if let Some(schedule) = self.schedules.get(&text) {
            return Some(Arc::clone(schedule));
        }
        match parse(spec, self.parts.zone) {
            Ok(schedule) => {
                if self.schedules.len() >= CACHED_SCHEDULES {
                    self.schedules.clear();
                }
                let schedule = Arc::new(schedule);
                self.schedules.insert(text, Arc::clone(&schedule));
                Some(schedule)
            }
            Err(error) => {
                tracing::error!(job_id = %job.id, %error, "the job's schedule cannot be read");
                None
            }
        }
    }
}

/// Whether its schedule has a next time until it has ended, whatever its runs do.
fn has_times(job: &JobDefinition) -> bool {
    let kind = job.schedule.kind;
    !job.is_loop() && !matches!(kind, TimeExpressionType::Api | TimeExpressionType::Workflow)
}

#[cfg(test)]
#[path = "planner_tests.rs"]
mod tests;
