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
/// Lists of new tasks of the first task wait while so many tasks wait.
const MANY_WAITING: u32 = 100_000;
/// They wait as well while the server does not have so many tasks.
const MANY_UNTOLD: usize = 200_000;
/// Tasks of others than the first one are never held up; with so many the journal is given up, because
/// their contents stay in memory until they are told.
const MOST_UNTOLD: usize = 2_000_000;

/// The answer to a list of new tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MapAnswer {
    Now(MapVerdict),
    /// There is no room: ask again when tasks have left.
    Later,
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
    /// Whether lists of new tasks can be taken again.
    pub(crate) fn has_room(&self) -> bool {
        !self.is_winding_down
            && self.tasks.waiting_for_anybody() < MANY_WAITING / 2
            && self.untold_tasks() < MANY_UNTOLD / 2
    }

    fn is_full(&self) -> bool {
        self.tasks.waiting_for_anybody() >= MANY_WAITING || self.untold_tasks() >= MANY_UNTOLD
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
        // Only the first task may be held up: the others must end for the waiting ones to go.
        let is_again = mapper.made.next().is_some();
        let is_first = self.tasks.stage(parent) == TaskStage::Root;
        if !is_again && (self.is_winding_down || (is_first && self.is_full())) {
            return Later;
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
