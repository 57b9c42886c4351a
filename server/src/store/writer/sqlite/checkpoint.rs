//! Moves committed pages from the log to the database, outside the commits.
//!
//! A second connection does it every few thousand rows. While writes go on it never gets to the end
//! of the log, so the log could grow for ever: above a limit the writer itself moves the short rest
//! between two commits, and the log starts again from its beginning.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, Statement};
use tokio::sync::Notify;

/// Written rows after which a checkpoint is due.
const ROWS_BETWEEN: usize = 8_000;
/// Commits after which a checkpoint is due, however small they are.
const COMMITS_BETWEEN: usize = 500;
/// Pages in the log (4 KiB each) above which the writer helps: 64 MiB.
const PAGES_ALLOWED: i64 = 16_384;

const CHECKPOINT: &str = "pragma wal_checkpoint(passive)";

/// What writer and checkpointer tell each other.
#[derive(Debug, Default)]
pub(in crate::store::writer) struct Checkpoints {
    rows: AtomicUsize,
    commits: AtomicUsize,
    due: Notify,
    help_wanted: AtomicBool,
    ended: AtomicBool,
}

impl Checkpoints {
    /// Counts a commit of the writer.
    pub(in crate::store::writer) fn committed(&self, rows: usize) {
        let rows = self.rows.fetch_add(rows, Relaxed) + rows;
        let commits = self.commits.fetch_add(1, Relaxed) + 1;
        if rows >= ROWS_BETWEEN || commits >= COMMITS_BETWEEN {
            self.rows.store(0, Relaxed);
            self.commits.store(0, Relaxed);
            self.due.notify_one();
        }
    }

    /// Moves the rest of the log, if the checkpointer asked for it. Runs between two commits.
    pub(in crate::store::writer) async fn help(&self, writing: &DatabaseConnection) {
        if self.help_wanted.swap(false, Relaxed)
            && let Err(error) = checkpoint(writing).await
        {
            tracing::warn!(%error, "could not move the log into the database");
        }
    }

    /// Ends [`Self::run`].
    pub(in crate::store::writer) fn end(&self) {
        self.ended.store(true, Relaxed);
        self.due.notify_one();
    }

    /// The checkpointer's life.
    pub(in crate::store::writer) async fn run(&self, connection: DatabaseConnection) {
        loop {
            self.due.notified().await;
            if self.ended.load(Relaxed) {
                return;
            }
            match checkpoint(&connection).await {
                Ok(pages) => self.help_wanted.store(pages > PAGES_ALLOWED, Relaxed),
                Err(error) => tracing::warn!(%error, "could not move the log into the database"),
            }
        }
    }
}

/// Moves what can be moved without waiting for anyone; the number of pages in the log.
async fn checkpoint(connection: &DatabaseConnection) -> Result<i64, DbErr> {
    let statement = Statement::from_string(connection.get_database_backend(), CHECKPOINT);
    let row = connection.query_one_raw(statement).await?;
    row.map_or(Ok(0), |row| row.try_get_by_index(1))
}
