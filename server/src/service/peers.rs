//! Requests that this server hands on to the owner of an application, and their proof.
//!
//! A person's session is looked up again by the server that carries the request out: what travels is
//! which session asks, proven by the key of the cluster, which only servers of one database know.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use powerjob_common::secret::Secret;
use powerjob_common::time::UnixMillis;
use sha2::Sha256;

use super::ServiceError;
use super::sessions::Fingerprint;
use super::token::random_secret;
use crate::store::{self, Store};

/// Carries the proof: time in epoch milliseconds, fingerprint of the session and proof, both in
/// base64, separated by spaces. Whoever gets it does not hand the request on again.
pub const FORWARDED_HEADER: &str = "x-powerjob-forwarded";
/// What the key is called in the store.
const CLUSTER_KEY: &str = "cluster";
/// A proof counts this long; the clocks of servers may differ by as much.
const PROOF_LIFETIME: Duration = Duration::from_secs(60);
/// A peer that does not answer a call for a connection within this time is not there.
const CONNECT_LIMIT: Duration = Duration::from_millis(1_000);
/// Unused connections to peers are closed after this time.
const IDLE_LIMIT: Duration = Duration::from_secs(60);

/// The way to the other servers; cheap to clone.
#[derive(Debug, Clone)]
pub struct Peers {
    client: reqwest::Client,
    key: Secret<String>,
}

/// What a proof is about.
#[derive(Debug, Clone, Copy)]
pub struct Handed<'a> {
    /// Method of the request.
    pub method: &'a str,
    /// Path with query.
    pub path: &'a str,
}

impl Peers {
    /// The way to the servers over the same database; the first one makes the key.
    ///
    /// # Errors
    /// When the store does not give it.
    pub async fn of_cluster(store: &Store) -> Result<Self, ServiceError> {
        let key = store.signing_key(CLUSTER_KEY.to_owned(), random_secret()?);
        let key = match key.await {
            // Another server made one at the same moment.
            Err(store::Error::Conflict { .. }) => {
                let again = store.signing_key(CLUSTER_KEY.to_owned(), random_secret()?);
                again.await?
            }
            key => key?,
        };
        Ok(Self::new(key))
    }

    /// The way to the servers that have the same key.
    pub fn new(key: Secret<String>) -> Self {
        let client = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(CONNECT_LIMIT)
            .pool_idle_timeout(IDLE_LIMIT)
            .tcp_nodelay(true)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap_or_default();
        Self { client, key }
    }

    /// For requests to peers.
    pub fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// The value of [`FORWARDED_HEADER`] for a request of `session`.
    pub fn prove(&self, request: Handed<'_>, session: &Fingerprint, now: UnixMillis) -> String {
        let session = URL_SAFE_NO_PAD.encode(session.0);
        let proof = self.mac(request, &session, now.0).finalize();
        let proof = URL_SAFE_NO_PAD.encode(proof.into_bytes());
        format!("{} {session} {proof}", now.0)
    }

    /// The session of a request that another server handed on; `None` when the proof is wrong or
    /// too old.
    pub fn check(&self, request: Handed<'_>, header: &str, now: UnixMillis) -> Option<Fingerprint> {
        let mut parts = header.split(' ');
        let (at, session, proof) = (parts.next()?, parts.next()?, parts.next()?);
        let at: i64 = at.parse().ok()?;
        if u128::from(at.abs_diff(now.0)) > PROOF_LIFETIME.as_millis() {
            return None;
        }
        let proof = URL_SAFE_NO_PAD.decode(proof).ok()?;
        self.mac(request, session, at).verify_slice(&proof).ok()?;
        let session = URL_SAFE_NO_PAD.decode(session).ok()?;
        Some(Fingerprint(session.try_into().ok()?))
    }

    /// Proves a text for one purpose, to all servers over the same database and to nobody else.
    pub fn seal(&self, purpose: &str, text: &[u8]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.expose().as_bytes())
            .expect("HMAC takes a key of any length");
        mac.update(format!("PJ {purpose}\n").as_bytes());
        mac.update(text);
        mac.finalize().into_bytes().into()
    }

    fn mac(&self, request: Handed<'_>, session: &str, at_ms: i64) -> Hmac<Sha256> {
        let Handed { method, path } = request;
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.expose().as_bytes())
            .expect("HMAC takes a key of any length");
        mac.update(format!("PJFW1\n{method}\n{path}\n{at_ms}\n{session}").as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: Handed<'_> = Handed {
        method: "POST",
        path: "/v1/jobs/1/runs?a=b",
    };
    const SESSION: Fingerprint = Fingerprint([7; 32]);
    const NOW: UnixMillis = UnixMillis(1_000_000);

    fn peers(key: &str) -> Peers {
        Peers::new(Secret::new(key.to_owned()))
    }

    #[test]
    fn a_proof_of_the_same_key_is_believed_for_a_minute() {
        let header = peers("k").prove(REQUEST, &SESSION, NOW);
        let check = |ms| peers("k").check(REQUEST, &header, UnixMillis(NOW.0 + ms));
        assert_eq!(check(0), Some(SESSION));
        assert_eq!(check(60_000), Some(SESSION));
        assert_eq!(check(-60_000), Some(SESSION));
        assert_eq!(check(60_001), None);
    }

    #[test]
    fn a_proof_counts_for_its_request_its_session_and_its_key_only() {
        let header = peers("k").prove(REQUEST, &SESSION, NOW);
        assert_eq!(peers("other").check(REQUEST, &header, NOW), None);
        let other_path = Handed {
            path: "/v1/jobs/2/runs",
            ..REQUEST
        };
        assert_eq!(peers("k").check(other_path, &header, NOW), None);
        let other_method = Handed {
            method: "DELETE",
            ..REQUEST
        };
        assert_eq!(peers("k").check(other_method, &header, NOW), None);
        let other_session = header.replace("BwcH", "CAcH");
        assert_ne!(header, other_session);
        assert_eq!(peers("k").check(REQUEST, &other_session, NOW), None);
        for wrong in ["", "1", "1 2 3", "x y z", &header.replace(' ', "")] {
            assert_eq!(peers("k").check(REQUEST, wrong, NOW), None, "{wrong}");
        }
    }
}
