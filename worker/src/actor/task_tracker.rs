//! The master of all stand-alone instances of this worker.
//!
//! * **Owns** the task table and the outbox of reports.
//! * **Hears** from the server link (requests, answers, sessions), the processor tracker
//!   (`TaskEvents`), the spool (`ReportsSpooled`) and the shutdown (`Drain`).
//! * **Tells** the processor tracker what to run and to cancel, the spool what to keep, and the
//!   server link what to report.
//! * **Survives** a restart of the process: ends that were spooled, see `store`.
//! * **Dies**: the worker ends with an error; the server hears of a lost worker.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix::prelude::*;
use powerjob_common::actor::{Mail, Port};
use powerjob_common::fail_point;
use powerjob_protocol::wire::server_to_worker::{
    RunAnswer, RunAnswers, RunInstance, RunVerdict, StopAnswers, StopInstance,
};
use powerjob_protocol::wire::worker_to_server::{
    HeldInstance, InstanceReport, ReportAnswer, WorkerInventory,
};
use tokio::sync::watch;

use super::letters::{
    CancelRuns, Drain, InventoryAnswered, ReportsAnswered, ReportsSpooled, RunRequests,
    SendReports, SessionLost, StartRuns, StopRequests, TakeInventory, TaskEvents,
};
use crate::domain::RunKey;
use crate::domain::ending::CancelReason;
use crate::domain::inventory;
use crate::domain::outbox::{FrameLimits, Outbox};
use crate::domain::request::{self, Wanted};
use crate::domain::task_table::{Limits, Settled, TaskTable};
use crate::processor::registry::{Executable, Registry};
use crate::processor::runner::{Job, RunEvent};
use crate::run::{Run, RunSetting};
use crate::store::Spool;

/// How soon reports that the server could not store are repeated.
const REPEAT_INTERVAL: Duration = Duration::from_millis(200);
const FRAME_LIMITS: FrameLimits = FrameLimits {
    frames: 8,
    items: 2_048,
    bytes: 1 << 20,
};

/// How much a worker holds, for heartbeats and for whoever waits for its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Load {
    /// Runs queued or in progress.
    pub(crate) held: usize,
    /// Ends that the server has not acknowledged.
    pub(crate) owed: usize,
}

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
    table: TaskTable,
    outbox: Outbox,
    /// Ends on their way to the disk: for the server they run until they are durable.
    unspooled: HashSet<RunKey>,
    again: Vec<RunKey>,
    is_draining: bool,
}

impl TaskTracker {
    pub(crate) fn new(mut parts: TaskTrackerParts) -> Self {
        let mut table = TaskTable::new(parts.limits);
        table.restore(std::mem::take(&mut parts.restored));
        Self {
            parts,
            table,
            outbox: Outbox::new(FRAME_LIMITS),
            unspooled: HashSet::new(),
            again: Vec::new(),
            is_draining: false,
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
        let known = self.stop(&items, at_once);
        if let Some(answer) = answer {
            answer.send(StopAnswers { known });
        }
    }
}

impl Handler<Mail<TaskEvents>> for TaskTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<TaskEvents>, _ctx: &mut Self::Context) {
        let (TaskEvents { events }, _ticket) = mail.open();
        let mut ended = Vec::new();
        for event in events {
            match event {
                RunEvent::Started { key, at_ms } => {
                    if let Some(report) = self.table.started(key, at_ms) {
                        self.outbox.push(report);
                    }
                }
                RunEvent::Repeated {
                    key,
                    started_at_ms,
                    words,
                } => {
                    let report = self.table.started(key, started_at_ms);
                    self.outbox.extend(report.map(|report| InstanceReport {
                        result: words,
                        ..report
                    }));
                }
                RunEvent::Ended { key, end } => ended.extend(self.table.ended(key, end)),
                RunEvent::Returned { .. } => {}
            }
        }
        self.keep(ended);
        self.flush();
        self.publish_load();
    }
}

impl Handler<Mail<ReportsSpooled>> for TaskTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<ReportsSpooled>, _ctx: &mut Self::Context) {
        let (ReportsSpooled { reports }, _ticket) = mail.open();
        for report in reports {
            let key = RunKey::of_report(&report);
            self.unspooled.remove(&key);
            if self.table.owed(key).is_some() {
                self.outbox.push(report);
            }
        }
        self.flush();
    }
}

impl Handler<Mail<TakeInventory>> for TaskTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<TakeInventory>, _ctx: &mut Self::Context) {
        let (TakeInventory { reply }, _ticket) = mail.open();
        self.outbox.taken_into_inventory();
        self.again.clear();
        reply.send(self.inventory());
    }
}

impl Handler<Mail<InventoryAnswered>> for TaskTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<InventoryAnswered>, _ctx: &mut Self::Context) {
        let (InventoryAnswered { reports, stop }, _ticket) = mail.open();
        self.settle(reports.into_iter().map(|(key, answer)| (key, true, answer)));
        self.stop(&stop, false);
        self.outbox.open();
        self.flush();
        self.publish_load();
    }
}

impl Handler<Mail<SessionLost>> for TaskTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<SessionLost>, _ctx: &mut Self::Context) {
        let (SessionLost {}, _ticket) = mail.open();
        self.outbox.close();
        self.again.clear();
    }
}

impl Handler<Mail<ReportsAnswered>> for TaskTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<ReportsAnswered>, _ctx: &mut Self::Context) {
        let (ReportsAnswered { frame, answers }, _ticket) = mail.open();
        let Some(sent) = self.outbox.answered(frame) else {
            return;
        };
        match answers {
            Some(answers) => self.settle(
                sent.into_iter()
                    .zip(answers)
                    .map(|(sent, answer)| (sent.key, sent.was_final, answer)),
            ),
            None => self.again.extend(
                sent.iter()
                    .filter(|sent| sent.was_final)
                    .map(|sent| sent.key),
            ),
        }
        self.flush();
        self.publish_load();
    }
}

impl Handler<Mail<Drain>> for TaskTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<Drain>, _ctx: &mut Self::Context) {
        let (Drain {}, _ticket) = mail.open();
        self.is_draining = true;
    }
}

impl TaskTracker {
    fn admit(&mut self, item: RunInstance, now_ms: i64, jobs: &mut Vec<Job>) -> RunVerdict {
        let is_overloaded = self.parts.is_overloaded.load(Ordering::Relaxed);
        let refusal = if self.is_draining {
            Some(RunVerdict::Draining)
        } else {
            is_overloaded.then_some(RunVerdict::Overloaded)
        };
        let executable = match self.find(&item) {
            Ok(executable) => executable,
            Err(reason) => return RunVerdict::Invalid(reason),
        };
        let admission = self.table.admit(&item, refusal, now_ms);
        if let Some(key) = admission.cancels {
            self.cancel(vec![(key, CancelReason::Superseded)], false);
        }
        if let (Some(key), Some(spool)) = (admission.forgets, &self.parts.spool) {
            spool.settle(vec![key]);
        }
        if admission.verdict == RunVerdict::Accepted {
            let run = Run::new(item, &self.parts.setting);
            jobs.push(Job { run, executable });
        }
        admission.verdict
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

    fn cancel(&self, runs: Vec<(RunKey, CancelReason)>, at_once: bool) {
        if let Err(refused) = self.parts.cancel.tell(CancelRuns { runs, at_once }) {
            tracing::error!(%refused, "the processor tracker did not take a cancellation");
        }
    }

    fn stop(&mut self, items: &[StopInstance], at_once: bool) -> Vec<bool> {
        let mut cancels = Vec::new();
        let mut known = Vec::with_capacity(items.len());
        for item in items {
            let (is_known, cancel) = self.table.stop(item.instance_id, item.attempt, item.reason);
            known.push(is_known);
            cancels.extend(cancel);
        }
        if !cancels.is_empty() {
            self.cancel(cancels, at_once);
        }
        self.publish_load();
        known
    }

    /// Makes ends durable, then reports them; without a spool they are reported at once.
    fn keep(&mut self, reports: Vec<InstanceReport>) {
        if reports.is_empty() {
            return;
        }
        if let Some(spool) = &self.parts.spool {
            self.unspooled.extend(reports.iter().map(RunKey::of_report));
            spool.append(reports);
            return;
        }
        for report in reports {
            self.outbox.push(report);
        }
    }

    fn settle(&mut self, answers: impl Iterator<Item = (RunKey, bool, ReportAnswer)>) {
        let (mut forgotten, mut cancels) = (Vec::new(), Vec::new());
        for (key, was_final, answer) in answers {
            match self.table.settle(key, was_final, answer) {
                Settled::Nothing => {}
                Settled::Forgotten => forgotten.push(key),
                Settled::Cancel => cancels.push((key, CancelReason::Superseded)),
                Settled::Again => self.again.push(key),
            }
        }
        if !cancels.is_empty() {
            self.cancel(cancels, false);
        }
        if let Some(spool) = &self.parts.spool
            && !forgotten.is_empty()
        {
            spool.settle(forgotten);
        }
    }

    fn flush(&mut self) {
        let Self {
            outbox,
            table,
            parts,
            ..
        } = self;
        while let Some(frame) = outbox.next_frame(|key| table.is_held(key)) {
            fail_point::hit("worker::before_report");
            let id = frame.id;
            let sent = parts.send.tell(SendReports {
                frame: id,
                items: frame.items,
            });
            fail_point::hit("worker::after_report");
            if sent.is_err() {
                let lost = outbox.answered(id).unwrap_or_default();
                self.again.extend(
                    lost.iter()
                        .filter(|sent| sent.was_final)
                        .map(|sent| sent.key),
                );
                return;
            }
        }
    }

    fn repeat(&mut self) {
        for key in std::mem::take(&mut self.again) {
            if let Some(report) = self.table.owed(key) {
                self.outbox.push(report.clone());
            }
        }
        self.flush();
    }

    fn inventory(&self) -> Vec<WorkerInventory> {
        let (mut running, owed) = self.table.inventory();
        let mut finished = Vec::new();
        for report in owed {
            let key = RunKey::of_report(report);
            if self.unspooled.contains(&key) {
                running.push(HeldInstance {
                    instance_id: key.instance_id,
                    attempt: key.attempt,
                });
            } else {
                finished.push(report.clone());
            }
        }
        inventory::split(running, finished)
    }

    fn publish_load(&self) {
        let load = Load {
            held: self.table.held_count(),
            owed: self.table.unacknowledged_count(),
        };
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
