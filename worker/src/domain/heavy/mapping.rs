//! What does the master do with the new tasks of a running one?
//!
//! # Invariants
//! 1. A list of new tasks that comes twice is stored once (spec 04 case W-40).
//! 2. A try that makes the tasks of the one before it, in the same order, gets those that are there,
//!    whatever has become of them (W-43). What it does not make again is taken back, unless somebody
//!    has begun it.

use std::ops::Range;

use powerjob_common::status::ExecuteType;
use powerjob_protocol::wire::task_journal::JournalRecord;
use powerjob_protocol::wire::worker_to_worker::{MapTasks, MapVerdict, TaskStage};

use super::lineage::Lineage;
use super::master::Master;
use super::sub_tasks::{NewTask, Standing, mark_of};
use super::{LAST_TASK, ROOT_TASK};

/// Tasks that an instance may have.
const MOST_TASKS: usize = 20_000_000;
/// The journal is given up when the server does not have so many tasks: their contents stay in memory
/// until it does, and not every task that makes new ones can be held back.
const MOST_UNTOLD: usize = 2_000_000;

/// From when on new tasks must wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MapLimits {
    /// Tasks that nobody has.
    pub(crate) waiting: u32,
    /// Tasks that the server does not have in the journal.
    pub(crate) untold: usize,
    /// Bytes of contents and results; what is more goes to files.
    pub(crate) memory: usize,
}

impl Default for MapLimits {
    fn default() -> Self {
        Self {
            waiting: 100_000,
            untold: 200_000,
            memory: 128 << 20,
        }
    }
}

/// The answer to a list of new tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MapAnswer {
    Now(MapVerdict),
    /// There is no room: ask again when [`Master::takes_lists`].
    Later(MapTasks),
}

/// What a task has mapped so far.
#[derive(Debug, Default)]
pub(super) struct Mapper {
    attempt: u32,
    next_batch: u32,
    pub(super) next_ordinal: u32,
    pub(super) made: Lineage,
}

impl Master {
    /// Whether some of the lists that wait can be taken now.
    pub(crate) fn takes_lists(&self) -> bool {
        !self.is_winding_down && (self.has_room() || self.brake.gives_way())
    }

    /// Whether all of them can.
    fn has_room(&self) -> bool {
        self.tasks.waiting_for_anybody() < self.limits.waiting / 2
            && self.untold_tasks() < self.limits.untold / 2
            && !self.is_over_memory()
    }

    /// Whether so many tasks wait that those come first that make the fewest new ones: the newest.
    pub(super) fn is_crowded(&self) -> bool {
        self.tasks.waiting_for_anybody() >= self.limits.waiting
    }

    fn is_full(&self) -> bool {
        let untold = self.untold_tasks();
        self.is_crowded() || untold >= self.limits.untold || self.is_over_memory()
    }

    /// Whether a running task must wait with new ones.
    fn holds_back(&mut self, parent: u32) -> bool {
        if self.is_winding_down {
            return true;
        }
        if !self.is_full() {
            self.brake.release(parent);
            return false;
        }
        match self.tasks.holder(parent) {
            Some(place) if self.tasks.stage(parent) == TaskStage::Work => {
                let slots = self.concurrency;
                self.brake.holds(parent, place, slots)
            }
            _ => true,
        }
    }

    /// A running task has made new ones.
    pub(crate) fn map(&mut self, request: MapTasks) -> MapAnswer {
        use MapAnswer::{Later, Now};
        if self.is_decided() || !self.tasks.is_present(request.parent) {
            return Now(MapVerdict::Stale);
        }
        let is_map = matches!(self.kind(), ExecuteType::Map | ExecuteType::MapReduce);
        let parent = request.parent.task;
        if !is_map || self.tasks.stage(parent) == TaskStage::Finish {
            return Now(MapVerdict::NotAllowed);
        }
        let mapper = self.mappers.entry(parent).or_default();
        if mapper.attempt != request.parent.attempt {
            mapper.attempt = request.parent.attempt;
            mapper.next_batch = 0;
        }
        if request.batch < mapper.next_batch {
            return Now(MapVerdict::Stored);
        }
        if request.batch > mapper.next_batch {
            return Now(MapVerdict::Gap);
        }
        let is_again = mapper.made.next().is_some();
        if !is_again && self.holds_back(parent) {
            return Later(request);
        }
        if self.tasks.len() + request.contents.len() > MOST_TASKS {
            return Now(MapVerdict::Full);
        }
        let name = self.intern(request.name);
        self.make(parent, name, request.contents);
        self.advance();
        Now(MapVerdict::Stored)
    }

    fn make(&mut self, parent: u32, name: u16, contents: Vec<Vec<u8>>) {
        let mut mapper = self.mappers.remove(&parent).unwrap_or_default();
        mapper.next_batch += 1;
        for content in contents {
            let mark = mark_of(&content);
            if let Some(known) = mapper.made.next() {
                if self.tasks.is_like(known, name, mark) {
                    mapper.made.pass();
                    continue;
                }
                self.part(parent, &mut mapper);
            }
            self.note_bytes(content.len());
            let index = self.tasks.add(NewTask {
                parent: Some(parent),
                ordinal: mapper.next_ordinal,
                stage: TaskStage::Work,
                name,
                pinned: None,
                content: content.into(),
                mark,
            });
            mapper.next_ordinal += 1;
            mapper.made.push(index);
        }
        self.mappers.insert(parent, mapper);
        if self.untold_tasks() >= MOST_UNTOLD {
            self.give_up_journal();
        }
    }

    /// A try goes another way than the one before it.
    fn part(&mut self, parent: u32, mapper: &mut Mapper) {
        let kept = mapper.made.passed();
        let rest = mapper.made.cut();
        self.discard(rest);
        self.tell(JournalRecord::Parted { parent, kept });
    }

    /// A task gets another try.
    pub(super) fn begin_mapping_again(&mut self, index: u32) {
        if let Some(mapper) = self.mappers.get_mut(&index) {
            mapper.made.rewind();
        }
    }

    /// A task has ended: what only an earlier try of it made is not wanted any more. If it has failed,
    /// that stays, because a try after the end of the instance may make it again.
    pub(super) fn end_mapping(&mut self, index: u32, is_success: bool) {
        if let Some(mut mapper) = self.mappers.remove(&index)
            && is_success
        {
            let rest = mapper.made.cut();
            self.discard(rest);
            for made in mapper.made.ranges() {
                self.tasks.forget_marks(made.clone());
            }
        }
    }

    fn discard(&mut self, ranges: Vec<Range<u32>>) {
        let mut discarded = Lineage::default();
        for index in ranges.into_iter().flatten() {
            if self.tasks.settle(index, Standing::Discarded) {
                discarded.push(index);
            }
        }
        discarded.rewind();
        for range in discarded.cut() {
            self.tell(JournalRecord::Discarded {
                first: range.start,
                count: range.end - range.start,
            });
        }
    }

    pub(super) fn intern(&mut self, name: String) -> u16 {
        let name = match name.as_str() {
            ROOT_TASK | LAST_TASK => format!("X-{name}"),
            _ => name,
        };
        let known = self.names.iter().position(|known| *known == name);
        let place = known.unwrap_or_else(|| {
            self.names.push(name);
            self.names.len() - 1
        });
        u16::try_from(place).unwrap_or(u16::MAX)
    }
}
