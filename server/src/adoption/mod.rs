//! Looking at a system of the Java product before it is taken over: its database, or one of its
//! servers. Nothing is changed there.

mod server;

use powerjob_common::secret::Secret;
use powerjob_common::time::Clock;

pub use server::{Account, CheckError};

use crate::domain::adoption::{Report, judge};
use crate::service::{app_password, password};
use crate::store::{self, PasswordReaders, Store, StoreConfig};

/// What of a database carries over.
///
/// # Errors
/// As [`Store::survey`].
pub async fn check_database(
    url: &Secret<String>,
    clock: &dyn Clock,
) -> Result<Report, store::Error> {
    let config = StoreConfig::new(url.expose().clone());
    let readers = PasswordReaders {
        app: |stored| app_password::open(stored).is_some(),
        account: password::is_legacy_hash,
    };
    let survey = Store::survey(&config, clock.now(), readers).await?;
    Ok(judge(&survey))
}

/// What carries over of the applications that an account may see on a running server.
///
/// # Errors
/// [`CheckError`]
pub async fn check_server(url: &str, account: &Account) -> Result<Report, CheckError> {
    Ok(judge(&server::survey(url, account).await?))
}
