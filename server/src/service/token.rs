//! Secrets made from randomness: tokens, tickets, generated passwords.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use powerjob_common::secret::Secret;
use powerjob_common::time::UnixMillis;
use sha2::{Digest, Sha256};

use super::ServiceError;

const SECRET_BYTES: usize = 32;
const EXPIRY_BYTES: usize = 8;

/// SHA-256 of a token: what is stored and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// The fingerprint of a token.
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token).into())
    }
}

/// Fills a buffer from the machine's source of randomness.
pub(super) fn fill(buffer: &mut [u8]) -> Result<(), ServiceError> {
    getrandom::fill(buffer).map_err(|error| ServiceError::Internal(error.to_string()))
}

/// 256 random bits as text.
pub(super) fn random_secret() -> Result<Secret<String>, ServiceError> {
    let mut bytes = [0_u8; SECRET_BYTES];
    fill(&mut bytes)?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(bytes)))
}

/// A token: 256 random bits and, so that one who holds it can be told that it ran out although
/// nothing is stored about it any more, its end.
pub(super) fn random_token(expires_at: UnixMillis) -> Result<Secret<String>, ServiceError> {
    let mut bytes = [0_u8; SECRET_BYTES + EXPIRY_BYTES];
    fill(&mut bytes[..SECRET_BYTES])?;
    bytes[SECRET_BYTES..].copy_from_slice(&expires_at.0.to_be_bytes());
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(bytes)))
}

/// The end that a token names. It proves nothing; only the store knows which tokens are valid.
pub(super) fn stated_end(token: &str) -> Option<UnixMillis> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (_, end) = bytes.split_at_checked(SECRET_BYTES)?;
    Some(UnixMillis(i64::from_be_bytes(end.try_into().ok()?)))
}

/// A password of 24 characters that are hard to confuse: about 139 bits.
pub(super) fn random_password() -> Result<Secret<String>, ServiceError> {
    const LENGTH: usize = 24;
    const ALPHABET: &[u8] = b"abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let fair = u8::MAX - (u8::MAX % ALPHABET.len() as u8);
    let mut password = String::with_capacity(LENGTH);
    let mut bytes = [0_u8; 2 * LENGTH];
    while password.len() < LENGTH {
        fill(&mut bytes)?;
        let usable = bytes.iter().filter(|byte| **byte < fair);
        let characters = usable.map(|byte| char::from(ALPHABET[*byte as usize % ALPHABET.len()]));
        password.extend(characters.take(LENGTH - password.len()));
    }
    Ok(Secret::new(password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_differ_and_name_their_end() {
        let end = UnixMillis(1_800_000_000_000);
        let (one, other) = (
            random_token(end).expect("random"),
            random_token(end).expect("random"),
        );
        assert_ne!(one, other);
        assert_eq!(stated_end(one.expose()), Some(end));
        assert_eq!(stated_end("short"), None);
        assert_eq!(stated_end("no base64 !"), None);
    }

    #[test]
    fn generated_passwords_have_24_characters() {
        let password = random_password().expect("random");
        assert_eq!(password.expose().len(), 24);
        assert!(password.expose().chars().all(|c| c.is_ascii_alphanumeric()));
    }
}
