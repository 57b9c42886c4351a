//! The side that was called.

use powerjob_common::secret::Secret;

use super::super::codec;
use super::super::control::ErrorCode;
use super::super::frame::{
    EncodeError, Frame, FrameHead, FrameKind, HANDSHAKE_MAX_LENGTH, encode_with,
};
use super::proof::{self, Bytes32};
use super::{
    Auth, CLUSTER_KEY_ID, CONTROL_LANE, Challenge, Hello, Identity, MAX_NAME_CHARS, MODE_HMAC,
    MODE_NONE, Reject, RevisionRange, Role, Terms, check_name, check_node_id, check_revisions,
    common_max_length, handshake_frame, open,
};

/// What an acceptor insists on.
#[derive(Debug, Clone)]
pub struct AcceptorTerms {
    /// Who it is.
    pub identity: Identity,
    /// Largest length field it takes.
    pub max_length: u32,
    /// Whether peers without a secret may come in.
    pub allow_unproven: bool,
    /// What it understands; [`own_revisions`](super::own_revisions) except in tests.
    pub revisions: Vec<RevisionRange>,
}

/// Takes the HELLO frame; `nonce` must be fresh random bytes, the prefaces are those that passed.
///
/// # Errors
/// [`Reject`]: send it and close.
pub fn accept_hello(
    own: &AcceptorTerms,
    nonce: [u8; 32],
    prefaces: ([u8; 8], [u8; 8]),
    frame: &Frame,
) -> Result<AwaitAuth, Reject> {
    let hello: Hello = open(frame, FrameKind::Hello)?;
    check_hello(&hello)?;
    check_revisions(&own.revisions, &hello.revs)?;
    let auth_mode = choose_mode(own.allow_unproven, &hello)?;
    let max_length = common_max_length(own.max_length, hello.max_frame)?;
    let challenge = Challenge {
        node_id: own.identity.node.node_id.clone(),
        incarnation: own.identity.node.incarnation,
        advertised: own.identity.advertised.clone(),
        software: own.identity.software.clone(),
        max_frame: own.max_length,
        features: 0,
        auth_mode,
        nonce,
        revs: own.revisions.clone(),
    };
    let body = codec::encode(&challenge).map_err(|error| Reject::protocol(error.to_string()))?;
    Ok(AwaitAuth {
        transcript: proof::transcript(prefaces.0, prefaces.1, frame.body(), &body),
        proves: auth_mode == MODE_HMAC,
        decoy: nonce,
        challenge,
        hello,
        max_length,
    })
}

fn check_hello(hello: &Hello) -> Result<(), Reject> {
    check_node_id(&hello.node_id)?;
    check_name("name of an application", &hello.app_name, MAX_NAME_CHARS)?;
    check_name("key id", &hello.key_id, MAX_NAME_CHARS)?;
    check_name("address", &hello.advertised, MAX_NAME_CHARS)?;
    check_name("name of a software", &hello.software, MAX_NAME_CHARS)?;
    if Role::of_code(hello.role).is_none() {
        return Err(Reject::protocol("unknown role"));
    }
    if hello.lane != CONTROL_LANE {
        return Err(Reject::protocol("a further lane was not agreed on"));
    }
    Ok(())
}

/// HMAC whenever the dialer can; nothing only if both sides agree to it.
fn choose_mode(allow_unproven: bool, hello: &Hello) -> Result<u8, Reject> {
    if hello.auth_modes & MODE_HMAC != 0 {
        Ok(MODE_HMAC)
    } else if allow_unproven && hello.auth_modes & MODE_NONE != 0 {
        Ok(MODE_NONE)
    } else {
        let text = "without a secret nobody comes in here";
        Err(Reject::new(ErrorCode::UNAUTHORIZED, text))
    }
}

/// Whether the secret of this key id proves what the dialer says it is: a worker speaks for the
/// application whose secret it knows and for no other.
fn key_fits(hello: &Hello) -> bool {
    match hello.role() {
        Role::Server => hello.key_id == CLUSTER_KEY_ID,
        Role::Worker => !hello.app_name.is_empty() && hello.key_id == hello.app_name,
        Role::Tool => hello.key_id == CLUSTER_KEY_ID || hello.key_id == hello.app_name,
    }
}

/// An acceptor that sends CHALLENGE.
#[derive(Debug)]
pub struct AwaitAuth {
    challenge: Challenge,
    hello: Hello,
    transcript: Bytes32,
    proves: bool,
    decoy: Bytes32,
    max_length: u32,
}

impl AwaitAuth {
    /// What the dialer says about itself; not proven yet.
    pub fn hello(&self) -> &Hello {
        &self.hello
    }

    /// Whether the dialer has to prove a secret.
    pub fn needs_proof(&self) -> bool {
        self.proves
    }

    /// The CHALLENGE frame to send.
    ///
    /// # Errors
    /// [`EncodeError`] when the own data do not fit into a frame.
    pub fn challenge_frame(&self) -> Result<Vec<u8>, EncodeError> {
        handshake_frame(FrameKind::Challenge, &self.challenge)
    }

    /// Takes the AUTH frame; `secrets` are all active secrets of the key id, none if it is unknown.
    ///
    /// # Errors
    /// [`Reject`]: send it and close.
    pub fn on_auth(self, frame: &Frame, secrets: &[Secret<String>]) -> Result<Proven, Reject> {
        let auth: Auth = open(frame, FrameKind::Auth)?;
        let key = if self.proves {
            Some(self.find_key(&auth.mac, secrets)?)
        } else {
            None
        };
        Ok(Proven {
            hello: self.hello,
            key,
            transcript: self.transcript,
            client_proof: auth.mac,
            max_length: self.max_length,
        })
    }

    /// The key that made the proof. The work is the same for an unknown key as for one secret.
    fn find_key(&self, mac: &Bytes32, secrets: &[Secret<String>]) -> Result<Bytes32, Reject> {
        if secrets.is_empty() {
            let decoy = proof::client_proof(&self.decoy_key(), &self.transcript);
            // Compared for the time it takes; a decoy proves nothing.
            std::hint::black_box(proof::is_equal(&decoy, mac));
        }
        let mut found = None;
        for secret in secrets {
            let key = proof::derive_key(secret.expose(), &self.hello.key_id);
            if proof::is_equal(&proof::client_proof(&key, &self.transcript), mac) {
                found = Some(key);
            }
        }
        found
            .filter(|_| key_fits(&self.hello))
            .ok_or_else(Reject::unauthorized)
    }

    fn decoy_key(&self) -> Bytes32 {
        let text: String = self.decoy.iter().map(|byte| char::from(*byte)).collect();
        proof::derive_key(&text, &self.hello.key_id)
    }
}

/// A dialer that has proven its secret, or needs none.
#[derive(Debug)]
pub struct Proven {
    hello: Hello,
    key: Option<Bytes32>,
    transcript: Bytes32,
    client_proof: Bytes32,
    max_length: u32,
}

impl Proven {
    /// What the dialer says about itself.
    pub fn hello(&self) -> &Hello {
        &self.hello
    }

    /// Whether it has proven a secret.
    pub fn is_authenticated(&self) -> bool {
        self.key.is_some()
    }

    /// Largest length field both sides take.
    pub fn max_length(&self) -> u32 {
        self.max_length
    }

    /// The READY frame to send.
    ///
    /// # Errors
    /// [`EncodeError`] when the terms do not fit into a frame.
    pub fn ready_frame(&self, terms: &Terms) -> Result<Vec<u8>, EncodeError> {
        let body = codec::encode(terms)?;
        let mac = self.key.as_ref().map_or([0; 32], |key| {
            proof::server_proof(key, &self.transcript, &self.client_proof, &body)
        });
        let mut out = Vec::new();
        let head = FrameHead::of_session(FrameKind::Ready, 0);
        encode_with(&mut out, &head, HANDSHAKE_MAX_LENGTH, |out| {
            out.extend_from_slice(&body);
            out.extend_from_slice(&mac);
            Ok(())
        })?;
        Ok(out)
    }
}
