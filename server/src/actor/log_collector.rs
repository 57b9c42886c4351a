//! `server/logs`: takes the lines of runs from the workers and answers when they are durable.
//!
//! * Owns: nothing but its handle to the log store.
//! * Is sent to by: `rpc`, one letter per `LogChunks` frame.
//! * Sends to: nobody; the store's own thread writes and answers.
//! * Survives a restart: everything that was answered with `true`; it is on the disk.
//! * When it dies: unanswered chunks are repeated by the workers; the guardian may rebuild it.

use actix::prelude::*;
use powerjob_common::actor::{Letter, Mail, Reply};
use powerjob_common::id::{AppId, InstanceId, NodeRef};
use powerjob_protocol::wire::worker_to_server::LogChunk;
use serde::Serialize;

use crate::log_store::{LogBatch, LogStore};

/// Chunks that may be queued or on their way to the disk: the capacity of the actor's slot.
pub const CAPACITY: usize = 65_536;

/// Stores lines of runs; sent by `rpc` for each `LogChunks`. Answered with `true` when they are
/// durable, with `false` when the worker must repeat them. Repeating is harmless: lines that are
/// stored already are recognised by worker, attempt and sequence number.
#[derive(Debug, Serialize)]
pub struct StoreLogs {
    /// Application of the worker.
    pub app_id: AppId,
    /// The worker in its present life: sequence numbers count within it, its name is shown.
    pub worker: NodeRef,
    /// The chunks.
    pub chunks: Vec<LogChunk>,
    /// Whether they are durable.
    #[serde(skip)]
    pub reply: Reply<bool>,
}

impl Letter for StoreLogs {
    const NAME: &'static str = "StoreLogs";

    fn instances(&self) -> Vec<InstanceId> {
        let ids = self.chunks.iter().map(|chunk| chunk.instance_id);
        ids.map(InstanceId).collect()
    }

    fn weight(&self) -> usize {
        self.chunks.len()
    }
}

/// Hands chunks over to the log store.
#[derive(Debug)]
pub struct LogCollector {
    store: LogStore,
}

impl LogCollector {
    /// A collector that stores into `store`.
    pub fn new(store: LogStore) -> Self {
        Self { store }
    }
}

impl Actor for LogCollector {
    type Context = Context<Self>;
}

impl Handler<Mail<StoreLogs>> for LogCollector {
    type Result = ();

    fn handle(&mut self, mail: Mail<StoreLogs>, ctx: &mut Self::Context) {
        let (letter, mut ticket) = mail.open();
        let batch = LogBatch {
            app_id: letter.app_id,
            worker: letter.worker,
            chunks: letter.chunks,
        };
        let reply = letter.reply;
        // The ticket goes along: its place is taken until the lines are durable or refused.
        self.store.append(batch, move |is_stored| {
            if !is_stored {
                ticket.failed();
            }
            reply.send(is_stored);
        });
        if !self.store.is_running() {
            tracing::error!("the thread that writes logs is gone");
            ctx.stop();
        }
    }
}
