//! Programs that use an application through the reference's OpenAPI: who they are, by its name and
//! password, and the tokens that stand for these afterwards.
//!
//! Invariants:
//! 1. A token names its application, its end and the password it was given for, sealed with the key
//!    of the cluster: every server accepts it, also after a restart, and none keeps it.
//! 2. A new password ends all tokens of the former one, on other servers within [`FRESH`].

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dashmap::DashMap;
use powerjob_common::id::AppId;
use powerjob_common::secret::Secret;
use powerjob_common::time::UnixMillis;
use subtle::ConstantTimeEq;
use tracing::{info, warn};

use super::app_password::{self, Encryption};
use super::attempts::{Attempts, Key};
use super::{ServiceError, Services, Thing, apps};
use crate::store::app::App;

/// How long a token counts.
pub const TOKEN_LIFETIME: Duration = Duration::from_secs(7 * 24 * 3_600);
/// How long the password of an application is believed without asking the store.
const FRESH: Duration = Duration::from_secs(5);
const PURPOSE: &str = "program";
const PURPOSE_PASSWORD: &str = "program password";
const HEAD_BYTES: usize = 24;
const SEAL_BYTES: usize = 32;

/// Why a program is not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProgramError {
    /// No application was named.
    #[error("no application is named")]
    NoApp,
    /// No application has this name.
    #[error("there is no application {0}")]
    UnknownApp(String),
    /// The password is wrong, or the application has none.
    #[error("the password is wrong")]
    WrongPassword,
    /// A way to send a password that nobody knows.
    #[error("unknown encryption {0}")]
    UnknownEncryption(String),
    /// Too many wrong passwords for this application from there.
    #[error("too many wrong passwords; wait {}s", .retry_after.as_secs() + 1)]
    TooMany {
        /// When to try again.
        retry_after: Duration,
    },
    /// The token ran out.
    #[error("the token has run out")]
    Expired,
    /// Not a token of this cluster.
    #[error("it is not a token of this cluster")]
    Invalid,
    /// The token is another application's.
    #[error("the token is of another application")]
    OtherApp,
    /// The application of the token is gone.
    #[error("the application of the token is gone")]
    AppGone,
    /// It could not be found out.
    #[error(transparent)]
    Service(#[from] ServiceError),
}

/// What is remembered about programs.
#[derive(Debug, Default)]
pub struct Programs {
    passwords: DashMap<AppId, ([u8; 8], Duration)>,
    attempts: Attempts,
}

impl Programs {
    /// Forgets what is known of an application: its password has changed.
    pub fn forget(&self, app: AppId) {
        self.passwords.remove(&app);
    }
}

/// What a program sends to be let in.
#[derive(Debug, Clone, Default)]
pub struct Proof {
    /// Name of the application.
    pub app_name: Option<String>,
    /// Its password.
    pub password: Option<Secret<String>>,
    /// `md5`, `none` or absent.
    pub encryption: Option<String>,
}

/// A program that was let in.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// Its application.
    pub app_id: AppId,
    /// Stands for its password.
    pub token: Secret<String>,
}

/// Lets a program in by name and password of its application.
///
/// # Errors
/// [`ProgramError`].
pub async fn admit(
    services: &Services,
    proof: Proof,
    address: &str,
) -> Result<Admitted, ProgramError> {
    let app_id = prove(services, proof, address).await?;
    let expires_at = services.now().after(TOKEN_LIFETIME);
    let token = issue(services, app_id, expires_at).await?;
    Ok(Admitted { app_id, token })
}

/// The application whose name and password are right.
///
/// # Errors
/// [`ProgramError`].
pub async fn prove(
    services: &Services,
    proof: Proof,
    address: &str,
) -> Result<AppId, ProgramError> {
    let name = proof.app_name.ok_or(ProgramError::NoApp)?;
    let encryption = Encryption::from_name(proof.encryption.as_deref());
    let attempts = &services.programs.attempts;
    let key = Key::Account(format!("{name} {address}"));
    let monotonic = services.handles.clock.monotonic();
    if let Some(retry_after) = attempts.wait(&key, monotonic) {
        return Err(ProgramError::TooMany { retry_after });
    }
    let row = services.store.app_row_by_name(name.clone()).await;
    let row = row.map_err(ServiceError::from)?;
    let row = row.ok_or(ProgramError::UnknownApp(name))?;
    let encryption = encryption
        .ok_or_else(|| ProgramError::UnknownEncryption(proof.encryption.unwrap_or_default()))?;
    let password = row.password.as_ref().and_then(app_password::open);
    let is_right = password
        .filter(|password| !password.expose().is_empty())
        .zip(proof.password)
        .is_some_and(|(right, given)| app_password::is_right(&right, given.expose(), encryption));
    if !is_right {
        warn!(app_id = %row.id, address, "a program sent a wrong password");
        attempts
            .begin(&[key], monotonic)
            .map_err(|retry_after| ProgramError::TooMany { retry_after })?;
        return Err(ProgramError::WrongPassword);
    }
    attempts.succeeded(&[key]);
    info!(app_id = %row.id, address, "a program was let in");
    Ok(row.id)
}

/// The application of a token; `stated` is the application the program says it is of.
///
/// # Errors
/// [`ProgramError`].
pub async fn check(
    services: &Services,
    token: &str,
    stated: &str,
) -> Result<Arc<App>, ProgramError> {
    let bytes = URL_SAFE_NO_PAD.decode(token);
    let bytes = bytes.map_err(|_| ProgramError::Invalid)?;
    let Some((head, seal)) = bytes.split_at_checked(HEAD_BYTES) else {
        return Err(ProgramError::Invalid);
    };
    let expected = services.handles.peers.seal(PURPOSE, head);
    if seal.len() != SEAL_BYTES || !bool::from(expected.ct_eq(seal)) {
        return Err(ProgramError::Invalid);
    }
    let number = |part: &[u8]| {
        part.iter()
            .fold(0_i64, |sum, byte| sum << 8 | i64::from(*byte))
    };
    let (app_id, expires_at) = (AppId(number(&head[..8])), UnixMillis(number(&head[8..16])));
    if expires_at <= services.now() {
        return Err(ProgramError::Expired);
    }
    if app_id.to_string() != stated {
        return Err(ProgramError::OtherApp);
    }
    let app = apps::find(services, app_id)
        .await
        .map_err(|error| match error {
            ServiceError::NotFound(Thing::App) => ProgramError::AppGone,
            error => error.into(),
        })?;
    let present = present_password(services, app_id).await?;
    if bool::from(present.ct_eq(&head[16..])) {
        Ok(app)
    } else {
        Err(ProgramError::WrongPassword)
    }
}

async fn issue(
    services: &Services,
    app_id: AppId,
    expires_at: UnixMillis,
) -> Result<Secret<String>, ProgramError> {
    services.programs.forget(app_id);
    let password = present_password(services, app_id).await?;
    let head = [
        &app_id.0.to_be_bytes()[..],
        &expires_at.0.to_be_bytes(),
        &password,
    ]
    .concat();
    let seal = services.handles.peers.seal(PURPOSE, &head);
    Ok(Secret::new(
        URL_SAFE_NO_PAD.encode([&head[..], &seal].concat()),
    ))
}

/// What tokens name instead of the password.
async fn present_password(services: &Services, app_id: AppId) -> Result<[u8; 8], ProgramError> {
    let monotonic = services.handles.clock.monotonic();
    let known = services.programs.passwords.get(&app_id);
    if let Some((mark, fresh_until)) = known.map(|entry| *entry.value())
        && fresh_until > monotonic
    {
        return Ok(mark);
    }
    let row = services.store.app_row(app_id).await;
    let row = row.map_err(ServiceError::from)?;
    let row = row.ok_or(ProgramError::AppGone)?;
    let password = row.password.as_ref().and_then(app_password::open);
    let password = password.ok_or(ProgramError::WrongPassword)?;
    let peers = &services.handles.peers;
    let seal = peers.seal(PURPOSE_PASSWORD, password.expose().as_bytes());
    let mut mark = [0_u8; 8];
    mark.copy_from_slice(&seal[..8]);
    let fresh_until = monotonic + FRESH;
    services
        .programs
        .passwords
        .insert(app_id, (mark, fresh_until));
    Ok(mark)
}
