//! A worker without runtime, sockets and disk: its decisions, driven event by event.
//!
//! The simulation in `tests/simulation` plays processors, spool and network. What is decided about
//! runs is decided by `domain`; what is done here is what the actors do around it. Compiled with the
//! feature `simulation` only.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use powerjob_common::time::Clock;
use powerjob_protocol::wire::server_to_worker::{
    OwnerMoved, RunAnswer, RunAnswers, RunInstance, RunInstances, RunVerdict, StopAnswers,
    StopInstance,
};
use powerjob_protocol::wire::worker_to_server::{
    InstanceReport, InventoryAnswer, ReportAnswer, WorkerInventory,
};

use crate::domain::RunKey;
use crate::domain::ending::{self, CancelReason, Ending};
use crate::domain::slots::{Kind, Slots};
use crate::domain::task_table::{Limits, RunEnd};
use crate::domain::tracker::{Todo, Tracker};
use crate::rpc::course::Course;

/// An attempt of an instance.
pub type Attempt = (i64, u32);

/// How a worker is set.
#[derive(Debug, Clone, Copy)]
pub struct NodeConfig {
    /// Runs at the same time.
    pub places: usize,
    /// Runs queued or in progress.
    pub held: usize,
    /// Ends that no server has acknowledged.
    pub unacknowledged: usize,
    /// Whether ends are spooled before they are reported.
    pub has_spool: bool,
    /// How long a cancelled run may go on.
    pub cancel_grace: Duration,
}

/// What a worker wants of its surroundings.
#[derive(Debug, Clone)]
pub enum Effect {
    /// The code of a run starts.
    Start(Box<RunInstance>),
    /// The code of a run is asked to end.
    Cancel(Attempt),
    /// [`WorkerNode::expire`] is to be called so much later.
    Arm(Attempt, Duration),
    /// These ends are to be made durable, then told by [`WorkerNode::spooled`].
    Spool(Vec<InstanceReport>),
    /// These ends need not be durable any more.
    Settle(Vec<Attempt>),
    /// A message of reports, answered by its number.
    Report(u64, Vec<InstanceReport>),
}

#[derive(Debug)]
struct Active {
    started_at_ms: i64,
    limit: Duration,
    cancelled: Option<CancelReason>,
}

/// See the head of the file.
#[derive(Debug)]
pub struct WorkerNode {
    config: NodeConfig,
    clock: Arc<dyn Clock>,
    course: Course,
    tracker: Tracker,
    slots: Slots<RunKey>,
    requests: BTreeMap<RunKey, RunInstance>,
    active: BTreeMap<RunKey, Active>,
    effects: Vec<Effect>,
}

impl WorkerNode {
    /// A worker that has just started, with the ends that an earlier life of it still owes.
    pub fn new(config: NodeConfig, clock: Arc<dyn Clock>, owed: Vec<InstanceReport>) -> Self {
        let limits = Limits {
            held: config.held,
            unacknowledged: config.unacknowledged,
        };
        Self {
            config,
            course: Course::new(clock.clone()),
            clock,
            tracker: Tracker::new(limits, config.has_spool, owed),
            slots: Slots::new(config.places, 1),
            requests: BTreeMap::new(),
            active: BTreeMap::new(),
            effects: Vec::new(),
        }
    }

    /// What the worker wants since this was asked last.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        while let Some(frame) = self.tracker.next_frame() {
            self.effects.push(Effect::Report(frame.id, frame.items));
        }
        std::mem::take(&mut self.effects)
    }

    /// Runs queued or in progress, and ends that no server has acknowledged.
    pub fn load(&self) -> (usize, usize) {
        let load = self.tracker.load();
        (load.held, load.owed)
    }

    /// Nothing new is taken from now on.
    pub fn drain(&mut self) {
        self.tracker.drain();
    }

    /// Everything that is queued or runs is to end.
    pub fn cancel_all(&mut self) {
        let reason = CancelReason::WorkerShutdown;
        for key in self.slots.drain_waiting() {
            self.end(key, ending::interrupted(reason), 0);
        }
        let keys: Vec<_> = self.active.keys().copied().collect();
        for key in keys {
            self.cancel_active(key, reason);
        }
        self.carry_out(false);
    }

    /// A server asks for runs; `None`: another server owns the application by now.
    pub fn run(&mut self, RunInstances { items }: RunInstances) -> Option<RunAnswers> {
        if !items.iter().all(|item| self.course.is_present(item.epoch)) {
            return None;
        }
        let now_ms = self.clock.now().0;
        let mut answers = Vec::with_capacity(items.len());
        let mut accepted = Vec::new();
        for item in items {
            let verdict = self.tracker.admit(&item, false, now_ms);
            answers.push(RunAnswer {
                instance_id: item.instance_id,
                attempt: item.attempt,
                verdict: verdict.clone(),
            });
            if verdict == RunVerdict::Accepted {
                accepted.push(item);
            }
        }
        self.carry_out(false);
        for item in accepted {
            let key = key((item.instance_id, item.attempt));
            self.requests.insert(key, item);
            self.slots.enqueue(Kind::Async, key);
        }
        self.start_waiting();
        Some(RunAnswers { items: answers })
    }

    /// A server asks for stops; `None`: another server owns the application by now.
    pub fn stop(&mut self, items: &[StopInstance], at_once: bool) -> Option<StopAnswers> {
        if !items.iter().all(|item| self.course.is_present(item.epoch)) {
            return None;
        }
        let known = self.tracker.stop(items);
        self.carry_out(at_once);
        Some(StopAnswers { known })
    }

    /// A server says where the application is now.
    pub fn moved(&mut self, OwnerMoved { owner, epoch }: OwnerMoved) {
        self.course.moved_to(owner, epoch);
    }

    /// The server to be called first, if one was named.
    pub fn next_server(&self) -> Option<String> {
        self.course.take_next_server()
    }

    /// The code of a run has come back; whether its end counts.
    pub fn finished(&mut self, attempt: Attempt, result: Result<String, String>) {
        let key = key(attempt);
        let Some(active) = self.active.remove(&key) else {
            return; // it was given up
        };
        let ending = ending::conclude(result, active.cancelled);
        self.slots.free(Kind::Async);
        self.end(key, ending, active.started_at_ms);
        self.start_waiting();
        self.carry_out(false);
    }

    /// The code of a run says that it has started.
    pub fn announced(&mut self, attempt: Attempt) {
        let key = key(attempt);
        if let Some(active) = self.active.get(&key) {
            self.tracker.started(key, active.started_at_ms, None);
        }
    }

    /// A deadline that was asked for has come.
    pub fn expire(&mut self, attempt: Attempt) {
        let key = key(attempt);
        let Some(active) = self.active.get(&key) else {
            return;
        };
        if let Some(reason) = active.cancelled {
            let started_at_ms = active.started_at_ms;
            self.active.remove(&key);
            self.slots.free(Kind::Async);
            self.end(key, ending::abandoned(reason), started_at_ms);
            self.start_waiting();
        } else if !active.limit.is_zero() {
            self.cancel_active(key, CancelReason::Timeout);
        }
        self.carry_out(false);
    }

    /// Ends are durable.
    pub fn spooled(&mut self, reports: Vec<InstanceReport>) {
        self.tracker.spooled(reports);
    }

    /// A session has begun: what this worker holds.
    pub fn take_inventory(&mut self) -> Vec<WorkerInventory> {
        self.tracker.take_inventory()
    }

    /// The server has answered all parts of the inventory.
    pub fn inventory_answered(&mut self, sent: &[WorkerInventory], answers: Vec<InventoryAnswer>) {
        let (mut reports, mut stop) = (Vec::new(), Vec::new());
        for (part, answer) in sent.iter().zip(answers) {
            let keys = part.finished.iter().map(RunKey::of_report);
            reports.extend(keys.zip(answer.reports));
            stop.extend(answer.stop);
        }
        self.tracker.inventory_answered(reports, &stop);
        self.carry_out(false);
    }

    /// The session has ended.
    pub fn session_lost(&mut self) {
        self.tracker.session_lost();
    }

    /// A message of reports was answered, or not.
    pub fn reports_answered(&mut self, number: u64, answers: Option<Vec<ReportAnswer>>) {
        self.tracker.reports_answered(number, answers);
        self.carry_out(false);
    }

    /// Every 200 ms: what the server could not store is reported again.
    pub fn repeat(&mut self) {
        self.tracker.repeat();
    }

    fn start_waiting(&mut self) {
        while let Some(key) = self.slots.start_next() {
            let Some(request) = self.requests.remove(&key) else {
                self.slots.free(Kind::Async);
                continue;
            };
            let limit = Duration::from_millis(request.time_limit_ms);
            if !limit.is_zero() {
                self.arm(key, limit);
            }
            let active = Active {
                started_at_ms: self.clock.now().0,
                limit,
                cancelled: None,
            };
            self.active.insert(key, active);
            self.effects.push(Effect::Start(Box::new(request)));
        }
    }

    fn end(&mut self, key: RunKey, ending: Ending, started_at_ms: i64) {
        let end = RunEnd {
            ending,
            started_at_ms,
            finished_at_ms: self.clock.now().0,
        };
        self.tracker.ended(key, end);
    }

    fn cancel_active(&mut self, key: RunKey, reason: CancelReason) {
        let Some(active) = self.active.get_mut(&key) else {
            return;
        };
        if active.cancelled.is_none() {
            active.cancelled = Some(reason);
            self.effects.push(Effect::Cancel(attempt(key)));
            self.arm(key, self.config.cancel_grace);
        }
    }

    fn arm(&mut self, key: RunKey, span: Duration) {
        self.effects.push(Effect::Arm(attempt(key), span));
    }

    fn carry_out(&mut self, at_once: bool) {
        let Todo {
            cancels,
            to_spool,
            settled,
        } = std::mem::take(&mut self.tracker.todo);
        if !to_spool.is_empty() {
            self.effects.push(Effect::Spool(to_spool));
        }
        if !settled.is_empty() {
            let settled = settled.into_iter().map(attempt).collect();
            self.effects.push(Effect::Settle(settled));
        }
        for (key, reason) in cancels {
            if self
                .slots
                .remove_waiting(|waiting| *waiting == key)
                .is_some()
            {
                self.requests.remove(&key);
                self.end(key, ending::interrupted(reason), 0);
                self.carry_out(false);
                continue;
            }
            self.cancel_active(key, reason);
            if at_once {
                self.expire(attempt(key));
            }
        }
    }
}

fn key((instance_id, attempt): Attempt) -> RunKey {
    RunKey {
        instance_id,
        attempt,
        number: 0,
    }
}

fn attempt(key: RunKey) -> Attempt {
    (key.instance_id, key.attempt)
}
