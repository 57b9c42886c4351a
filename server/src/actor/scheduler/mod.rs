//! `server/scheduler`: finds what is due and makes its instances in time.
//!
//! * **Owns** the due index of the owned applications, and their job table (in its [`Planner`]).
//! * **Hears** from `service` (saves, switches), the elector (applications), the store's writer
//!   (commits), the instance managers (ends of loops), the timer.
//! * **Tells** the writer (occurrences about a second ahead), then the instance managers.
//! * **Survives** a restart: everything, it is in the store.
//! * **Dies**: the process ends; whoever takes the applications over goes on.

mod draft;
mod message;
mod plan;
mod planner;
mod save;
#[cfg(feature = "simulation")]
pub(crate) mod simulation;

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use powerjob_common::actor::{Mail, Port, Reply};
use powerjob_common::id::JobId;
use powerjob_common::instance_id::InstanceIdGenerator;
use powerjob_common::time::Clock;

pub(crate) use self::draft::parse as parse_schedule;
pub(crate) use self::message::{
    AwaitPlanning, JobsDue, LoadedJob, ScheduleApp, SettleTriggers, TriggersCommitted,
    UnscheduleApp,
};
pub use self::message::{SaveError, SaveJob, SwitchJob};
use self::planner::{Outbox, Planner, PlannerParts};
use crate::actor::instance_manager::{
    AdoptRuns, AdoptedRun, FollowJob, ForgetRuns, RunEnded, shard_of,
};
use crate::actor::timer::{Deadline, WakeTimer};
use crate::domain::job::JobDefinition;
use crate::live::{Event, EventHub, JobTable, Ownership};
use crate::store::Store;
use crate::store::write::{CommitSink, Lane, WriteOp, WriteOutcome};

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
    pub(crate) follow: Vec<Port<FollowJob>>,
}

/// See the head of the file.
pub(crate) struct Scheduler {
    parts: SchedulerParts,
    planner: Planner,
    sink: Arc<dyn CommitSink>,
    /// Those who wait until the past is planned.
    awaiting_planning: Vec<Reply<()>>,
    deadline: Deadline,
}

impl std::fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Scheduler({} jobs)", self.planner.job_count())
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
            planner: Planner::new(PlannerParts {
                clock: parts.clock.clone(),
                jobs: parts.jobs.clone(),
                ownership: parts.ownership.clone(),
                zone: parts.zone,
                look_ahead: parts.look_ahead,
                ids: parts.ids.clone(),
                shards: parts.adopt.len(),
            }),
            sink: Arc::new(TriggerSink(parts.committed.clone())),
            awaiting_planning: Vec::new(),
            deadline,
            parts,
        }
    }

    /// Has what a letter led to carried out, and sets the timer to the moment at which the next job
    /// is to be looked at.
    fn carry_out(&mut self, ctx: &mut Context<Self>) {
        let Outbox {
            writes,
            adopted,
            ended,
            reloads,
        } = std::mem::take(&mut self.planner.outbox);
        self.hand_over(adopted);
        self.submit(writes);
        for job in ended {
            self.end_schedule(job, ctx);
        }
        for job_id in reloads {
            self.reload(job_id, ctx);
        }
        self.deadline.set(self.planner.next_deadline());
        if !self.awaiting_planning.is_empty() && self.planner.is_planned() {
            for reply in self.awaiting_planning.drain(..) {
                reply.send(());
            }
        }
    }

    fn submit(&mut self, items: Vec<(u64, WriteOp)>) {
        if items.is_empty() {
            return;
        }
        let writer = self.parts.store.writer();
        if let Err(overloaded) = writer.submit(Lane::Bulk, &self.sink, items) {
            self.planner.refused(overloaded.items);
        }
    }

    fn hand_over(&self, adopted: Vec<AdoptedRun>) {
        let shards = self.parts.adopt.len();
        let mut by_shard: Vec<Vec<AdoptedRun>> = (0..shards).map(|_| Vec::new()).collect();
        for run in adopted {
            by_shard[shard_of(run.instance.instance_id, shards)].push(run);
        }
        for (port, runs) in self.parts.adopt.iter().zip(by_shard) {
            // Refused: the occurrences are stored, and found when the application is loaded again.
            if !runs.is_empty()
                && let Err(refused) = port.tell(AdoptRuns { runs })
            {
                tracing::error!(%refused, "an instance manager did not take its occurrences");
            }
        }
    }

    /// Switches a job off whose schedule has no further time. If that fails, the next owner of the
    /// application does it.
    fn end_schedule(&self, job: Arc<JobDefinition>, ctx: &mut Context<Self>) {
        let store = self.parts.store.clone();
        let work = async move {
            let ended = store.end_schedule(job.id, job.revision).await;
            (job, ended)
        };
        ctx.spawn(work.into_actor(self).map(|(job, ended), actor, ctx| {
            let (job_id, app_id) = (job.id, job.app_id);
            match ended {
                Ok(true) => {
                    tracing::info!(%job_id, "the schedule has ended: switched the job off");
                    actor.planner.switched_off(&job);
                    actor.parts.events.publish(app_id, || Event::JobChanged {
                        job_id,
                        deleted: false,
                    });
                    actor.carry_out(ctx);
                }
                Ok(false) => {} // it was changed meanwhile
                Err(error) => tracing::warn!(%job_id, %error, "a job was not switched off"),
            }
        }));
    }

    /// The job was changed: go on with what the store holds.
    fn reload(&mut self, job_id: JobId, ctx: &mut Context<Self>) {
        let store = self.parts.store.clone();
        let work = async move { store.job(job_id).await };
        ctx.spawn(work.into_actor(self).map(move |found, actor, ctx| {
            actor.planner.reloaded(job_id, found);
            actor.carry_out(ctx);
        }));
    }
}

impl Actor for Scheduler {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(0); // the port counts
    }
}

/// Handlers that hand a letter to the planner and carry out what it leads to.
macro_rules! handlers {
    ($ctx:ident; $($letter:ident: $actor:ident, $message:ident => $work:expr;)+) => {
        $(impl Handler<Mail<$letter>> for Scheduler {
            type Result = ();

            fn handle(&mut self, mail: Mail<$letter>, $ctx: &mut Self::Context) {
                let ($message, _ticket) = mail.open();
                let $actor = &mut *self;
                $work;
                self.carry_out($ctx);
            }
        })+
    };
}

handlers! {
    ctx;
    ScheduleApp: actor, it => actor.planner.schedule_app(it);
    UnscheduleApp: actor, it => actor.planner.unschedule_app(it.app_id);
    JobsDue: actor, _it => actor.planner.look();
    TriggersCommitted: actor, it => actor.planner.committed(it.results);
    AwaitPlanning: actor, it => actor.awaiting_planning.push(it.reply);
    SettleTriggers: actor, it => {
        actor.carry_out(ctx);
        it.reply.send(());
    };
    RunEnded: actor, it => actor.planner.run_ended(it.job_id, it.end);
}
