//! The writer's life: takes work, carries it out, tells those who wait.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use powerjob_common::time::monotonic_now;
use sea_orm::DatabaseConnection;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::WriterParts;
use super::batch::Batch;
use super::commit::Committer;
use super::engine::Engine;
use super::queue::{Queue, Work};
use super::sqlite::checkpoint::Checkpoints;
use super::stats::WriterStats;

/// What a transaction of another part counts for the checkpointer: a slice of cleaning is about so much.
const COLD_ROWS: usize = 100;

pub(super) fn start(
    parts: WriterParts,
    queue: Arc<Queue>,
    stats: Arc<WriterStats>,
    runtime: &Handle,
) -> Vec<JoinHandle<()>> {
    let checkpoints = Arc::new(Checkpoints::default());
    let committer = Committer {
        engine: Engine::new(parts.writing.clone(), &parts.dialect),
        fence: parts.fence,
        clock: parts.clock,
        marks: AtomicI64::new(0),
    };
    let task = WriterTask {
        queue,
        stats,
        committer,
        connection: parts.writing,
        checkpoints: Arc::clone(&checkpoints),
    };
    let mut tasks = vec![runtime.spawn(task.run())];
    if let Some(checkpointing) = parts.checkpointing {
        tasks.push(runtime.spawn(async move { checkpoints.run(checkpointing).await }));
    }
    tasks
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
                    job(self.connection.clone()).await;
                    self.checkpoints.committed(COLD_ROWS);
                }
                Work::Idle => self.queue.arrived().await,
                Work::End => break,
            }
            self.checkpoints.help(&self.connection).await;
        }
        self.checkpoints.end();
    }

    async fn commit(&self, mut batch: Batch) {
        let started = monotonic_now();
        let rows = batch.rows();
        self.committer.apply(&mut batch).await;
        self.stats
            .count(rows, monotonic_now().saturating_sub(started));
        self.checkpoints.committed(rows);
        batch.report();
    }
}
