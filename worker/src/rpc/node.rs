//! Answers questions about the inside of this worker: its actors, and the messages as they pass.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use powerjob_common::actor::{ActorReading, ActorScope, TapFilter, TapRecord, TapStream};
use powerjob_common::id::InstanceId;
use powerjob_protocol::wire::node::{
    ActorReadings, GetActors, TapRecords, UnwatchTap, WatchTap, WireActorReading,
};
use powerjob_session::{ErrorCode, Incoming, Session};
use tokio::task::AbortHandle;

use super::inbox::reply;

/// Path of the node's own questions, and of this worker's answers.
pub(crate) const NODE: &str = "node";
/// Records that wait for one watcher.
const WATCH_CAPACITY: usize = 4_096;
/// Records of one message.
const BATCH: usize = 256;
/// Watches of one session.
const MAX_WATCHES: usize = 16;

/// The watches of one session.
#[derive(Debug)]
pub(crate) struct NodeDesk {
    scope: ActorScope,
    watches: Mutex<HashMap<u64, AbortHandle>>,
}

impl NodeDesk {
    pub(crate) fn new(scope: ActorScope) -> Self {
        Self {
            scope,
            watches: Mutex::default(),
        }
    }

    pub(super) fn on_get_actors(&self, message: Incoming) {
        if let Some((GetActors {}, Some(responder))) = message.open::<GetActors>() {
            let readings = self.scope.directory().readings();
            let items = readings.into_iter().map(to_wire).collect();
            reply(responder, &ActorReadings { items });
        }
    }

    pub(super) fn on_watch(&self, session: &Session, message: Incoming) {
        let mut watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        if watches.len() >= MAX_WATCHES {
            message.refuse(ErrorCode::OVERLOADED, "too many watches", 0);
            return;
        }
        let Some((watch, _)) = message.open::<WatchTap>() else {
            return;
        };
        let watch_id = watch.watch_id;
        let stream = self.scope.tap().watch(filter_of(watch), WATCH_CAPACITY);
        let task = tokio::spawn(send_records(session.clone(), watch_id, stream));
        if let Some(old) = watches.insert(watch_id, task.abort_handle()) {
            old.abort();
        }
    }

    pub(super) fn on_unwatch(&self, message: Incoming) {
        let Some((UnwatchTap { watch_id }, _)) = message.open::<UnwatchTap>() else {
            return;
        };
        let mut watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = watches.remove(&watch_id) {
            task.abort();
        }
    }

    /// The session has ended.
    pub(super) fn close(&self) {
        let mut watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, task) in watches.drain() {
            task.abort();
        }
    }
}

/// Sends records in batches: what came while the last batch was on its way to the writer.
async fn send_records(session: Session, watch_id: u64, mut stream: TapStream) {
    let mut unsent = 0;
    while let Some(first) = stream.next().await {
        let mut records = vec![text_of(&first)];
        while records.len() < BATCH
            && let Some(Some(record)) = futures_util::FutureExt::now_or_never(stream.next())
        {
            records.push(text_of(&record));
        }
        let count = records.len() as u64;
        let dropped = stream.take_dropped() + unsent;
        let message = TapRecords {
            watch_id,
            dropped,
            records,
        };
        unsent = match session.tell(NODE, NODE, &message) {
            Ok(()) => 0,
            Err(powerjob_session::SessionError::Disconnected) => return,
            Err(_) => dropped + count,
        };
    }
}

fn text_of(record: &TapRecord) -> String {
    serde_json::to_string(record).unwrap_or_default()
}

fn filter_of(watch: WatchTap) -> TapFilter {
    TapFilter {
        instance: watch.instance_id.map(InstanceId),
        actor: watch.actor,
        kind: watch.kind,
        errors_only: watch.errors_only,
        bodies: watch.bodies,
    }
}

fn to_wire(reading: ActorReading) -> WireActorReading {
    WireActorReading {
        path: reading.path,
        depth: reading.depth as u64,
        capacity: reading.capacity as u64,
        handled: reading.handled,
        refused: reading.refused,
        rate: reading.rate,
        p50_us: reading.p50_us,
        p99_us: reading.p99_us,
        restarts: reading.restarts,
    }
}
