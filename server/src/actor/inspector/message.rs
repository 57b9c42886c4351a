//! What the inspector is asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use powerjob_common::actor::{ActorReading, Letter, Reply, TapFilter, TapRecord};
use serde::Serialize;
use tokio::sync::mpsc;

/// Asks for the actors of this server and of all workers it knows; sent by `http`. Answered within
/// about a second, silent nodes with an error.
#[derive(Debug, Serialize)]
pub struct GetClusterActors {
    /// One reading per node, this server first.
    #[serde(skip)]
    pub reply: Reply<Vec<NodeReading>>,
}

/// The actors of one node.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodeReading {
    /// Name of the node.
    pub node: String,
    /// Whether it is a server; else it is a worker.
    pub is_server: bool,
    /// Its actors, or why there are none.
    pub actors: Result<Vec<ActorReading>, String>,
}

/// Starts to watch the messages of all nodes; sent by `http`. Ends when the tap is dropped.
#[derive(Debug, Serialize)]
pub struct WatchCluster {
    /// Which messages.
    pub filter: TapFilter,
    /// The messages.
    #[serde(skip)]
    pub reply: Reply<ClusterTap>,
}

/// The messages of all nodes as they pass.
#[derive(Debug)]
pub struct ClusterTap {
    pub(super) records: mpsc::Receiver<TapRecord>,
    pub(super) dropped: Arc<AtomicU64>,
}

impl ClusterTap {
    /// The next message; `None` when the server shuts down.
    pub async fn next(&mut self) -> Option<TapRecord> {
        self.records.recv().await
    }

    /// How many messages were thrown away since the last call because the watcher was too slow.
    pub fn take_dropped(&self) -> u64 {
        self.dropped.swap(0, Relaxed)
    }
}

/// Asks for errors and life-cycle messages of the recent past of this server; sent by `http`.
#[derive(Debug, Serialize)]
pub struct RecentMessages {
    /// Which messages.
    pub filter: TapFilter,
    /// The messages, oldest first.
    #[serde(skip)]
    pub reply: Reply<Vec<TapRecord>>,
}

impl Letter for GetClusterActors {
    const NAME: &'static str = "GetClusterActors";
}

impl Letter for WatchCluster {
    const NAME: &'static str = "WatchCluster";
}

impl Letter for RecentMessages {
    const NAME: &'static str = "RecentMessages";
}
