//! The group-committing writer: one task owns the writing connection.

use std::sync::Arc;
use std::time::Duration;

use super::Error;
use super::write::{CommitSink, Lane, Overloaded, WriteOp, WriteOutcome};

/// The way to the writer; cheap to clone.
#[derive(Debug, Clone)]
pub struct Writer {}

/// The writer's numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct WriterReading {
    /// Transactions since the start.
    pub commits: u64,
    /// Rows since the start.
    pub rows: u64,
    /// Rows that wait now.
    pub queued_rows: usize,
    /// Rows that may wait.
    pub capacity_rows: usize,
    /// Submissions refused because the queue was full.
    pub refused: u64,
    /// Median and 99 % quantile of rows in a commit.
    pub batch_rows: (u64, u64),
    /// Median and 99 % quantile of the time of a commit.
    pub commit_time: (Duration, Duration),
}

impl Writer {
    /// Queues writes; `sink` hears of each exactly once, after the commit. Never blocks.
    ///
    /// # Errors
    /// [`Overloaded`] when the queue is full: nothing was queued, try again later.
    pub fn submit(
        &self,
        lane: Lane,
        sink: &Arc<dyn CommitSink>,
        items: Vec<(u64, WriteOp)>,
    ) -> Result<(), Overloaded> {
        let _ = (lane, sink);
        Err(Overloaded { items })
    }

    /// Writes and waits for the outcomes, in the order of `ops`.
    ///
    /// # Errors
    /// [`Error::Overloaded`].
    pub async fn write(&self, lane: Lane, ops: Vec<WriteOp>) -> Result<Vec<WriteOutcome>, Error> {
        let _ = (lane, ops);
        super::pending()
    }

    /// The numbers now.
    pub fn reading(&self) -> WriterReading {
        WriterReading::default()
    }
}
