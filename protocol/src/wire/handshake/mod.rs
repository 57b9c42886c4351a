//! The beginning of a session as pure steps (spec 05, 12.4): preface, HELLO, CHALLENGE, AUTH, READY.
//!
//! Each step consumes its state and returns the next one with the bytes to send, so a step can
//! neither be left out nor repeated. The caller owns the socket, the clock and the randomness.
//!
//! # Invariants
//! 1. Nothing that the peer sends makes a step panic.
//! 2. Without a secret nobody gets past AUTH, unless the acceptor allows sessions without proof
//!    *and* the dialer asks for one; a dialer with a secret never does.
//! 3. A peer cannot tell an unknown application, an unknown key and a wrong secret apart.

mod acceptor;
mod dialer;
mod proof;

use powerjob_common::id::NodeRef;

use super::codec::{CodecError, Decode, Encode};
use super::control::{self, ErrorCode, FarewellBody};
use super::frame::{
    DEFAULT_MAX_LENGTH, EncodeError, Frame, FrameHead, FrameKind, HANDSHAKE_MAX_LENGTH, encode_with,
};
use super::message;

pub use acceptor::{AcceptorTerms, AwaitAuth, Proven, accept_hello};
pub use dialer::{AwaitChallenge, AwaitReady, Claim, DialFailure, Dialer, Established};

/// The bytes every connection begins with.
pub const MAGIC: [u8; 4] = *b"PJRP";
/// The version of the protocol.
pub const PROTOCOL_VERSION: u8 = 1;
/// The `key_id` of the secret that servers share.
pub const CLUSTER_KEY_ID: &str = "cluster";

const MODE_NONE: u8 = 1;
const MODE_HMAC: u8 = 2;
const CONTROL_LANE: u8 = 0;
const MAX_NAME_CHARS: usize = 255;
const MAX_NODE_ID_CHARS: usize = 128;
const SMALLEST_MAX_LENGTH: u32 = HANDSHAKE_MAX_LENGTH;

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Decides when and where jobs run.
    Server,
    /// Runs jobs.
    Worker,
    /// Looks at others.
    Tool,
}

impl Role {
    /// The number on the wire.
    pub const fn code(self) -> u8 {
        match self {
            Self::Server => 0,
            Self::Worker => 1,
            Self::Tool => 2,
        }
    }

    /// The role of a number.
    pub const fn of_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Server),
            1 => Some(Self::Worker),
            2 => Some(Self::Tool),
            _ => None,
        }
    }

    /// The name as people see it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Worker => "worker",
            Self::Tool => "tool",
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Who this node is, for its peers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Name and life.
    pub node: NodeRef,
    /// What it is.
    pub role: Role,
    /// Address where others can reach it, `host:port`; empty = nowhere.
    pub advertised: String,
    /// Name and version of the software.
    pub software: String,
}

impl Identity {
    /// A node without an address of its own that runs this software.
    pub fn new(node: NodeRef, role: Role) -> Self {
        Self {
            node,
            role,
            advertised: String::new(),
            software: concat!("powerjob/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// A refusal, told to the peer by REJECT.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Reject {
    /// Why.
    pub code: ErrorCode,
    /// For people at the other end.
    pub message: String,
}

impl Reject {
    /// A refusal with a text.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// The one refusal for everything that has to do with secrets.
    pub fn unauthorized() -> Self {
        Self::new(ErrorCode::UNAUTHORIZED, "unauthorized")
    }

    fn protocol(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::PROTOCOL_ERROR, message)
    }

    /// The REJECT frame.
    pub fn to_frame(&self) -> Vec<u8> {
        handshake_frame(
            FrameKind::Reject,
            &FarewellBody::new(self.code, &self.message),
        )
        .unwrap_or_default()
    }
}

/// The revisions of a message type that a node understands: type, lowest, highest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct RevisionRange {
    /// The type.
    pub type_id: u32,
    /// The lowest revision.
    pub lowest: u16,
    /// The highest revision.
    pub highest: u16,
}

/// The revisions that this version understands.
pub fn own_revisions() -> Vec<RevisionRange> {
    message::ALL
        .iter()
        .map(|&(type_id, revision, _)| RevisionRange {
            type_id: type_id.0,
            lowest: revision,
            highest: revision,
        })
        .collect()
}

/// Checks that there is a common revision of every type that both sides know.
fn check_revisions(own: &[RevisionRange], peer: &[RevisionRange]) -> Result<(), Reject> {
    for ours in own {
        let Some(theirs) = peer.iter().find(|range| range.type_id == ours.type_id) else {
            continue;
        };
        if ours.lowest > theirs.highest || theirs.lowest > ours.highest {
            let name = message::name(message::TypeId(ours.type_id)).unwrap_or("?");
            return Err(Reject::new(
                ErrorCode::UNSUPPORTED_VERSION,
                format!(
                    "no common revision of {name}: {}-{} here, {}-{} there",
                    ours.lowest, ours.highest, theirs.lowest, theirs.highest
                ),
            ));
        }
    }
    Ok(())
}

/// Body of HELLO.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Hello {
    /// Name of the node.
    pub node_id: String,
    /// Its life.
    pub incarnation: u64,
    /// Code of a [`Role`].
    pub role: u8,
    /// 0 = control, 1 = data; only 0 is used.
    pub lane: u8,
    /// Application it works for; empty = none.
    pub app_name: String,
    /// Row id of the application, -1 = not known.
    pub app_id: i64,
    /// Address where others can reach it.
    pub advertised: String,
    /// Name and version of the software.
    pub software: String,
    /// Largest length field it takes.
    pub max_frame: u32,
    /// Feature bits; none are used.
    pub features: u64,
    /// Ways of proof it offers: bit 0 none, bit 1 HMAC.
    pub auth_modes: u8,
    /// Which secret it will prove.
    pub key_id: String,
    /// Fresh random bytes.
    pub nonce: [u8; 32],
    /// What it understands.
    pub revs: Vec<RevisionRange>,
}

impl Hello {
    /// The node.
    pub fn node(&self) -> NodeRef {
        NodeRef {
            node_id: self.node_id.clone(),
            incarnation: self.incarnation,
        }
    }

    /// What it is; checked on arrival.
    pub fn role(&self) -> Role {
        Role::of_code(self.role).unwrap_or(Role::Tool)
    }
}

/// Body of CHALLENGE.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Challenge {
    /// Name of the node.
    pub node_id: String,
    /// Its life.
    pub incarnation: u64,
    /// Address where others can reach it.
    pub advertised: String,
    /// Name and version of the software.
    pub software: String,
    /// Largest length field it takes.
    pub max_frame: u32,
    /// Feature bits; none are used.
    pub features: u64,
    /// The chosen way of proof, one bit.
    pub auth_mode: u8,
    /// Fresh random bytes.
    pub nonce: [u8; 32],
    /// What it understands.
    pub revs: Vec<RevisionRange>,
}

/// Body of AUTH.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
struct Auth {
    mac: [u8; 32],
}

/// The terms of a session: the body of READY before its proof.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Terms {
    /// Number of the session, unique on the acceptor.
    pub session_id: u64,
    /// Row id of the application; -1 = none.
    pub app_id: i64,
    /// Address of the server that owns the application; empty = not known.
    pub owner: String,
    /// A side that has sent nothing for so long pings.
    pub ping_ms: u32,
    /// Not used yet.
    pub credit_frames: u32,
    /// Not used yet.
    pub credit_bytes: u32,
    /// Wall time of the acceptor, epoch milliseconds.
    pub server_time: i64,
}

/// What an acceptor makes of the first 8 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrefaceVerdict {
    /// Answer and go on.
    GoOn([u8; 8]),
    /// Answer and close: no common version.
    Refuse([u8; 8]),
    /// Close: this is another protocol.
    NotOurs,
}

/// The answer of an acceptor that has no room.
pub const PREFACE_TOO_MANY: [u8; 8] = preface_answer(0, 2);
/// The answer of an acceptor that shuts down.
pub const PREFACE_DRAINING: [u8; 8] = preface_answer(0, 3);

const fn preface_answer(version: u8, status: u8) -> [u8; 8] {
    let [p, j, r, q] = MAGIC;
    [p, j, r, q, version, status, 0, 0]
}

/// Judges the first 8 bytes of a connection.
pub fn judge_preface(preface: [u8; 8]) -> PrefaceVerdict {
    let [a, b, c, d, lowest, highest, ..] = preface;
    if [a, b, c, d] != MAGIC {
        return PrefaceVerdict::NotOurs;
    }
    if (lowest..=highest).contains(&PROTOCOL_VERSION) {
        PrefaceVerdict::GoOn(preface_answer(PROTOCOL_VERSION, 0))
    } else {
        PrefaceVerdict::Refuse(preface_answer(0, 1))
    }
}

/// A frame of the handshake.
fn handshake_frame<T: Encode>(kind: FrameKind, body: &T) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::new();
    let head = FrameHead::of_session(kind, 0);
    encode_with(&mut out, &head, HANDSHAKE_MAX_LENGTH, |out| {
        super::codec::encode_into(body, out)
    })?;
    Ok(out)
}

/// Decodes the body of a handshake frame that must have the kind `kind`.
fn open<T: Decode<()>>(frame: &Frame, kind: FrameKind) -> Result<T, Reject> {
    if frame.kind != kind {
        return Err(Reject::protocol(format!(
            "expected {kind:?}, got {:?}",
            frame.kind
        )));
    }
    control::decode(frame.body()).map_err(|error: CodecError| Reject::protocol(error.to_string()))
}

fn check_name(what: &str, name: &str, max_chars: usize) -> Result<(), Reject> {
    if name.chars().count() > max_chars || name.chars().any(char::is_control) {
        return Err(Reject::protocol(format!("not a {what}")));
    }
    Ok(())
}

fn check_node_id(node_id: &str) -> Result<(), Reject> {
    if node_id.is_empty() {
        return Err(Reject::protocol("the name of the node is empty"));
    }
    check_name("node id", node_id, MAX_NODE_ID_CHARS)
}

/// The largest length field both sides take.
fn common_max_length(own: u32, peer: u32) -> Result<u32, Reject> {
    if peer < SMALLEST_MAX_LENGTH {
        return Err(Reject::protocol(format!(
            "frames of at least {SMALLEST_MAX_LENGTH} bytes must be possible"
        )));
    }
    Ok(own.clamp(SMALLEST_MAX_LENGTH, DEFAULT_MAX_LENGTH).min(peer))
}
