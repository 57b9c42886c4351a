//! The tasks of an instance by their numbers.
//!
//! Tasks lie in blocks. A block in which all have ended for good shrinks to what can still be asked
//! about them: where they came from, and the marks of their contents while the task that made them may
//! make them again.

use std::ops::{Index, IndexMut, Range};

use powerjob_protocol::wire::worker_to_worker::TaskStage;

use super::sub_tasks::{Standing, Task};

/// Tasks of a block; few in tests, so that blocks end.
pub(super) const BLOCK: usize = if cfg!(test) { 8 } else { 4_096 };

#[derive(Debug)]
enum Block {
    /// Tasks, and how many of them have not ended for good.
    Open {
        tasks: Vec<Task>,
        unsettled: usize,
    },
    Ended(EndedBlock),
}

/// See the head of the file.
#[derive(Debug)]
struct EndedBlock {
    /// Ordered by their first.
    kin: Box<[Kin]>,
    /// Places of tasks that were taken back, in ascending order.
    discarded: Box<[u16]>,
    /// A mark for each task, or none.
    marks: Box<[u64]>,
}

/// Successive tasks that one task made.
#[derive(Debug, PartialEq, Eq)]
struct Kin {
    /// Place of the first in the block.
    first: u16,
    parent: u32,
    /// Of the first; the others follow.
    ordinal: u32,
    name: u16,
    stage: TaskStage,
}

/// See the head of the file.
#[derive(Debug, Default)]
pub(super) struct Rows {
    blocks: Vec<Block>,
    length: usize,
}

impl Rows {
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// Adds a task that has not ended.
    pub(super) fn push(&mut self, task: Task) {
        if self.length.is_multiple_of(BLOCK) {
            self.blocks.push(Block::Open {
                tasks: Vec::new(),
                unsettled: 0,
            });
        }
        if let Some(Block::Open { tasks, unsettled }) = self.blocks.last_mut() {
            tasks.push(task);
            *unsettled += 1;
            self.length += 1;
        }
    }

    /// A task, unless it has shrunk or there is none.
    pub(super) fn get(&self, index: u32) -> Option<&Task> {
        let (block, place) = parts(index);
        match self.blocks.get(block)? {
            Block::Open { tasks, .. } => tasks.get(place),
            Block::Ended(_) => None,
        }
    }

    /// As [`Rows::get`].
    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut Task> {
        let (block, place) = parts(index);
        match self.blocks.get_mut(block)? {
            Block::Open { tasks, .. } => tasks.get_mut(place),
            Block::Ended(_) => None,
        }
    }

    /// A task has ended for good: it will not wait again.
    pub(super) fn settle(&mut self, index: u32) {
        if let Some(Block::Open { unsettled, .. }) = self.blocks.get_mut(parts(index).0) {
            *unsettled -= 1;
        }
    }

    /// Shrinks the blocks of these tasks in which all have ended for good; others must not need their
    /// contents.
    pub(super) fn shrink(&mut self, tasks: Range<u32>) {
        for block in blocks_within(tasks) {
            let Some(Block::Open { tasks, unsettled }) = self.blocks.get(block) else {
                continue;
            };
            if tasks.len() == BLOCK && *unsettled == 0 {
                let ended = EndedBlock::of(tasks, |parent| self.may_make_again(parent));
                self.blocks[block] = Block::Ended(ended);
            }
        }
    }

    /// Forgets marks of these tasks: the one that made them has ended.
    pub(super) fn forget_marks(&mut self, tasks: Range<u32>) {
        if tasks.is_empty() {
            return;
        }
        for block in parts(tasks.start).0..=parts(tasks.end - 1).0 {
            let Some(Block::Ended(ended)) = self.blocks.get(block) else {
                continue;
            };
            let needs = |kin: &Kin| self.may_make_again(kin.parent);
            if !ended.marks.is_empty()
                && !ended.kin.iter().any(needs)
                && let Some(Block::Ended(ended)) = self.blocks.get_mut(block)
            {
                ended.marks = Box::default();
            }
        }
    }

    fn may_make_again(&self, parent: u32) -> bool {
        // A failed one may be carried out once more, with the instance.
        let is_over =
            |task: &Task| matches!(task.standing, Standing::Succeeded | Standing::Discarded);
        self.get(parent).is_some_and(|task| !is_over(task))
    }

    pub(super) fn standing(&self, index: u32) -> Standing {
        match self.shrunk(index) {
            None => self[index].standing,
            Some((block, place)) if block.discarded.binary_search(&place).is_ok() => {
                Standing::Discarded
            }
            Some(_) => Standing::Succeeded,
        }
    }

    pub(super) fn stage(&self, index: u32) -> TaskStage {
        match self.shrunk(index) {
            None => self[index].stage,
            Some((block, place)) => block.kin_of(place).stage,
        }
    }

    pub(super) fn name(&self, index: u32) -> u16 {
        match self.shrunk(index) {
            None => self[index].name,
            Some((block, place)) => block.kin_of(place).name,
        }
    }

    /// Its parent, and its number among those of the parent.
    pub(super) fn origin(&self, index: u32) -> (u32, u32) {
        match self.shrunk(index) {
            None => (self[index].parent, self[index].ordinal),
            Some((block, place)) => {
                let kin = block.kin_of(place);
                (kin.parent, kin.ordinal + u32::from(place - kin.first))
            }
        }
    }

    /// The mark of its content; 0 when it is forgotten.
    pub(super) fn mark(&self, index: u32) -> u64 {
        match self.shrunk(index) {
            None => self[index].mark,
            Some((block, place)) => {
                let mark = block.marks.get(usize::from(place));
                mark.copied().unwrap_or_default()
            }
        }
    }

    fn shrunk(&self, index: u32) -> Option<(&EndedBlock, u16)> {
        let (block, place) = parts(index);
        match self.blocks.get(block)? {
            Block::Ended(ended) => Some((ended, place as u16)),
            Block::Open { .. } => None,
        }
    }

    /// Bytes of blocks that have shrunk, and of the others without contents.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> (usize, usize) {
        let (mut shrunk, mut open) = (0, 0);
        for block in &self.blocks {
            match block {
                Block::Open { tasks, .. } => open += tasks.len() * size_of::<Task>(),
                Block::Ended(ended) => {
                    shrunk += size_of_val(&*ended.kin)
                        + size_of_val(&*ended.marks)
                        + size_of_val(&*ended.discarded);
                }
            }
        }
        (shrunk, open)
    }
}

impl EndedBlock {
    fn of(tasks: &[Task], may_make_again: impl Fn(u32) -> bool) -> Self {
        let mut kin: Vec<Kin> = Vec::new();
        let mut discarded = Vec::new();
        for (task, place) in tasks.iter().zip(0_u16..) {
            let follows = kin.last().is_some_and(|last| {
                let ordinal = last.ordinal.wrapping_add(u32::from(place - last.first));
                (last.parent, ordinal, last.name, last.stage)
                    == (task.parent, task.ordinal, task.name, task.stage)
            });
            if !follows {
                kin.push(Kin {
                    first: place,
                    parent: task.parent,
                    ordinal: task.ordinal,
                    name: task.name,
                    stage: task.stage,
                });
            }
            if task.standing == Standing::Discarded {
                discarded.push(place);
            }
        }
        let marks = match kin.iter().any(|kin| may_make_again(kin.parent)) {
            true => tasks.iter().map(|task| task.mark).collect(),
            false => Box::default(),
        };
        Self {
            kin: kin.into(),
            discarded: discarded.into(),
            marks,
        }
    }

    fn kin_of(&self, place: u16) -> &Kin {
        let after = self.kin.partition_point(|kin| kin.first <= place);
        &self.kin[after - 1]
    }
}

/// Tasks that have not shrunk, such as all that have not ended.
impl Index<u32> for Rows {
    type Output = Task;

    fn index(&self, index: u32) -> &Task {
        self.get(index).expect("open tasks do not shrink")
    }
}

impl IndexMut<u32> for Rows {
    fn index_mut(&mut self, index: u32) -> &mut Task {
        self.get_mut(index).expect("open tasks do not shrink")
    }
}

fn parts(index: u32) -> (usize, usize) {
    (index as usize / BLOCK, index as usize % BLOCK)
}

/// Blocks all of whose tasks are in a range.
fn blocks_within(tasks: Range<u32>) -> Range<usize> {
    (tasks.start as usize).div_ceil(BLOCK)..tasks.end as usize / BLOCK
}
