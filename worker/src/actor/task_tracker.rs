//! The instances of this worker: it carries out stand-alone ones itself, hands those that are
//! spread over several workers to the heavy tracker, and second-level ones to the beat tracker.
//!
//! * **Owns** the task table and the outbox of reports, in its `domain::tracker::Tracker`.
//! * **Hears** from the server link (requests, answers, sessions), the processor tracker,
//!   the heavy tracker and the beat tracker (`TaskEvents`), the spool (`ReportsSpooled`) and the shutdown (`Drain`).
//! * **Tells** the processor tracker and both other trackers what to run and to cancel, the spool what to keep, and the
//!   server link what to report.
//! * **Survives** a restart of the process: ends that were spooled, see `store`.
//! * **Dies**: the worker ends with an error; the server hears of a lost worker.

mod beats;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix::prelude::*;
use powerjob_common::actor::{Mail, Port};
use powerjob_common::fail_point;
use powerjob_common::status::ExecuteType;
use powerjob_protocol::wire::server_to_worker::{
    RunAnswer, RunAnswers, RunInstance, RunVerdict, StopAnswers,
};
use powerjob_protocol::wire::worker_to_server::InstanceReport;
use tokio::sync::watch;

use super::beat_letters::{EndBeats, KeepBeats};
use super::heavy_letters::{CancelMasters, StartMasters};
use super::letters::{
    CancelRuns, Drain, InventoryAnswered, ReportsAnswered, ReportsSpooled, RunRequests,
    SendReports, SessionLost, StartRuns, StopRequests, TakeInventory, TaskEvents,
};
use crate::domain::RunKey;
use crate::domain::request;
use crate::domain::task_table::Limits;
pub(crate) use crate::domain::tracker::Load;
use crate::domain::tracker::{Todo, Tracker};
use crate::processor::registry::Registry;
use crate::processor::runner::{Job, RunEvent};
use crate::run::{Run, RunSetting};
use crate::store::Spool;

/// How soon reports that the server could not store are repeated.
const REPEAT_INTERVAL: Duration = Duration::from_millis(200);
/// What the task tracker needs.
#[derive(Debug, Clone)]
pub(crate) struct TaskTrackerParts {
    pub(crate) start: Port<StartRuns>,
    pub(crate) cancel: Port<CancelRuns>,
    pub(crate) start_heavy: Port<StartMasters>,
    pub(crate) cancel_heavy: Port<CancelMasters>,
    pub(crate) keep_beats: Port<KeepBeats>,
    pub(crate) end_beats: Port<EndBeats>,
    pub(crate) send: Port<SendReports>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) setting: Arc<RunSetting>,
    pub(crate) spool: Option<Spool>,
    pub(crate) limits: Limits,
    pub(crate) load: watch::Sender<Load>,
    /// Whether the program says that nothing new should come.
    pub(crate) is_overloaded: Arc<AtomicBool>,
    /// Ends that an earlier life of the worker still owed.
    pub(crate) restored: Vec<InstanceReport>,
}

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct TaskTracker {
    parts: TaskTrackerParts,
    tracker: Tracker,
    /// Runs that the heavy tracker has.
    heavy: HashSet<RunKey>,
    /// Runs that the beat tracker has.
    beats: HashSet<RunKey>,
}

/// What a request for runs leads to.
#[derive(Debug, Default)]
struct Accepted {
    jobs: Vec<Job>,
    heavy: Vec<Arc<RunInstance>>,
}

impl TaskTracker {
    pub(crate) fn new(mut parts: TaskTrackerParts) -> Self {
        let restored = std::mem::take(&mut parts.restored);
        Self {
            tracker: Tracker::new(parts.limits, parts.spool.is_some(), restored),
            heavy: HashSet::new(),
            beats: HashSet::new(),
            parts,
        }
    }
}

impl Actor for TaskTracker {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(0); // the port counts
        self.publish_load();
        ctx.run_interval(REPEAT_INTERVAL, |actor, _ctx| actor.repeat());
    }
}

/// What the server is told of a run that it asked for: instance and attempt, and the verdict.
fn answer_of((instance_id, attempt): (i64, u32), verdict: RunVerdict) -> RunAnswer {
    RunAnswer {
        instance_id,
        attempt,
        verdict,
    }
}

impl Handler<Mail<RunRequests>> for TaskTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<RunRequests>, _ctx: &mut Self::Context) {
        let (RunRequests { items, answer }, _ticket) = mail.open();
        let now_ms = self.parts.setting.clock.now().0;
        let mut accepted = Accepted::default();
        let admit = |item: RunInstance| {
            let key = (item.instance_id, item.attempt);
            answer_of(key, self.admit(item, now_ms, &mut accepted))
        };
        let answers = items.into_iter().map(admit).collect();
        self.carry_out(false);
        if let Some(answer) = answer {
            answer.send(RunAnswers { items: answers });
        }
        self.start(accepted);
        self.publish_load();
    }
}

impl Handler<Mail<StopRequests>> for TaskTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<StopRequests>, _ctx: &mut Self::Context) {
        let (letter, _ticket) = mail.open();
        let StopRequests {
            items,
            at_once,
            answer,
        } = letter;
        let known = self.tracker.stop(&items);
        self.carry_out(at_once);
        self.publish_load();
        if let Some(answer) = answer {
            answer.send(StopAnswers { known });
        }
    }
}

impl Handler<Mail<TaskEvents>> for TaskTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<TaskEvents>, _ctx: &mut Self::Context) {
        let (TaskEvents { events }, _ticket) = mail.open();
        for event in events {
            match event {
                RunEvent::Started { key, at_ms } => self.tracker.started(key, at_ms, None),
                RunEvent::Repeated {
                    key,
                    started_at_ms,
                    words,
                } => self.tracker.started(key, started_at_ms, Some(words)),
                RunEvent::Ended { key, end } => {
                    self.heavy.remove(&key);
                    self.beats.remove(&key);
                    self.tracker.ended(key, end);
                }
                RunEvent::Returned { .. } => {}
            }
        }
        self.end_turn();
    }
}

impl Handler<Mail<ReportsSpooled>> for TaskTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<ReportsSpooled>, _ctx: &mut Self::Context) {
        let (ReportsSpooled { reports }, _ticket) = mail.open();
        self.tracker.spooled(reports);
        self.flush();
    }
}

impl Handler<Mail<TakeInventory>> for TaskTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<TakeInventory>, _ctx: &mut Self::Context) {
        let (TakeInventory { reply }, _ticket) = mail.open();
        reply.send(self.tracker.take_inventory());
    }
}

impl Handler<Mail<InventoryAnswered>> for TaskTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<InventoryAnswered>, _ctx: &mut Self::Context) {
        let (InventoryAnswered { reports, stop }, _ticket) = mail.open();
        self.tracker.inventory_answered(reports, &stop);
        self.end_turn();
    }
}

impl Handler<Mail<SessionLost>> for TaskTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<SessionLost>, _ctx: &mut Self::Context) {
        let (SessionLost {}, _ticket) = mail.open();
        self.tracker.session_lost();
    }
}

impl Handler<Mail<ReportsAnswered>> for TaskTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<ReportsAnswered>, _ctx: &mut Self::Context) {
        let (ReportsAnswered { frame, answers }, _ticket) = mail.open();
        self.tracker.reports_answered(frame, answers);
        self.end_turn();
    }
}

impl Handler<Mail<Drain>> for TaskTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<Drain>, _ctx: &mut Self::Context) {
        let (Drain {}, _ticket) = mail.open();
        self.tracker.drain();
    }
}

impl TaskTracker {
    fn admit(&mut self, item: RunInstance, now_ms: i64, accepted: &mut Accepted) -> RunVerdict {
        let executable = match self.parts.registry.wanted(&item) {
            Ok(found) => found.executable.clone(),
            Err(reason) => return RunVerdict::Invalid(reason),
        };
        let is_overloaded = self.parts.is_overloaded.load(Ordering::Relaxed);
        let verdict = self.tracker.admit(&item, is_overloaded, now_ms);
        if verdict != RunVerdict::Accepted {
            return verdict;
        }
        if request::execute_type(&item) == Ok(ExecuteType::Standalone) {
            let run = Run::new(item, &self.parts.setting);
            accepted.jobs.push(Job { run, executable });
        } else {
            let key = RunKey::of_attempt(item.instance_id, item.attempt);
            self.heavy.insert(key);
            accepted.heavy.push(Arc::new(item));
        }
        verdict
    }

    fn start(&mut self, Accepted { jobs, heavy }: Accepted) {
        if !jobs.is_empty()
            && let Err(refused) = self.parts.start.tell(StartRuns { jobs })
        {
            tracing::error!(%refused, "the processor tracker did not take accepted runs");
        }
        let runs = heavy;
        if !runs.is_empty()
            && let Err(refused) = self.parts.start_heavy.tell(StartMasters { runs })
        {
            tracing::error!(%refused, "the heavy tracker did not take accepted instances");
        }
    }

    fn end_turn(&mut self) {
        self.carry_out(false);
        self.flush();
        self.publish_load();
    }

    /// Does what a letter led to; `at_once`: what must end gets no grace time.
    fn carry_out(&mut self, at_once: bool) {
        let Todo {
            cancels,
            to_spool,
            settled,
        } = std::mem::take(&mut self.tracker.todo);
        let (heavy, cancels): (Vec<_>, Vec<_>) = cancels
            .into_iter()
            .partition(|(key, _)| self.heavy.contains(key));
        if !heavy.is_empty() {
            let runs = heavy;
            if let Err(refused) = self.parts.cancel_heavy.tell(CancelMasters { runs }) {
                tracing::error!(%refused, "the heavy tracker did not take a cancellation");
            }
        }
        let (beats, cancels): (Vec<_>, Vec<_>) = cancels
            .into_iter()
            .partition(|(key, _)| self.beats.contains(key));
        if !beats.is_empty() {
            let runs = beats;
            if let Err(refused) = self.parts.end_beats.tell(EndBeats { runs, at_once }) {
                tracing::error!(%refused, "the beat tracker did not take a cancellation");
            }
        }
        if !cancels.is_empty() {
            let runs = cancels;
            if let Err(refused) = self.parts.cancel.tell(CancelRuns { runs, at_once }) {
                tracing::error!(%refused, "the processor tracker did not take a cancellation");
            }
        }
        let Some(spool) = &self.parts.spool else {
            return;
        };
        if !to_spool.is_empty() {
            spool.append(to_spool);
        }
        if !settled.is_empty() {
            spool.settle(settled);
        }
    }

    fn flush(&mut self) {
        while let Some(frame) = self.tracker.next_frame() {
            fail_point::hit("worker::before_report");
            let id = frame.id;
            let sent = self.parts.send.tell(SendReports {
                frame: id,
                items: frame.items,
            });
            fail_point::hit("worker::after_report");
            if sent.is_err() {
                return self.tracker.reports_answered(id, None);
            }
        }
    }

    fn repeat(&mut self) {
        self.tracker.repeat();
        self.flush();
    }

    fn publish_load(&self) {
        let load = self.tracker.load();
        self.parts.load.send_if_modified(|current| {
            let is_changed = *current != load;
            *current = load;
            is_changed
        });
    }
}

#[cfg(test)]
#[path = "task_tracker_tests.rs"]
mod tests;
