//! What does an executor do with the tasks that a master gave it?
//!
//! Input: tasks, starts and ends of their code, answers of the master. Output: which task starts
//! next, which results go next, how much the master may have outstanding.
//!
//! # Invariants
//! 1. At most `concurrency` pieces of work run at once; first and last tasks of the instance do not
//!    count, because they wait for the others or come when there are none.
//! 2. A task that is held, or whose result is not acknowledged, is not taken a second time.
//! 3. A result is kept until the master has acknowledged it (spec 04 case W-26).
//! 4. Results of an earlier generation are never sent.

use std::collections::{HashMap, HashSet, VecDeque};

use powerjob_common::status::InstanceStatus;
use powerjob_protocol::wire::worker_to_worker::{
    TaskEnd, TaskRef, TaskResult, TaskStage, TaskStart,
};

use crate::domain::ending::{self, CancelReason};
use crate::domain::task_table::RunEnd;

/// So much work waits at an executor, so that it never runs dry between two messages.
const AHEAD_US: u64 = 50_000;
/// Tasks that wait there at most.
const MOST_AHEAD: u64 = 1_024;
/// Results of one message, and bytes of their texts.
const RESULTS_ITEMS: usize = 2_048;
const RESULTS_BYTES: usize = 1 << 20;
/// Weight of the last task in the average of how long they take.
const WEIGHT: u64 = 8;

#[derive(Debug)]
struct Running {
    task: TaskRef,
    is_work: bool,
}

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct Guest {
    generation: u32,
    concurrency: u32,
    waiting: VecDeque<TaskStart>,
    /// By the number of the run.
    running: HashMap<u64, Running>,
    running_work: u32,
    held: HashSet<TaskRef>,
    unsent: VecDeque<TaskResult>,
    sending: Vec<TaskResult>,
    /// How long a task takes, in microseconds; `None` before the first has ended.
    average_us: Option<u64>,
    is_draining: bool,
}

impl Guest {
    pub(crate) fn new(generation: u32, concurrency: u32) -> Self {
        Self {
            generation,
            concurrency: concurrency.max(1),
            waiting: VecDeque::new(),
            running: HashMap::new(),
            running_work: 0,
            held: HashSet::new(),
            unsent: VecDeque::new(),
            sending: Vec::new(),
            average_us: None,
            is_draining: false,
        }
    }

    pub(crate) fn generation(&self) -> u32 {
        self.generation
    }

    /// The master asks again; returns the runs that must end because it has given them up.
    pub(crate) fn reopen(&mut self, generation: u32) -> Vec<u64> {
        if generation <= self.generation {
            return Vec::new();
        }
        self.generation = generation;
        self.clear()
    }

    /// Forgets everything; returns the runs that must end.
    pub(crate) fn clear(&mut self) -> Vec<u64> {
        self.waiting.clear();
        self.held.clear();
        self.unsent.clear();
        self.sending.clear();
        self.running_work = 0;
        let mut numbers: Vec<u64> = self.running.drain().map(|(number, _)| number).collect();
        numbers.sort_unstable();
        numbers
    }

    /// The tasks that are here, unacknowledged results included.
    pub(crate) fn held(&self) -> Vec<TaskRef> {
        let mut held: Vec<TaskRef> = self.held.iter().copied().collect();
        held.sort_unstable_by_key(|task| (task.task, task.attempt));
        held
    }

    /// Whether anything is here.
    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Tasks that the master may have outstanding here.
    pub(crate) fn window(&self) -> u32 {
        if self.is_draining {
            return 0;
        }
        let ahead = self.average_us.map_or(0, |average| {
            (u64::from(self.concurrency) * AHEAD_US / average.max(1)).min(MOST_AHEAD)
        });
        self.concurrency + ahead as u32
    }

    /// Takes tasks.
    pub(crate) fn take(&mut self, tasks: Vec<TaskStart>) {
        for start in tasks {
            if !self.held.insert(start.task) {
                continue;
            }
            if self.is_draining {
                self.give_back(start.task);
            } else if is_work(start.stage) {
                self.waiting.push_back(start);
            } else {
                self.waiting.push_front(start);
            }
        }
    }

    /// The next task whose code may start; it counts as running with this number.
    pub(crate) fn start_next(&mut self, number: u64) -> Option<TaskStart> {
        let is_work = is_work(self.waiting.front()?.stage);
        if is_work && self.running_work >= self.concurrency {
            return None;
        }
        let start = self.waiting.pop_front()?;
        self.running_work += u32::from(is_work);
        let task = start.task;
        self.running.insert(number, Running { task, is_work });
        Some(start)
    }

    /// The code of a run has ended.
    pub(crate) fn ended(&mut self, number: u64, end: RunEnd) {
        let Some(Running { task, is_work }) = self.running.remove(&number) else {
            return;
        };
        let ran_ms = match end.started_at_ms {
            0 => 0,
            started => u64::try_from(end.finished_at_ms - started).unwrap_or(0),
        };
        if is_work {
            self.running_work -= 1;
            // What took less than a millisecond has surely not taken more than half of one.
            self.learn((ran_ms * 1_000).max(20));
        }
        let is_handed_back = [ending::interrupted, ending::abandoned]
            .map(|how| how(CancelReason::WorkerShutdown))
            .contains(&end.ending);
        let how = match end.ending.status {
            InstanceStatus::Succeed => TaskEnd::Succeeded,
            _ if is_handed_back => TaskEnd::GivenBack,
            _ => TaskEnd::Failed,
        };
        self.unsent.push_back(TaskResult {
            task,
            end: how,
            result: end.ending.text,
            ran_ms: u32::try_from(ran_ms).unwrap_or(u32::MAX),
        });
    }

    /// The worker shuts down: what has not begun goes back.
    pub(crate) fn drain(&mut self) {
        self.is_draining = true;
        for start in std::mem::take(&mut self.waiting) {
            self.give_back(start.task);
        }
    }

    /// The next results to send; they are on their way until [`Guest::answered`].
    pub(crate) fn next_results(&mut self) -> Option<&[TaskResult]> {
        if !self.sending.is_empty() || self.unsent.is_empty() {
            return None;
        }
        let mut bytes = 0;
        while self.sending.len() < RESULTS_ITEMS
            && bytes < RESULTS_BYTES
            && let Some(result) = self.unsent.pop_front()
        {
            bytes += result.result.len();
            self.sending.push(result);
        }
        Some(&self.sending)
    }

    /// The master has the results that were on their way, or (`false`) may not have them.
    pub(crate) fn answered(&mut self, is_taken: bool) {
        let sent = std::mem::take(&mut self.sending);
        if is_taken {
            for result in sent {
                self.held.remove(&result.task);
            }
        } else {
            for result in sent.into_iter().rev() {
                self.unsent.push_front(result);
            }
        }
    }

    fn give_back(&mut self, task: TaskRef) {
        self.unsent.push_back(TaskResult {
            task,
            end: TaskEnd::GivenBack,
            result: String::new(),
            ran_ms: 0,
        });
    }

    fn learn(&mut self, ran_us: u64) {
        let known = self.average_us.unwrap_or(ran_us);
        self.average_us = Some((known * (WEIGHT - 1) + ran_us) / WEIGHT);
    }
}

fn is_work(stage: TaskStage) -> bool {
    stage == TaskStage::Work
}

#[cfg(test)]
#[path = "guest_tests.rs"]
mod tests;
