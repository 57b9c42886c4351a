//! What does the master of one instance do about what it hears?
//!
//! Input: the team, what executors say, new tasks of running ones, the time. Output: [`Order`]s, in
//! the order in which they must be carried out, and answers at once.
//!
//! # Invariants
//! 1. An instance is decided once (spec 04 case W-49).
//! 2. No executor has more work outstanding than it granted (W-28).
//! 3. The last task begins when all others have ended (W-42).
//! 4. First, last and broadcast tasks stay with their executor (W-23); work of a lost executor is
//!    carried out by others, in a broadcast it has failed (W-32).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use powerjob_common::status::{ExecuteType, InstanceStatus};
use powerjob_protocol::wire::server_to_worker::TeamWorker;
use powerjob_protocol::wire::worker_to_worker::{
    CloseReason, OpenVerdict, TaskEnd, TaskRef, TaskResult, TaskResults, TaskStage, TaskStart,
    WorkOpened,
};

use super::brake::Brake;
use super::ended_tasks::{EndedTasks, LastTry};
use super::executor::{Executor, Readiness};
use super::journal::Journal;
use super::mapping::{MapLimits, Mapper};
use super::pace::Pace;
use super::results::{ResultList, TaskResult as ListedResult};
use super::spilling::SpillBlock;
use super::sub_tasks::{Holder, NewTask, SubTasks};
use super::{BROADCAST_TASK, LAST_TASK, ROOT_TASK};
use crate::domain::ending::{self, CancelReason, Ending};

/// How long an executor whose connection is gone may take to come back.
pub(crate) const AWAY_GRACE: Duration = Duration::from_millis(1_500);
/// A lost executor that the server still names is tried again so much later.
const LOST_PAUSE: Duration = Duration::from_secs(3);
/// How long a broadcast waits for the server to name the workers.
const TEAM_LIMIT: Duration = Duration::from_secs(10);
/// The last task of an instance, as people know it (spec 04 section 8.3).
const LAST_ORDINAL: u32 = 9_999;
/// The master itself among the executors.
pub(crate) const LOCAL: Holder = 0;

/// What the actor is to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Ask an executor to take part.
    Open { to: Holder, generation: u32 },
    /// Send tasks.
    Start {
        to: Holder,
        generation: u32,
        tasks: Vec<TaskStart>,
    },
    /// End the part of an executor.
    Close { to: Holder, reason: CloseReason },
    /// Write a file.
    Write { block: SpillBlock, bytes: Arc<[u8]> },
    /// Read the file with contents of this number, and remove it.
    Read { block: u32 },
    /// The instance has ended.
    Finish(Ending),
}

/// Where a task was tried, and for how long, in milliseconds.
type Ran = (Holder, Option<u32>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The first task, and for maps all others.
    First,
    /// A broadcast that does not know its workers yet.
    NamesMissing {
        until: Duration,
    },
    /// The shares of a broadcast.
    Shares,
    /// `reduce` or `postProcess`.
    Last,
    Decided,
}

/// How an instance is set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) kind: ExecuteType,
    /// Repetitions of a failed task.
    pub(crate) task_retries: u32,
    /// Tasks that run at once on a worker.
    pub(crate) concurrency: u32,
}

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct Master {
    setting: Setting,
    pub(super) tasks: SubTasks,
    pub(super) executors: Vec<Executor>,
    pub(super) names: Vec<String>,
    pub(super) mappers: HashMap<u32, Mapper>,
    pub(super) journal: Journal,
    pub(super) brake: Brake,
    pub(super) limits: MapLimits,
    pub(super) concurrency: u32,
    stage: Stage,
    has_team: bool,
    /// Whether the worker shuts down: nothing that anybody may carry out is handed out.
    pub(super) is_winding_down: bool,
    results: ResultList,
    pub(super) ended: EndedTasks,
    pub(super) pace: Pace,
    pub(super) orders: Vec<Order>,
}

impl Master {
    /// The master on the worker `local`; its first task waits for [`Master::opened`] of itself.
    pub(crate) fn new(setting: Setting, local: TeamWorker) -> Self {
        let mut tasks = SubTasks::default();
        tasks.add_holder();
        let names = [ROOT_TASK, LAST_TASK, BROADCAST_TASK];
        let mut master = Self {
            setting,
            tasks,
            executors: vec![Executor::new(local)],
            names: names.map(str::to_owned).to_vec(),
            mappers: HashMap::new(),
            journal: Journal::new(setting.kind),
            brake: Brake::default(),
            limits: MapLimits::default(),
            concurrency: setting.concurrency,
            stage: Stage::First,
            has_team: false,
            is_winding_down: false,
            results: ResultList::default(),
            ended: EndedTasks::default(),
            pace: Pace::default(),
            orders: Vec::new(),
        };
        if master.journal.is_wanted {
            master.told_up_to(1);
        }
        let stage = match setting.kind {
            ExecuteType::Broadcast => TaskStage::Prepare,
            ExecuteType::Standalone | ExecuteType::Map | ExecuteType::MapReduce => TaskStage::Root,
        };
        master.add_own(stage, 0, 0, LOCAL);
        master.open(LOCAL);
        master
    }

    /// What is to be done since this was asked last.
    pub(crate) fn take_orders(&mut self) -> Vec<Order> {
        std::mem::take(&mut self.orders)
    }

    /// How the instance runs.
    pub(crate) fn kind(&self) -> ExecuteType {
        self.setting.kind
    }

    /// Whether it has ended.
    pub(crate) fn is_decided(&self) -> bool {
        self.stage == Stage::Decided
    }

    /// The results so far, for the code of the last task.
    pub(crate) fn results(&self) -> &ResultList {
        &self.results
    }

    /// An executor by its place.
    pub(crate) fn executor(&self, place: Holder) -> &Executor {
        &self.executors[usize::from(place)]
    }

    /// The place of a worker in its present life.
    pub(crate) fn place_of(&self, node_id: &str, incarnation: u64) -> Option<Holder> {
        let is_it = |executor: &Executor| executor.is(node_id, incarnation);
        let place = self.executors.iter().position(is_it)?;
        Holder::try_from(place).ok()
    }

    /// The server names the workers that may take part.
    pub(crate) fn team(&mut self, workers: Vec<TeamWorker>) {
        self.has_team = true;
        for executor in &mut self.executors {
            executor.is_listed = false;
        }
        for worker in workers {
            match self.place_of(&worker.node_id, worker.incarnation) {
                Some(place) => {
                    let executor = &mut self.executors[usize::from(place)];
                    executor.is_listed = true;
                    if place != LOCAL {
                        executor.worker = worker;
                    }
                }
                None => {
                    self.tasks.add_holder();
                    self.executors.push(Executor::new(worker));
                }
            }
        }
        // A master that is to take nothing new still ends what it has, if nobody else can.
        if !self.executors.iter().any(|executor| executor.is_listed) {
            self.executors[usize::from(LOCAL)].is_listed = true;
        }
        self.advance();
    }

    /// An executor has answered that it takes part, or not.
    pub(crate) fn opened(&mut self, place: Holder, generation: u32, answer: WorkOpened) {
        let executor = &mut self.executors[usize::from(place)];
        let is_asked = matches!(
            executor.readiness,
            Readiness::Asked | Readiness::Ready | Readiness::Away { .. }
        );
        if executor.generation != generation || !is_asked || self.stage == Stage::Decided {
            return;
        }
        match answer.verdict {
            OpenVerdict::Opened => {
                executor.readiness = Readiness::Ready;
                executor.window = answer.window;
                let missing: Vec<TaskRef> = self
                    .tasks
                    .out_at(place)
                    .filter(|task| !answer.held.contains(task))
                    .collect();
                for task in missing {
                    self.lose(task.task);
                }
            }
            OpenVerdict::Closed => self.refuse(place, "the worker has closed the instance"),
            OpenVerdict::Invalid(reason) => self.refuse(place, &reason),
        }
        self.advance();
    }

    /// The connection to an executor has ended, or a message to it was not answered.
    pub(crate) fn away(&mut self, place: Holder, now: Duration) {
        let executor = &mut self.executors[usize::from(place)];
        if matches!(executor.readiness, Readiness::Asked | Readiness::Ready) {
            executor.readiness = Readiness::Away {
                until: now + AWAY_GRACE,
            };
            if self.stage != Stage::Decided {
                self.orders.push(Order::Open {
                    to: place,
                    generation: executor.generation,
                });
            }
        }
    }

    /// An executor is gone: another life of it is there, or nobody answers at its address.
    pub(crate) fn lost(&mut self, place: Holder, now: Duration) {
        let executor = &mut self.executors[usize::from(place)];
        if place == LOCAL || !executor.may_hold() {
            return;
        }
        if matches!(executor.readiness, Readiness::Lost { .. }) {
            return;
        }
        executor.readiness = Readiness::Lost {
            again_at: now + LOST_PAUSE,
        };
        executor.window = 0;
        let out: Vec<TaskRef> = self.tasks.out_at(place).collect();
        for task in out {
            if self.setting.kind == ExecuteType::Broadcast {
                self.finish_task(task.task, (place, None), false, "maybe worker down");
            } else {
                self.lose(task.task);
            }
        }
        self.fail_pinned(place, "maybe worker down");
        self.advance();
    }

    /// An executor tells how tasks ended; `None`: it belongs to none of the team.
    pub(crate) fn ended(&mut self, place: Holder, results: TaskResults) {
        let executor = &mut self.executors[usize::from(place)];
        if executor.generation != results.generation {
            return;
        }
        executor.window = results.window;
        for TaskResult {
            task,
            end,
            result,
            ran_ms,
        } in results.items
        {
            let ran = (place, Some(ran_ms));
            if !self.tasks.is_out(task, place) {
                continue;
            }
            let may_repeat = self.tasks.failures(task.task) < self.setting.task_retries;
            match end {
                TaskEnd::Succeeded => self.finish_task(task.task, ran, true, &result),
                TaskEnd::Failed if may_repeat => self.repeat(task.task, true),
                TaskEnd::Failed => self.finish_task(task.task, ran, false, &result),
                TaskEnd::GivenBack => self.repeat(task.task, false),
            }
        }
        self.advance();
    }

    /// The instance must end.
    pub(crate) fn cancel(&mut self, reason: CancelReason) {
        let close = match reason {
            CancelReason::UserStop => CloseReason::Stopped,
            CancelReason::Timeout => CloseReason::TimeLimit,
            CancelReason::Superseded | CancelReason::WorkerShutdown | CancelReason::Replaced => {
                CloseReason::Abandoned
            }
        };
        let ending = match reason {
            // As the reference has it for instances with tasks (spec 04 section 12.3).
            CancelReason::Timeout => failed("instance execute timeout"),
            other if self.can_be_handed_on() => ending::interrupted_master(other),
            other => ending::interrupted(other),
        };
        self.decide(ending, close);
    }

    /// Looks at what should have happened by now.
    pub(crate) fn tick(&mut self, now: Duration) {
        self.pace.note(now, self.ended_count());
        for place in 0..self.executors.len() {
            let executor = &mut self.executors[place];
            let place = place as Holder;
            match executor.readiness {
                Readiness::Away { until } if until <= now => self.lost(place, now),
                Readiness::Asked | Readiness::Away { .. } if self.stage != Stage::Decided => {
                    let generation = executor.generation;
                    self.orders.push(Order::Open {
                        to: place,
                        generation,
                    });
                }
                Readiness::Lost { again_at } if again_at <= now && executor.is_listed => {
                    executor.generation += 1;
                    executor.readiness = Readiness::Unasked;
                    self.advance();
                }
                _ => {}
            }
        }
        let counts = self.tasks.counts();
        self.brake.tick(counts.succeeded + counts.failed, now);
        if self.stage != Stage::Decided {
            self.spill();
        }
        match self.stage {
            Stage::NamesMissing {
                until: Duration::ZERO,
            } => {
                let until = now + TEAM_LIMIT;
                self.stage = Stage::NamesMissing { until };
            }
            Stage::NamesMissing { until } if until <= now => {
                let ending = failed("the server did not name the workers of the broadcast");
                self.decide(ending, CloseReason::Decided);
            }
            _ => {}
        }
    }

    fn add_own(&mut self, stage: TaskStage, ordinal: u32, name: u16, pinned: Holder) -> u32 {
        let parent = (stage == TaskStage::Work).then_some(0);
        self.tasks.add(NewTask {
            parent,
            ordinal,
            stage,
            name,
            pinned: Some(pinned),
            content: Box::default(),
            mark: 0,
        })
    }

    /// A task whose executor does not have it any more.
    fn lose(&mut self, index: u32) {
        self.repeat(index, false);
    }

    fn repeat(&mut self, index: u32, has_failed: bool) {
        self.brake.release(index);
        self.begin_mapping_again(index);
        self.tasks.put_back(index, has_failed);
    }

    fn refuse(&mut self, place: Holder, reason: &str) {
        self.executors[usize::from(place)].readiness = Readiness::Refused;
        let out: Vec<TaskRef> = self.tasks.out_at(place).collect();
        for task in out {
            self.lose(task.task);
        }
        self.fail_pinned(place, reason);
    }

    /// Fails what only this executor may carry out.
    fn fail_pinned(&mut self, place: Holder, reason: &str) {
        while let Some(index) = self.tasks.fail_pinned(place) {
            self.tell_end(index);
            self.note_end(index, (place, None), false, reason);
        }
    }

    fn finish_task(&mut self, index: u32, ran: Ran, is_success: bool, result: &str) {
        self.tasks.finish(index, is_success);
        self.brake.release(index);
        self.tell_end(index);
        self.end_mapping(index, is_success);
        self.note_end(index, ran, is_success, result);
    }

    fn note_end(&mut self, index: u32, ran: Ran, is_success: bool, result: &str) {
        let last = LastTry {
            place: ran.0,
            attempts: self.tasks.attempts(index),
            ran_ms: ran.1,
        };
        self.ended.note(index, is_success, result, Some(last));
        if self.tasks.stage(index) == TaskStage::Finish {
            if let Some(damage) = self.results.damage() {
                return self.decide(failed(&damage), CloseReason::Decided);
            }
            let status = match is_success {
                true => InstanceStatus::Succeed,
                false => InstanceStatus::Failed,
            };
            let text = result.to_owned();
            return self.decide(Ending { status, text }, CloseReason::Decided);
        }
        if self.setting.kind != ExecuteType::Map {
            self.note_bytes(result.len());
            self.results.push(ListedResult {
                task_id: self.tasks.path(index),
                is_success,
                result: result.to_owned(),
            });
        }
    }

    /// What follows from what has happened: the next stage, executors to be asked, tasks to be sent.
    pub(super) fn advance(&mut self) {
        match self.stage {
            Stage::First | Stage::NamesMissing { .. } if self.tasks.unfinished() == 0 => {
                self.end_first();
            }
            Stage::Shares if self.tasks.unfinished() == 0 => self.begin_last(),
            _ => {}
        }
        if self.stage != Stage::Decided {
            self.ask_executors();
            self.dispatch();
            self.spill();
        }
    }

    /// All tasks of a map have ended, or the preparation of a broadcast.
    fn end_first(&mut self) {
        let counts = self.tasks.counts();
        match self.setting.kind {
            ExecuteType::Map => {
                let total = counts.succeeded + counts.failed;
                let text = format!(
                    "total:{total},succeed:{},failed:{}",
                    counts.succeeded, counts.failed
                );
                let status = match counts.failed {
                    0 => InstanceStatus::Succeed,
                    _ => InstanceStatus::Failed,
                };
                self.decide(Ending { status, text }, CloseReason::Decided);
            }
            ExecuteType::Broadcast if counts.failed == 0 && self.has_team => self.share_out(),
            ExecuteType::Broadcast if counts.failed == 0 => {
                if self.stage == Stage::First {
                    let until = Duration::ZERO; // counts from the next tick
                    self.stage = Stage::NamesMissing { until };
                }
            }
            ExecuteType::Broadcast | ExecuteType::MapReduce | ExecuteType::Standalone => {
                self.begin_last();
            }
        }
    }

    /// One task for each worker (spec 04 case W-47).
    fn share_out(&mut self) {
        self.stage = Stage::Shares;
        let mut ordinal = 0;
        for place in 0..self.executors.len() as Holder {
            if !self.executor(place).is_listed {
                continue;
            }
            self.add_own(TaskStage::Work, ordinal, 2, place);
            ordinal += 1;
            if place != LOCAL && self.executor(place).worker.address.is_empty() {
                self.refuse(place, "other workers cannot reach this worker");
            }
        }
        if self.tasks.unfinished() == 0 {
            self.begin_last();
        }
    }

    fn begin_last(&mut self) {
        self.stage = Stage::Last;
        self.add_own(TaskStage::Finish, LAST_ORDINAL, 1, LOCAL);
    }

    pub(super) fn decide(&mut self, ending: Ending, reason: CloseReason) {
        if self.stage == Stage::Decided {
            return;
        }
        self.stage = Stage::Decided;
        self.orders.clear(); // nothing more is to be started
        for place in 0..self.executors.len() as Holder {
            if self.executor(place).may_hold() {
                self.orders.push(Order::Close { to: place, reason });
            }
        }
        self.orders.push(Order::Finish(ending));
    }
}

pub(super) fn failed(text: &str) -> Ending {
    Ending {
        status: InstanceStatus::Failed,
        text: text.to_owned(),
    }
}

#[cfg(test)]
#[path = "master_tests.rs"]
mod tests;
