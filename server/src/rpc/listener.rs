//! The door for workers: opens, and closes in good order.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use powerjob_common::actor::ActorScope;
use powerjob_common::id::{AppId, NodeRef};
use powerjob_protocol::wire::server_to_worker::OwnerMoved;
use powerjob_session::{ErrorCode, Identity, ListenConfig, Listener, Role, Session};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::connection::ConnectionParts;
use super::gate::{MAX_WAITING, WorkerGate};
use super::known_apps::KnownApps;
use crate::store::Store;

/// Paths of the sender and the receiver of what concerns the whole worker.
const SERVER: &str = "server/elector";
const WORKER: &str = "worker/server_link";

/// Why there is no door.
#[derive(Debug, thiserror::Error)]
#[error("cannot take the address of `worker_bind`: {source}")]
pub(crate) struct BindError {
    /// Names the address.
    source: std::io::Error,
}

/// How to let workers in.
#[derive(Debug, Clone)]
pub(crate) struct DoorConfig {
    /// This server.
    pub(crate) node: NodeRef,
    /// Its address for workers, `host:port`, as in its lease.
    pub(crate) address: String,
    /// Whether workers may come in without proving a secret; default `false`.
    pub(crate) allow_unproven: bool,
    /// How long a session that is told to go waits for its last answers.
    pub(crate) drain_limit: Duration,
}

/// An address that is taken; nobody is let in yet.
#[derive(Debug)]
pub(crate) struct BoundListener(Listener);

impl BoundListener {
    /// Takes the address `worker_bind`; with port 0 a free one.
    ///
    /// # Errors
    /// The text names the address and the field of the configuration.
    pub(crate) async fn bind(worker_bind: &str) -> Result<Self, BindError> {
        let listener = Listener::bind(worker_bind.to_owned()).await;
        let listener = listener.map_err(|source| BindError { source })?;
        Ok(Self(listener))
    }

    /// The address it has taken.
    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.0.local_addr()
    }

    /// Lets workers in. Runs on the runtime it is called on.
    pub(crate) fn serve(
        self,
        config: DoorConfig,
        store: Store,
        scope: &ActorScope,
        parts: ConnectionParts,
    ) -> WorkerListener {
        let sessions = parts.sessions.clone();
        let mut listen = ListenConfig::new(Identity {
            advertised: config.address.clone(),
            ..Identity::new(config.node, Role::Server)
        });
        listen.allow_unproven = config.allow_unproven;
        listen.session.drain_timeout = config.drain_limit;
        let gate = Arc::new(WorkerGate {
            apps: KnownApps::new(store),
            parts,
            waiting: Semaphore::new(MAX_WAITING),
            allow_unproven: config.allow_unproven,
        });
        let stop = CancellationToken::new();
        let serving = self.0.serve(listen, gate, scope.clone(), stop.clone());
        tokio::spawn(serving);
        WorkerListener { sessions, stop }
    }
}

/// The open door.
#[derive(Debug)]
pub struct WorkerListener {
    sessions: OpenSessions,
    stop: CancellationToken,
}

impl WorkerListener {
    /// Lets nobody in any more; sessions that stand go on.
    pub(crate) fn close_doors(&self) {
        self.stop.cancel();
    }

    /// Lets nobody in any more, tells all workers that this server goes, waits for their last
    /// answers for at most `limit`, and ends what still stands then.
    pub(crate) async fn stop(self, limit: Duration) {
        const GOODBYE: &str = "the server shuts down";
        self.close_doors();
        for session in self.sessions.all() {
            session.drain(ErrorCode::DRAINING, GOODBYE);
        }
        let drained = tokio::time::timeout(limit, self.sessions.none_left()).await;
        if drained.is_err() {
            let left = self.sessions.all();
            tracing::warn!(count = left.len(), "sessions did not end in time");
            for session in left {
                session.close(ErrorCode::DRAINING, GOODBYE);
            }
        }
    }
}

/// The sessions that stand, with the applications they are for.
#[derive(Debug, Clone)]
pub(crate) struct OpenSessions {
    sessions: Arc<Mutex<HashMap<u64, (AppId, Session)>>>,
    count: Arc<watch::Sender<usize>>,
}

impl Default for OpenSessions {
    fn default() -> Self {
        Self {
            sessions: Arc::default(),
            count: Arc::new(watch::Sender::new(0)),
        }
    }
}

impl OpenSessions {
    /// Tells the workers of an application to go to its new owner, if there is one, and ends their
    /// sessions when the last answers have passed.
    pub(crate) fn send_away(&self, app_id: AppId, new_owner: Option<(String, i64)>) {
        let of_app = |(owner, _): &&(AppId, Session)| *owner == app_id;
        let sessions: Vec<Session> = self
            .lock()
            .values()
            .filter(of_app)
            .map(|(_, session)| session.clone())
            .collect();
        for session in sessions {
            if let Some((owner, epoch)) = new_owner.clone()
                && let Err(error) = session.tell(WORKER, SERVER, &OwnerMoved { owner, epoch })
            {
                tracing::debug!(%error, "a worker was not told where its application went");
            }
            session.drain(
                ErrorCode::CANCELLED,
                "the application belongs to another server",
            );
        }
    }

    /// Ends the sessions of all workers: this server does not know any more who owns what.
    pub(crate) fn send_all_away(&self) {
        let sessions: Vec<Session> = self
            .lock()
            .values()
            .map(|(_, session)| session.clone())
            .collect();
        for session in sessions {
            session.drain(ErrorCode::CANCELLED, "the lease of this server has run out");
        }
    }

    pub(super) fn enter(&self, connection: u64, app_id: AppId, session: &Session) {
        let mut sessions = self.lock();
        sessions.insert(connection, (app_id, session.clone()));
        self.count.send_replace(sessions.len());
    }

    pub(super) fn leave(&self, connection: u64) {
        let mut sessions = self.lock();
        sessions.remove(&connection);
        self.count.send_replace(sessions.len());
    }

    fn all(&self) -> Vec<Session> {
        let sessions = self.lock();
        sessions.values().map(|(_, it)| it.clone()).collect()
    }

    async fn none_left(&self) {
        let mut count = self.count.subscribe();
        // The sender lives as long as `self`: this cannot fail.
        drop(count.wait_for(|count| *count == 0).await);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, (AppId, Session)>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
