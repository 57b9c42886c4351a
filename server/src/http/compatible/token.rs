//! Tokens of people as the console keeps them: the token of a session of ours and, so that one whose
//! session has ended can be told why, whose it was, sealed.

use std::sync::Arc;

use actix_web::HttpRequest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use powerjob_common::id::UserId;
use subtle::ConstantTimeEq;

use super::call::header_text;
use super::failure::{ErrorCode, Failure};
use crate::service::access::Person;
use crate::service::sessions::Fingerprint;
use crate::service::{ServiceError, Services, SignInError};

const PURPOSE: &str = "console token";

/// The token that the console gets for a session.
pub(super) fn of_session(services: &Services, token: &str, user: UserId) -> String {
    let seal = URL_SAFE_NO_PAD.encode(seal(services, token, user));
    format!("{token}.{user}.{seal}")
}

/// The token of a request; cookies do not count.
pub(super) fn of_request(request: &HttpRequest) -> Option<&str> {
    header_text(request, "PowerJwt").or_else(|| header_text(request, "Power_jwt"))
}

/// Who sends a request; `None` without a valid token.
///
/// # Errors
/// When it is a token of somebody who may not come in any more.
pub(super) async fn signed_in(
    services: &Services,
    request: &HttpRequest,
) -> Result<Option<Arc<Person>>, Failure> {
    let Some(text) = of_request(request) else {
        return Ok(None);
    };
    let token = text.split('.').next().unwrap_or_default();
    let session = Fingerprint::of(token);
    let sessions = &services.sessions;
    match sessions.person(services, session, Some(token)).await {
        Ok(person) => Ok(Some(person)),
        Err(ServiceError::SignIn(SignInError::ExpiredToken)) => Ok(None),
        Err(ServiceError::SignIn(_)) => why_not(services, text).await.map(|()| None),
        Err(error) => Err(error.into()),
    }
}

/// Says why a session has ended, to the one who had it.
async fn why_not(services: &Services, text: &str) -> Result<(), Failure> {
    let mut parts = text.split('.');
    let (Some(token), Some(user), Some(given)) = (parts.next(), parts.next(), parts.next()) else {
        return Ok(());
    };
    let Ok(user) = user.parse::<UserId>() else {
        return Ok(());
    };
    let given = URL_SAFE_NO_PAD.decode(given).unwrap_or_default();
    if !bool::from(seal(services, token, user).ct_eq(&given)) {
        return Ok(());
    }
    match services.store.account(user).await {
        Ok(account) if !account.is_enabled => Err(Failure::auth(ErrorCode::UserDisabled, "")),
        Ok(_) => Err(Failure::auth(ErrorCode::InvalidToken, "")),
        Err(_) => Err(Failure::auth(ErrorCode::UserAuthFailed, "")),
    }
}

fn seal(services: &Services, token: &str, user: UserId) -> [u8; 32] {
    let text = format!("{token}.{user}");
    services.handles.peers.seal(PURPOSE, text.as_bytes())
}
