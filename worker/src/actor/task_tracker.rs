//! The master of all stand-alone instances of this worker.
//!
//! * **Owns** the task table and the outbox of reports, in its `domain::tracker::Tracker`.
//! * **Hears** from the server link (requests, answers, sessions), the processor tracker
//!   (`TaskEvents`), the spool (`ReportsSpooled`) and the shutdown (`Drain`).
//! * **Tells** the processor tracker what to run and to cancel, the spool what to keep, and the
//!   server link what to report.
//! * **Survives** a restart of the process: ends that were spooled, see `store`.
//! * **Dies**: the worker ends with an error; the server hears of a lost worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix::prelude::*;
use powerjob_common::actor::{Mail, Port};
use powerjob_common::fail_point;
use powerjob_protocol::wire::server_to_worker::{
    RunAnswer, RunAnswers, RunInstance, RunVerdict, StopAnswers,
};
use powerjob_protocol::wire::worker_to_server::InstanceReport;
use tokio::sync::watch;

use super::letters::{
    CancelRuns, Drain, InventoryAnswered, ReportsAnswered, ReportsSpooled, RunRequests,
    SendReports, SessionLost, StartRuns, StopRequests, TakeInventory, TaskEvents,
};
use crate::domain::request::{self, Wanted};
use crate::domain::task_table::Limits;
pub(crate) use crate::domain::tracker::Load;
use crate::domain::tracker::{Todo, Tracker};
use crate::processor::registry::{Executable, Registry};
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
}

impl TaskTracker {
    pub(crate) fn new(mut parts: TaskTrackerParts) -> Self {
        let restored = std::mem::take(&mut parts.restored);
        Self {
            tracker: Tracker::new(parts.limits, parts.spool.is_some(), restored),
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

impl Handler<Mail<RunRequests>> for TaskTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<RunRequests>, _ctx: &mut Self::Context) {
        let (RunRequests { items, answer }, _ticket) = mail.open();
        let now_ms = self.parts.setting.clock.now().0;
        let mut jobs = Vec::with_capacity(items.len());
        let mut answers = Vec::with_capacity(items.len());
        for item in items {
            let (instance_id, attempt) = (item.instance_id, item.attempt);
            let verdict = self.admit(item, now_ms, &mut jobs);
            answers.push(RunAnswer {
                instance_id,
                attempt,
                verdict,
            });
        }
        self.carry_out(false);
        if let Some(answer) = answer {
            answer.send(RunAnswers { items: answers });
        }
        if !jobs.is_empty() {
            self.start(jobs);
        }
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
                RunEvent::Ended { key, end } => self.tracker.ended(key, end),
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
    fn admit(&mut self, item: RunInstance, now_ms: i64, jobs: &mut Vec<Job>) -> RunVerdict {
        let executable = match self.find(&item) {
            Ok(executable) => executable,
            Err(reason) => return RunVerdict::Invalid(reason),
        };
        let is_overloaded = self.parts.is_overloaded.load(Ordering::Relaxed);
        let verdict = self.tracker.admit(&item, is_overloaded, now_ms);
        if verdict == RunVerdict::Accepted {
            let run = Run::new(item, &self.parts.setting);
            jobs.push(Job { run, executable });
        }
        verdict
    }

    fn find(&self, item: &RunInstance) -> Result<Executable, String> {
        let name = match request::wanted_processor(item)? {
            Wanted::Named(name) => name,
            Wanted::Script(kind) => kind.processor_name(),
        };
        let registry = &self.parts.registry;
        let unknown = || request::unknown_processor(name, &registry.near(name));
        registry.find(name).cloned().ok_or_else(unknown)
    }

    fn start(&mut self, jobs: Vec<Job>) {
        if let Err(refused) = self.parts.start.tell(StartRuns { jobs }) {
            tracing::error!(%refused, "the processor tracker did not take accepted runs");
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
