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
            drop(ticket);
            reply.send(is_stored);
        });
        if !self.store.is_running() {
            tracing::error!("the thread that writes logs is gone");
            ctx.stop();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use powerjob_common::actor::{ActorScope, ActorSlot, Guardian, OnDeath, Port};
    use powerjob_common::time::SystemClock;
    use powerjob_protocol::wire::worker_to_server::LogLine;

    use super::*;
    use crate::log_store::{LogQuery, LogStoreConfig};

    const LIMIT: Duration = Duration::from_secs(20);

    fn letter(first_sequence: u64, reply: Reply<bool>) -> StoreLogs {
        let line = LogLine {
            at_ms: 1,
            level: 2,
            text: "hello".to_owned(),
        };
        let chunk = LogChunk {
            instance_id: 5,
            attempt: 1,
            first_sequence,
            lost_before: 0,
            lines: vec![line],
        };
        StoreLogs {
            app_id: AppId(1),
            worker: NodeRef {
                node_id: "w1".to_owned(),
                incarnation: 1,
            },
            chunks: vec![chunk],
            reply,
        }
    }

    fn started(store: &LogStore) -> (Port<StoreLogs>, Guardian) {
        let scope = ActorScope::new("test", Arc::new(SystemClock));
        let slot = ActorSlot::new(&scope, "server/logs", 8);
        let guardian = Guardian::new();
        let (arbiter, store) = (actix_rt::Arbiter::current(), store.clone());
        guardian.start(&slot, &arbiter, OnDeath::EndProcess, move || {
            LogCollector::new(store.clone())
        });
        (slot.port(), guardian)
    }

    #[actix::test]
    async fn chunks_are_answered_when_they_are_stored_and_then_give_their_place_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = LogStore::open(folder.path(), LogStoreConfig::default()).expect("it opens");
        let (port, _guardian) = started(&store);
        for first in 0..20 {
            assert_eq!(
                port.ask(LIMIT, |reply| letter(first, reply)).await,
                Ok(true)
            );
        }
        let query = LogQuery {
            limit: 100,
            ..LogQuery::default()
        };
        let slice = store.read(InstanceId(5), AppId(1), query).await;
        assert_eq!(slice.expect("readable").entries.len(), 20);
    }

    #[actix::test]
    async fn chunks_that_cannot_be_stored_are_answered_too() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("app-1"), b"in the way").expect("written");
        let store = LogStore::open(folder.path(), LogStoreConfig::default()).expect("it opens");
        let (port, _guardian) = started(&store);
        assert_eq!(port.ask(LIMIT, |reply| letter(0, reply)).await, Ok(false));
        std::fs::remove_file(folder.path().join("app-1")).expect("removed");
        assert_eq!(port.ask(LIMIT, |reply| letter(0, reply)).await, Ok(true));
    }
}
