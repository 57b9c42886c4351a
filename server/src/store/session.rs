//! Sessions of signed-in people, and the server's own keys.

use powerjob_common::id::UserId;
use powerjob_common::secret::Secret;
use powerjob_common::time::UnixMillis;

use super::account::{Account, Grant};
use super::{Error, Store};

/// A session to be kept.
#[derive(Debug, Clone, Copy)]
pub struct NewSession {
    /// SHA-256 of the token; the token itself is never stored.
    pub fingerprint: [u8; 32],
    pub user_id: UserId,
    pub expires_at: UnixMillis,
}

/// A valid session with what its owner may do: one read for each request.
#[derive(Debug, Clone)]
pub struct Session {
    pub account: Account,
    pub grants: Vec<Grant>,
    pub expires_at: UnixMillis,
}

impl Store {
    /// Keeps a session; removes expired ones on the way.
    pub async fn create_session(&self, session: NewSession) -> Result<(), Error> {
        let _ = session;
        super::pending()
    }

    /// The session of a token, if it is valid at `now` and its account is enabled.
    pub async fn session(
        &self,
        fingerprint: [u8; 32],
        now: UnixMillis,
    ) -> Result<Option<Session>, Error> {
        let _ = (fingerprint, now);
        super::pending()
    }

    /// Ends a session; one that is unknown is as good as ended.
    pub async fn delete_session(&self, fingerprint: [u8; 32]) -> Result<(), Error> {
        let _ = fingerprint;
        super::pending()
    }

    /// The cluster's key of a purpose (e.g. `session`, `ticket`, `resume`): `fresh` is stored if
    /// there is none yet, and the stored one is returned.
    pub async fn signing_key(
        &self,
        purpose: String,
        fresh: Secret<String>,
    ) -> Result<Secret<String>, Error> {
        let _ = (purpose, fresh);
        super::pending()
    }
}
