//! The open instances of one shard and what happens to them. Synchronous: facts come in, decisions
//! are those of `domain`, and what is to be written, sent and told is put into the [`Outbox`], which
//! the actor empties at the end of each letter.
//!
//! Invariants:
//! 1. At most one write about an instance is under way; events that come meanwhile wait for it.
//! 2. Nothing is sent to a worker before its claim is durable.
//! 3. Nobody is told of a change before it is durable, except of starts.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use powerjob_common::actor::{Reply, Ticket};
use powerjob_common::id::{AppId, InstanceId, JobId};
use powerjob_common::instance_id::InstanceIdGenerator;
use powerjob_common::status::InstanceStatus;
use powerjob_common::time::{Clock, UnixMillis};

use super::clock::zero_of;
use super::message::{ChangeError, StartError};
use super::placement::Placement;
use super::ports::shard_of;
use super::run::{Event, Run, Unconfirmed, Waiter, Writing};
use crate::actor::dispatcher::{Dispatch, Stop, TeamNotice};
use crate::actor::instance_manager::letters::RunEnded;
use crate::domain::claim_lead::ClaimLead;
use crate::domain::dispatch::WaitsFor;
use crate::domain::fold::Change;
use crate::live::{Event as LiveEvent, EventHub, JobTable, Ownership, RunStats, WorkerTable};
use crate::store::write::{Backlog, InstanceUpdate, Lane, WriteOp};
use crate::traces::TraceSink;

/// What a shard needs to know of its surroundings.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) jobs: JobTable,
    pub(crate) workers: WorkerTable,
    pub(crate) ownership: Ownership,
    pub(crate) events: EventHub,
    pub(crate) stats: RunStats,
    pub(crate) traces: TraceSink,
    /// How long a worker may stay away before its runs are given up.
    pub(crate) return_grace: Duration,
    /// What a claim costs the store, see [`crate::domain::claim_lead`].
    pub(crate) claim_cost: Duration,
    /// What waits for the store.
    pub(crate) backlog: Backlog,
}

/// What a letter leads to.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// Someone waits for these.
    pub(crate) writes: Vec<(u64, WriteOp)>,
    /// Ends that workers reported.
    pub(crate) ends: Vec<(u64, WriteOp)>,
    /// Nobody waits for these.
    pub(crate) later_writes: Vec<(u64, WriteOp)>,
    pub(crate) dispatches: Vec<Dispatch>,
    pub(crate) teams: Vec<TeamNotice>,
    pub(crate) stops: Vec<Stop>,
    pub(crate) ended: Vec<RunEnded>,
    /// Ended instances whose journals nobody needs any more.
    pub(crate) journals: Vec<InstanceId>,
    /// Open instances that the store knows better.
    pub(crate) reloads: Vec<InstanceId>,
    /// Events about instances that are not open here.
    pub(super) strangers: Vec<(InstanceId, Event)>,
}

impl Outbox {
    /// Takes the writes out, with the lane of each.
    pub(crate) fn take_writes(&mut self) -> [(Lane, Vec<(u64, WriteOp)>); 3] {
        [
            (Lane::Express, std::mem::take(&mut self.writes)),
            (Lane::Ends, std::mem::take(&mut self.ends)),
            (Lane::Bulk, std::mem::take(&mut self.later_writes)),
        ]
    }
}

/// A deadline of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// Claim it if it can be, earlier than usual because many are due with it.
    EarlyClaim,
    /// Claim it, so that it can be sent in time.
    Claim,
    /// Send the claimed run.
    Send,
    /// It has waited long enough for a worker.
    Grace,
    /// Store what only memory knows.
    Flush,
    /// Its worker should have come back.
    Return,
    /// Somebody in the queues may be taken now.
    Serve,
}

/// A call that waits until all its runs are durable.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) ids: Vec<InstanceId>,
    pub(super) open: usize,
    pub(super) error: Option<StartError>,
    pub(super) reply: Reply<Result<Vec<InstanceId>, StartError>>,
    /// Keeps the places in the queue until the answer is known.
    pub(super) _ticket: Option<Ticket>,
}

/// The open instances of one shard.
#[derive(Debug)]
pub(super) struct Shard {
    pub(super) place: usize,
    pub(super) shards: usize,
    pub(super) around: Surroundings,
    pub(super) placement: Placement,
    pub(super) ids: InstanceIdGenerator,
    pub(super) runs: HashMap<InstanceId, Run>,
    pub(super) starts: HashMap<u64, Start>,
    pub(super) next_start: u64,
    /// See `clock`.
    pub(super) clock_zero: UnixMillis,
    pub(super) claim_lead: ClaimLead,
    pub(super) deadlines: BinaryHeap<Reverse<(UnixMillis, Due, InstanceId)>>,
    /// Runs that wait for workers or room, by job.
    pub(super) queues: BTreeMap<JobId, VecDeque<InstanceId>>,
    /// The open runs of jobs whose runs take each other's place.
    pub(super) replaceable: HashMap<JobId, BTreeSet<InstanceId>>,
    /// The open runs of second-level jobs.
    pub(super) beating: HashMap<JobId, BTreeSet<InstanceId>>,
    /// Runs sent and not yet confirmed, in the order of sending.
    pub(super) unconfirmed: VecDeque<Unconfirmed>,
    /// Whether a place was given back or a worker came since the queues were last looked at.
    pub(super) has_news: bool,
    /// Runs whose tasks are spread over several workers.
    pub(super) spread: BTreeSet<InstanceId>,
    /// State of the workers when their teams were last looked at.
    pub(super) teams_version: u64,
    pub(super) outbox: Outbox,
}

impl Shard {
    pub(super) fn new(
        place: usize,
        shards: usize,
        around: Surroundings,
        placement: Placement,
        ids: InstanceIdGenerator,
    ) -> Self {
        Self {
            place,
            shards,
            clock_zero: zero_of(&*around.clock),
            claim_lead: ClaimLead::new(around.claim_cost, shards),
            around,
            placement,
            ids,
            runs: HashMap::new(),
            starts: HashMap::new(),
            next_start: 0,
            deadlines: BinaryHeap::new(),
            queues: BTreeMap::new(),
            replaceable: HashMap::new(),
            beating: HashMap::new(),
            unconfirmed: VecDeque::new(),
            has_news: false,
            spread: BTreeSet::new(),
            teams_version: 0,
            outbox: Outbox::default(),
        }
    }

    /// An id of this shard. All shards share the server ids: each takes only those that are its own.
    pub(super) fn next_id(&mut self, now: UnixMillis) -> InstanceId {
        loop {
            let id = self.ids.next(now);
            if shard_of(id, self.shards) == self.place {
                return id;
            }
        }
    }

    /// Sends an event to its instance: now, after the write under way, or to the store.
    pub(super) fn happen(&mut self, id: InstanceId, event: Event, now: UnixMillis) {
        match self.runs.get_mut(&id) {
            Some(run) if run.writing.is_some() => run.deferred.push(event),
            Some(_) => self.apply(id, event, now),
            None => self.outbox.strangers.push((id, event)),
        }
    }

    /// Stores a change and remembers who waits for it.
    pub(super) fn change(&mut self, id: InstanceId, change: Change, waiters: Vec<Waiter>) {
        let Some(run) = self.runs.get_mut(&id) else {
            return;
        };
        let previous = std::mem::replace(&mut run.instance.state, change.next);
        let (expect_status, expect_attempt) =
            run.stored.unwrap_or((previous.status, previous.attempt));
        let update = InstanceUpdate {
            app_id: run.instance.app_id,
            instance_id: id,
            expect_status,
            expect_attempt,
            state: run.instance.state.clone(),
            release_trigger_key: false,
            ended_attempt: change.ended,
        };
        let is_reported = matches!(waiters.as_slice(), [Waiter::Report(_)]);
        let writes = match run.instance.state.status.is_finished() && is_reported {
            true => &mut self.outbox.ends,
            false => &mut self.outbox.writes,
        };
        writes.push((token(id), WriteOp::Update(Box::new(update))));
        run.writing = Some(Writing {
            previous: Some(previous),
            start: None,
            waiters,
            stop: None,
        });
        let is_out = run.is_out();
        if !is_out {
            self.free_worker(id);
        }
    }

    /// Gives back the place of a run at its worker, which is free before the end is stored. Among the
    /// runs of its job that are out it counts until then.
    pub(super) fn free_worker(&mut self, id: InstanceId) {
        let Some(run) = self.runs.get_mut(&id) else {
            return;
        };
        if let Some(worker) = &run.worker {
            worker.give_back();
            self.has_news = true;
        }
        run.connection = None;
        run.avoid = run.worker.take().map(|worker| worker.facts.node.clone());
    }

    /// Gives back all places of a run that no worker has any more.
    pub(super) fn give_back(&mut self, id: InstanceId) {
        self.free_worker(id);
        let Some(run) = self.runs.get_mut(&id) else {
            return;
        };
        if std::mem::take(&mut run.is_counted) {
            self.placement.leave(run.job.id);
            self.has_news = true;
        }
    }

    /// Puts an instance at the end of the queue for workers.
    pub(super) fn enqueue(&mut self, id: InstanceId, waits_for: WaitsFor, now: UnixMillis) {
        let Some(run) = self.runs.get_mut(&id) else {
            return;
        };
        let is_held_back = matches!(waits_for, WaitsFor::Others(_));
        run.waits_for = waits_for;
        if !std::mem::replace(&mut run.is_queued, true) {
            self.queues.entry(run.job.id).or_default().push_back(id);
        }
        if is_held_back {
            run.waits_since = None;
        } else if run.waits_since.is_none() {
            run.waits_since = Some(now);
            let grace = Duration::from_millis(run.job.no_worker_grace_ms);
            self.deadlines
                .push(Reverse((now.after(grace), Due::Grace, id)));
        }
    }

    pub(super) fn remind(&mut self, at: UnixMillis, due: Due, id: InstanceId) {
        self.deadlines.push(Reverse((at, due, id)));
    }

    /// Forgets an instance; what waits for it is answered with `error`.
    pub(super) fn forget(&mut self, id: InstanceId, error: ChangeError) {
        self.give_back(id);
        let Some(run) = self.leave(id) else {
            return;
        };
        for event in run.deferred {
            // Ended here while it waited: the store knows how.
            if error == ChangeError::AlreadyFinished {
                self.outbox.strangers.push((id, event));
            } else {
                event.refuse(error.clone());
            }
        }
    }

    /// Forgets all instances of an application that another server owns now.
    pub(super) fn drop_app(&mut self, app_id: AppId) {
        let mut ids: Vec<_> = self
            .runs
            .values()
            .filter(|run| run.instance.app_id == app_id)
            .map(|run| run.instance.instance_id)
            .collect();
        ids.sort_unstable();
        for id in ids {
            self.drop_run(id);
        }
    }

    /// Forgets an instance that is ours no more, or under another epoch.
    pub(super) fn drop_run(&mut self, id: InstanceId) {
        if let Some(writing) = self.runs.get_mut(&id).and_then(|run| run.writing.take()) {
            self.end_start(writing.start, Some(StartError::NotOwner));
            for waiter in writing.waiters {
                waiter.failed(ChangeError::NotOwner);
            }
        }
        self.forget(id, ChangeError::NotOwner);
    }

    /// One run of a call is durable, or is not because of `error`.
    pub(super) fn end_start(&mut self, start: Option<u64>, error: Option<StartError>) {
        let Some(number) = start else { return };
        let Some(start) = self.starts.get_mut(&number) else {
            return;
        };
        start.open -= 1;
        if error.is_some() {
            start.error = error;
        }
        if start.open == 0
            && let Some(done) = self.starts.remove(&number)
        {
            done.reply.send(match done.error {
                Some(error) => Err(error),
                None => Ok(done.ids),
            });
        }
    }

    /// Shows an instance to those who watch the application.
    pub(super) fn publish(&self, id: InstanceId) {
        if !self.around.events.is_watched() {
            return;
        }
        let Some(run) = self.runs.get(&id) else {
            return;
        };
        self.around
            .events
            .publish(run.instance.app_id, || LiveEvent::InstanceChanged {
                instance: Arc::new(run.instance.clone()),
                job_name: run.job.name.as_str().into(),
            });
    }

    /// Whether the instance waits and no write about it is under way.
    pub(super) fn is_idle_waiting(&self, id: InstanceId) -> bool {
        self.runs.get(&id).is_some_and(|run| {
            run.writing.is_none() && run.instance.state.status == InstanceStatus::WaitingDispatch
        })
    }
}

/// The token of a write about an instance: its id, because there is at most one under way.
pub(super) fn token(id: InstanceId) -> u64 {
    id.0.cast_unsigned()
}

#[cfg(test)]
#[path = "shard_tests.rs"]
mod tests;
