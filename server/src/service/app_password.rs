//! Passwords of applications, which their programs prove: kept so that they can be shown and given
//! back to the reference, in its own form (spec 06 section 4.18).
//!
//! The key of that form is known to everybody: it keeps passwords out of sight, not safe. Whoever
//! reads the database reads them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use powerjob_common::secret::Secret;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use subtle::ConstantTimeEq;

use super::{ServiceError, token};

const PREFIX: &str = "sys_encrypt_aes:";
const KEY: &[u8; 32] = b"ChinaNo.1_ChinaNo.1_ChinaNo.1AAA";

/// How a program sends its password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// As it is.
    Clear,
    /// The hexadecimal MD5 of it, in any letter case.
    Md5,
}

impl Encryption {
    /// The way of a name; the reference takes an absent one for clear text.
    pub fn from_name(name: Option<&str>) -> Option<Self> {
        match name {
            None | Some("" | "none") => Some(Self::Clear),
            Some("md5") => Some(Self::Md5),
            Some(_) => None,
        }
    }
}

/// Seals a password with a fresh nonce.
///
/// # Errors
/// When the machine gives no randomness.
pub fn seal(password: &Secret<String>) -> Result<Secret<String>, ServiceError> {
    let mut nonce = [0_u8; NONCE_LEN];
    token::fill(&mut nonce)?;
    seal_with(password, nonce)
}

fn seal_with(
    password: &Secret<String>,
    nonce: [u8; NONCE_LEN],
) -> Result<Secret<String>, ServiceError> {
    let failed = |_| ServiceError::Internal("a password could not be sealed".to_owned());
    let mut sealed = password.expose().clone().into_bytes();
    key()
        .map_err(failed)?
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::empty(),
            &mut sealed,
        )
        .map_err(failed)?;
    let text = STANDARD.encode([&nonce[..], &sealed].concat());
    Ok(Secret::new(format!("{PREFIX}{text}")))
}

/// The password of a stored text; what was stored in clear by a server of old is returned as it is.
/// `None` when it cannot be read.
pub fn open(stored: &Secret<String>) -> Option<Secret<String>> {
    let Some(sealed) = stored.expose().strip_prefix(PREFIX) else {
        return Some(stored.clone());
    };
    let bytes = STANDARD.decode(sealed).ok()?;
    let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut sealed = sealed.to_vec();
    let opened = key()
        .ok()?
        .open_in_place(nonce, Aad::empty(), &mut sealed)
        .ok()?;
    String::from_utf8(opened.to_vec()).ok().map(Secret::new)
}

fn key() -> Result<LessSafeKey, ring::error::Unspecified> {
    UnboundKey::new(&AES_256_GCM, KEY).map(LessSafeKey::new)
}

/// Whether what a program sent proves the password, in a time that tells nothing about it.
pub fn is_right(password: &Secret<String>, given: &str, encryption: Encryption) -> bool {
    let expected = match encryption {
        Encryption::Clear => password.expose().clone(),
        Encryption::Md5 => md5_hex(password.expose()),
    };
    let given = match encryption {
        Encryption::Clear => given.to_owned(),
        Encryption::Md5 => given.to_ascii_lowercase(),
    };
    expected.as_bytes().ct_eq(given.as_bytes()).into()
}

fn md5_hex(text: &str) -> String {
    Md5::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    /// Spec 06 case 55.
    #[test]
    fn sealed_passwords_have_the_form_of_the_reference() {
        let vector = "sys_encrypt_aes:AAECAwQFBgcICQoLv7Cg6r1MAiag162S2YCKesHVtSMR/BAKJuLR";
        let nonce = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
        let sealed = seal_with(&secret("powerjob123"), nonce).expect("sealed");
        assert_eq!(sealed.expose(), vector);
        assert_eq!(open(&secret(vector)), Some(secret("powerjob123")));
        assert_eq!(open(&secret("in clear")), Some(secret("in clear")));
        for damaged in [
            "sys_encrypt_aes:",
            "sys_encrypt_aes:AAAA",
            "sys_encrypt_aes:%",
        ] {
            assert_eq!(open(&secret(damaged)), None, "{damaged}");
        }
        assert_ne!(
            seal(&secret("a")).expect("sealed"),
            seal(&secret("a")).expect("sealed")
        );
    }

    /// Spec 06 case 85.
    #[test]
    fn passwords_are_proven_in_clear_or_by_their_md5() {
        let password = secret("powerjob123");
        let md5 = "ced0a0b258d55d62660e294c00442541";
        assert!(is_right(&password, md5, Encryption::Md5));
        assert!(is_right(&password, &md5.to_uppercase(), Encryption::Md5));
        assert!(is_right(&password, "powerjob123", Encryption::Clear));
        assert!(!is_right(&password, "POWERJOB123", Encryption::Clear));
        assert!(!is_right(&password, "powerjob123", Encryption::Md5));
        assert_eq!(Encryption::from_name(None), Some(Encryption::Clear));
        assert_eq!(Encryption::from_name(Some("sha1")), None);
    }
}
