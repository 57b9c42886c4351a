//! What of an instance goes to files when it takes more memory than it may, and what comes back?
//!
//! Contents of waiting tasks may have half of the memory, results the other half.

use std::path::Path;
use std::sync::Arc;

use powerjob_protocol::wire::worker_to_worker::CloseReason;

use super::master::{Master, Order, failed};

/// However little memory an instance may take, so much is there for what is on its way to files.
const LEAST_MEMORY: usize = 16 << 20;

/// A part of an instance that goes to a file of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SpillBlock {
    Contents(u32),
    Results(u32),
}

impl Master {
    /// How many bytes of contents and results may be in memory.
    pub(crate) fn keep_in_memory(&mut self, bytes: usize) {
        self.limits.memory = bytes;
    }

    /// Has files written and read, as far as that is due.
    pub(super) fn spill(&mut self) {
        let most = self.limits.memory / 2;
        while let Some((number, bytes)) = self.tasks.contents_to_spill(most) {
            let block = SpillBlock::Contents(number);
            let bytes = bytes.into();
            self.orders.push(Order::Write { block, bytes });
        }
        let reader = self.journal.is_wanted.then_some(self.journal.results);
        while self.results().bytes_to_stay() > most
            && let Some((number, bytes)) = self.results().block_to_spill(reader)
        {
            let block = SpillBlock::Results(number);
            self.orders.push(Order::Write { block, bytes });
        }
        while let Some(block) = self.tasks.contents_to_read(most) {
            self.orders.push(Order::Read { block });
        }
    }

    /// Whether so much is in memory that new tasks must wait for files to be written, or for others
    /// to end.
    pub(super) fn is_over_memory(&self) -> bool {
        let used = self.tasks.content_bytes().max(self.results().bytes());
        used > self.limits.memory.max(LEAST_MEMORY) && self.tasks.waiting_for_anybody() > 0
    }

    /// A block is in a file, or there is no room for it.
    pub(crate) fn written(&mut self, block: SpillBlock, file: Result<Arc<Path>, String>) {
        match (block, file) {
            (SpillBlock::Contents(number), Ok(_)) => self.tasks.contents_spilled(number),
            (SpillBlock::Results(number), Ok(file)) => self.results().spilled(number, file),
            (_, Err(cause)) => self.fail_for_disk("written", &cause),
        }
        self.advance();
    }

    /// The contents of a block are there, or cannot be read.
    pub(crate) fn read(&mut self, number: u32, bytes: Result<Vec<u8>, String>) {
        let read = bytes.and_then(|bytes| self.tasks.contents_read(number, &bytes));
        if let Err(cause) = read {
            self.fail_for_disk("read", &cause);
        }
        self.advance();
    }

    fn fail_for_disk(&mut self, what: &str, cause: &str) {
        let text = format!(
            "the tasks of the instance take more memory than they may, and a file of them cannot be \
             {what}: {cause}"
        );
        self.decide(failed(&text), CloseReason::Decided);
    }
}
