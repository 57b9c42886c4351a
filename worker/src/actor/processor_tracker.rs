//! The executor side of runs: who runs, who waits, whose time is up.
//!
//! * **Owns** the places for runs, the queues in front of them, and the deadlines.
//! * **Hears** from the task tracker, the guest tracker and the beat tracker (`StartRuns`,
//!   `CancelRuns`), from the shutdown (`CancelAllRuns`)
//!   and from running code through the event queue.
//! * **Tells** the task tracker, the guest tracker about tasks and the beat tracker about beats, what starts and ends
//!   (`TaskEvents`).
//! * **Survives** a restart: nothing; runs are forgotten with the process.
//! * **Dies**: the worker ends with an error, because runs would go on unseen.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use powerjob_common::actor::{Mail, Port};
use powerjob_common::time::Clock;
use tokio::runtime::Handle;

use super::letters::{CancelAllRuns, CancelRuns, CollectEvents, StartRuns, TaskEvents};
use crate::domain::RunKey;
use crate::domain::ending::{self, CancelReason};
use crate::domain::slots::{Kind, Slots};
use crate::domain::task_table::RunEnd;
use crate::processor::runner::{self, EventQueue, Job, RunEvent};
use crate::run::Run;

/// How exact time limits are.
const TICK: Duration = Duration::from_millis(50);
/// A start is told at the latest after so many ticks, even if the code has not awaited anything.
const ANNOUNCE_TICKS: u32 = 5;

/// What the executor needs.
#[derive(Debug, Clone)]
pub(crate) struct ProcessorTrackerParts {
    pub(crate) me: Port<CollectEvents>,
    pub(crate) task_tracker: Port<TaskEvents>,
    /// Who hears of the tasks of instances that are spread over several workers.
    pub(crate) guests: Port<TaskEvents>,
    /// Who hears of the beats of second-level jobs.
    pub(crate) beats: Port<TaskEvents>,
    pub(crate) events: Arc<EventQueue>,
    /// Where users' code runs.
    pub(crate) runtime: Handle,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) concurrency: usize,
    pub(crate) blocking_threads: usize,
    pub(crate) cancel_grace: Duration,
}

#[derive(Debug)]
struct Active {
    run: Arc<Run>,
    kind: Kind,
    /// Given up: its place is free again, its code may still run.
    is_detached: bool,
}

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct ProcessorTracker {
    parts: ProcessorTrackerParts,
    slots: Slots<Job>,
    active: HashMap<RunKey, Active>,
    deadlines: BinaryHeap<Reverse<(Duration, RunKey)>>,
    ticks: u32,
}

impl ProcessorTracker {
    pub(crate) fn new(parts: ProcessorTrackerParts) -> Self {
        Self {
            slots: Slots::new(parts.concurrency, parts.blocking_threads),
            parts,
            active: HashMap::new(),
            deadlines: BinaryHeap::new(),
            ticks: 0,
        }
    }
}

impl Actor for ProcessorTracker {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(0); // the port counts
        let (events, me) = (self.parts.events.clone(), self.parts.me.clone());
        let pump = async move {
            loop {
                events.filled().await;
                // Refused means full or gone; the tick collects what a lost hint leaves behind.
                me.tell(CollectEvents {}).ok();
            }
        };
        ctx.spawn(pump.into_actor(self));
        ctx.run_interval(TICK, |actor, _ctx| actor.tick());
    }
}

impl Handler<Mail<StartRuns>> for ProcessorTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<StartRuns>, _ctx: &mut Self::Context) {
        let (StartRuns { jobs }, _ticket) = mail.open();
        for job in jobs {
            self.slots.enqueue(job.executable.kind(), job);
        }
        self.start_waiting();
    }
}

impl Handler<Mail<CancelRuns>> for ProcessorTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<CancelRuns>, _ctx: &mut Self::Context) {
        let (CancelRuns { runs, at_once }, _ticket) = mail.open();
        for (key, reason) in runs {
            if let Some(job) = self.slots.remove_waiting(|job| job.run.key == key) {
                self.end_unstarted(&job.run, reason);
            } else {
                self.cancel_active(key, reason);
                if at_once {
                    self.expire(key);
                }
            }
        }
    }
}

impl Handler<Mail<CancelAllRuns>> for ProcessorTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<CancelAllRuns>, _ctx: &mut Self::Context) {
        let (CancelAllRuns { reason }, _ticket) = mail.open();
        for job in self.slots.drain_waiting() {
            self.end_unstarted(&job.run, reason);
        }
        let keys: Vec<RunKey> = self.active.keys().copied().collect();
        for key in keys {
            self.cancel_active(key, reason);
        }
    }
}

impl Handler<Mail<CollectEvents>> for ProcessorTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<CollectEvents>, _ctx: &mut Self::Context) {
        let (CollectEvents {}, _ticket) = mail.open();
        self.collect();
    }
}

impl ProcessorTracker {
    fn collect(&mut self) {
        let events = self.parts.events.take();
        if events.is_empty() {
            return;
        }
        for event in &events {
            match event {
                RunEvent::Started { .. } | RunEvent::Repeated { .. } => {}
                RunEvent::Ended { key, .. } => self.free_ended(*key),
                RunEvent::Returned { key } => self.forget_detached(*key),
            }
        }
        self.start_waiting();
        let (instances, parts): (Vec<_>, Vec<_>) = events
            .into_iter()
            .partition(|event| event.key().number == 0);
        let (beats, tasks): (Vec<_>, Vec<_>) = parts
            .into_iter()
            .partition(|event| event.key().beat().is_some());
        for (port, events) in [
            (&self.parts.task_tracker, instances),
            (&self.parts.guests, tasks),
            (&self.parts.beats, beats),
        ] {
            if !events.is_empty()
                && let Err(refused) = port.tell(TaskEvents { events })
            {
                tracing::error!(%refused, "the ends of runs were not taken");
            }
        }
    }

    fn free_ended(&mut self, key: RunKey) {
        // A run that was given up is freed at that moment and stays until its code returns.
        if self
            .active
            .get(&key)
            .is_some_and(|active| !active.is_detached)
            && let Some(active) = self.active.remove(&key)
        {
            self.slots.free(active.kind);
        }
    }

    fn forget_detached(&mut self, key: RunKey) {
        if self.active.remove(&key).is_some() {
            tracing::info!(
                instance_id = key.instance_id,
                "code that was given up has returned"
            );
        }
    }

    fn start_waiting(&mut self) {
        let mut jobs = Vec::new();
        while let Some(job) = self.slots.start_next() {
            let active = Active {
                run: job.run.clone(),
                kind: job.executable.kind(),
                is_detached: false,
            };
            if job.run.request.time_limit_ms > 0 {
                let limit = Duration::from_millis(job.run.request.time_limit_ms);
                self.arm(job.run.key, limit);
            }
            self.active.insert(job.run.key, active);
            jobs.push(job);
        }
        if !jobs.is_empty() {
            runner::start_all(&self.parts.runtime, jobs, &self.parts.events);
        }
    }

    fn end_unstarted(&mut self, run: &Run, reason: CancelReason) {
        run.cancel(reason);
        run.log.close();
        let end = RunEnd {
            ending: ending::interrupted(reason),
            started_at_ms: 0,
            finished_at_ms: self.parts.clock.now().0,
        };
        self.parts
            .events
            .push(RunEvent::Ended { key: run.key, end });
    }

    fn cancel_active(&mut self, key: RunKey, reason: CancelReason) {
        let Some(active) = self.active.get(&key) else {
            return;
        };
        if active.run.cancel_reason().is_none() {
            active.run.cancel(reason);
            self.arm(key, self.parts.cancel_grace);
        }
    }

    fn arm(&mut self, key: RunKey, span: Duration) {
        let due = self.parts.clock.monotonic().saturating_add(span);
        self.deadlines.push(Reverse((due, key)));
    }

    fn tick(&mut self) {
        self.collect();
        let now = self.parts.clock.monotonic();
        while let Some(Reverse((due, key))) = self.deadlines.peek().copied() {
            if due > now {
                break;
            }
            self.deadlines.pop();
            self.expire(key);
        }
        self.ticks += 1;
        if self.ticks.is_multiple_of(ANNOUNCE_TICKS) {
            self.announce_silent();
        }
    }

    /// Runs whose code computes without awaiting are seen as running too.
    fn announce_silent(&self) {
        for active in self
            .active
            .values()
            .filter(|active| active.run.started_at_ms() > 0)
        {
            runner::announce(&active.run, &self.parts.events);
        }
    }

    /// A deadline passed: that of the time limit, or that of the grace time after a cancellation.
    fn expire(&mut self, key: RunKey) {
        let Some(active) = self
            .active
            .get_mut(&key)
            .filter(|active| !active.is_detached)
        else {
            return;
        };
        if active.run.cancel_reason().is_some() {
            active.is_detached = true;
            let (run, kind) = (active.run.clone(), active.kind);
            tracing::warn!(
                instance_id = key.instance_id,
                "giving up a run that ignores cancellation"
            );
            runner::give_up(&run, &self.parts.events);
            self.slots.free(kind);
            return;
        }
        match self.time_left(key) {
            Some(left) => self.arm(key, left),
            None => self.cancel_active(key, CancelReason::Timeout),
        }
    }

    /// What is left of a time limit, which counts from the start of the code and not of the wait for a thread.
    fn time_left(&self, key: RunKey) -> Option<Duration> {
        let run = &self.active.get(&key)?.run;
        let limit = Duration::from_millis(run.request.time_limit_ms);
        if run.started_at_ms() == 0 {
            return Some(limit);
        }
        let ran_ms = self.parts.clock.now().0.saturating_sub(run.started_at_ms());
        let ran = Duration::from_millis(u64::try_from(ran_ms).unwrap_or(0));
        limit.checked_sub(ran).filter(|left| !left.is_zero())
    }
}

#[cfg(test)]
#[path = "processor_tracker_tests.rs"]
mod tests;
