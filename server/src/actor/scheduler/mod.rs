//! `server/scheduler`: finds what is due and makes its instances in time.
//!
//! * **Owns** the due index of the owned applications, and their job table.
//! * **Hears** from `service` (saves, switches), the elector (applications), the store's writer
//!   (commits), the instance managers (ends of loops), the timer.
//! * **Tells** the writer (occurrences about a second ahead), then the instance managers.
//! * **Survives** a restart: everything, it is in the store.
//! * **Dies**: the process ends; whoever takes the applications over goes on.

mod message;
mod plan;
mod save;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use powerjob_common::actor::{Mail, Port, Reply};
use powerjob_common::id::JobId;
use powerjob_common::instance_id::InstanceIdGenerator;
use powerjob_common::status::{SwitchableStatus, TimeExpressionType};
use powerjob_common::time::{Clock, UnixMillis};
use powerjob_common::time_expression::Schedule;

pub(crate) use self::message::{
    AwaitPlanning, JobsDue, LoadedJob, ScheduleApp, TriggersCommitted, UnscheduleApp,
};
pub use self::message::{SaveError, SaveJob, SwitchJob};
use self::plan::Pending;
pub(crate) use self::save::parse as parse_schedule;
use crate::actor::instance_manager::{AdoptRuns, ForgetRuns, RunEnded};
use crate::actor::timer::{Deadline, WakeTimer};
use crate::domain::due_index::DueIndex;
use crate::domain::job::JobDefinition;
use crate::domain::look_ahead::wake_at;
use crate::domain::trigger::after_run;
use crate::live::{EventHub, JobTable, Ownership};
use crate::store::Store;
use crate::store::write::{CommitSink, WriteOutcome};

/// Turns are at least so far apart, so that jobs due at about the same time share a transaction.
const TURN_PAUSE: Duration = Duration::from_millis(20);
/// After a refusal of the store nothing is tried for so long.
const STORE_PAUSE: Duration = Duration::from_millis(500);
/// Parsed schedules that are kept; many jobs share one.
const CACHED_SCHEDULES: usize = 20_000;

/// What a schedule is parsed from.
type ScheduleText = (TimeExpressionType, String, Option<String>);

/// What the scheduler needs.
#[derive(Debug, Clone)]
pub(crate) struct SchedulerParts {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) store: Store,
    pub(crate) jobs: JobTable,
    pub(crate) ownership: Ownership,
    pub(crate) events: EventHub,
    /// The zone of schedules without a zone of their own.
    pub(crate) zone: chrono_tz::Tz,
    /// How far ahead occurrences are made.
    pub(crate) look_ahead: Duration,
    pub(crate) ids: InstanceIdGenerator,
    pub(crate) timer: WakeTimer,
    pub(crate) due: Port<JobsDue>,
    pub(crate) committed: Port<TriggersCommitted>,
    pub(crate) adopt: Vec<Port<AdoptRuns>>,
    pub(crate) forget: Vec<Port<ForgetRuns>>,
}

/// See the head of the file.
pub(crate) struct Scheduler {
    parts: SchedulerParts,
    index: DueIndex,
    schedules: HashMap<ScheduleText, Arc<Schedule>>,
    /// Triggers whose commit is not known yet; at most one for each job.
    pending: HashMap<JobId, Pending>,
    /// Jobs for which the store holds no next time, whatever the index says: loops between runs.
    loops: HashSet<JobId>,
    sink: Arc<dyn CommitSink>,
    /// Those who wait until the past is planned.
    awaiting_planning: Vec<Reply<()>>,
    deadline: Deadline,
    not_before: UnixMillis,
}

impl std::fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Scheduler({} jobs)", self.index.len())
    }
}

/// Hands commits to the port of the scheduler.
#[derive(Debug)]
struct TriggerSink(Port<TriggersCommitted>);

impl CommitSink for TriggerSink {
    fn committed(&self, results: Vec<(u64, WriteOutcome)>) {
        if let Err(refused) = self.0.tell(TriggersCommitted { results }) {
            tracing::error!(%refused, "the scheduler did not take its commits");
        }
    }
}

impl Scheduler {
    pub(crate) fn new(parts: SchedulerParts) -> Self {
        let due = parts.due.clone();
        let deadline = parts.timer.deadline(move || {
            if let Err(refused) = due.tell(JobsDue {}) {
                tracing::error!(%refused, "the scheduler did not take its deadline");
            }
        });
        Self {
            index: DueIndex::default(),
            schedules: HashMap::new(),
            pending: HashMap::new(),
            loops: HashSet::new(),
            sink: Arc::new(TriggerSink(parts.committed.clone())),
            awaiting_planning: Vec::new(),
            deadline,
            not_before: UnixMillis(0),
            parts,
        }
    }

    fn now(&self) -> UnixMillis {
        self.parts.clock.now()
    }

    /// Begins with a job as it was loaded, unless it was begun with already.
    fn enter(&mut self, job: JobDefinition, next: Option<UnixMillis>, ctx: &mut Context<Self>) {
        if self.index.get(job.id).is_some() {
            return;
        }
        if job.next_trigger_at.is_none() {
            self.loops.insert(job.id);
        }
        self.index.set(job.id, next);
        if next.is_none() && has_times(job.schedule.kind) {
            self.end_schedule(Arc::new(job), ctx);
        }
    }

    /// Sets the timer to the moment at which the next job is to be looked at.
    fn set_deadline(&self) {
        let at = wake_at(&self.index, self.parts.look_ahead);
        self.deadline.set(at.map(|at| at.max(self.not_before)));
    }

    /// Answers those who wait for the planning, once every trigger of the past has its occurrence.
    fn answer_when_planned(&mut self) {
        if self.awaiting_planning.is_empty() {
            return;
        }
        let now = self.now();
        let is_past = |time: UnixMillis| time <= now;
        let is_planned = !self.index.first().is_some_and(is_past)
            && !self.pending.values().any(|pending| is_past(pending.from));
        if is_planned {
            for reply in self.awaiting_planning.drain(..) {
                reply.send(());
            }
        }
    }

    /// The parsed schedule of a job; `None` when the store holds one that cannot be read.
    fn schedule(&mut self, job: &JobDefinition) -> Option<Arc<Schedule>> {
        let spec = &job.schedule;
        let text = (spec.kind, spec.expression.clone(), spec.zone.clone());
        if let Some(schedule) = self.schedules.get(&text) {
            return Some(Arc::clone(schedule));
        }
        match save::parse(spec, self.parts.zone) {
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

impl Actor for Scheduler {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(0); // the port counts
    }
}

impl Handler<Mail<ScheduleApp>> for Scheduler {
    type Result = ();

    fn handle(&mut self, mail: Mail<ScheduleApp>, ctx: &mut Self::Context) {
        let (letter, _ticket) = mail.open();
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
                self.enter(job, next, ctx);
            }
        }
        self.set_deadline();
    }
}

impl Handler<Mail<UnscheduleApp>> for Scheduler {
    type Result = ();

    fn handle(&mut self, mail: Mail<UnscheduleApp>, _ctx: &mut Self::Context) {
        let (UnscheduleApp { app_id }, _ticket) = mail.open();
        for job_id in self.parts.jobs.ids_of_app(app_id) {
            self.index.set(job_id, None);
            self.loops.remove(&job_id);
        }
        self.parts.jobs.remove_app(app_id);
        self.set_deadline();
    }
}

impl Handler<Mail<JobsDue>> for Scheduler {
    type Result = ();

    fn handle(&mut self, mail: Mail<JobsDue>, _ctx: &mut Self::Context) {
        let (JobsDue {}, _ticket) = mail.open();
        let now = self.now();
        if now >= self.not_before {
            self.make_occurrences(now);
        }
        self.set_deadline();
        self.answer_when_planned();
    }
}

impl Handler<Mail<TriggersCommitted>> for Scheduler {
    type Result = ();

    fn handle(&mut self, mail: Mail<TriggersCommitted>, ctx: &mut Self::Context) {
        let (TriggersCommitted { results }, _ticket) = mail.open();
        self.take_commits(results, ctx);
        self.set_deadline();
        self.answer_when_planned();
    }
}

impl Handler<Mail<AwaitPlanning>> for Scheduler {
    type Result = ();

    fn handle(&mut self, mail: Mail<AwaitPlanning>, _ctx: &mut Self::Context) {
        let (AwaitPlanning { reply }, _ticket) = mail.open();
        self.awaiting_planning.push(reply);
        self.answer_when_planned();
    }
}

impl Handler<Mail<RunEnded>> for Scheduler {
    type Result = ();

    fn handle(&mut self, mail: Mail<RunEnded>, ctx: &mut Self::Context) {
        let (RunEnded { job_id, ended_at }, _ticket) = mail.open();
        let Some(job) = self.parts.jobs.get(job_id) else {
            return;
        };
        let is_waiting = self.index.get(job_id).is_some() || self.pending.contains_key(&job_id);
        if is_waiting || job.status != SwitchableStatus::Enable {
            return;
        }
        if let Some(schedule) = self.schedule(&job) {
            let next = after_run(&schedule, &job.schedule.lifecycle, ended_at);
            self.index.set(job_id, next);
            self.set_deadline();
            if next.is_none() {
                self.end_schedule(job, ctx);
            }
        }
    }
}

/// Whether such a schedule has a next time until it has ended, whatever its runs do.
fn has_times(kind: TimeExpressionType) -> bool {
    !matches!(
        kind,
        TimeExpressionType::Api | TimeExpressionType::Workflow | TimeExpressionType::FixedDelay
    )
}
