//! The cryptography of the handshake: HKDF-SHA256, SHA-256 and HMAC-SHA256 over the transcript.

use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

pub(super) type Bytes32 = [u8; 32];

const SALT: &[u8] = b"PJRP1";
const CLIENT_LABEL: &[u8] = b"PJRP1 client";
const SERVER_LABEL: &[u8] = b"PJRP1 server";

/// The key that a secret gives for one key id.
pub(super) fn derive_key(secret: &str, key_id: &str) -> Bytes32 {
    let mut key = [0; 32];
    Hkdf::<Sha256>::new(Some(SALT), secret.as_bytes())
        .expand(key_id.as_bytes(), &mut key)
        .expect("32 bytes are a length that HKDF-SHA256 can give");
    key
}

/// The fingerprint of everything both sides have said before the proofs.
pub(super) fn transcript(
    dialer_preface: [u8; 8],
    acceptor_preface: [u8; 8],
    hello: &[u8],
    challenge: &[u8],
) -> Bytes32 {
    let mut digest = Sha256::new();
    for part in [&dialer_preface, &acceptor_preface, hello, challenge] {
        digest.update(part);
    }
    digest.finalize().into()
}

/// The dialer's proof.
pub(super) fn client_proof(key: &Bytes32, transcript: &Bytes32) -> Bytes32 {
    authenticate(key, &[CLIENT_LABEL, transcript])
}

/// The acceptor's proof.
pub(super) fn server_proof(
    key: &Bytes32,
    transcript: &Bytes32,
    client_proof: &Bytes32,
    terms: &[u8],
) -> Bytes32 {
    authenticate(key, &[SERVER_LABEL, transcript, client_proof, terms])
}

/// Whether two proofs are equal, in a time that does not depend on where they differ.
pub(super) fn is_equal(left: &Bytes32, right: &Bytes32) -> bool {
    subtle::ConstantTimeEq::ct_eq(left.as_slice(), right.as_slice()).into()
}

fn authenticate(key: &Bytes32, parts: &[&[u8]]) -> Bytes32 {
    let mut mac =
        <Hmac<Sha256> as Mac>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}
