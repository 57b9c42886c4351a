//! Finds a server that takes this worker, and tries for ever.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use powerjob_common::actor::ActorScope;
use powerjob_common::retry::Backoff;
use powerjob_common::secret::Secret;
use powerjob_session::{DialConfig, DialError, ErrorCode, Identity, Inbox, Session, dial};

use super::course::Course;
use crate::outcome::chain_text;

/// Pauses between attempts while no server can be reached: it may come back at any moment.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(200),
    max: Duration::from_secs(5),
};
/// Pauses between attempts while each server that answers refuses this worker: a person has to
/// mend that.
const REFUSED_BACKOFF: Backoff = Backoff {
    first: BACKOFF.first,
    max: Duration::from_secs(30),
};
/// Pauses between attempts while servers are there and none owns the application: that lasts as long
/// as a take-over.
const OWNER_BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(50),
    max: Duration::from_millis(400),
};
/// A server that stands still takes connections and says nothing; it is given up after so long.
/// Longer than a server keeps a worker waiting for an owner.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(3);
/// While a server says nothing, the next one is called as well after so long.
const NEXT_AFTER: Duration = Duration::from_millis(300);
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
    pub(crate) course: Course,
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
        let mut troubles = Troubles::default();
        let count = self.servers.len();
        loop {
            let round = (0..count).map(|offset| self.servers[(first + offset) % count].clone());
            let servers = self.course.take_next_server().into_iter().chain(round);
            let hindrance = match self.open_one(servers, &make_inbox, &mut troubles).await {
                Ok(session) => return session,
                Err(hindrance) => hindrance,
            };
            let pause = hindrance.backoff().wait(attempt, random());
            tokio::time::sleep(pause).await;
            attempt = attempt.saturating_add(1);
        }
    }

    /// Opens a session with the first of `servers` that takes this worker. Each is called when those
    /// before it have failed, or have said nothing for [`NEXT_AFTER`].
    async fn open_one(
        &self,
        mut servers: impl Iterator<Item = String>,
        make_inbox: &impl Fn() -> Arc<dyn Inbox>,
        troubles: &mut Troubles,
    ) -> Result<Session, Hindrance> {
        let mut hindrance = Hindrance::NeedsPerson;
        let mut calls = FuturesUnordered::new();
        loop {
            let next = servers.next();
            let are_all_called = next.is_none();
            calls.extend(next.map(|address| async move {
                let opened = self.open_owner(&address, make_inbox).await;
                opened.map_err(|failure| (address, failure))
            }));
            let ended = tokio::select! {
                ended = calls.next() => ended,
                () = tokio::time::sleep(NEXT_AFTER), if !are_all_called => continue,
            };
            match ended {
                Some(Ok(session)) => return Ok(session),
                Some(Err((address, failure))) => {
                    hindrance = hindrance.max(Hindrance::of(&failure));
                    troubles.report(&address, self.explain(&failure.error));
                }
                None => return Err(hindrance),
            }
        }
    }

    /// What is wrong, with what to do about it where a person has to.
    fn explain(&self, error: &DialError) -> String {
        let app = &self.app;
        match error {
            DialError::Rejected { address, reject } if reject.code == ErrorCode::UNAUTHORIZED => {
                if self.secret.is_some() {
                    format!(
                        "{address} does not accept the secret of the application `{app}`, or has no \
                         application of this name: check both; a secret that was renewed must be \
                         given to the worker anew"
                    )
                } else {
                    format!(
                        "{address} wants the secret of the application `{app}`, and this worker was \
                         given none"
                    )
                }
            }
            DialError::Impostor { address } => format!(
                "{address} does not know the secret of the application `{app}`: it is not the server \
                 that this worker belongs to"
            ),
            error => chain_text(error),
        }
    }

    /// Opens a session with `address`, or with the owner of the application that it names.
    async fn open_owner(
        &self,
        address: &str,
        make_inbox: &impl Fn() -> Arc<dyn Inbox>,
    ) -> Result<Session, Failure> {
        let mut address = address.to_owned();
        let mut redirects = 0;
        loop {
            let mut config = DialConfig::worker(
                &address,
                self.identity.clone(),
                &self.app,
                self.secret.clone(),
            );
            config.handshake_timeout = HANDSHAKE_LIMIT;
            let dialled = Box::pin(dial(&config, make_inbox(), &self.scope)).await;
            let session = dialled.map_err(|error| Failure {
                error,
                was_sent_on: redirects > 0,
            })?;
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

/// Why there is no session.
#[derive(Debug)]
struct Failure {
    error: DialError,
    /// Whether another server had named this one as the owner.
    was_sent_on: bool,
}

/// What stands in the way, the more hopeful the later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Hindrance {
    /// Trying again only helps after a person has changed something.
    NeedsPerson,
    /// Nobody answers.
    Absent,
    /// A server is there, but nobody owns the application at the moment.
    BetweenOwners,
}

impl Hindrance {
    fn of(Failure { error, was_sent_on }: &Failure) -> Self {
        match error {
            DialError::Rejected { reject, .. } if reject.code == ErrorCode::OVERLOADED => {
                Self::BetweenOwners
            }
            DialError::Rejected { reject, .. }
                if matches!(
                    reject.code,
                    ErrorCode::UNAUTHORIZED | ErrorCode::FORBIDDEN | ErrorCode::UNKNOWN_APP
                ) =>
            {
                Self::NeedsPerson
            }
            DialError::Impostor { .. } | DialError::Protocol { .. } => Self::NeedsPerson,
            _ if *was_sent_on => Self::BetweenOwners,
            DialError::Rejected { .. } | DialError::Connect { .. } | DialError::Timeout { .. } => {
                Self::Absent
            }
        }
    }

    fn backoff(self) -> Backoff {
        match self {
            Self::NeedsPerson => REFUSED_BACKOFF,
            Self::Absent => BACKOFF,
            Self::BetweenOwners => OWNER_BACKOFF,
        }
    }
}

/// What stood in the way at each server last: the same trouble is told once.
#[derive(Debug, Default)]
struct Troubles(HashMap<String, String>);

impl Troubles {
    fn report(&mut self, address: &str, trouble: String) {
        if self.0.get(address) != Some(&trouble) {
            tracing::warn!(reason = trouble, "no session with the server yet");
            self.0.insert(address.to_owned(), trouble);
        }
    }
}

/// A number in 0.0..1.0 for the jitter of pauses.
fn random() -> f64 {
    getrandom::u32().map_or(0.5, |number| f64::from(number) / f64::from(u32::MAX))
}
