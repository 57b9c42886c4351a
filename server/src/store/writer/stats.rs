//! The writer's numbers.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use powerjob_common::actor::Histogram;

use super::queue::Queue;

/// Counters of the writer.
#[derive(Debug, Default)]
pub(super) struct WriterStats {
    commits: AtomicU64,
    rows: AtomicU64,
    /// A row counts as a microsecond.
    batch_rows: Histogram,
    commit_time: Histogram,
}

/// The writer's numbers at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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

impl WriterStats {
    pub(super) fn count(&self, rows: usize, took: Duration) {
        let rows = u64::try_from(rows).unwrap_or(u64::MAX);
        self.commits.fetch_add(1, Relaxed);
        self.rows.fetch_add(rows, Relaxed);
        self.batch_rows.record(Duration::from_micros(rows));
        self.commit_time.record(took);
    }

    /// Rows in a commit (a row counts as a microsecond), and the time of a commit.
    pub(super) fn histograms(&self) -> (&Histogram, &Histogram) {
        (&self.batch_rows, &self.commit_time)
    }

    pub(super) fn reading(&self, queue: &Queue) -> WriterReading {
        let rows = |quantile: f64| {
            u64::try_from(self.batch_rows.quantile(quantile).as_micros()).unwrap_or(u64::MAX)
        };
        WriterReading {
            commits: self.commits.load(Relaxed),
            rows: self.rows.load(Relaxed),
            queued_rows: queue.rows(),
            capacity_rows: queue.capacity(),
            refused: queue.refused(),
            batch_rows: (rows(0.5), rows(0.99)),
            commit_time: (
                self.commit_time.quantile(0.5),
                self.commit_time.quantile(0.99),
            ),
        }
    }
}
