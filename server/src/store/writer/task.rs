//! The writer's life: takes work, carries it out, tells those who wait.

use std::sync::Arc;

use powerjob_common::time::monotonic_now;
use sea_orm::DatabaseConnection;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::WriterParts;
use super::batch::Batch;
use super::checkpoint::Checkpoints;
use super::commit::Committer;
use super::queue::{Queue, Work};
use super::statements::Statements;
use super::stats::WriterStats;

pub(super) fn start(
    parts: WriterParts,
    queue: Arc<Queue>,
    stats: Arc<WriterStats>,
    runtime: &Handle,
) -> Vec<JoinHandle<()>> {
    let checkpoints = Arc::new(Checkpoints::default());
    let committer = Committer {
        connection: parts.writing,
        backend: parts.dialect.backend(),
        statements: Statements::new(&parts.dialect),
        fence: parts.fence,
        clock: parts.clock,
    };
    let task = WriterTask {
        queue,
        stats,
        committer,
        checkpoints: Arc::clone(&checkpoints),
    };
    let checkpointing: DatabaseConnection = parts.checkpointing;
    vec![
        runtime.spawn(task.run()),
        runtime.spawn(async move { checkpoints.run(checkpointing).await }),
    ]
}

struct WriterTask {
    queue: Arc<Queue>,
    stats: Arc<WriterStats>,
    committer: Committer,
    checkpoints: Arc<Checkpoints>,
}

impl WriterTask {
    async fn run(self) {
        loop {
            match self.queue.next() {
                Work::Commit(batch) => self.commit(batch).await,
                Work::Cold(job) => {
                    job(self.committer.connection.clone()).await;
                    self.checkpoints.committed(1);
                }
                Work::Idle => self.queue.arrived().await,
                Work::End => break,
            }
            self.checkpoints.help(&self.committer.connection).await;
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
