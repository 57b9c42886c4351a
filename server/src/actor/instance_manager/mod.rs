//! `server/instances/{n}`: the life of instances.
//!
//! * **Owns** the open instances of its shard, as authority while the lease holds; the store's
//!   compare-and-set is the safety net.
//! * **Hears** from `service` (new runs, stops, retries), the scheduler (occurrences), the store's
//!   writer (commits), sessions (verdicts, reports), the registry (inventories, losses), the timer.
//! * **Tells** the writer, the dispatcher, the scheduler (ends of loops) and the event hub.
//! * **Survives** a restart: what is stored; starts that are not stored yet come back with the
//!   workers' inventories.
//! * **Dies**: the process ends; the next one loads the open instances.

mod answer;
mod beats;
mod claim;
mod clock;
mod commit;
mod crowd;
mod events;
mod letters;
mod look_after;
mod message;
mod placement;
mod ports;
mod run;
mod shard;
#[cfg(feature = "simulation")]
pub(crate) mod simulation;
mod start;
mod strangers;
mod teams;

use std::collections::HashSet;
use std::sync::Arc;

use actix::prelude::*;
use powerjob_common::actor::{Mail, Port, Reply};
use powerjob_common::id::InstanceId;
use powerjob_common::instance_id::InstanceIdGenerator;
use powerjob_common::time::UnixMillis;

pub(crate) use self::answer::{AnswerSheet, AnswerSlot};
pub(crate) use self::letters::{
    AdoptRuns, AdoptedRun, ApplyReports, CheckRuns, DropApp, FollowJob, ForgetRuns, Holdings,
    NoVerdict, ReconcileWorker, RunEnded, RunVerdicts, RunsDue, RunsUnanswered, SettleRuns,
    WorkerLost, WorkersChanged, WritesCommitted,
};
pub use self::message::{
    CancelInstance, ChangeError, KillInstance, ReadInstances, RetryInstance, RunRequest,
    StartError, StartRuns, StopInstance,
};
use self::placement::Placement;
pub use self::ports::{InstancePorts, ShardPorts};
pub(crate) use self::ports::{home_of, shard_of};
use self::run::Event;
use self::shard::Shard;
pub(crate) use self::shard::Surroundings;
use crate::actor::dispatcher::{DispatchRuns, StopRuns};
use crate::actor::task_journals::ForgetJournals;
use crate::actor::timer::{Deadline, WakeTimer};
use crate::live::RunningCounts;
use crate::store::Store;
use crate::store::write::{CommitSink, Lane, WriteOp, WriteOutcome};

/// What an instance manager needs.
#[derive(Debug, Clone)]
pub(crate) struct InstanceManagerParts {
    pub(crate) place: usize,
    pub(crate) shards: usize,
    pub(crate) around: Surroundings,
    pub(crate) running: RunningCounts,
    pub(crate) ids: InstanceIdGenerator,
    pub(crate) store: Store,
    pub(crate) timer: WakeTimer,
    pub(crate) committed: Port<WritesCommitted>,
    pub(crate) due: Port<RunsDue>,
    pub(crate) dispatch: Port<DispatchRuns>,
    pub(crate) stop: Port<StopRuns>,
    pub(crate) ended: Port<RunEnded>,
    pub(crate) forget_journals: Port<ForgetJournals>,
}

/// See the head of the file.
pub(crate) struct InstanceManager {
    shard: Shard,
    parts: InstanceManagerParts,
    sink: Arc<dyn CommitSink>,
    deadline: Deadline,
    deadline_at: Option<UnixMillis>,
    /// Whether the outbox is carried out after the letters that are here.
    is_turn_ending: bool,
    /// Ended instances whose retry is being prepared.
    retrying: HashSet<InstanceId>,
    /// Those who wait until all that was told before is submitted.
    settling: Vec<Reply<()>>,
    /// Open runs as last counted.
    open: i64,
}

impl std::fmt::Debug for InstanceManager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "InstanceManager({})", self.parts.place)
    }
}

/// Hands commits to the port of the shard.
#[derive(Debug)]
struct ShardSink(Port<WritesCommitted>);

impl CommitSink for ShardSink {
    fn committed(&self, results: Vec<(u64, WriteOutcome)>) {
        if let Err(refused) = self.0.tell(WritesCommitted { results }) {
            tracing::error!(%refused, "an instance manager did not take its commits");
        }
    }
}

impl InstanceManager {
    pub(crate) fn new(parts: InstanceManagerParts) -> Self {
        let placement = Placement::new(
            parts.around.workers.clone(),
            parts.running.clone(),
            parts.around.clock.now().0.cast_unsigned() ^ parts.place as u64,
        );
        let shard = Shard::new(
            parts.place,
            parts.shards,
            parts.around.clone(),
            placement,
            parts.ids.clone(),
        );
        let due = parts.due.clone();
        let deadline = parts.timer.deadline(move || {
            if let Err(refused) = due.tell(RunsDue {}) {
                tracing::error!(%refused, "an instance manager did not take its deadline");
            }
        });
        Self {
            shard,
            sink: Arc::new(ShardSink(parts.committed.clone())),
            parts,
            deadline,
            deadline_at: None,
            is_turn_ending: false,
            retrying: HashSet::new(),
            settling: Vec::new(),
            open: 0,
        }
    }

    fn now(&self) -> UnixMillis {
        self.parts.around.clock.now()
    }

    /// Has what letters led to carried out, once all letters that are here by now are read: then
    /// they share a submission to the store and a message to the dispatcher.
    fn end_turn(&mut self, ctx: &mut Context<Self>) {
        if !std::mem::replace(&mut self.is_turn_ending, true) {
            let drained = std::future::ready(()).into_actor(self);
            ctx.spawn(drained.map(|(), actor, ctx| actor.carry_out(ctx)));
        }
    }

    fn carry_out(&mut self, ctx: &mut Context<Self>) {
        self.is_turn_ending = false;
        let now = self.now();
        self.shard.serve_queues(now);
        self.shard.renew_teams();
        let mut outbox = std::mem::take(&mut self.shard.outbox);
        for (lane, writes) in outbox.take_writes() {
            self.write(lane, writes, now);
        }
        for reply in self.settling.drain(..) {
            reply.send(());
        }
        self.count(&outbox, now);
        self.send_out(outbox, ctx);
        let next = self.shard.next_deadline();
        if next != self.deadline_at || next.is_some_and(|at| at <= now) {
            self.deadline_at = next;
            self.deadline.set(next);
        }
    }

    fn count(&mut self, outbox: &shard::Outbox, now: UnixMillis) {
        let stats = &self.parts.around.stats;
        // Those with beats are sent again when their job is edited: late, but no run is.
        let runs = outbox.dispatches.iter().filter(|it| it.beats.is_none());
        for dispatch in runs {
            let item = &dispatch.item;
            stats.sent(item.attempt, UnixMillis(item.nominal_time_ms), now);
        }
        let open = self.shard.runs.len() as i64;
        if open != self.open {
            stats.opened(open - self.open);
            self.open = open;
        }
    }

    fn send_out(&mut self, outbox: shard::Outbox, ctx: &mut Context<Self>) {
        // First, for whatever takes the place of a stopped run.
        if !outbox.stops.is_empty() {
            let stops = outbox.stops;
            if let Err(refused) = self.parts.stop.tell(StopRuns { stops }) {
                tracing::warn!(%refused, "the dispatcher did not take its stops");
            }
        }
        if !outbox.dispatches.is_empty() || !outbox.teams.is_empty() {
            let (runs, teams) = (outbox.dispatches, outbox.teams);
            // Full: the status checker sends them again.
            if let Err(refused) = self.parts.dispatch.tell(DispatchRuns { runs, teams }) {
                tracing::warn!(%refused, "the dispatcher did not take its runs");
            }
        }
        for ended in outbox.ended {
            if let Err(refused) = self.parts.ended.tell(ended) {
                tracing::error!(%refused, "the scheduler did not hear of the end of a run");
            }
        }
        if !outbox.journals.is_empty() {
            let ids = outbox.journals;
            if let Err(refused) = self.parts.forget_journals.tell(ForgetJournals { ids }) {
                tracing::warn!(%refused, "journals stay until their instances are cleaned");
            }
        }
        for id in outbox.reloads {
            self.reload(id, ctx);
        }
        for (id, event) in outbox.strangers {
            self.ask_store(id, event, ctx);
        }
    }

    /// Submits writes; what the queue has no room for has failed.
    fn write(&mut self, lane: Lane, items: Vec<(u64, WriteOp)>, now: UnixMillis) {
        if items.is_empty() {
            return;
        }
        if let Err(overloaded) = self.parts.store.writer().submit(lane, &self.sink, items) {
            let reason = || WriteOutcome::Failed("too many writes are waiting".to_owned());
            let results = overloaded
                .items
                .into_iter()
                .map(|(token, _)| (token, reason()))
                .collect();
            self.shard.committed(results, now);
        }
    }
}

impl Actor for InstanceManager {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(0); // the port counts
    }
}

impl Handler<Mail<StartRuns>> for InstanceManager {
    type Result = ();

    fn handle(&mut self, mail: Mail<StartRuns>, ctx: &mut Self::Context) {
        let (letter, ticket) = mail.open();
        let now = self.now();
        self.shard.start_runs(letter, Some(ticket), now);
        self.end_turn(ctx);
    }
}

impl Handler<Mail<SettleRuns>> for InstanceManager {
    type Result = ();

    fn handle(&mut self, mail: Mail<SettleRuns>, ctx: &mut Self::Context) {
        let (SettleRuns { reply }, _ticket) = mail.open();
        self.settling.push(reply);
        self.end_turn(ctx);
    }
}

impl Handler<Mail<ReadInstances>> for InstanceManager {
    type Result = ();

    fn handle(&mut self, mail: Mail<ReadInstances>, _ctx: &mut Self::Context) {
        let (ReadInstances { ids, reply }, _ticket) = mail.open();
        let runs = ids.iter().filter_map(|id| self.shard.runs.get(id));
        reply.send(
            runs.filter_map(|run| Some((Box::new(run.shown()?), run.why_waiting())))
                .collect(),
        );
    }
}

/// Handlers that hand a letter to the shard and end the turn.
macro_rules! handlers {
    ($($letter:ident: $shard:ident, $message:ident, $now:ident => $work:expr;)+) => {
        $(impl Handler<Mail<$letter>> for InstanceManager {
            type Result = ();

            fn handle(&mut self, mail: Mail<$letter>, ctx: &mut Self::Context) {
                let ($message, _ticket) = mail.open();
                let $now = self.now();
                let $shard = &mut self.shard;
                $work;
                self.end_turn(ctx);
            }
        })+
    };
}

handlers! {
    StopInstance: shard, it, now => shard.happen(it.instance_id, Event::Stop(it.reply), now);
    KillInstance: shard, it, now => shard.happen(it.instance_id, Event::Kill(it.reply), now);
    CancelInstance: shard, it, now => shard.happen(it.instance_id, Event::Cancel(it.reply), now);
    RetryInstance: shard, it, now => shard.happen(it.instance_id, Event::Retry(it.scope, it.reply), now);
    AdoptRuns: shard, it, now => shard.adopt(it.runs, now);
    WritesCommitted: shard, it, now => shard.committed(it.results, now);
    RunVerdicts: shard, it, now => shard.take_verdicts(it.items, now);
    RunsUnanswered: shard, it, now => shard.take_unanswered(it, now);
    ApplyReports: shard, it, now => shard.take_reports(it.app_id, it.items, now);
    ReconcileWorker: shard, it, now => shard.reconcile(it, now);
    WorkerLost: shard, it, now => shard.lose_worker(&it, now);
    WorkersChanged: shard, _it, _now => shard.has_news = true;
    RunsDue: shard, _it, now => shard.meet_deadlines(now);
    CheckRuns: shard, _it, now => shard.check_runs(now);
    FollowJob: shard, it, now => shard.follow_job(&it.job, now);
    ForgetRuns: shard, it, _now => shard.forget_called_off(&it.ids);
    DropApp: shard, it, _now => shard.drop_app(it.app_id);
}
