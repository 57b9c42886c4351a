//! What can be set.

use std::time::Duration;

use powerjob_common::secret::Secret;
use powerjob_protocol::wire::frame::DEFAULT_MAX_LENGTH;
use powerjob_protocol::wire::handshake::{Claim, Identity, Role, own_revisions};

/// Limits and intervals of one session.
#[derive(Debug, Clone)]
pub struct SessionConfig {
    /// A side that has sent nothing for so long pings. Default 500 ms. The acceptor's value is told
    /// to the dialer, which uses it if it is shorter than its own.
    pub ping_interval: Duration,
    /// A side that has received nothing for so long closes. Default 1.5 s; at least twice the
    /// `ping_interval` of the peer, or idle sessions end.
    pub idle_timeout: Duration,
    /// Largest value of a frame's length field, 64 KiB to 16 MiB. Default 16 MiB; the smaller one
    /// of both sides counts.
    pub max_frame_bytes: u32,
    /// Questions without an answer. Default 8,192; more are refused with `Overloaded`.
    pub pending_asks: usize,
    /// Control frames that wait for the network. Default 16,384. Answers may use twice as much.
    pub control_queue_frames: usize,
    /// Bytes of control frames that wait for the network. Default 16 MiB. Answers may use twice as
    /// much, and one frame always fits into an empty queue.
    pub control_queue_bytes: usize,
    /// Bulk frames that wait for the network. Default 4,096.
    pub bulk_queue_frames: usize,
    /// Bytes of bulk frames that wait for the network. Default 32 MiB; one frame always fits.
    pub bulk_queue_bytes: usize,
    /// How long a draining session waits for its last answers. Default 30 s.
    pub drain_timeout: Duration,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            ping_interval: Duration::from_millis(500),
            idle_timeout: Duration::from_millis(1_500),
            max_frame_bytes: DEFAULT_MAX_LENGTH,
            pending_asks: 8_192,
            control_queue_frames: 16_384,
            control_queue_bytes: 16 << 20,
            bulk_queue_frames: 4_096,
            bulk_queue_bytes: 32 << 20,
            drain_timeout: Duration::from_secs(30),
        }
    }
}

/// How to reach a peer.
#[derive(Debug, Clone)]
pub struct DialConfig {
    /// `host:port`.
    pub address: String,
    /// Who this node is.
    pub identity: Identity,
    /// What the peer must be; shown to people, not proven by the protocol. Default server.
    pub peer_role: Role,
    /// Application this node works for; empty = none.
    pub app_name: String,
    /// Row id of the application, if known.
    pub app_id: Option<i64>,
    /// Which secret to prove: the name of the application, or `cluster` between servers.
    pub key_id: String,
    /// The secret; without one the peer must allow sessions without proof.
    pub secret: Option<Secret<String>>,
    /// Time for the TCP connection. Default 3 s.
    pub connect_timeout: Duration,
    /// Time for the handshake. Default 10 s.
    pub handshake_timeout: Duration,
    /// The session itself.
    pub session: SessionConfig,
}

impl DialConfig {
    /// A worker of `app_name` calls a server.
    pub fn worker(
        address: &str,
        identity: Identity,
        app_name: &str,
        secret: Option<Secret<String>>,
    ) -> Self {
        Self {
            address: address.to_owned(),
            identity,
            peer_role: Role::Server,
            app_name: app_name.to_owned(),
            app_id: None,
            key_id: app_name.to_owned(),
            secret,
            connect_timeout: Duration::from_secs(3),
            handshake_timeout: Duration::from_secs(10),
            session: SessionConfig::default(),
        }
    }

    pub(crate) fn claim(&self) -> Claim {
        Claim {
            identity: self.identity.clone(),
            app_name: self.app_name.clone(),
            app_id: self.app_id,
            key_id: self.key_id.clone(),
            secret: self.secret.clone(),
            max_length: self.session.max_frame_bytes,
            revisions: own_revisions(),
        }
    }
}

/// How to take connections.
#[derive(Debug, Clone)]
pub struct ListenConfig {
    /// Who this node is.
    pub identity: Identity,
    /// Whether peers may come in without proving a secret. Default `false`.
    pub allow_unproven: bool,
    /// Time from the connection to READY. Default 10 s.
    pub handshake_timeout: Duration,
    /// Handshakes at once. Default 256; more are told to come back.
    pub max_handshakes: usize,
    /// Connections at once. Default 10,000; more are told to come back.
    pub max_connections: usize,
    /// The sessions.
    pub session: SessionConfig,
}

impl ListenConfig {
    /// The defaults for this node.
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            allow_unproven: false,
            handshake_timeout: Duration::from_secs(10),
            max_handshakes: 256,
            max_connections: 10_000,
            session: SessionConfig::default(),
        }
    }
}
