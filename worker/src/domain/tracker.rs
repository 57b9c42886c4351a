//! What does the master of all stand-alone instances do about what it hears?
//!
//! Input: requests to run and stop, starts and ends of runs, what is durable, sessions and answers
//! of the server. Output: verdicts at once, the rest as [`Todo`], which the actor carries out.
//!
//! # Invariants
//! 1. With a spool, an end is reported only when it is durable; until then the run counts as held.
//! 2. An end that the server could not store is reported again.

use std::collections::HashSet;

use powerjob_protocol::wire::server_to_worker::{RunInstance, RunVerdict, StopInstance};
use powerjob_protocol::wire::worker_to_server::{
    HeldInstance, InstanceReport, ReportAnswer, WorkerInventory,
};

use super::RunKey;
use super::ending::CancelReason;
use super::inventory;
use super::outbox::{Frame, FrameLimits, Outbox};
use super::task_table::{Limits, RunEnd, Settled, TaskTable};

/// Bounds of reports on their way.
pub(crate) const FRAME_LIMITS: FrameLimits = FrameLimits {
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

/// What is to be done besides sending reports.
#[derive(Debug, Default)]
pub(crate) struct Todo {
    /// Runs that must end.
    pub(crate) cancels: Vec<(RunKey, CancelReason)>,
    /// Ends that must become durable.
    pub(crate) to_spool: Vec<InstanceReport>,
    /// Ends that need not be durable any more.
    pub(crate) settled: Vec<RunKey>,
}

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct Tracker {
    table: TaskTable,
    outbox: Outbox,
    has_spool: bool,
    /// Ends on their way to the disk: for the server they run until they are durable.
    unspooled: HashSet<RunKey>,
    again: Vec<RunKey>,
    is_draining: bool,
    pub(crate) todo: Todo,
}

impl Tracker {
    /// `restored`: ends that an earlier life of the worker still owed.
    pub(crate) fn new(limits: Limits, has_spool: bool, restored: Vec<InstanceReport>) -> Self {
        let mut table = TaskTable::new(limits);
        table.restore(restored);
        Self {
            table,
            outbox: Outbox::new(FRAME_LIMITS),
            has_spool,
            unspooled: HashSet::new(),
            again: Vec::new(),
            is_draining: false,
            todo: Todo::default(),
        }
    }

    pub(crate) fn load(&self) -> Load {
        Load {
            held: self.table.held_count(),
            owed: self.table.unacknowledged_count(),
        }
    }

    /// Nothing new is taken from now on.
    pub(crate) fn drain(&mut self) {
        self.is_draining = true;
    }

    /// Decides about a request to run.
    pub(crate) fn admit(
        &mut self,
        item: &RunInstance,
        is_overloaded: bool,
        now_ms: i64,
    ) -> RunVerdict {
        let refusal = if self.is_draining {
            Some(RunVerdict::Draining)
        } else {
            is_overloaded.then_some(RunVerdict::Overloaded)
        };
        let admission = self.table.admit(item, refusal, now_ms);
        let superseded = |key| (key, CancelReason::Superseded);
        self.todo.cancels.extend(admission.cancels.map(superseded));
        self.todo.settled.extend(admission.forgets);
        admission.verdict
    }

    /// Decides about requests to stop: whether each instance is known.
    pub(crate) fn stop(&mut self, items: &[StopInstance]) -> Vec<bool> {
        let mut known = Vec::with_capacity(items.len());
        for item in items {
            let (is_known, cancel) = self.table.stop(item.instance_id, item.attempt, item.reason);
            known.push(is_known);
            self.todo.cancels.extend(cancel);
        }
        known
    }

    /// A run has started, or its code is carried out once more because of `words`.
    pub(crate) fn started(&mut self, key: RunKey, started_at_ms: i64, words: Option<String>) {
        let report = self.table.started(key, started_at_ms);
        self.outbox.extend(report.map(|report| InstanceReport {
            result: words.unwrap_or_default(),
            ..report
        }));
    }

    /// A run has ended: its end is made durable, then reported; without a spool it is reported at once.
    pub(crate) fn ended(&mut self, key: RunKey, end: RunEnd) {
        let Some(report) = self.table.ended(key, end) else {
            return;
        };
        if self.has_spool {
            self.unspooled.insert(key);
            self.todo.to_spool.push(report);
        } else {
            self.outbox.push(report);
        }
    }

    /// Ends are durable.
    pub(crate) fn spooled(&mut self, reports: Vec<InstanceReport>) {
        for report in reports {
            let key = RunKey::of_report(&report);
            self.unspooled.remove(&key);
            if self.table.owed(key).is_some() {
                self.outbox.push(report);
            }
        }
    }

    /// A session has begun: what is held and owed, in parts.
    pub(crate) fn take_inventory(&mut self) -> Vec<WorkerInventory> {
        self.outbox.taken_into_inventory();
        self.again.clear();
        // A server that has just taken over knows of a start only if it was stored in time.
        self.outbox.extend(self.table.starts());
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

    /// The server has answered the inventory.
    pub(crate) fn inventory_answered(
        &mut self,
        reports: Vec<(RunKey, ReportAnswer)>,
        stop: &[StopInstance],
    ) {
        self.settle(reports.into_iter().map(|(key, answer)| (key, true, answer)));
        self.stop(stop);
        self.outbox.open();
    }

    /// The session has ended.
    pub(crate) fn session_lost(&mut self) {
        self.outbox.close();
        self.again.clear();
    }

    /// The server has answered a message with reports, or (`None`) has not.
    pub(crate) fn reports_answered(&mut self, frame: u64, answers: Option<Vec<ReportAnswer>>) {
        let Some(sent) = self.outbox.answered(frame) else {
            return;
        };
        let keys = sent.iter();
        match answers {
            Some(answers) => self.settle(
                sent.into_iter()
                    .zip(answers)
                    .map(|(sent, answer)| (sent.key, sent.was_final, answer)),
            ),
            None => self
                .again
                .extend(keys.filter(|sent| sent.was_final).map(|sent| sent.key)),
        }
    }

    /// Puts the ends that the server could not store in line again.
    pub(crate) fn repeat(&mut self) {
        for key in std::mem::take(&mut self.again) {
            if let Some(report) = self.table.owed(key) {
                self.outbox.push(report.clone());
            }
        }
    }

    /// The next message to the server, if one may leave.
    pub(crate) fn next_frame(&mut self) -> Option<Frame> {
        let Self { outbox, table, .. } = self;
        outbox.next_frame(|key| table.is_held(key))
    }

    fn settle(&mut self, answers: impl Iterator<Item = (RunKey, bool, ReportAnswer)>) {
        for (key, was_final, answer) in answers {
            match self.table.settle(key, was_final, answer) {
                Settled::Nothing => {}
                Settled::Forgotten => self.todo.settled.push(key),
                Settled::Cancel => {
                    let cancel = (key, CancelReason::Superseded);
                    self.todo.cancels.push(cancel);
                }
                Settled::Again => self.again.push(key),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use powerjob_common::status::InstanceStatus;

    use super::*;
    use crate::domain::request::tests::request;

    fn started_in(frame: Option<Frame>) -> Vec<(i64, u8, i64)> {
        let items = frame.map(|frame| frame.items).unwrap_or_default();
        let fact =
            |report: &InstanceReport| (report.instance_id, report.status, report.started_at_ms);
        items.iter().map(fact).collect()
    }

    #[test]
    fn each_session_hears_what_has_started() {
        let limits = Limits {
            held: 10,
            unacknowledged: 10,
        };
        let mut tracker = Tracker::new(limits, false, Vec::new());
        for instance_id in [1, 2] {
            tracker.admit(&request(instance_id, 1, "noop"), false, 10);
        }
        let key = RunKey {
            instance_id: 1,
            attempt: 1,
            number: 0,
        };
        tracker.started(key, 20, None);
        let running = InstanceStatus::Running as u8;
        for _ in 0..2 {
            let parts = tracker.take_inventory();
            assert_eq!(parts[0].running.len(), 2);
            assert!(tracker.next_frame().is_none(), "the inventory goes first");
            tracker.inventory_answered(Vec::new(), &[]);
            assert_eq!(started_in(tracker.next_frame()), [(1, running, 20)]);
            tracker.session_lost();
        }
    }
}
