//! Finds a server that takes this worker, and tries for ever.

use std::sync::Arc;
use std::time::Duration;

use powerjob_common::actor::ActorScope;
use powerjob_common::retry::Backoff;
use powerjob_common::secret::Secret;
use powerjob_session::{DialConfig, DialError, ErrorCode, Identity, Inbox, Session, dial};

use crate::outcome::chain_text;

/// Pauses between attempts, as long as no server takes this worker.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(200),
    max: Duration::from_secs(5),
};
/// A server that says who owns the application is believed so often in a row.
const MAX_REDIRECTS: u32 = 3;

/// Whom to call, and as whom.
#[derive(Debug, Clone)]
pub(crate) struct Dialing {
    /// Servers as `host:port`, at least one.
    pub(crate) servers: Vec<String>,
    pub(crate) identity: Identity,
    pub(crate) app: String,
    pub(crate) secret: Option<Secret<String>>,
    pub(crate) scope: ActorScope,
}

impl Dialing {
    /// Opens a session with the first server that takes this worker, beginning at `first` in the
    /// list and going round; a pause follows each round. `make_inbox` is called for each attempt.
    pub(crate) async fn open(
        &self,
        first: usize,
        make_inbox: impl Fn() -> Arc<dyn Inbox>,
    ) -> Session {
        let mut attempt = 0;
        let mut last_error = String::new();
        loop {
            for offset in 0..self.servers.len() {
                let address = &self.servers[(first + offset) % self.servers.len()];
                match self.open_owner(address, &make_inbox).await {
                    Ok(session) => return session,
                    Err(error) => report(&error, &mut last_error),
                }
            }
            tokio::time::sleep(BACKOFF.wait(attempt, random())).await;
            attempt = attempt.saturating_add(1);
        }
    }

    /// Opens a session with `address`, or with the owner of the application that it names.
    async fn open_owner(
        &self,
        address: &str,
        make_inbox: &impl Fn() -> Arc<dyn Inbox>,
    ) -> Result<Session, DialError> {
        let mut address = address.to_owned();
        let mut redirects = 0;
        loop {
            let config = DialConfig::worker(
                &address,
                self.identity.clone(),
                &self.app,
                self.secret.clone(),
            );
            let session = Box::pin(dial(&config, make_inbox(), &self.scope)).await?;
            let owner = session.terms().owner.clone();
            if owner.is_empty() || owner == address || redirects == MAX_REDIRECTS {
                return Ok(session);
            }
            tracing::info!(
                server_addr = address,
                owner,
                "going on to the owner of the application"
            );
            session.close(
                ErrorCode::CANCELLED,
                "the application belongs to another server",
            );
            address = owner;
            redirects += 1;
        }
    }
}

/// The same trouble is told once.
fn report(error: &DialError, last_error: &mut String) {
    let text = chain_text(error);
    if text != *last_error {
        tracing::warn!(error = text, "no session with the server yet");
        *last_error = text;
    }
}

/// A number in 0.0..1.0 for the jitter of pauses.
fn random() -> f64 {
    getrandom::u32().map_or(0.5, |number| f64::from(number) / f64::from(u32::MAX))
}
