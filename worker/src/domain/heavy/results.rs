//! The results of the tasks of an instance, for the code that comes after all of them.
//!
//! Results lie one after the other as bytes, in blocks. When they take more memory than they may, the
//! oldest blocks go to files; a reader gets them from there, one at a time.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of a block, about.
const BLOCK_BYTES: usize = if cfg!(test) { 64 } else { 1 << 20 };

/// How one task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskResult {
    /// Its path, such as `0.3.1`; the first task of the instance is `0`.
    pub task_id: String,
    /// Whether it succeeded.
    pub is_success: bool,
    /// Its result, or the cause of its failure.
    pub result: String,
}

/// The ends of all tasks so far. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct ResultList(Arc<Mutex<Results>>);

#[derive(Debug, Default)]
struct Results {
    /// Full ones, the oldest first.
    blocks: Vec<BlockPlace>,
    /// The block that is not full yet.
    tail: Vec<u8>,
    count: usize,
    /// Bytes in memory.
    bytes: usize,
    /// Of these, bytes on their way to a file.
    leaving: usize,
    /// Blocks before this one are in files, or on their way there.
    next_to_spill: usize,
    damage: Option<String>,
}

#[derive(Debug)]
enum BlockPlace {
    Here(Arc<[u8]>),
    File(Arc<Path>),
}

/// How far somebody has read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    block: usize,
    /// Bytes of the block that were read.
    pub(crate) offset: usize,
}

impl Cursor {
    /// The reader has read all of its block.
    pub(crate) fn pass(&mut self) {
        *self = Self {
            block: self.block + 1,
            offset: 0,
        };
    }
}

/// What comes next for a reader.
#[derive(Debug)]
pub(crate) enum Page {
    /// Some results; none at the end.
    Results(Vec<TaskResult>),
    /// The next block is in this file; its bytes are for [`read_block`].
    File(Arc<Path>),
}

impl ResultList {
    pub(crate) fn push(&self, result: TaskResult) {
        self.lock().push(&result);
    }

    /// The next results after `cursor`, at most `count`.
    pub(crate) fn read(&self, cursor: &mut Cursor, count: usize) -> Page {
        let results = self.lock();
        loop {
            let bytes: &[u8] = match results.blocks.get(cursor.block) {
                None => &results.tail,
                Some(BlockPlace::Here(bytes)) => bytes,
                Some(BlockPlace::File(file)) => return Page::File(file.clone()),
            };
            let page = read_block(bytes, &mut cursor.offset, count);
            if !page.is_empty() || cursor.block >= results.blocks.len() {
                return Page::Results(page);
            }
            cursor.pass();
        }
    }

    /// A reader that has seen everything so far.
    pub(crate) fn end(&self) -> Cursor {
        let results = self.lock();
        Cursor {
            block: results.blocks.len(),
            offset: results.tail.len(),
        }
    }

    /// Takes out the failures: they are tried once more. No block may be in a file yet.
    pub(crate) fn forget_failures(&self) {
        let mut cursor = Cursor::default();
        let mut kept = Results::default();
        while let Page::Results(page) = self.read(&mut cursor, 1_024) {
            if page.is_empty() {
                break;
            }
            for result in page.iter().filter(|result| result.is_success) {
                kept.push(result);
            }
        }
        *self.lock() = kept;
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().count
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Bytes in memory that are not on their way to a file.
    pub(crate) fn bytes_to_stay(&self) -> usize {
        let results = self.lock();
        results.bytes - results.leaving
    }

    /// The oldest full block that is in memory and that `reader` has passed, with its number; it is
    /// on its way to a file from now on.
    pub(crate) fn block_to_spill(&self, reader: Option<Cursor>) -> Option<(u32, Arc<[u8]>)> {
        let mut results = self.lock();
        let next = results.next_to_spill;
        let is_passed = reader.is_none_or(|reader| reader.block > next);
        let block = results.blocks.get(next).filter(|_| is_passed)?;
        let BlockPlace::Here(bytes) = block else {
            return None;
        };
        let block = (u32::try_from(next).ok()?, bytes.clone());
        results.next_to_spill += 1;
        results.leaving += block.1.len();
        Some(block)
    }

    /// A block is in a file.
    pub(crate) fn spilled(&self, number: u32, file: Arc<Path>) {
        let mut results = self.lock();
        if let Some(block) = results.blocks.get_mut(number as usize)
            && let BlockPlace::Here(bytes) = std::mem::replace(block, BlockPlace::File(file))
        {
            results.bytes -= bytes.len();
            results.leaving -= bytes.len();
        }
    }

    /// A reader could not read a file: what it has read is not all.
    pub(crate) fn note_damage(&self, damage: String) {
        self.lock().damage.get_or_insert(damage);
    }

    /// Why somebody has not read all results.
    pub(crate) fn damage(&self) -> Option<String> {
        self.lock().damage.clone()
    }

    /// All results, none of which is in a file.
    #[cfg(test)]
    pub(crate) fn all(&self) -> Vec<TaskResult> {
        let (mut all, mut cursor) = (Vec::new(), Cursor::default());
        loop {
            match self.read(&mut cursor, 100) {
                Page::Results(page) if page.is_empty() => return all,
                Page::Results(page) => all.extend(page),
                Page::File(file) => panic!("{file:?}"),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Results> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Results {
    fn push(&mut self, result: &TaskResult) {
        let before = self.tail.len();
        self.tail.push(u8::from(result.is_success));
        for text in [&result.task_id, &result.result] {
            let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
            self.tail.extend_from_slice(&length.to_le_bytes());
            self.tail.extend_from_slice(text.as_bytes());
        }
        self.bytes += self.tail.len() - before;
        self.count += 1;
        if self.tail.len() >= BLOCK_BYTES {
            let bytes = std::mem::take(&mut self.tail);
            self.blocks.push(BlockPlace::Here(bytes.into()));
        }
    }
}

/// Results of the bytes of a block, at most `count`, from `offset` on, which moves along.
pub(crate) fn read_block(bytes: &[u8], offset: &mut usize, count: usize) -> Vec<TaskResult> {
    let mut page = Vec::new();
    while page.len() < count
        && let Some(result) = read_one(bytes, offset)
    {
        page.push(result);
    }
    page
}

fn read_one(bytes: &[u8], offset: &mut usize) -> Option<TaskResult> {
    let mut at = *offset;
    let is_success = *bytes.get(at)? != 0;
    at += 1;
    let mut text = || {
        let length = bytes.get(at..at + 4)?;
        let length = u32::from_le_bytes(length.try_into().ok()?) as usize;
        at += 4;
        let text = bytes.get(at..at.checked_add(length)?)?;
        at += length;
        Some(String::from_utf8_lossy(text).into_owned())
    };
    let (task_id, result) = (text()?, text()?);
    *offset = at;
    Some(TaskResult {
        task_id,
        is_success,
        result,
    })
}

#[cfg(test)]
#[path = "results_tests.rs"]
mod tests;
