//! Hashes of passwords: Argon2id, and the reference's own form, recognised once.

use std::sync::OnceLock;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use md5::{Digest, Md5};
use powerjob_common::reason::{Reason, ReasonCode};
use powerjob_common::secret::Secret;
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use super::ServiceError;
use crate::store::account::Credentials;

/// Shortest password that may be set.
pub const MIN_CHARS: usize = 8;
/// Longest password; hashing more would be work for nothing.
pub const MAX_BYTES: usize = 1_024;

/// Memory of a hashing in KiB, with [`ROUNDS`] one of the pairs that OWASP recommends. glibc gives
/// blocks of more than 32 MiB back to the machine; those of 19 MiB, the other pair's, it keeps.
const MEMORY_KIB: u32 = 47_104;
const ROUNDS: u32 = 1;

/// Each hashing takes 46 MiB and a processor for a while.
static HASHING: Semaphore = Semaphore::const_new(2);

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Right.
    Right,
    /// Right, but by a hash of a former kind: store a new one.
    RightByOldHash,
    /// Wrong.
    Wrong,
}

/// Hashes a password.
pub async fn hash(password: Secret<String>) -> Result<Secret<String>, ServiceError> {
    in_background(move || hash_now(password.expose())).await?
}

/// Checks a password; takes as long for an unknown account as for a known one.
pub async fn verify(
    known: Option<Credentials>,
    password: Secret<String>,
) -> Result<Verdict, ServiceError> {
    in_background(move || verify_now(known.as_ref(), password.expose())).await
}

/// # Errors
/// When it is too short or too long.
pub fn check_strength(password: &str) -> Result<(), ServiceError> {
    if password.chars().count() < MIN_CHARS {
        let reason = Reason::new(ReasonCode::TooFewCharacters, "least", MIN_CHARS);
        return Err(ServiceError::field("password", reason));
    }
    if password.len() > MAX_BYTES {
        return Err(ServiceError::field(
            "password",
            Reason::new(ReasonCode::TooManyBytes, "most", MAX_BYTES),
        ));
    }
    Ok(())
}

async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ServiceError> {
    let internal = |error: &dyn std::fmt::Display| ServiceError::Internal(error.to_string());
    let _place = HASHING.acquire().await.map_err(|error| internal(&error))?;
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| internal(&error))
}

fn hash_now(password: &str) -> Result<Secret<String>, ServiceError> {
    let mut salt = [0_u8; 16];
    super::token::fill(&mut salt)?;
    let internal = |error: argon2::password_hash::Error| ServiceError::Internal(error.to_string());
    let salt = SaltString::encode_b64(&salt).map_err(internal)?;
    let hash = hasher()
        .hash_password(password.as_bytes(), &salt)
        .map_err(internal)?;
    Ok(Secret::new(hash.to_string()))
}

fn verify_now(known: Option<&Credentials>, password: &str) -> Verdict {
    let modern = known.and_then(|known| known.password.as_ref());
    let legacy = known.and_then(|known| {
        let hash = known.legacy_password.as_ref()?;
        Some((known.account.name.as_str(), hash.expose().as_str()))
    });
    match (modern, legacy) {
        (Some(hash), _) if matches(hash.expose(), password) => {
            if is_present_kind(hash.expose()) {
                Verdict::Right
            } else {
                Verdict::RightByOldHash
            }
        }
        (Some(_), _) => Verdict::Wrong,
        (None, Some((name, hash))) => {
            matches(nobody(), password);
            if bool::from(
                legacy_hash(name, password)
                    .as_bytes()
                    .ct_eq(hash.as_bytes()),
            ) {
                Verdict::RightByOldHash
            } else {
                Verdict::Wrong
            }
        }
        (None, None) => {
            matches(nobody(), password);
            Verdict::Wrong
        }
    }
}

/// The kind of hash that new passwords get.
fn hasher() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, ROUNDS, 1, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn is_present_kind(hash: &str) -> bool {
    PasswordHash::new(hash)
        .and_then(|hash| Params::try_from(&hash))
        .is_ok_and(|params| (params.m_cost(), params.t_cost()) == (MEMORY_KIB, ROUNDS))
}

/// The parameters are those of the hash.
fn matches(hash: &str, password: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| {
        Argon2::default()
            .verify_password(password.as_bytes(), &hash)
            .is_ok()
    })
}

/// The hash that unknown accounts are checked against; no password fits.
fn nobody() -> &'static str {
    static NOBODY: OnceLock<String> = OnceLock::new();
    NOBODY.get_or_init(|| {
        let salt = STANDARD_NO_PAD.encode([7_u8; 16]);
        let output = STANDARD_NO_PAD.encode([7_u8; 32]);
        format!("$argon2id$v=19$m={MEMORY_KIB},t={ROUNDS},p=1${salt}${output}")
    })
}

/// Whether a stored text has the reference's form for this name.
pub fn is_legacy_hash(name: &str, stored: &str) -> bool {
    let digest = stored
        .strip_prefix(name)
        .and_then(|rest| rest.strip_prefix('_')?.strip_suffix("_b"));
    digest.is_some_and(|digest| {
        digest.len() == 32 && digest.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// The reference's form: spec 06 section 4.7.
fn legacy_hash(name: &str, password: &str) -> String {
    let digest = Md5::digest(format!("{name}_{password}_z"));
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{name}_{hex}_b")
}

#[cfg(test)]
mod tests {
    use powerjob_common::id::UserId;

    use super::*;
    use crate::store::account::Account;

    fn credentials(password: Option<&str>, legacy: Option<&str>) -> Credentials {
        let secret = |text: &str| Secret::new(text.to_owned());
        Credentials {
            account: Account {
                id: UserId(1),
                username: "PWJB_ADMIN".to_owned(),
                name: "ADMIN".to_owned(),
                nick: "ADMIN".to_owned(),
                email: None,
                phone: None,
                is_enabled: true,
            },
            password: password.map(secret),
            legacy_password: legacy.map(secret),
        }
    }

    /// Spec 06 case 26.
    #[test]
    fn old_hashes_are_those_of_the_reference() {
        for (name, password, hash) in [
            (
                "ADMIN",
                "powerjob_admin",
                "ADMIN_b82a450701f6a71723fb99931fe35e18_b",
            ),
            (
                "alice",
                "pwd123",
                "alice_8436cddba976fe2108e1561e0ae754ca_b",
            ),
        ] {
            assert_eq!(legacy_hash(name, password), hash);
        }
    }

    #[test]
    fn new_hashes_fit_their_password_only() {
        let hash = hash_now("correct horse").expect("hashes");
        let known = credentials(Some(hash.expose()), None);
        assert_eq!(verify_now(Some(&known), "correct horse"), Verdict::Right);
        assert_eq!(verify_now(Some(&known), "battery staple"), Verdict::Wrong);
        assert_ne!(
            hash,
            hash_now("correct horse").expect("hashes"),
            "each has its own salt"
        );
    }

    #[test]
    fn an_old_hash_counts_only_until_there_is_a_new_one() {
        let old = "ADMIN_b82a450701f6a71723fb99931fe35e18_b";
        let only_old = credentials(None, Some(old));
        assert_eq!(
            verify_now(Some(&only_old), "powerjob_admin"),
            Verdict::RightByOldHash
        );
        assert_eq!(
            verify_now(Some(&only_old), "powerjob_admim"),
            Verdict::Wrong
        );
        let both = credentials(Some(hash_now("new").expect("hashes").expose()), Some(old));
        assert_eq!(verify_now(Some(&both), "powerjob_admin"), Verdict::Wrong);
    }

    #[test]
    fn a_hash_with_other_parameters_is_right_and_renewed() {
        let salt = SaltString::encode_b64(&[7; 16]).expect("a salt");
        let hash = Argon2::default()
            .hash_password(b"correct horse", &salt)
            .expect("hashes")
            .to_string();
        let known = credentials(Some(&hash), None);
        assert_eq!(
            verify_now(Some(&known), "correct horse"),
            Verdict::RightByOldHash
        );
        assert_eq!(verify_now(Some(&known), "battery staple"), Verdict::Wrong);
    }

    #[test]
    fn unknown_accounts_cost_a_real_check() {
        let hash = PasswordHash::new(nobody()).expect("a well-formed hash");
        assert!(Argon2::default().verify_password(b"", &hash).is_err());
        assert_eq!(verify_now(None, ""), Verdict::Wrong);
    }
}
