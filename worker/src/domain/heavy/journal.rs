//! What does the server not have yet of what a worker needs that takes the place of this master?
//!
//! Input: what happens to tasks. Output: records, on demand. Tasks are not noted twice: the records
//! are made of the table when they are asked for, which keeps the contents of ended tasks until then.
//!
//! # Invariants
//! 1. A task is told of before its end, and so are the tasks that it made.
//! 2. Whoever replays all records that were taken has every task and every end as it was then.

use std::collections::VecDeque;

use powerjob_common::status::ExecuteType;
use powerjob_protocol::wire::task_journal::{JournalRecord, JournalRecords};
use powerjob_protocol::wire::worker_to_worker::TaskStage;

use super::master::Master;
use super::results::{Cursor, Page};
use super::sub_tasks::Standing;

/// A task with a larger content is not worth keeping.
const MOST_CONTENT: usize = 4 << 20;
/// What a record takes besides contents and results, at most.
const RECORD_BYTES: usize = 16;

/// What was told, and what waits to be told.
#[derive(Debug, Default)]
pub(super) struct Journal {
    /// Whether anybody wants to hear it.
    pub(super) is_wanted: bool,
    /// Tasks before this number are told of; the first one needs no word.
    pub(super) told: u32,
    /// The tasks that have ended since, in the order of their ends, each with the number up to which
    /// tasks must be told of before.
    ends: VecDeque<(u32, u32)>,
    /// The results of the list that belong to ends before those.
    pub(super) results: Cursor,
    /// Bytes of contents and results that are not told.
    untold_bytes: usize,
    /// What else happened, with the number of tasks that there were then.
    others: VecDeque<(u32, JournalRecord)>,
}

impl Journal {
    pub(super) fn new(kind: ExecuteType) -> Self {
        Self {
            is_wanted: matches!(kind, ExecuteType::Map | ExecuteType::MapReduce),
            told: 1,
            ..Self::default()
        }
    }
}

impl Master {
    /// Nobody keeps the journal any more.
    pub(crate) fn give_up_journal(&mut self) {
        self.told_up_to(u32::MAX);
        self.journal = Journal::default();
    }

    /// Tasks before this number are told of: the contents of those that have ended may go.
    pub(super) fn told_up_to(&mut self, told: u32) {
        self.journal.told = told;
        self.tasks.keep_contents_from(told);
    }

    /// Whether the instance is one whose journal is kept.
    pub(crate) fn has_journal(&self) -> bool {
        self.journal.is_wanted
    }

    /// Tasks and ends that the journal does not have.
    pub(crate) fn untold(&self) -> usize {
        self.untold_tasks() + self.journal.ends.len() + self.journal.others.len()
    }

    /// Whether any task has failed for good.
    pub(crate) fn has_failures(&self) -> bool {
        self.tasks.counts().failed > 0
    }

    /// Bytes of contents and results that the journal does not have, about.
    pub(crate) fn untold_bytes(&self) -> usize {
        self.journal.untold_bytes
    }

    /// Notes so many bytes of a content or a result that the journal must have.
    pub(super) fn note_bytes(&mut self, bytes: usize) {
        if self.journal.is_wanted {
            self.journal.untold_bytes += bytes;
        }
    }

    fn told_bytes(&mut self, bytes: usize) {
        self.journal.untold_bytes = self.journal.untold_bytes.saturating_sub(bytes);
    }

    pub(super) fn untold_tasks(&self) -> usize {
        if self.journal.is_wanted {
            self.tasks.len().saturating_sub(self.journal.told as usize)
        } else {
            0
        }
    }

    /// Notes what is neither a new task nor its end.
    pub(super) fn tell(&mut self, record: JournalRecord) {
        if self.journal.is_wanted {
            let tasks = self.task_count();
            self.journal.others.push_back((tasks, record));
        }
    }

    /// Notes the end of a task, before what it mapped is forgotten.
    pub(super) fn tell_end(&mut self, index: u32) {
        if self.journal.is_wanted && self.tasks.stage(index) != TaskStage::Finish {
            let made = self.mappers.get(&index).and_then(|it| it.made.end());
            let until = made.unwrap_or_default().max(index + 1);
            self.journal.ends.push_back((index, until));
        }
    }

    /// The next records, about `most_bytes` of tasks and as many of ends; empty when all is told.
    /// A content that is too large ends the journal.
    pub(crate) fn next_records(&mut self, most_bytes: usize) -> JournalRecords {
        let mut items = Vec::new();
        let mut room = most_bytes;
        loop {
            let until = match self.journal.others.front() {
                Some((at, _)) => *at,
                None => self.task_count(),
            };
            self.tell_tasks(until, &mut room, &mut items);
            if !self.journal.is_wanted {
                return JournalRecords::default();
            }
            if self.journal.told < until {
                break;
            }
            match self.journal.others.pop_front() {
                Some((_, record)) => items.push(record),
                None => break,
            }
        }
        // What was taken back must be known before it can seem to be what is left to do.
        if self.journal.others.is_empty() {
            self.tell_ends(most_bytes, &mut items);
        }
        JournalRecords { items }
    }

    pub(super) fn task_count(&self) -> u32 {
        u32::try_from(self.tasks.len()).unwrap_or(u32::MAX)
    }

    fn tell_tasks(&mut self, until: u32, room: &mut usize, items: &mut Vec<JournalRecord>) {
        while self.journal.told < until && *room > 0 {
            let first = self.journal.told;
            // The last task of the instance is made again by whoever takes over.
            if self.tasks.stage(first) == TaskStage::Finish {
                self.told_up_to(first + 1);
                continue;
            }
            let (parent, ordinal) = self.tasks.origin(first);
            let name = self.tasks.name(first);
            let mut contents = Vec::new();
            while self.journal.told < until && *room > 0 {
                let index = self.journal.told;
                let is_next = self.tasks.origin(index) == (parent, ordinal + (index - first))
                    && self.tasks.name(index) == name;
                if !is_next {
                    break;
                }
                let content = self.tasks.content(index).to_vec();
                if content.len() > MOST_CONTENT {
                    return self.give_up_journal();
                }
                *room = room.saturating_sub(content.len() + 2);
                self.told_bytes(content.len());
                contents.push(content);
                self.told_up_to(index + 1);
            }
            *room = room.saturating_sub(RECORD_BYTES);
            items.push(JournalRecord::Made {
                parent,
                ordinal,
                name: self.names[usize::from(name)].clone(),
                contents,
            });
        }
    }

    fn tell_ends(&mut self, most_bytes: usize, items: &mut Vec<JournalRecord>) {
        let mut room = most_bytes;
        let mut ends = Vec::new();
        let has_results = self.kind() == ExecuteType::MapReduce;
        while room > 0
            && let Some((index, until)) = self.journal.ends.front().copied()
            && until <= self.journal.told
        {
            self.journal.ends.pop_front();
            let is_success = self.tasks.standing(index) == Standing::Succeeded;
            let mut result = None;
            if has_results {
                let mut cursor = self.journal.results;
                // Blocks that the journal has not passed are in memory.
                if let Page::Results(mut one) = self.results().read(&mut cursor, 1) {
                    result = one.pop().map(|it| it.result);
                }
                self.journal.results = cursor;
                self.told_bytes(result.as_ref().map_or(0, String::len));
            } else if !is_success {
                // For people who look at the instance when it has ended.
                let detail = self.ended.detail(index);
                result = Some(detail.map(|it| it.result.to_string()).unwrap_or_default());
            }
            room = room.saturating_sub(2 + result.as_ref().map_or(0, String::len));
            ends.push((index, is_success, result));
        }
        ends.sort_unstable_by_key(|(index, _, _)| *index);
        let mut ends = ends.into_iter().peekable();
        while let Some((first, is_success, result)) = ends.next() {
            let mut results: Vec<String> = result.into_iter().collect();
            let mut count = 1;
            while let Some((_, _, result)) = ends
                .next_if(|(index, success, _)| (*index, *success) == (first + count, is_success))
            {
                results.extend(result);
                count += 1;
            }
            if results.windows(2).all(|two| two[0] == two[1]) {
                results.truncate(1);
            }
            items.push(JournalRecord::Ended {
                first,
                count,
                is_success,
                results,
            });
        }
    }
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
