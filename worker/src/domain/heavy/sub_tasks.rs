//! Which tasks has an instance, who has each, and which is next?
//!
//! Input: new tasks, who can take some, how they ended, who is gone. Output: the next task, counts.
//! Every operation but the ones that name a whole executor takes the same time however many tasks
//! there are.
//!
//! # Invariants
//! 1. A task is in exactly one list: waiting for anybody, waiting for one executor, or at one.
//! 2. The attempt of a task grows with each hand-out; an end counts only for the present attempt and
//!    the executor that has it (spec 04 cases W-22, W-24).
//! 3. A task that ended stays as it is (W-21).
//! 4. A pinned task is handed to its executor only (W-23).
//! 5. The counts are those of the tasks (W-25).
//! 6. A waiting task takes at most 64 bytes besides its content, one that has ended for good at most 10.

use std::ops::Range;

use powerjob_protocol::wire::server_to_worker::TaskCounts;
use powerjob_protocol::wire::worker_to_worker::{TaskRef, TaskStage};

use super::contents::{Content, Shelf};
use super::rows::{BLOCK, Rows};
use super::tally::Tally;

/// Place of an executor in the list of its master.
pub(crate) type Holder = u16;

pub(super) const NO_TASK: u32 = u32::MAX;
const NOBODY: Holder = Holder::MAX;

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Waiting,
    /// An executor has it.
    Out,
    Succeeded,
    Failed,
    /// Taken back before it was handed out: it counts as if it had never been.
    Discarded,
}

#[derive(Debug)]
pub(super) struct Task {
    pub(super) content: Content,
    pub(super) mark: u64,
    pub(super) parent: u32,
    pub(super) ordinal: u32,
    prev: u32,
    next: u32,
    attempt: u32,
    failures: u16,
    pub(super) name: u16,
    holder: Holder,
    pub(super) standing: Standing,
    pub(super) stage: TaskStage,
    is_pinned: bool,
}

impl Task {
    pub(super) fn is_pinned(&self) -> bool {
        self.is_pinned
    }
}

/// A new task.
#[derive(Debug)]
pub(crate) struct NewTask {
    /// The task that made it; `None` for one of the instance itself.
    pub(crate) parent: Option<u32>,
    /// Its number among those of its parent, or the number by which people know it.
    pub(crate) ordinal: u32,
    pub(crate) stage: TaskStage,
    /// Place of its name in the master's list.
    pub(crate) name: u16,
    /// The executor that must carry it out.
    pub(crate) pinned: Option<Holder>,
    pub(crate) content: Box<[u8]>,
    /// See [`mark_of`].
    pub(crate) mark: u64,
}

/// The mark by which a content is recognised when it is gone (FNV-1a: the same in every version and on
/// every machine, because journals have it).
pub(crate) fn mark_of(content: &[u8]) -> u64 {
    content.iter().fold(0xcbf2_9ce4_8422_2325, |mark, byte| {
        (mark ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// First and last of the tasks that are chained by `prev` and `next`.
#[derive(Debug, Clone, Copy)]
struct Chain {
    first: u32,
    last: u32,
    length: u32,
}

impl Default for Chain {
    fn default() -> Self {
        Self {
            first: NO_TASK,
            last: NO_TASK,
            length: 0,
        }
    }
}

/// What belongs to one executor.
#[derive(Debug, Default)]
struct Share {
    pinned: Chain,
    out: Chain,
    /// Of `out`, those that are neither the first nor the last task of the instance.
    out_work: u32,
    succeeded: u64,
    failed: u64,
}

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct SubTasks {
    tasks: Rows,
    waiting: Chain,
    shares: Vec<Share>,
    tally: Tally,
    /// Contents of ended tasks from this number on are still needed.
    kept_from: u32,
    /// The task that ended for good last: until the next one does, all of it can be asked for.
    ended_last: Option<u32>,
    pub(super) shelf: Shelf,
}

impl Default for SubTasks {
    fn default() -> Self {
        Self {
            tasks: Rows::default(),
            waiting: Chain::default(),
            shares: Vec::new(),
            tally: Tally::default(),
            kept_from: u32::MAX,
            ended_last: None,
            shelf: Shelf::default(),
        }
    }
}

impl SubTasks {
    /// Makes room for one more executor and returns its place.
    pub(crate) fn add_holder(&mut self) -> Holder {
        self.shares.push(Share::default());
        Holder::try_from(self.shares.len() - 1).unwrap_or(NOBODY - 1)
    }

    /// Enters a task at the end of its queue.
    pub(crate) fn add(&mut self, new: NewTask) -> u32 {
        let index = u32::try_from(self.tasks.len()).unwrap_or(NO_TASK - 1);
        self.shelf.bytes += new.content.len();
        self.shelf.count += usize::from(!new.content.is_empty());
        self.tasks.push(Task {
            content: Content::Here(new.content),
            mark: new.mark,
            parent: new.parent.unwrap_or(NO_TASK),
            ordinal: new.ordinal,
            prev: NO_TASK,
            next: NO_TASK,
            attempt: 0,
            failures: 0,
            name: new.name,
            holder: new.pinned.unwrap_or(NOBODY),
            standing: Standing::Waiting,
            stage: new.stage,
            is_pinned: new.pinned.is_some(),
        });
        self.tally.enter(new.name);
        self.append_waiting(index);
        index
    }

    /// Tasks entered so far.
    pub(crate) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// How many tasks are in which state.
    pub(crate) fn counts(&self) -> TaskCounts {
        self.tally.total()
    }

    /// As [`SubTasks::counts`], by the places of the names of levels.
    pub(super) fn level_counts(&self) -> &[TaskCounts] {
        self.tally.levels()
    }

    /// The tasks of one executor.
    pub(crate) fn counts_of(&self, holder: Holder) -> TaskCounts {
        let share = &self.shares[usize::from(holder)];
        TaskCounts {
            waiting: 0,
            running: u64::from(share.out.length),
            succeeded: share.succeeded,
            failed: share.failed,
        }
    }

    /// Tasks that have not ended.
    pub(crate) fn unfinished(&self) -> u64 {
        let counts = self.counts();
        counts.waiting + counts.running
    }

    /// Tasks that wait for anybody.
    pub(crate) fn waiting_for_anybody(&self) -> u32 {
        self.waiting.length
    }

    /// Tasks that an executor has, without the first and the last one of the instance.
    pub(crate) fn work_at(&self, holder: Holder) -> u32 {
        self.shares[usize::from(holder)].out_work
    }

    /// The next task that only this executor may carry out.
    pub(crate) fn next_pinned(&self, holder: Holder) -> Option<(u32, TaskStage)> {
        let first = self.shares[usize::from(holder)].pinned.first;
        let task = self.tasks.get(first)?;
        Some((first, task.stage))
    }

    /// Hands the next pinned task, else the next that waits for anybody, to an executor.
    pub(crate) fn hand_out_pinned(&mut self, holder: Holder) -> Option<TaskRef> {
        let (index, _) = self.next_pinned(holder)?;
        Some(self.hand_out(index, holder))
    }

    /// Hands the next task that waits for anybody to an executor.
    pub(crate) fn hand_out_any(&mut self, holder: Holder) -> Option<TaskRef> {
        let index = self.ready(self.oldest_waiting())?;
        Some(self.hand_out(index, holder))
    }

    /// Hands the task that waits for anybody since the shortest time to an executor.
    pub(crate) fn hand_out_newest(&mut self, holder: Holder) -> Option<TaskRef> {
        let index = self.ready(self.newest_waiting())?;
        Some(self.hand_out(index, holder))
    }

    /// The executor that has a task.
    pub(crate) fn holder(&self, index: u32) -> Option<Holder> {
        let task = self.tasks.get(index)?;
        (task.standing == Standing::Out).then_some(task.holder)
    }

    /// Whether the end of this try counts: the executor has the task in this attempt.
    pub(crate) fn is_out(&self, task: TaskRef, holder: Holder) -> bool {
        self.tasks.get(task.task).is_some_and(|found| {
            found.standing == Standing::Out
                && found.attempt == task.attempt
                && found.holder == holder
        })
    }

    /// Whether this try of a task counts, whoever has it.
    pub(crate) fn is_present(&self, task: TaskRef) -> bool {
        self.tasks
            .get(task.task)
            .is_some_and(|found| found.standing == Standing::Out && found.attempt == task.attempt)
    }

    /// Ends a task that is out.
    pub(crate) fn finish(&mut self, index: u32, is_success: bool) {
        let Some(holder) = self.unchain_out(index) else {
            return;
        };
        let share = &mut self.shares[usize::from(holder)];
        let standing = match is_success {
            true => Standing::Succeeded,
            false => Standing::Failed,
        };
        match is_success {
            true => share.succeeded += 1,
            false => share.failed += 1,
        }
        self.change(index, standing);
        self.end(index, standing);
    }

    /// Puts a task that is out at the end of its queue again; `has_failed`: that counts as a failure.
    pub(crate) fn put_back(&mut self, index: u32, has_failed: bool) {
        if self.unchain_out(index).is_none() {
            return;
        }
        self.change(index, Standing::Waiting);
        let task = &mut self.tasks[index];
        task.failures = task.failures.saturating_add(u16::from(has_failed));
        if !task.is_pinned {
            task.holder = NOBODY;
        }
        self.append_waiting(index);
    }

    /// Fails a task that waits for an executor that will never take it.
    pub(crate) fn fail_pinned(&mut self, holder: Holder) -> Option<u32> {
        let (index, _) = self.next_pinned(holder)?;
        self.hand_out(index, holder);
        self.finish(index, false);
        Some(index)
    }

    /// The tasks that an executor has, the oldest first.
    pub(crate) fn out_at(&self, holder: Holder) -> impl Iterator<Item = TaskRef> + '_ {
        let first = self.shares[usize::from(holder)].out.first;
        self.chained(first).map(|index| TaskRef {
            task: index,
            attempt: self.tasks[index].attempt,
        })
    }

    /// Ends a task that nobody has, or takes it back; `false` when somebody has it or it has ended.
    pub(crate) fn settle(&mut self, index: u32, standing: Standing) -> bool {
        let is_waiting = |task: &&Task| task.standing == Standing::Waiting;
        let Some(task) = self.tasks.get(index).filter(is_waiting) else {
            return false;
        };
        let (is_pinned, holder) = (task.is_pinned, usize::from(task.holder));
        let mut chain = match is_pinned {
            true => self.shares[holder].pinned,
            false => self.waiting,
        };
        self.unchain(index, &mut chain);
        match is_pinned {
            true => self.shares[holder].pinned = chain,
            false => self.waiting = chain,
        }
        self.change(index, standing);
        self.end(index, standing);
        true
    }

    /// Has the failed tasks wait again, as if they had never been tried.
    pub(crate) fn wake_failed(&mut self) {
        for index in 0..u32::try_from(self.tasks.len()).unwrap_or(NO_TASK) {
            if self.standing(index) != Standing::Failed {
                continue;
            }
            self.change(index, Standing::Waiting);
            let task = &mut self.tasks[index];
            task.failures = 0;
            if !task.is_pinned {
                task.holder = NOBODY;
            }
            self.append_waiting(index);
        }
    }

    /// From now on the contents of ended tasks before this number are not needed.
    pub(crate) fn keep_contents_from(&mut self, first: u32) {
        let until = first.min(u32::try_from(self.tasks.len()).unwrap_or(NO_TASK));
        let from = self.kept_from.min(until);
        for index in from..until {
            let task = self.tasks.get(index);
            if task.is_some_and(|task| {
                matches!(task.standing, Standing::Succeeded | Standing::Discarded)
            }) {
                self.drop_content(index);
            }
        }
        self.kept_from = first;
        self.shrink(from..until);
    }

    /// The task that made these has ended: nobody makes them again.
    pub(crate) fn forget_marks(&mut self, tasks: Range<u32>) {
        self.tasks.forget_marks(tasks);
    }

    /// The content of a failed task stays: it may be tried once more.
    fn end(&mut self, index: u32, standing: Standing) {
        if standing == Standing::Failed {
            return;
        }
        if index < self.kept_from {
            self.drop_content(index);
        }
        self.tasks.settle(index);
        if let Some(earlier) = self.ended_last.replace(index) {
            self.shrink(earlier..earlier + 1);
        }
    }

    /// Shrinks blocks with these tasks, as far as nobody needs their contents.
    fn shrink(&mut self, tasks: Range<u32>) {
        let block = BLOCK as u32;
        let first = tasks.start / block * block;
        let until = tasks.end.div_ceil(block).saturating_mul(block);
        self.tasks.shrink(first..until.min(self.kept_from));
    }

    fn change(&mut self, index: u32, to: Standing) {
        let task = &mut self.tasks[index];
        let from = std::mem::replace(&mut task.standing, to);
        self.tally.change(task.name, from, to);
    }

    /// How often a task has failed.
    pub(crate) fn failures(&self, index: u32) -> u32 {
        let task = self.tasks.get(index);
        task.map_or(0, |task| u32::from(task.failures))
    }

    /// How often a task was handed out, if it has not ended long ago.
    pub(crate) fn attempts(&self, index: u32) -> u32 {
        self.tasks.get(index).map_or(1, |task| task.attempt)
    }

    pub(crate) fn standing(&self, index: u32) -> Standing {
        self.tasks.standing(index)
    }

    pub(crate) fn stage(&self, index: u32) -> TaskStage {
        self.tasks.stage(index)
    }

    pub(crate) fn name(&self, index: u32) -> u16 {
        self.tasks.name(index)
    }

    /// Its parent, and its number among those of the parent.
    pub(crate) fn origin(&self, index: u32) -> (u32, u32) {
        self.tasks.origin(index)
    }

    /// Whether a task has this name and a content of this mark.
    pub(crate) fn is_like(&self, index: u32, name: u16, mark: u64) -> bool {
        (self.tasks.name(index), self.tasks.mark(index)) == (name, mark)
    }

    pub(crate) fn content(&self, index: u32) -> &[u8] {
        self.tasks
            .get(index)
            .map_or(&[], |task| task.content.bytes())
    }

    pub(super) fn task(&self, index: u32) -> Option<&Task> {
        self.tasks.get(index)
    }

    pub(super) fn kept_from(&self) -> u32 {
        self.kept_from
    }

    /// The task that waits for anybody since the longest time.
    pub(super) fn oldest_waiting(&self) -> Option<u32> {
        Some(self.waiting.first).filter(|index| *index != NO_TASK)
    }

    /// The task that waits for anybody since the shortest time.
    pub(super) fn newest_waiting(&self) -> Option<u32> {
        Some(self.waiting.last).filter(|index| *index != NO_TASK)
    }

    fn drop_content(&mut self, index: u32) {
        self.replace_content(index, Content::Here(Box::default()));
    }

    pub(super) fn replace_content(&mut self, index: u32, content: Content) {
        let Some(task) = self.tasks.get_mut(index) else {
            return;
        };
        let (before, after) = (task.content.bytes().len(), content.bytes().len());
        self.shelf.bytes = self.shelf.bytes + after - before;
        self.shelf.count = self.shelf.count + usize::from(after > 0) - usize::from(before > 0);
        task.content = content;
    }

    /// A task that can be handed out: its content is in memory.
    fn ready(&self, index: Option<u32>) -> Option<u32> {
        let task = self.tasks.get(index?)?;
        matches!(task.content, Content::Here(_)).then_some(index?)
    }

    /// The way to a task from the first one of the instance, such as `0.3.1` (spec 04 case W-46).
    pub(crate) fn path(&self, index: u32) -> String {
        let mut numbers = Vec::new();
        let mut place = index;
        while (place as usize) < self.tasks.len() {
            let (parent, ordinal) = self.tasks.origin(place);
            numbers.push(ordinal);
            place = parent;
        }
        let mut path = String::with_capacity(numbers.len() * 3);
        for number in numbers.iter().rev() {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&number.to_string());
        }
        path
    }

    fn hand_out(&mut self, index: u32, holder: Holder) -> TaskRef {
        let is_pinned = self.tasks[index].is_pinned;
        let mut chain = match is_pinned {
            true => self.shares[usize::from(holder)].pinned,
            false => self.waiting,
        };
        self.unchain(index, &mut chain);
        match is_pinned {
            true => self.shares[usize::from(holder)].pinned = chain,
            false => self.waiting = chain,
        }
        self.change(index, Standing::Out);
        let task = &mut self.tasks[index];
        task.holder = holder;
        task.attempt += 1;
        let attempt = task.attempt;
        let is_work = task.stage == TaskStage::Work;
        let mut out = self.shares[usize::from(holder)].out;
        self.chain(index, &mut out);
        let share = &mut self.shares[usize::from(holder)];
        share.out = out;
        share.out_work += u32::from(is_work);
        TaskRef {
            task: index,
            attempt,
        }
    }

    /// Takes a task out of the list of whoever has it.
    fn unchain_out(&mut self, index: u32) -> Option<Holder> {
        let task = self.tasks.get(index)?;
        if task.standing != Standing::Out {
            return None;
        }
        let holder = task.holder;
        let is_work = task.stage == TaskStage::Work;
        let mut out = self.shares[usize::from(holder)].out;
        self.unchain(index, &mut out);
        let share = &mut self.shares[usize::from(holder)];
        share.out = out;
        share.out_work -= u32::from(is_work);
        Some(holder)
    }

    fn append_waiting(&mut self, index: u32) {
        let task = &self.tasks[index];
        let (is_pinned, holder) = (task.is_pinned, usize::from(task.holder));
        let mut chain = match is_pinned {
            true => self.shares[holder].pinned,
            false => self.waiting,
        };
        self.chain(index, &mut chain);
        match is_pinned {
            true => self.shares[holder].pinned = chain,
            false => self.waiting = chain,
        }
    }

    fn chain(&mut self, index: u32, chain: &mut Chain) {
        let task = &mut self.tasks[index];
        task.prev = chain.last;
        task.next = NO_TASK;
        match self.tasks.get_mut(chain.last) {
            Some(last) => last.next = index,
            None => chain.first = index,
        }
        chain.last = index;
        chain.length += 1;
    }

    fn unchain(&mut self, index: u32, chain: &mut Chain) {
        let Task { prev, next, .. } = self.tasks[index];
        match self.tasks.get_mut(prev) {
            Some(before) => before.next = next,
            None => chain.first = next,
        }
        match self.tasks.get_mut(next) {
            Some(after) => after.prev = prev,
            None => chain.last = prev,
        }
        chain.length -= 1;
    }

    fn chained(&self, first: u32) -> impl Iterator<Item = u32> + '_ {
        let mut next = first;
        std::iter::from_fn(move || {
            let task = self.tasks.get(next)?;
            Some(std::mem::replace(&mut next, task.next))
        })
    }
}

#[cfg(test)]
#[path = "sub_tasks_tests.rs"]
mod tests;
