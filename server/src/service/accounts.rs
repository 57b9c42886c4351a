//! Accounts: the first administrator, and new passwords.

use powerjob_common::secret::Secret;
use tracing::info;

use super::token::random_password;
use super::{ServiceError, Thing, password};
use crate::store::{self, Store};

/// Name of the first administrator.
pub const ADMINISTRATOR: &str = "ADMIN";

/// A password that was made up here; show it once, it is stored nowhere.
#[derive(Debug, Clone)]
pub struct GeneratedPassword {
    /// The account.
    pub account: String,
    /// Its password.
    pub password: Secret<String>,
}

/// Makes the first administrator and the default namespace in a fresh database. Without a configured
/// password one is generated and returned; there is no default. Repeating it is harmless.
///
/// # Errors
/// When the configured password is too weak, or the store fails.
pub async fn ensure_administrator(
    store: &Store,
    configured: Option<Secret<String>>,
) -> Result<Option<GeneratedPassword>, ServiceError> {
    if store.is_initialized().await? {
        return Ok(None);
    }
    let (password, is_generated) = given_or_generated(configured)?;
    let hash = password::hash(password.clone()).await?;
    let first_start = store.first_start(hash).await?;
    if !first_start.is_new {
        return Ok(None);
    }
    info!(account = ADMINISTRATOR, "made the first administrator");
    let account = ADMINISTRATOR.to_owned();
    Ok(is_generated.then_some(GeneratedPassword { account, password }))
}

/// Gives an account a new password, generated if none is given, and ends its sessions.
///
/// # Errors
/// When the account is unknown or the password is too weak.
pub async fn reset_password(
    store: &Store,
    account: &str,
    given: Option<Secret<String>>,
) -> Result<Option<GeneratedPassword>, ServiceError> {
    let (password, is_generated) = given_or_generated(given)?;
    let known = store
        .credentials(account.to_owned())
        .await
        .map_err(|error| match error {
            store::Error::NotFound { .. } => ServiceError::NotFound(Thing::Account),
            error => error.into(),
        })?;
    let hash = password::hash(password.clone()).await?;
    store.set_password(known.account.id, hash, None).await?;
    info!(account, "reset the password of an account");
    let account = known.account.name;
    Ok(is_generated.then_some(GeneratedPassword { account, password }))
}

fn given_or_generated(
    given: Option<Secret<String>>,
) -> Result<(Secret<String>, bool), ServiceError> {
    match given {
        Some(password) => {
            password::check_strength(password.expose())?;
            Ok((password, false))
        }
        None => Ok((random_password()?, true)),
    }
}
