//! Logs of runs: append-only segments per application with an index by instance.
//!
//! ```text
//! <folder>/lock                  held while the store is open
//! <folder>/app-<id>/<n>.seg      records, see `record`; the highest number grows
//! <folder>/app-<id>/<n>.idx      index of a sealed segment, see `index_file`
//! ```
//!
//! Invariants:
//! 1. What was answered with `true` is on the disk and stays readable until it is deleted.
//! 2. Readers see only what is durable, so a cursor is right for ever.
//! 3. A line is stored once: repetitions are recognised by worker, attempt and sequence number.
//! 4. Only the writer's thread changes files. Memory does not grow with what is stored.

mod app_log;
mod catalog;
mod complaints;
mod config;
mod crc;
mod error;
mod follow;
mod index;
mod index_file;
mod piece;
mod position;
mod query;
mod ranges;
mod reader;
mod record;
mod sealed;
mod segment;
mod shared;
mod streams;
mod writer;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use powerjob_common::id::{AppId, InstanceId, NodeRef};
use powerjob_protocol::wire::worker_to_server::LogChunk;
use tokio::sync::{Semaphore, oneshot};

use self::shared::Shared;
use self::writer::{Append, Order, Writer};

pub use self::config::LogStoreConfig;
pub use self::error::Error;
pub use self::follow::Follower;
pub use self::query::{Entry, LogQuery, LogSlice, MAX_LIMIT};

/// Slices that are read at the same time; more wait.
const READERS: usize = 16;

/// The logs of all runs on this server. Cheap to clone; dropping the last clone ends the store when
/// what is queued is written.
#[derive(Debug, Clone)]
pub struct LogStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    readers: Arc<Semaphore>,
    /// `None` only while it is dropped.
    orders: Option<mpsc::Sender<Order>>,
    thread: Option<JoinHandle<()>>,
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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
        let shared = Arc::new(Shared::open(folder, config.clamped())?);
        let (orders, queue) = mpsc::channel();
        let writer = Writer::new(shared.clone());
        let thread = std::thread::Builder::new()
            .name("log-writer".to_owned())
            .spawn(move || writer.run(&queue))
            .map_err(Error::at(folder))?;
        let inner = Inner {
            shared,
            readers: Arc::new(Semaphore::new(READERS)),
            orders: Some(orders),
            thread: Some(thread),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Stores a batch and calls `done` on the store's thread: with `true` when all of it is durable,
    /// with `false` when the worker has to repeat it. Never waits: a full queue is `false` at once.
    /// `done` must be quick and must not panic.
    pub fn append(&self, batch: LogBatch, done: impl FnOnce(bool) + Send + 'static) {
        let shared = &self.inner.shared;
        let bytes = size_of_batch(&batch);
        if !shared.take_room(bytes) {
            done(false);
            return;
        }
        let done = Box::new(done);
        let order = Order::Append(Append { batch, bytes, done });
        if let Err(Order::Append(refused)) = self.order(order) {
            shared.give_back_room(bytes);
            (refused.done)(false);
        }
    }

    /// Whether the store still takes chunks; once `false` it stays so.
    pub fn is_running(&self) -> bool {
        let thread = self.inner.thread.as_ref();
        thread.is_some_and(|thread| !thread.is_finished())
    }

    /// Bytes that wait for the disk.
    pub fn queued_bytes(&self) -> usize {
        self.inner.shared.queued_bytes.load(Relaxed)
    }

    /// Reads a part of an instance's log. An instance without lines has an empty log. To be called
    /// within a tokio runtime: the files are read on its threads for blocking work.
    ///
    /// # Errors
    /// [`Error::BadCursor`] for a cursor of other making, [`Error::Io`] when files cannot be read.
    pub async fn read(
        &self,
        instance: InstanceId,
        app: AppId,
        query: LogQuery,
    ) -> Result<LogSlice, Error> {
        let readers = self.inner.readers.clone();
        let permit = readers.acquire_owned().await.map_err(|_| Error::Closed)?;
        let shared = self.inner.shared.clone();
        let slice = tokio::task::spawn_blocking(move || {
            let slice = reader::read(&shared.log_of(app), instance, &query);
            drop(permit);
            slice
        });
        slice.await.unwrap_or(Err(Error::Closed))
    }

    /// Wakes when lines of the instance are stored from now on.
    pub fn follow(&self, instance: InstanceId) -> Follower {
        self.inner.shared.followers.follow(instance)
    }

    /// Deletes all logs of an application, of which nothing may be stored meanwhile.
    ///
    /// # Errors
    /// [`Error::Io`] when files cannot be deleted; try again.
    pub async fn forget(&self, app: AppId) -> Result<(), Error> {
        let (answer, result) = oneshot::channel();
        self.order(Order::Forget { app, answer })
            .map_err(|_| Error::Closed)?;
        result.await.unwrap_or(Err(Error::Closed))
    }

    /// Deletes what `retention` allows and returns how many bytes became free; also lets go of the
    /// memory of applications that were not used since the last call. May run at any time.
    ///
    /// # Errors
    /// [`Error::Io`] for the first application whose files cannot be deleted; the others are done.
    pub async fn expire(&self, retention: Retention) -> Result<u64, Error> {
        let (answer, result) = oneshot::channel();
        self.order(Order::Expire { retention, answer })
            .map_err(|_| Error::Closed)?;
        result.await.unwrap_or(Err(Error::Closed))
    }

    /// The applications that have logs here.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder cannot be read.
    pub async fn apps(&self) -> Result<Vec<AppId>, Error> {
        let shared = self.inner.shared.clone();
        let listing = tokio::task::spawn_blocking(move || shared.apps());
        listing.await.unwrap_or(Err(Error::Closed))
    }

    fn order(&self, order: Order) -> Result<(), Order> {
        match &self.inner.orders {
            Some(orders) => orders.send(order).map_err(|refused| refused.0),
            None => Err(order),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        drop(self.orders.take());
        self.shared.followers.close();
        let Some(thread) = self.thread.take() else {
            return;
        };
        // The last handle may die in a `done`, on the store's own thread.
        let is_own = thread.thread().id() == std::thread::current().id();
        if !is_own && thread.join().is_err() {
            tracing::error!("the thread that writes logs has panicked");
        }
    }
}

/// About what a batch takes up in memory.
fn size_of_batch(batch: &LogBatch) -> usize {
    let chunk_bytes = |chunk: &LogChunk| {
        let text_bytes: usize = chunk.lines.iter().map(|line| line.text.len()).sum();
        64 + text_bytes + 40 * chunk.lines.len()
    };
    64 + batch.chunks.iter().map(chunk_bytes).sum::<usize>()
}
