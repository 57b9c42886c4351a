//! The side that opens the connection.

use powerjob_common::id::NodeRef;
use powerjob_common::secret::Secret;

use super::super::control::{self, ErrorCode, FarewellBody};
use super::super::frame::{EncodeError, Frame, FrameKind};
use super::proof::{self, Bytes32};
use super::{
    Auth, CONTROL_LANE, Challenge, Hello, Identity, MAGIC, MODE_HMAC, MODE_NONE, PROTOCOL_VERSION,
    Reject, RevisionRange, Terms, check_node_id, check_revisions, common_max_length,
    handshake_frame, open,
};

/// What a dialer says about itself and how it proves it.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Who it is.
    pub identity: Identity,
    /// Application it works for; empty = none.
    pub app_name: String,
    /// Row id of the application, if known.
    pub app_id: Option<i64>,
    /// Which secret it proves: the name of the application, or
    /// [`CLUSTER_KEY_ID`](super::CLUSTER_KEY_ID).
    pub key_id: String,
    /// The secret; without one it asks for a session without proof.
    pub secret: Option<Secret<String>>,
    /// Largest length field it takes.
    pub max_length: u32,
    /// What it understands; [`own_revisions`](super::own_revisions) except in tests.
    pub revisions: Vec<RevisionRange>,
}

/// Why a dialer gives up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DialFailure {
    /// The peer does not speak this protocol.
    #[error("the peer does not speak this protocol")]
    NotOurs,
    /// The peer refused.
    #[error("refused by the peer: {0}")]
    Refused(Reject),
    /// The peer broke the rules; tell it by this frame.
    #[error("the peer broke the protocol: {0}")]
    Broken(Reject),
    /// The peer does not know the secret.
    #[error("the peer could not prove that it knows the secret")]
    Impostor,
    /// The own data do not fit into a frame.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

impl From<Reject> for DialFailure {
    fn from(reject: Reject) -> Self {
        Self::Broken(reject)
    }
}

/// A dialer that has sent its preface.
#[derive(Debug)]
pub struct Dialer {
    claim: Claim,
    nonce: Bytes32,
}

impl Dialer {
    /// Begins; `nonce` must be fresh random bytes.
    pub fn new(claim: Claim, nonce: [u8; 32]) -> Self {
        Self { claim, nonce }
    }

    /// The first bytes to send.
    pub const fn preface() -> [u8; 8] {
        let [p, j, r, q] = MAGIC;
        [p, j, r, q, PROTOCOL_VERSION, PROTOCOL_VERSION, 0, 0]
    }

    /// Takes the acceptor's preface; returns the HELLO frame to send.
    ///
    /// # Errors
    /// [`DialFailure`]: close.
    pub fn on_preface(self, answer: [u8; 8]) -> Result<(AwaitChallenge, Vec<u8>), DialFailure> {
        let [a, b, c, d, version, status, ..] = answer;
        if [a, b, c, d] != MAGIC {
            return Err(DialFailure::NotOurs);
        }
        if status != 0 || version != PROTOCOL_VERSION {
            return Err(DialFailure::Refused(refusal(status)));
        }
        let hello = self.hello();
        let frame = handshake_frame(FrameKind::Hello, &hello)?;
        let next = AwaitChallenge {
            claim: self.claim,
            offered: hello.auth_modes,
            hello: body_of(&frame).to_vec(),
            acceptor_preface: answer,
        };
        Ok((next, frame))
    }

    fn hello(&self) -> Hello {
        let Claim { identity, .. } = &self.claim;
        Hello {
            node_id: identity.node.node_id.clone(),
            incarnation: identity.node.incarnation,
            role: identity.role.code(),
            lane: CONTROL_LANE,
            app_name: self.claim.app_name.clone(),
            app_id: self.claim.app_id.unwrap_or(-1),
            advertised: identity.advertised.clone(),
            software: identity.software.clone(),
            max_frame: self.claim.max_length,
            features: 0,
            auth_modes: match self.claim.secret {
                Some(_) => MODE_HMAC,
                None => MODE_NONE,
            },
            key_id: self.claim.key_id.clone(),
            nonce: self.nonce,
            revs: self.claim.revisions.clone(),
        }
    }
}

/// What a preface status other than 0 means.
fn refusal(status: u8) -> Reject {
    match status {
        2 => Reject::new(ErrorCode::TOO_MANY_CONNECTIONS, "too many connections"),
        3 => Reject::new(ErrorCode::DRAINING, "the node shuts down"),
        _ => Reject::new(
            ErrorCode::UNSUPPORTED_VERSION,
            "no common version of the protocol",
        ),
    }
}

/// The body of a handshake frame that was just encoded: these have no paths and no extensions.
fn body_of(frame: &[u8]) -> &[u8] {
    &frame[super::super::frame::HEADER_BYTES..]
}

/// Turns a REJECT into the error it means.
fn check_reject(frame: &Frame) -> Result<(), DialFailure> {
    if frame.kind != FrameKind::Reject {
        return Ok(());
    }
    let reject = match control::decode::<FarewellBody>(frame.body()) {
        Ok(body) => Reject::new(ErrorCode(body.code), control::shorten(&body.message)),
        Err(_) => Reject::new(ErrorCode::PROTOCOL_ERROR, "unreadable refusal"),
    };
    Err(DialFailure::Refused(reject))
}

/// A dialer that has sent HELLO.
#[derive(Debug)]
pub struct AwaitChallenge {
    claim: Claim,
    offered: u8,
    hello: Vec<u8>,
    acceptor_preface: [u8; 8],
}

impl AwaitChallenge {
    /// Takes the CHALLENGE frame; returns the AUTH frame to send.
    ///
    /// # Errors
    /// [`DialFailure`]: close.
    pub fn on_frame(self, frame: &Frame) -> Result<(AwaitReady, Vec<u8>), DialFailure> {
        check_reject(frame)?;
        let challenge: Challenge = open(frame, FrameKind::Challenge)?;
        check_node_id(&challenge.node_id)?;
        check_revisions(&self.claim.revisions, &challenge.revs)?;
        if challenge.auth_mode != self.offered {
            return Err(Reject::protocol("a way of proof that was not offered").into());
        }
        let max_length = common_max_length(self.claim.max_length, challenge.max_frame)?;
        let key = self
            .claim
            .secret
            .as_ref()
            .map(|secret| proof::derive_key(secret.expose(), &self.claim.key_id));
        let transcript = proof::transcript(
            Dialer::preface(),
            self.acceptor_preface,
            &self.hello,
            frame.body(),
        );
        let mac = key
            .as_ref()
            .map_or([0; 32], |key| proof::client_proof(key, &transcript));
        let auth = handshake_frame(FrameKind::Auth, &Auth { mac })?;
        let next = AwaitReady {
            challenge,
            key,
            transcript,
            client_proof: mac,
            max_length,
        };
        Ok((next, auth))
    }
}

/// A dialer that has sent AUTH.
#[derive(Debug)]
pub struct AwaitReady {
    challenge: Challenge,
    key: Option<Bytes32>,
    transcript: Bytes32,
    client_proof: Bytes32,
    max_length: u32,
}

impl AwaitReady {
    /// Takes the READY frame.
    ///
    /// # Errors
    /// [`DialFailure`]: close.
    pub fn on_frame(self, frame: &Frame) -> Result<Established, DialFailure> {
        check_reject(frame)?;
        if frame.kind != FrameKind::Ready {
            return Err(Reject::protocol(format!("expected Ready, got {:?}", frame.kind)).into());
        }
        let Some((body, mac)) = frame.body().split_last_chunk::<32>() else {
            return Err(Reject::protocol("a READY without proof").into());
        };
        if let Some(key) = &self.key {
            let expected = proof::server_proof(key, &self.transcript, &self.client_proof, body);
            if !proof::is_equal(&expected, mac) {
                return Err(DialFailure::Impostor);
            }
        }
        let terms: Terms =
            control::decode(body).map_err(|error| Reject::protocol(error.to_string()))?;
        Ok(Established {
            node: NodeRef {
                node_id: self.challenge.node_id,
                incarnation: self.challenge.incarnation,
            },
            advertised: self.challenge.advertised,
            software: self.challenge.software,
            max_length: self.max_length,
            terms,
        })
    }
}

/// The dialer's view of a session that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Established {
    /// The acceptor.
    pub node: NodeRef,
    /// Address where others can reach it.
    pub advertised: String,
    /// Name and version of its software.
    pub software: String,
    /// Largest length field both sides take.
    pub max_length: u32,
    /// What was agreed.
    pub terms: Terms,
}
