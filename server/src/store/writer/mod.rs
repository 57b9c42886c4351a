//! The group-committing writer: one task owns the writing connection.
//!
//! Invariants:
//! 1. A sink hears of each of its writes exactly once, after the transaction ended.
//! 2. There is no timer: when idle, a write is committed at once; what arrives meanwhile is the next
//!    transaction.
//! 3. Express writes overtake bulk ones and ends; a commit has at most about 1,000 bulk rows.
//! 4. A failed transaction harms only the writes that caused it, and never ends the writer.

mod batch;
mod commit;
mod encode;
mod engine;
mod limits;
mod mysql;
mod postgres;
mod queue;
mod sqlite;
mod stats;
mod task;

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use powerjob_common::actor::Histogram;
use powerjob_common::time::Clock;
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbBackend, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::Error;
use super::connect::Doubt;
use super::dialect::Dialect;
use super::fence::FenceCell;
use super::sql::{Sql, over_open_connection};
use super::write::{Backlog, CommitSink, Lane, Overloaded, WriteOp, WriteOutcome, check};
use limits::Limits;
use queue::Queue;
pub use stats::WriterReading;
use stats::WriterStats;

pub(super) use encode::{KIND_SCHEDULE, KIND_WORKFLOW};

/// The way to the writer; cheap to clone.
#[derive(Debug, Clone)]
pub struct Writer {
    queue: Arc<ClosedAtLast>,
    stats: Arc<WriterStats>,
    dialect: Arc<Dialect>,
    limits: Limits,
    tasks: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

/// Ends the writer's thread with the last handle, also when nobody closed the store.
#[derive(Debug)]
struct ClosedAtLast(Arc<Queue>);

impl std::ops::Deref for ClosedAtLast {
    type Target = Queue;

    fn deref(&self) -> &Queue {
        &self.0
    }
}

impl Drop for ClosedAtLast {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// What a writer has besides on SQLite.
pub(super) struct SqliteConnections {
    pub(super) rows: rusqlite::Connection,
    pub(super) checkpointing: DatabaseConnection,
}

/// What a writer is made of.
pub(super) struct WriterParts {
    pub(super) writing: DatabaseConnection,
    pub(super) sqlite: Option<SqliteConnections>,
    pub(super) dialect: Arc<Dialect>,
    pub(super) fence: Arc<FenceCell>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) queue_rows: usize,
    pub(super) doubt: Doubt,
    /// The most that the database takes in a statement; `None`: as much as there is.
    pub(super) statement_bytes: Option<usize>,
}

impl Writer {
    /// Starts the writer's tasks on `runtime`.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when no thread can be had.
    pub(super) fn start(parts: WriterParts, runtime: &Handle) -> Result<Self, Error> {
        // PostgreSQL's one statement sees none of its own rows.
        let follow_up = parts.dialect.backend() != DbBackend::Postgres;
        let limits = Limits::new(parts.statement_bytes);
        let queue = Arc::new(Queue::new(parts.queue_rows, follow_up, limits));
        let stats = Arc::new(WriterStats::default());
        let dialect = Arc::clone(&parts.dialect);
        let tasks = task::start(parts, Arc::clone(&queue), Arc::clone(&stats), runtime)
            .map_err(|error| Error::Unavailable(format!("the writer has no thread: {error}")))?;
        Ok(Self {
            queue: Arc::new(ClosedAtLast(queue)),
            stats,
            dialect,
            limits,
            tasks: Arc::new(Mutex::new(tasks)),
        })
    }

    /// Queues writes; `sink` hears of each exactly once, after the commit. Never blocks. Writes that
    /// can not be stored at all are answered before this returns.
    ///
    /// # Errors
    /// [`Overloaded`] when the queue is full or closed: nothing was queued, try again later.
    pub fn submit(
        &self,
        lane: Lane,
        sink: &Arc<dyn CommitSink>,
        items: Vec<(u64, WriteOp)>,
    ) -> Result<(), Overloaded> {
        let check = |op: &WriteOp| check(op).and_then(|()| self.limits.check(op));
        let is_fit = |(_, op): &(u64, WriteOp)| check(op).is_ok();
        if items.iter().all(is_fit) {
            return self.queue.push(lane, sink, items);
        }
        let (fit, unfit): (Vec<_>, Vec<_>) = items.into_iter().partition(is_fit);
        if let Err(Overloaded { items: mut fit }) = self.queue.push(lane, sink, fit) {
            fit.extend(unfit);
            return Err(Overloaded { items: fit });
        }
        let refusal = |op: &WriteOp| WriteOutcome::Failed(check(op).err().unwrap_or_default());
        sink.committed(
            unfit
                .iter()
                .map(|(token, op)| (*token, refusal(op)))
                .collect(),
        );
        Ok(())
    }

    /// Writes and waits for the outcomes, in the order of `ops`.
    ///
    /// # Errors
    /// [`Error::Overloaded`]; [`Error::Unavailable`] when the writer ended meanwhile.
    pub async fn write(&self, lane: Lane, ops: Vec<WriteOp>) -> Result<Vec<WriteOutcome>, Error> {
        if ops.is_empty() {
            return Ok(Vec::new());
        }
        let (sink, outcomes) = Collector::new(ops.len());
        let items = (0..).zip(ops).collect();
        let sink: Arc<dyn CommitSink> = Arc::new(sink);
        self.submit(lane, &sink, items)
            .map_err(|_| Error::Overloaded)?;
        drop(sink);
        outcomes
            .await
            .map_err(|_| Error::Unavailable("the writer has ended".to_owned()))
    }

    /// Waits until all that was submitted before has its outcome.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the writer is closed.
    pub(super) async fn settle(&self) -> Result<(), Error> {
        // Empty submissions: their sink is let go of when the commit is reported that took what was
        // before them, in each lane.
        let (passed, all_passed) = oneshot::channel();
        let barrier: Arc<dyn CommitSink> = Arc::new(Barrier { _passed: passed });
        for lane in Lane::ALL {
            let closed = |_| Error::Unavailable("the store is closed".to_owned());
            self.queue
                .push(lane, &barrier, Vec::new())
                .map_err(closed)?;
        }
        drop(barrier);
        // An error means that the barrier is gone: that is what is waited for.
        all_passed.await.ok();
        Ok(())
    }

    /// The rows that wait.
    pub fn backlog(&self) -> &Backlog {
        self.queue.backlog()
    }

    /// The numbers now.
    pub fn reading(&self) -> WriterReading {
        self.stats.reading(&self.queue)
    }

    /// Rows in a commit (a row counts as a microsecond), and the time of a commit.
    pub fn histograms(&self) -> (&Histogram, &Histogram) {
        self.stats.histograms()
    }

    /// Runs a transaction of another part on the writing connection, between two commits. It ends
    /// also when the caller is gone.
    pub(super) async fn transaction<T, F, R>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(Sql) -> R + Send + 'static,
        R: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let dialect = Arc::clone(&self.dialect);
        let accepted = self.queue.push_cold(Box::new(move |connection| {
            async move {
                let result = in_transaction(connection, dialect, work).await;
                if sender.send(result).is_err() {
                    tracing::debug!("whoever asked for a transaction is gone");
                }
            }
            .boxed()
        }));
        if !accepted {
            return Err(Error::Unavailable("the store is closed".to_owned()));
        }
        let ended = |_| Error::Unavailable("the writer ended in a transaction".to_owned());
        receiver.await.map_err(ended)?
    }

    /// Refuses new writes, finishes those that wait, ends the tasks.
    pub(super) async fn close(&self) {
        self.queue.close();
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task of the writer ended badly");
            }
        }
    }
}

async fn in_transaction<T, F, R>(
    connection: DatabaseConnection,
    dialect: Arc<Dialect>,
    work: F,
) -> Result<T, Error>
where
    F: FnOnce(Sql) -> R,
    R: Future<Output = Result<T, Error>>,
{
    let begin = || {
        connection.begin_with_options(TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..Default::default()
        })
    };
    let transaction = Arc::new(over_open_connection(begin).await?);
    let sql = Sql::in_transaction(Arc::clone(&transaction), dialect);
    let result = match sql.take_turn().await {
        Ok(()) => work(sql).await,
        Err(error) => Err(error),
    };
    let transaction: DatabaseTransaction = Arc::into_inner(transaction)
        .ok_or_else(|| Error::Unavailable("a transaction was kept beyond its end".to_owned()))?;
    match result {
        Ok(value) => {
            transaction.commit().await?;
            Ok(value)
        }
        Err(error) => {
            if let Err(cause) = transaction.rollback().await {
                tracing::warn!(error = %cause, "could not roll back");
            }
            Err(error)
        }
    }
}

/// Gathers the outcomes of one call of [`Writer::write`].
struct Collector {
    state: Mutex<CollectorState>,
}

struct CollectorState {
    outcomes: Vec<Option<WriteOutcome>>,
    missing: usize,
    sender: Option<oneshot::Sender<Vec<WriteOutcome>>>,
}

impl Collector {
    fn new(count: usize) -> (Self, oneshot::Receiver<Vec<WriteOutcome>>) {
        let (sender, receiver) = oneshot::channel();
        let state = CollectorState {
            outcomes: vec![None; count],
            missing: count,
            sender: Some(sender),
        };
        (
            Self {
                state: Mutex::new(state),
            },
            receiver,
        )
    }
}

impl CommitSink for Collector {
    fn committed(&self, results: Vec<(u64, WriteOutcome)>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for (token, outcome) in results {
            let place = usize::try_from(token)
                .ok()
                .and_then(|at| state.outcomes.get_mut(at));
            if let Some(place @ None) = place {
                *place = Some(outcome);
                state.missing -= 1;
            }
        }
        if state.missing == 0
            && let Some(sender) = state.sender.take()
        {
            let outcomes = std::mem::take(&mut state.outcomes)
                .into_iter()
                .flatten()
                .collect();
            if sender.send(outcomes).is_err() {
                tracing::debug!("whoever asked for a write is gone");
            }
        }
    }
}
/// Tells by its end that the submissions it stands for have left the queue.
struct Barrier {
    _passed: oneshot::Sender<()>,
}

impl CommitSink for Barrier {
    fn committed(&self, _results: Vec<(u64, WriteOutcome)>) {}
}
