//! The connections of this worker with other workers of its application: one for each pair.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use powerjob_common::actor::{ActorScope, Port};
use powerjob_common::id::NodeRef;
use powerjob_common::secret::Secret;
use powerjob_session::{
    Admission, DialConfig, DialError, ErrorCode, Gate, GateFuture, Hello, Identity, Inbox,
    ListenConfig, PeerInfo, Reject, Role, Session, dial,
};

use super::peer_inbox::{PeerInbox, PeerPorts};
use crate::actor::heavy_letters::{PeerChange, PeerChanged};

/// Paths of those who talk over these connections.
pub(crate) const MASTER: &str = "worker/heavy_tracker";
pub(crate) const EXECUTOR: &str = "worker/guest_tracker";
/// A worker that does not answer for so long is tried again, or given up.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);
const HANDSHAKE_LIMIT: Duration = Duration::from_millis(1_500);
/// Pause before a failed attempt is told, so that it is not repeated at once.
const FAILURE_PAUSE: Duration = Duration::from_millis(100);

/// Who this worker is for its peers.
#[derive(Debug, Clone)]
pub(crate) struct PeerIdentity {
    pub(crate) identity: Identity,
    pub(crate) app: String,
    pub(crate) secret: Option<Secret<String>>,
    pub(crate) scope: ActorScope,
}

/// See the head of the file. Clones share the connections.
#[derive(Debug, Clone)]
pub(crate) struct Peers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    me: PeerIdentity,
    master: Port<PeerChanged>,
    guests: Port<PeerChanged>,
    sessions: Mutex<HashMap<NodeRef, Session>>,
    dialing: Mutex<HashSet<NodeRef>>,
}

impl Peers {
    /// No connections yet; changes are told to both.
    pub(crate) fn new(
        me: PeerIdentity,
        master: Port<PeerChanged>,
        guests: Port<PeerChanged>,
    ) -> Self {
        Self(Arc::new(Inner {
            me,
            master,
            guests,
            sessions: Mutex::default(),
            dialing: Mutex::default(),
        }))
    }

    /// The connection with a peer, if it stands.
    pub(crate) fn session(&self, node: &NodeRef) -> Option<Session> {
        let sessions = lock(&self.0.sessions);
        sessions
            .get(node)
            .filter(|session| session.is_open())
            .cloned()
    }

    /// How connections are taken: nobody comes in without the secret.
    pub(crate) fn listen_config(&self) -> ListenConfig {
        ListenConfig::new(self.0.me.identity.clone())
    }

    /// Connects with a peer; that it stands, or why not, is told to the master.
    pub(crate) fn dial(&self, node: NodeRef, address: String, ports: &PeerPorts) {
        if !lock(&self.0.dialing).insert(node.clone()) {
            return;
        }
        let peers = self.clone();
        let inbox = PeerInbox::shared(self.clone(), ports.clone(), Some(node.clone()));
        tokio::spawn(async move {
            let dialled = peers.open(&address, inbox).await;
            if dialled.is_err() {
                tokio::time::sleep(FAILURE_PAUSE).await;
            }
            lock(&peers.0.dialing).remove(&node);
            if let Err(error) = dialled {
                tracing::debug!(peer = %node, %error, "a worker of the team was not reached");
                let is_gone = is_gone(&error);
                peers.tell(&node, PeerChange::Unreached { is_gone });
            }
        });
    }

    async fn open(&self, address: &str, inbox: Arc<dyn Inbox>) -> Result<(), DialError> {
        let PeerIdentity {
            identity,
            app,
            secret,
            scope,
        } = &self.0.me;
        let mut config = DialConfig::worker(address, identity.clone(), app, secret.clone());
        config.peer_role = Role::Worker;
        config.connect_timeout = CONNECT_LIMIT;
        config.handshake_timeout = HANDSHAKE_LIMIT;
        Box::pin(dial(&config, inbox, scope)).await.map(drop)
    }

    /// A connection stands. `expected`: whom this worker has dialled.
    pub(super) fn enter(&self, session: &Session, expected: Option<&NodeRef>) {
        let node = &session.peer().node;
        if let Some(expected) = expected
            && expected != node
        {
            session.close(ErrorCode::STALE_INCARNATION, "another worker was meant");
            return self.tell(expected, PeerChange::Unreached { is_gone: true });
        }
        // If both have dialled, the connection of the one with the smaller name stays.
        let is_second =
            expected.is_some() && self.0.me.identity.node > *node && self.session(node).is_some();
        if is_second {
            session.close(ErrorCode::CANCELLED, "the other connection is used");
        } else {
            let old = lock(&self.0.sessions).insert(node.clone(), session.clone());
            if let Some(old) = old {
                old.close(
                    ErrorCode::CANCELLED,
                    "another connection has taken its place",
                );
            }
        }
        self.tell(node, PeerChange::Here);
    }

    /// A connection has ended.
    pub(super) fn leave(&self, session: &Session) {
        let node = &session.peer().node;
        let mut sessions = lock(&self.0.sessions);
        if sessions.get(node) == Some(session) {
            sessions.remove(node);
            drop(sessions);
            self.tell(node, PeerChange::Away);
        }
    }

    fn tell(&self, node: &NodeRef, change: PeerChange) {
        for port in [&self.0.master, &self.0.guests] {
            let node = node.clone();
            if let Err(refused) = port.tell(PeerChanged { node, change }) {
                tracing::warn!(%refused, "a change of a connection between workers was not taken");
            }
        }
    }
}

/// Whether nobody is there, as opposed to somebody who is slow.
fn is_gone(error: &DialError) -> bool {
    match error {
        DialError::Connect { source, .. } => source.kind() == std::io::ErrorKind::ConnectionRefused,
        DialError::Impostor { .. } | DialError::Protocol { .. } => true,
        DialError::Rejected { reject, .. } => reject.code == ErrorCode::UNAUTHORIZED,
        DialError::Timeout { .. } => false,
    }
}

/// Lets in workers of the same application that prove its secret.
#[derive(Debug)]
pub(crate) struct PeerGate {
    pub(crate) peers: Peers,
    pub(crate) ports: PeerPorts,
}

impl Gate for PeerGate {
    fn secrets<'a>(&'a self, hello: &'a Hello) -> GateFuture<'a, Vec<Secret<String>>> {
        let me = &self.peers.0.me;
        let is_ours = hello.role() == Role::Worker && hello.key_id == me.app;
        let secrets = me.secret.iter().filter(|_| is_ours).cloned().collect();
        Box::pin(std::future::ready(secrets))
    }

    fn admit<'a>(&'a self, hello: &'a Hello) -> GateFuture<'a, Result<Admission, Reject>> {
        let me = &self.peers.0.me;
        let admitted = if hello.role() == Role::Worker && hello.app_name == me.app {
            Ok(Admission {
                app_id: -1,
                owner: String::new(),
            })
        } else {
            Err(Reject::unauthorized())
        };
        Box::pin(std::future::ready(admitted))
    }

    fn inbox(&self, _peer: &PeerInfo) -> Arc<dyn Inbox> {
        PeerInbox::shared(self.peers.clone(), self.ports.clone(), None)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
