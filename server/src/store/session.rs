//! Sessions of signed-in people, and the server's own keys.

use powerjob_common::id::UserId;
use powerjob_common::secret::Secret;
use powerjob_common::time::UnixMillis;

use super::account::{Account, Grant};
use super::sql::{Columns, Sql};
use super::{Error, Store};

/// `pj_secret.kind` of the cluster's own keys.
const KIND_SIGNING: &str = "signing";

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
        let now = self.now();
        self.write(async move |sql: Sql| {
            end_expired(&sql, now).await?;
            let text = "insert into {pj_session} (fingerprint, user_id, created_at, expires_at) \
                values (?, ?, ?, ?)";
            let values = vec![
                hexadecimal(&session.fingerprint).into(),
                session.user_id.0.into(),
                now.0.into(),
                session.expires_at.0.into(),
            ];
            sql.execute(text, values).await.map(drop)
        })
        .await
    }

    /// The session of a token, if it is valid at `now` and its account is enabled.
    pub async fn session(
        &self,
        fingerprint: [u8; 32],
        now: UnixMillis,
    ) -> Result<Option<Session>, Error> {
        self.read(async move |sql: Sql| {
            let text =
                "select user_id, expires_at from {pj_session} where fingerprint = ? and expires_at > ?";
            let row = sql.row(text, vec![hexadecimal(&fingerprint).into(), now.0.into()]).await?;
            let Some(row) = row else { return Ok(None) };
            let mut columns = Columns::of(&row);
            let user_id = UserId(columns.number()?);
            let expires_at = columns.instant()?.unwrap_or_default();
            let account = match super::account::load(&sql, user_id).await {
                Ok(account) if account.is_enabled => account,
                Ok(_) | Err(Error::NotFound { .. }) => return Ok(None),
                Err(error) => return Err(error),
            };
            let grants = super::account::grants_of(&sql, user_id).await?;
            Ok(Some(Session { account, grants, expires_at }))
        })
        .await
    }

    /// Ends a session; one that is unknown is as good as ended.
    pub async fn delete_session(&self, fingerprint: [u8; 32]) -> Result<(), Error> {
        self.write(async move |sql: Sql| {
            let text = "delete from {pj_session} where fingerprint = ?";
            sql.execute(text, vec![hexadecimal(&fingerprint).into()])
                .await
                .map(drop)
        })
        .await
    }

    /// The cluster's key of a purpose (e.g. `session`, `ticket`, `resume`): `fresh` is stored if
    /// there is none yet, and the stored one is returned.
    pub async fn signing_key(
        &self,
        purpose: String,
        fresh: Secret<String>,
    ) -> Result<Secret<String>, Error> {
        let now = self.now();
        self.write(async move |sql: Sql| {
            let text = "select value from {pj_secret} where kind = ? and name = ?";
            let found = sql
                .row(text, vec![KIND_SIGNING.into(), purpose.as_str().into()])
                .await?;
            if let Some(row) = found {
                return Ok(Secret::new(Columns::of(&row).text()?));
            }
            let text = "insert into {pj_secret} (kind, owner, name, value, created_at) \
                values (?, 0, ?, ?, ?)";
            let values = vec![
                KIND_SIGNING.into(),
                purpose.as_str().into(),
                fresh.expose().as_str().into(),
                now.0.into(),
            ];
            sql.execute(text, values).await?;
            Ok(fresh)
        })
        .await
    }
}

/// Removes the sessions that ended by themselves; how many there were.
pub(super) async fn end_expired(sql: &Sql, now: UnixMillis) -> Result<u64, Error> {
    let text = "delete from {pj_session} where expires_at <= ?";
    sql.execute(text, vec![now.0.into()]).await
}

/// Bytes as text of the digits 0 to f.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}
