//! Which contents of waiting tasks are in memory, and which in files?
//!
//! Contents go to files in blocks, in the order in which their tasks were made, and come back block by
//! block before their tasks are handed out. A task keeps its place in the queue meanwhile.
//!
//! # Invariants
//! 1. A task is handed out with its content.
//! 2. Only contents that the journal has go to files: it takes them from memory.
//! 3. What was read once stays in memory until its task has ended.

use std::collections::{BTreeMap, BTreeSet};

use super::sub_tasks::{NO_TASK, Standing, SubTasks, Task};

/// Bytes of a block, about.
const BLOCK_BYTES: usize = if cfg!(test) { 64 } else { 4 << 20 };
/// Blocks that are on their way to a file at once: beyond them, the disk is too slow.
const MOST_WRITES: usize = 4;

/// Where the content of a task is.
#[derive(Debug)]
pub(super) enum Content {
    Here(Box<[u8]>),
    /// In the block of this number.
    Away(u32),
}

impl Content {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Here(bytes) => bytes,
            Self::Away(_) => &[],
        }
    }
}

/// Contents that are not in memory.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    /// Bytes of contents in memory.
    pub(super) bytes: usize,
    /// How many contents these are, empty ones not counted.
    pub(super) count: usize,
    /// Tasks before this number were looked at.
    next: u32,
    next_block: u32,
    /// By their numbers, with the first and the last of their tasks.
    blocks: BTreeMap<u32, (u32, u32)>,
    writing: BTreeSet<u32>,
    reading: BTreeSet<u32>,
}

impl SubTasks {
    /// Bytes of contents in memory.
    pub(crate) fn content_bytes(&self) -> usize {
        self.shelf.bytes
    }

    /// Whether contents must go faster than the disk takes them.
    pub(crate) fn writes_are_late(&self) -> bool {
        self.shelf.writing.len() >= MOST_WRITES
    }

    /// The next contents that are to go to a file if there are more than `most` bytes in memory, with
    /// the number of their block.
    pub(crate) fn contents_to_spill(&mut self, most: usize) -> Option<(u32, Vec<u8>)> {
        if self.shelf.bytes <= most || self.writes_are_late() {
            return None;
        }
        // The next tasks to be handed out, at either end of the queue, stay.
        let average = (self.shelf.bytes / self.shelf.count.max(1)).max(1);
        let ahead = u32::try_from(most / 4 / average).unwrap_or(u32::MAX);
        let oldest = self.oldest_waiting().unwrap_or_default();
        let all = u32::try_from(self.len()).unwrap_or(NO_TASK);
        let until = self.kept_from().min(all.saturating_sub(ahead));
        let mut index = self.shelf.next.max(oldest.saturating_add(ahead));
        let (mut bytes, mut tasks) = (Vec::new(), Vec::new());
        while index < until && bytes.len() < BLOCK_BYTES {
            if let Some(task) = self.task(index)
                && may_go(task)
            {
                let content = task.content.bytes();
                bytes.extend_from_slice(&index.to_le_bytes());
                let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
                bytes.extend_from_slice(&length.to_le_bytes());
                bytes.extend_from_slice(content);
                tasks.push(index);
            }
            index += 1;
        }
        if bytes.len() < BLOCK_BYTES {
            return None; // it is worth a file when there is more
        }
        self.shelf.next = index;
        let number = self.shelf.next_block;
        self.shelf.next_block += 1;
        for task in &tasks {
            self.replace_content(*task, Content::Away(number));
        }
        let range = (*tasks.first()?, *tasks.last()?);
        self.shelf.blocks.insert(number, range);
        self.shelf.writing.insert(number);
        Some((number, bytes))
    }

    /// A block is in its file.
    pub(crate) fn contents_spilled(&mut self, number: u32) {
        self.shelf.writing.remove(&number);
    }

    /// A block that must be read, because its tasks come soon.
    pub(crate) fn contents_to_read(&mut self, most: usize) -> Option<u32> {
        if self.shelf.blocks.is_empty() {
            return None;
        }
        let number = self.next_needed(most)?;
        self.shelf.reading.insert(number);
        Some(number)
    }

    fn next_needed(&self, most: usize) -> Option<u32> {
        let ends = [self.oldest_waiting(), self.newest_waiting()];
        let missing =
            ends.into_iter()
                .flatten()
                .find_map(|index| match self.task(index)?.content {
                    Content::Away(number) => Some(number),
                    Content::Here(_) => None,
                });
        let is_new = |number: &u32| !self.shelf.reading.contains(number);
        if let Some(number) = missing {
            return Some(number).filter(is_new);
        }
        let average = (self.shelf.bytes / self.shelf.count.max(1)).max(1);
        let soon = u32::try_from(most / 8 / average).unwrap_or(u32::MAX);
        let (number, (first, _)) = self.shelf.blocks.first_key_value()?;
        let is_soon = self.oldest_waiting()?.saturating_add(soon) >= *first;
        (is_soon && self.shelf.reading.is_empty()).then_some(*number)
    }

    /// The bytes of a block are there.
    ///
    /// # Errors
    /// When they are not those of the block.
    pub(crate) fn contents_read(&mut self, number: u32, mut bytes: &[u8]) -> Result<(), String> {
        self.shelf.reading.remove(&number);
        let Some((first, last)) = self.shelf.blocks.remove(&number) else {
            return Ok(());
        };
        while !bytes.is_empty() {
            let (index, content) = split_record(&mut bytes)
                .filter(|(index, _)| (first..=last).contains(index))
                .ok_or("a file with contents of tasks is damaged")?;
            let is_away = |task: &Task| matches!(task.content, Content::Away(its) if its == number);
            if self.task(index).is_some_and(is_away) {
                self.replace_content(index, Content::Here(content.into()));
            }
        }
        // A file that was cut between two records.
        let is_missing = |task: &Task| {
            task.standing == Standing::Waiting
                && matches!(task.content, Content::Away(its) if its == number)
        };
        match (first..=last).any(|index| self.task(index).is_some_and(is_missing)) {
            true => Err("a file with contents of tasks is cut off".to_owned()),
            false => Ok(()),
        }
    }
}

fn may_go(task: &Task) -> bool {
    let is_there = !task.content.bytes().is_empty();
    task.standing == Standing::Waiting && !task.is_pinned() && is_there
}

fn split_record<'a>(bytes: &mut &'a [u8]) -> Option<(u32, &'a [u8])> {
    let (index, rest) = bytes.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    let (content, rest) = rest.split_at_checked(length)?;
    *bytes = rest;
    Some((u32::from_le_bytes(*index), content))
}

#[cfg(test)]
#[path = "contents_tests.rs"]
mod tests;
