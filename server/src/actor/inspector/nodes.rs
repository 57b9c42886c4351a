//! The ways to the inside of workers, and the watches that run on them.
//!
//! Invariants:
//! 1. Every connected worker is asked for every running watch, whichever came first.
//! 2. Records of a worker wait in a bounded queue; what has no room there is counted.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use powerjob_common::actor::TapFilter;
use powerjob_common::id::NodeRef;
use powerjob_protocol::wire::node::{ActorReadings, TapRecords, WatchTap};
use powerjob_session::SessionError;
use tokio::sync::mpsc;

/// Frames with records that wait for one watch.
const FRAMES: usize = 64;

/// The way to the inside of a worker: one connection.
pub(crate) trait NodeLink: Send + Sync + std::fmt::Debug + 'static {
    /// Tells this connection from every other one of this server.
    fn connection(&self) -> u64;

    /// The worker.
    fn node(&self) -> &NodeRef;

    /// Asks for its actors. `on_answer` is called exactly once and must not block.
    fn actors(
        &self,
        limit: Duration,
        on_answer: Box<dyn FnOnce(Result<ActorReadings, SessionError>) + Send>,
    );

    /// Asks for the messages that pass, until [`NodeLink::unwatch`] or the end of the connection.
    fn watch(&self, watch: &WatchTap);

    /// Ends a watch.
    fn unwatch(&self, watch_id: u64);
}

/// See the head of the file. Clones are handles to the same table.
#[derive(Debug, Clone, Default)]
pub(crate) struct Nodes {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    links: HashMap<u64, Arc<dyn NodeLink>>,
    watches: HashMap<u64, Watch>,
    last_watch_id: u64,
}

#[derive(Debug)]
struct Watch {
    request: WatchTap,
    frames: mpsc::Sender<TapRecords>,
    dropped: Arc<AtomicU64>,
}

/// The workers' side of a watch; ends it when dropped.
#[derive(Debug)]
pub(super) struct RemoteWatch {
    nodes: Nodes,
    watch_id: u64,
    pub(super) frames: mpsc::Receiver<TapRecords>,
}

impl Drop for RemoteWatch {
    fn drop(&mut self) {
        let mut state = self.nodes.lock();
        state.watches.remove(&self.watch_id);
        for link in state.links.values() {
            link.unwatch(self.watch_id);
        }
    }
}

impl Nodes {
    /// A worker connected.
    pub(crate) fn enter(&self, link: Arc<dyn NodeLink>) {
        let mut state = self.lock();
        for watch in state.watches.values() {
            link.watch(&watch.request);
        }
        state.links.insert(link.connection(), link);
    }

    /// A connection ended.
    pub(crate) fn leave(&self, connection: u64) {
        self.lock().links.remove(&connection);
    }

    /// Records that a worker sent; those of a watch that has ended are thrown away.
    pub(crate) fn take_records(&self, records: TapRecords) {
        let state = self.lock();
        let Some(watch) = state.watches.get(&records.watch_id) else {
            return;
        };
        if let Err(error) = watch.frames.try_send(records) {
            let records = error.into_inner();
            let count = records.dropped.saturating_add(records.records.len() as u64);
            watch.dropped.fetch_add(count, Relaxed);
        }
    }

    pub(super) fn links(&self) -> Vec<Arc<dyn NodeLink>> {
        self.lock().links.values().cloned().collect()
    }

    pub(super) fn is_connected(&self, node: &NodeRef) -> bool {
        self.lock().links.values().any(|link| link.node() == node)
    }

    /// Starts a watch on all workers; what is thrown away is added to `dropped`.
    pub(super) fn watch(&self, filter: &TapFilter, dropped: Arc<AtomicU64>) -> RemoteWatch {
        let (sender, frames) = mpsc::channel(FRAMES);
        let mut state = self.lock();
        state.last_watch_id += 1;
        let watch_id = state.last_watch_id;
        let request = WatchTap {
            watch_id,
            instance_id: filter.instance.map(|id| id.0),
            actor: filter.actor.clone(),
            kind: filter.kind.clone(),
            errors_only: filter.errors_only,
            bodies: filter.bodies,
        };
        for link in state.links.values() {
            link.watch(&request);
        }
        let watch = Watch {
            request,
            frames: sender,
            dropped,
        };
        state.watches.insert(watch_id, watch);
        RemoteWatch {
            nodes: self.clone(),
            watch_id,
            frames,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
