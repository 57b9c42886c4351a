//! The password that the programs of an application prove with the Java client.

use powerjob_common::reason::{Reason, ReasonCode};
use powerjob_common::secret::Secret;
use powerjob_protocol::api::app::{AppWithClientPassword, NewClientPassword};
use powerjob_protocol::api::problem::FieldError;
use tracing::info;

use super::access::Person;
use super::token::random_secret;
use super::{ServiceError, Services, Thing, app_password, apps, missing};
use crate::store::app::App;

/// Longest password in bytes: sealed it fits the reference's column of 255 characters.
const MOST_BYTES: usize = 128;

/// Replaces the password by a given one, or by one that is made up. Programs that signed in with the
/// former one have to do so again.
///
/// # Errors
/// [`ServiceError::Invalid`] for a password that cannot be kept.
pub async fn replace(
    services: &Services,
    person: &Person,
    app: &App,
    input: NewClientPassword,
) -> Result<AppWithClientPassword, ServiceError> {
    let password = match input.password {
        Some(given) => checked(given)?,
        None => random_secret()?,
    };
    let sealed = app_password::seal(&password)?;
    services
        .store
        .set_app_password(app.id, sealed)
        .await
        .map_err(missing(Thing::App))?;
    apps::forget(services, app.id);
    info!(app_id = %app.id, account = person.account, "set the password of an application's programs");
    Ok(AppWithClientPassword {
        app: apps::show(services, person, app).await?,
        client_password: password.expose().clone(),
    })
}

fn checked(password: String) -> Result<Secret<String>, ServiceError> {
    let reason = if password.trim().is_empty() {
        Reason::from(ReasonCode::Empty)
    } else if password.len() > MOST_BYTES {
        Reason::new(ReasonCode::TooManyCharacters, "most", MOST_BYTES)
    } else {
        return Ok(Secret::new(password));
    };
    Err(ServiceError::Invalid(vec![FieldError::new(
        "password", reason,
    )]))
}
