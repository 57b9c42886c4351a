//! Which instances does this worker hold, and what does it still owe the server about them?
//!
//! Input: requests to run and stop, starts and ends of runs, answers of the server.
//! Output: verdicts, reports, and which runs must be cancelled or forgotten.
//!
//! # Invariants
//! 1. An instance is held in one attempt only, the newest that was accepted.
//! 2. An attempt that was accepted is never accepted again while the table remembers it.
//! 3. The end of a run is owed until the server says that it is stored, stale or unknown.
//! 4. What happens to an attempt that is no longer held changes nothing.
//! 5. That a run has started can be told again as long as it is held.

use std::collections::{HashMap, VecDeque};

use powerjob_common::status::InstanceStatus;
use powerjob_protocol::wire::server_to_worker::{RunInstance, RunVerdict, StopReason};
use powerjob_protocol::wire::worker_to_server::{HeldInstance, InstanceReport, ReportAnswer};

use super::RunKey;
use super::ending::{CancelReason, Ending};

/// Attempts that ended and were acknowledged, remembered to recognise late repetitions.
const REMEMBERED: usize = 8_192;

/// How much a table holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Runs queued or in progress.
    pub(crate) held: usize,
    /// Ends that the server has not acknowledged.
    pub(crate) unacknowledged: usize,
}

#[derive(Debug)]
enum Phase {
    Held,
    Ended(InstanceReport),
}

#[derive(Debug)]
struct Task {
    attempt: u32,
    epoch: i64,
    job_revision: i64,
    trace_id: [u8; 16],
    received_at_ms: i64,
    /// 0 = not yet.
    started_at_ms: i64,
    phase: Phase,
}

/// The answer to one request to run, and what else follows from it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Admission {
    pub(crate) verdict: RunVerdict,
    /// An earlier attempt in progress that must be cancelled.
    pub(crate) cancels: Option<RunKey>,
    /// An earlier attempt whose end is no longer owed.
    pub(crate) forgets: Option<RunKey>,
}

/// What an answer of the server leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// Nothing.
    Nothing,
    /// The end is acknowledged: it may leave the spool.
    Forgotten,
    /// The run must be cancelled; it is held no longer.
    Cancel,
    /// The end must be reported again.
    Again,
}

/// When and how a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunEnd {
    pub(crate) ending: Ending,
    /// 0 = it never started.
    pub(crate) started_at_ms: i64,
    pub(crate) finished_at_ms: i64,
}

/// The table of all stand-alone instances of a worker.
#[derive(Debug)]
pub(crate) struct TaskTable {
    limits: Limits,
    tasks: HashMap<i64, Task>,
    held: usize,
    remembered: HashMap<i64, u32>,
    order: VecDeque<RunKey>,
}

impl TaskTable {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            tasks: HashMap::new(),
            held: 0,
            remembered: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    /// Runs queued or in progress.
    pub(crate) fn held_count(&self) -> usize {
        self.held
    }

    /// Ends that the server has not acknowledged.
    pub(crate) fn unacknowledged_count(&self) -> usize {
        self.tasks.len() - self.held
    }

    /// Whether this attempt is queued or in progress.
    pub(crate) fn is_held(&self, key: RunKey) -> bool {
        self.current(key)
            .is_some_and(|task| matches!(task.phase, Phase::Held))
    }

    /// Decides about a request to run; `refusal` = why nothing new is taken now. An attempt that is
    /// known is known also then, or another worker would get it, too.
    pub(crate) fn admit(
        &mut self,
        item: &RunInstance,
        refusal: Option<RunVerdict>,
        now_ms: i64,
    ) -> Admission {
        let known = self.tasks.get(&item.instance_id).map(|task| task.attempt);
        let remembered = self.remembered.get(&item.instance_id).copied();
        if known
            .max(remembered)
            .is_some_and(|attempt| attempt >= item.attempt)
        {
            return Admission::only(RunVerdict::Duplicate);
        }
        if let Some(refusal) = refusal {
            return Admission::only(refusal);
        }
        // A new attempt of a run in progress takes over its place.
        let takes_over = self
            .tasks
            .get(&item.instance_id)
            .is_some_and(|task| matches!(task.phase, Phase::Held));
        let is_full = self.held >= self.limits.held
            || self.unacknowledged_count() >= self.limits.unacknowledged;
        if is_full && !takes_over {
            return Admission::only(RunVerdict::Overloaded);
        }
        let mut admission = Admission::only(RunVerdict::Accepted);
        if let Some(old) = self.insert(item, now_ms) {
            let key = RunKey {
                instance_id: item.instance_id,
                attempt: old.attempt,
                number: 0,
            };
            match old.phase {
                Phase::Held => {
                    self.held -= 1;
                    admission.cancels = Some(key);
                }
                Phase::Ended(_) => admission.forgets = Some(key),
            }
        }
        admission
    }

    fn insert(&mut self, item: &RunInstance, now_ms: i64) -> Option<Task> {
        self.held += 1;
        let task = Task {
            attempt: item.attempt,
            epoch: item.epoch,
            job_revision: item.job_revision,
            trace_id: item.trace_id,
            received_at_ms: now_ms,
            started_at_ms: 0,
            phase: Phase::Held,
        };
        self.tasks.insert(item.instance_id, task)
    }

    /// The report that a run has started; `None` if it is held no longer.
    pub(crate) fn started(&mut self, key: RunKey, started_at_ms: i64) -> Option<InstanceReport> {
        let task = self
            .tasks
            .get_mut(&key.instance_id)
            .filter(|task| task.attempt == key.attempt && matches!(task.phase, Phase::Held))?;
        if task.started_at_ms == 0 {
            task.started_at_ms = started_at_ms;
        }
        let mut report = task.report(key, InstanceStatus::Running);
        report.started_at_ms = started_at_ms;
        Some(report)
    }

    /// The reports that runs in progress have started, oldest first.
    pub(crate) fn starts(&self) -> Vec<InstanceReport> {
        let is_started = |task: &Task| task.started_at_ms > 0 && matches!(task.phase, Phase::Held);
        let report = |(instance_id, task): (&i64, &Task)| {
            let key = RunKey {
                instance_id: *instance_id,
                attempt: task.attempt,
                number: 0,
            };
            let mut report = task.report(key, InstanceStatus::Running);
            report.started_at_ms = task.started_at_ms;
            report
        };
        let started = self.tasks.iter().filter(|(_, task)| is_started(task));
        let mut reports: Vec<_> = started.map(report).collect();
        reports.sort_unstable_by_key(|report| report.instance_id);
        reports
    }

    /// Takes note of the end of a run and returns the report of it; `None` if it is held no longer.
    pub(crate) fn ended(&mut self, key: RunKey, end: RunEnd) -> Option<InstanceReport> {
        let task = self
            .tasks
            .get_mut(&key.instance_id)
            .filter(|task| task.attempt == key.attempt)?;
        if !matches!(task.phase, Phase::Held) {
            return None;
        }
        let mut report = task.report(key, end.ending.status);
        report.result = end.ending.text;
        report.started_at_ms = end.started_at_ms;
        report.finished_at_ms = end.finished_at_ms;
        task.phase = Phase::Ended(report.clone());
        self.held -= 1;
        Some(report)
    }

    /// Decides about a request to stop `attempt` and every earlier one: whether the instance is
    /// known, and which run must be cancelled for what reason.
    pub(crate) fn stop(
        &mut self,
        instance_id: i64,
        attempt: u32,
        reason: StopReason,
    ) -> (bool, Option<(RunKey, CancelReason)>) {
        let Some(task) = self
            .tasks
            .get(&instance_id)
            .filter(|task| task.attempt <= attempt)
        else {
            return (false, None);
        };
        if matches!(task.phase, Phase::Ended(_)) {
            return (true, None);
        }
        let key = RunKey {
            instance_id,
            attempt: task.attempt,
            number: 0,
        };
        let reason = match reason {
            StopReason::User => CancelReason::UserStop,
            StopReason::TimeLimit => CancelReason::Timeout,
            StopReason::Superseded => CancelReason::Superseded,
        };
        if reason == CancelReason::Superseded {
            self.forget(key);
        }
        (true, Some((key, reason)))
    }

    /// Takes note of the server's answer to a report.
    pub(crate) fn settle(&mut self, key: RunKey, was_final: bool, answer: ReportAnswer) -> Settled {
        let Some(task) = self.current(key) else {
            return Settled::Nothing;
        };
        let is_ended = matches!(task.phase, Phase::Ended(_));
        match (is_ended, was_final, answer) {
            (true, true, ReportAnswer::Again) => Settled::Again,
            (true, true, _) => {
                self.forget(key);
                Settled::Forgotten
            }
            (false, _, ReportAnswer::Stale | ReportAnswer::UnknownInstance) => {
                self.forget(key);
                Settled::Cancel
            }
            _ => Settled::Nothing,
        }
    }

    /// The report of an ended run whose end is still owed.
    pub(crate) fn owed(&self, key: RunKey) -> Option<&InstanceReport> {
        match &self.current(key)?.phase {
            Phase::Ended(report) => Some(report),
            Phase::Held => None,
        }
    }

    /// Takes in the ends that an earlier life of this worker still owed.
    pub(crate) fn restore(&mut self, reports: Vec<InstanceReport>) {
        for report in reports {
            let task = Task {
                attempt: report.attempt,
                epoch: report.epoch,
                job_revision: report.job_revision,
                trace_id: report.trace_id,
                received_at_ms: report.received_at_ms,
                started_at_ms: report.started_at_ms,
                phase: Phase::Ended(report.clone()),
            };
            let known = self
                .tasks
                .get(&report.instance_id)
                .map(|known| known.attempt);
            if known.is_none_or(|attempt| attempt < report.attempt) {
                self.tasks.insert(report.instance_id, task);
            }
        }
    }

    /// All that is held, and all that is owed, oldest first.
    pub(crate) fn inventory(&self) -> (Vec<HeldInstance>, Vec<&InstanceReport>) {
        let mut held = Vec::with_capacity(self.held);
        let mut owed = Vec::new();
        for (instance_id, task) in &self.tasks {
            match &task.phase {
                Phase::Held => held.push(HeldInstance {
                    instance_id: *instance_id,
                    attempt: task.attempt,
                }),
                Phase::Ended(report) => owed.push(report),
            }
        }
        held.sort_unstable_by_key(|held| held.instance_id);
        owed.sort_unstable_by_key(|report| report.instance_id);
        (held, owed)
    }

    fn current(&self, key: RunKey) -> Option<&Task> {
        self.tasks
            .get(&key.instance_id)
            .filter(|task| task.attempt == key.attempt)
    }

    fn forget(&mut self, key: RunKey) {
        if let Some(task) = self.tasks.remove(&key.instance_id)
            && matches!(task.phase, Phase::Held)
        {
            self.held -= 1;
        }
        if self.order.len() == REMEMBERED
            && let Some(oldest) = self.order.pop_front()
            && self.remembered.get(&oldest.instance_id) == Some(&oldest.attempt)
        {
            self.remembered.remove(&oldest.instance_id);
        }
        self.remembered.insert(key.instance_id, key.attempt);
        self.order.push_back(key);
    }
}

impl Admission {
    /// A verdict from which nothing else follows.
    pub(crate) fn only(verdict: RunVerdict) -> Self {
        Self {
            verdict,
            cancels: None,
            forgets: None,
        }
    }
}

impl Task {
    fn report(&self, key: RunKey, status: InstanceStatus) -> InstanceReport {
        InstanceReport {
            instance_id: key.instance_id,
            attempt: key.attempt,
            epoch: self.epoch,
            job_revision: self.job_revision,
            trace_id: self.trace_id,
            status: u8::try_from(status.code()).unwrap_or(0),
            result: String::new(),
            received_at_ms: self.received_at_ms,
            started_at_ms: 0,
            finished_at_ms: 0,
        }
    }
}

/// Whether a report tells the end of a run, or of this worker's part in it.
pub(crate) fn is_final(report: &InstanceReport) -> bool {
    i32::from(report.status) != InstanceStatus::Running.code()
}

#[cfg(test)]
#[path = "task_table_tests.rs"]
mod tests;
