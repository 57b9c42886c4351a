//! The servers over one database, and who of them owns what, as this server last read it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use powerjob_common::id::AppId;
use tokio::sync::watch;

/// A living server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerInfo {
    /// Name of its node.
    pub node_id: String,
    /// Epoch of its lease: another one is another life.
    pub epoch: i64,
    /// `host:port` for workers.
    pub worker_address: String,
    /// `host:port` for requests; `None` when it serves none.
    pub http_address: Option<String>,
    /// `host:port` for workers of the reference; `None` when it serves none.
    pub http_worker_address: Option<String>,
    /// Whether it is about to end.
    pub is_leaving: bool,
    /// Whether it should have renewed its lease by now: it may be dead, or standing still.
    pub is_late: bool,
}

/// What was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterView {
    /// The living servers by name.
    pub servers: Vec<Arc<ServerInfo>>,
    /// The living owners.
    pub owners: HashMap<AppId, Arc<ServerInfo>>,
}

/// The present view. The elector writes, all may read; cheap to clone.
#[derive(Debug, Clone)]
pub struct Cluster {
    node_id: Arc<str>,
    view: Arc<watch::Sender<Arc<ClusterView>>>,
    is_shared: Arc<AtomicBool>,
}

impl Cluster {
    /// A cluster of which this server, called `node_id`, knows nobody yet.
    pub fn new(node_id: &str) -> Self {
        Self {
            node_id: node_id.into(),
            view: Arc::new(watch::Sender::default()),
            is_shared: Arc::default(),
        }
    }

    /// The present view.
    pub fn view(&self) -> Arc<ClusterView> {
        self.view.borrow().clone()
    }

    /// Whether there is, or was since the start, another server over the same database.
    pub fn is_shared(&self) -> bool {
        self.is_shared.load(Relaxed)
    }

    /// The living server that owns an application, which may be this one.
    pub fn owner(&self, app_id: AppId) -> Option<Arc<ServerInfo>> {
        self.view.borrow().owners.get(&app_id).cloned()
    }

    /// The owner of an application, when that is another server.
    pub fn other_owner(&self, app_id: AppId) -> Option<Arc<ServerInfo>> {
        let owner = self.owner(app_id)?;
        (*owner.node_id != *self.node_id).then_some(owner)
    }

    /// Waits until a server is gone or late with its lease.
    pub async fn until_silent(&self, server: &ServerInfo) {
        let is_same =
            |it: &Arc<ServerInfo>| it.node_id == server.node_id && it.epoch == server.epoch;
        let is_silent = |view: &Arc<ClusterView>| {
            let found = view.servers.iter().find(|it| is_same(it));
            found.is_none_or(|it| it.is_late)
        };
        // The sender lives as long as `self`: this cannot fail.
        self.changes().wait_for(is_silent).await.map(drop).ok();
    }

    /// Hears of every change of the view.
    pub fn changes(&self) -> watch::Receiver<Arc<ClusterView>> {
        self.view.subscribe()
    }

    /// What was read now.
    pub fn put(&self, view: ClusterView) {
        let is_other = |server: &Arc<ServerInfo>| *server.node_id != *self.node_id;
        if view.servers.iter().any(is_other) {
            self.is_shared.store(true, Relaxed);
        }
        self.view.send_if_modified(|present| {
            let is_new = **present != view;
            if is_new {
                *present = Arc::new(view);
            }
            is_new
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(node_id: &str) -> Arc<ServerInfo> {
        Arc::new(ServerInfo {
            node_id: node_id.to_owned(),
            epoch: 1,
            worker_address: String::new(),
            http_address: None,
            http_worker_address: None,
            is_leaving: false,
            is_late: false,
        })
    }

    #[test]
    fn a_server_that_was_alone_shares_from_the_first_other_one_on() {
        let cluster = Cluster::new("a");
        let mut changes = cluster.changes();
        let alone = ClusterView {
            servers: vec![server("a")],
            owners: HashMap::from([(AppId(1), server("a"))]),
        };
        cluster.put(alone.clone());
        assert!(!cluster.is_shared());
        assert_eq!(cluster.other_owner(AppId(1)), None);
        assert!(changes.has_changed().unwrap());
        changes.mark_unchanged();
        cluster.put(alone.clone());
        assert!(!changes.has_changed().unwrap(), "nothing changed");

        let two = ClusterView {
            servers: vec![server("a"), server("b")],
            owners: HashMap::from([(AppId(1), server("b"))]),
        };
        cluster.put(two);
        assert_eq!(cluster.other_owner(AppId(1)), Some(server("b")));
        cluster.put(alone);
        assert!(cluster.is_shared(), "the other one may come back");
    }

    #[tokio::test]
    async fn a_server_that_is_late_or_gone_is_silent() {
        let cluster = Cluster::new("a");
        let with = |server: ServerInfo| ClusterView {
            servers: vec![Arc::new(server)],
            ..ClusterView::default()
        };
        let b = (*server("b")).clone();
        cluster.put(with(b.clone()));
        let mut waiting = Box::pin(cluster.until_silent(&b));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        let late = ServerInfo {
            is_late: true,
            ..b.clone()
        };
        cluster.put(with(late));
        waiting.await;
        let again = ServerInfo {
            epoch: 2,
            ..b.clone()
        };
        cluster.put(with(again));
        cluster.until_silent(&b).await;
    }
}
