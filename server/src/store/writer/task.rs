//! The writer's life: takes work, carries it out, tells those who wait.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use powerjob_common::time::monotonic_now;
use sea_orm::DatabaseConnection;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::WriterParts;
use super::batch::Batch;
use super::commit::Committer;
use super::engine::Engine;
use super::queue::{ColdJob, Queue, Work};
use super::sqlite::checkpoint::Checkpoints;
use super::stats::WriterStats;

/// What a transaction of another part counts for the checkpointer: a slice of cleaning is about so much.
const COLD_ROWS: usize = 100;

/// The tasks, which end when the queue is closed and empty.
/// Longer than such a transaction takes; the way to the database is dead by then.
const COLD_LIMIT: Duration = Duration::from_secs(15);

pub(super) fn start(
    parts: WriterParts,
    queue: Arc<Queue>,
    stats: Arc<WriterStats>,
    runtime: &Handle,
) -> std::io::Result<Vec<JoinHandle<()>>> {
    let checkpoints = Arc::new(Checkpoints::default());
    let (rows, checkpointing) = match parts.sqlite {
        Some(sqlite) => (Some(sqlite.rows), Some(sqlite.checkpointing)),
        None => (None, None),
    };
    let committer = Committer {
        engine: Engine::new(&parts.writing, rows, &parts.dialect),
        fence: parts.fence,
        clock: parts.clock,
        doubt: parts.doubt,
        marks: AtomicI64::new(0),
    };
    let task = WriterTask {
        queue,
        stats,
        committer,
        connection: parts.writing,
        checkpoints: Arc::clone(&checkpoints),
    };
    let writing = if task.committer.engine.is_blocking() {
        on_own_thread(task, runtime)?
    } else {
        runtime.spawn(task.run())
    };
    let checkpointing = checkpointing
        .map(|connection| runtime.spawn(async move { checkpoints.run(connection).await }));
    Ok(std::iter::once(writing).chain(checkpointing).collect())
}

/// A commit blocks, so the task gets a thread and a small runtime for itself.
fn on_own_thread(task: WriterTask, runtime: &Handle) -> std::io::Result<JoinHandle<()>> {
    let own = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    let (ended, end) = oneshot::channel();
    std::thread::Builder::new()
        .name("store-write".to_owned())
        .spawn(move || {
            own.block_on(task.run());
            ended.send(()).ok();
        })?;
    Ok(runtime.spawn(async move {
        if end.await.is_err() {
            tracing::error!("the thread of the writer ended badly");
        }
    }))
}

struct WriterTask {
    queue: Arc<Queue>,
    stats: Arc<WriterStats>,
    committer: Committer,
    connection: DatabaseConnection,
    checkpoints: Arc<Checkpoints>,
}

impl WriterTask {
    async fn run(self) {
        loop {
            match self.queue.next() {
                Work::Commit(batch) => self.commit(batch).await,
                Work::Cold(job) => {
                    self.carry_out(job).await;
                    self.checkpoints.committed(COLD_ROWS);
                }
                Work::Idle => self.queue.arrived().await,
                Work::End => break,
            }
            self.checkpoints.help(&self.connection).await;
        }
        self.checkpoints.end();
    }

    /// Whoever waits for a job that is given up is told so by its end.
    async fn carry_out(&self, job: ColdJob) {
        let work = job(self.connection.clone());
        if self.committer.engine.is_blocking() {
            return work.await;
        }
        if self.committer.doubt.limit(COLD_LIMIT, work).await.is_none() {
            tracing::warn!("a transaction was given up: the database did not answer");
        }
    }

    async fn commit(&self, mut batch: Batch) {
        let started = monotonic_now();
        let rows = batch.rows();
        if rows == 0 {
            return batch.report();
        }
        self.committer.apply(&mut batch).await;
        self.stats
            .count(rows, monotonic_now().saturating_sub(started));
        self.checkpoints.committed(rows);
        batch.report();
    }
}
