//! Signing in and out, and who a token belongs to.
//!
//! Invariants:
//! 1. A token is stored as its fingerprint only.
//! 2. A request with a known token costs no database read for [`FRESH`]; that is also how long
//!    another server's change of a session or a grant may go unnoticed here.
//! 3. A ticket lets in once, for a minute.

use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use powerjob_common::id::UserId;
use powerjob_common::secret::Secret;
use powerjob_common::time::UnixMillis;
use powerjob_protocol::api::id::Id;
use powerjob_protocol::api::session::{Me, SignIn, SignedIn, Ticket};
use tracing::{info, warn};

use super::access::Person;
use super::attempts::{Attempts, Key};
use super::password::{self, Verdict};
pub use super::token::Fingerprint;
use super::token::{random_secret, random_token, stated_end};
use super::{ServiceError, Services, SignInError};
use crate::store;
use crate::store::session::NewSession;

/// How long a session lasts.
pub const SESSION_LIFETIME: Duration = Duration::from_secs(7 * 24 * 3_600);
/// How long a ticket waits for its use.
pub const TICKET_LIFETIME: Duration = Duration::from_secs(60);
/// How long a session is believed without asking the store.
const FRESH: Duration = Duration::from_secs(5);
/// Sessions and tickets kept in memory at most.
const MAX_CACHED: usize = 10_000;

#[derive(Debug, Clone)]
struct Cached {
    person: Arc<Person>,
    expires_at: UnixMillis,
    fresh_until: Duration,
}

/// The sessions this server has seen lately, open tickets, and counted failures.
#[derive(Debug, Default)]
pub struct Sessions {
    cache: DashMap<Fingerprint, Cached>,
    tickets: DashMap<Fingerprint, (Fingerprint, UnixMillis)>,
    attempts: Attempts,
}

impl Sessions {
    /// The person behind a session. The token, where there is one, only helps to say why not.
    ///
    /// # Errors
    /// [`SignInError::ExpiredToken`], [`SignInError::UnknownToken`].
    pub async fn person(
        &self,
        services: &Services,
        session: Fingerprint,
        token: Option<&str>,
    ) -> Result<Arc<Person>, ServiceError> {
        let now = services.now();
        let monotonic = services.handles.clock.monotonic();
        if let Some(known) = self.cache.get(&session).map(|entry| entry.value().clone())
            && known.fresh_until > monotonic
            && known.expires_at > now
        {
            return Ok(known.person);
        }
        let Some(found) = services.store.session(session.0, now).await? else {
            self.cache.remove(&session);
            let has_ended = token.and_then(stated_end).is_some_and(|end| end <= now);
            let error = if has_ended {
                SignInError::ExpiredToken
            } else {
                SignInError::UnknownToken
            };
            return Err(error.into());
        };
        let person = Arc::new(Person::new(found.account, found.grants));
        self.remember(session, person.clone(), found.expires_at, monotonic);
        Ok(person)
    }

    fn remember(
        &self,
        session: Fingerprint,
        person: Arc<Person>,
        expires_at: UnixMillis,
        monotonic: Duration,
    ) {
        if self.cache.len() >= MAX_CACHED {
            self.cache.retain(|_, known| known.fresh_until > monotonic);
        }
        if self.cache.len() < MAX_CACHED {
            let fresh_until = monotonic + FRESH;
            self.cache.insert(
                session,
                Cached {
                    person,
                    expires_at,
                    fresh_until,
                },
            );
        }
    }

    /// Forgets what is known of a person: their grants or sessions have changed.
    pub fn forget_person(&self, id: UserId) {
        self.cache.retain(|_, known| known.person.id != id);
    }

    /// Makes a ticket for a session.
    pub fn new_ticket(
        &self,
        session: &Fingerprint,
        now: UnixMillis,
    ) -> Result<Ticket, ServiceError> {
        if self.tickets.len() >= MAX_CACHED {
            self.tickets.retain(|_, (_, end)| *end > now);
        }
        if self.tickets.len() >= MAX_CACHED {
            return Err(ServiceError::Overloaded);
        }
        let ticket = random_secret()?;
        let expires_at = now.after(TICKET_LIFETIME);
        self.tickets
            .insert(Fingerprint::of(ticket.expose()), (*session, expires_at));
        Ok(Ticket {
            ticket: ticket.expose().clone(),
            expires_at: expires_at.0,
        })
    }

    /// Uses a ticket up.
    ///
    /// # Errors
    /// [`SignInError::InvalidTicket`].
    pub fn redeem(&self, ticket: &str, now: UnixMillis) -> Result<Fingerprint, SignInError> {
        match self.tickets.remove(&Fingerprint::of(ticket)) {
            Some((_, (session, end))) if end > now => Ok(session),
            _ => Err(SignInError::InvalidTicket),
        }
    }
}

/// Signs in with account and password.
///
/// # Errors
/// [`SignInError`]; unknown accounts and wrong passwords cannot be told apart.
pub async fn sign_in(
    services: &Services,
    credentials: SignIn,
    address: &str,
) -> Result<SignedIn, ServiceError> {
    let keys = [
        Key::Account(credentials.account.to_lowercase()),
        Key::Address(address.to_owned()),
    ];
    let attempts = &services.sessions.attempts;
    attempts
        .begin(&keys, services.handles.clock.monotonic())
        .map_err(|retry_after| {
            warn!(address, "too many failed attempts to sign in");
            SignInError::TooMany { retry_after }
        })?;
    let account = prove(services, credentials).await.inspect_err(|error| {
        warn!(address, %error, "a person could not sign in");
    })?;
    attempts.succeeded(&keys);
    let signed_in = open_session(services, account).await?;
    info!(
        account = signed_in.user.account,
        address, "a person signed in"
    );
    Ok(signed_in)
}

/// Whether a password is that of an account; wrong ones are counted as those of signing in.
///
/// # Errors
/// [`SignInError::TooMany`].
pub async fn proves(
    services: &Services,
    known: store::account::Credentials,
    given: Secret<String>,
    address: &str,
) -> Result<bool, ServiceError> {
    let keys = [
        Key::Account(known.account.name.to_lowercase()),
        Key::Address(address.to_owned()),
    ];
    let attempts = &services.sessions.attempts;
    attempts
        .begin(&keys, services.handles.clock.monotonic())
        .map_err(|retry_after| SignInError::TooMany { retry_after })?;
    let verdict = password::verify(Some(known), given).await?;
    let is_right = verdict != Verdict::Wrong;
    if is_right {
        attempts.succeeded(&keys);
    }
    Ok(is_right)
}

async fn prove(
    services: &Services,
    credentials: SignIn,
) -> Result<store::account::Account, ServiceError> {
    if credentials.password.len() > password::MAX_BYTES {
        return Err(SignInError::WrongCredentials.into());
    }
    let known = match services.store.credentials(credentials.account).await {
        Ok(known) => Some(known),
        Err(store::Error::NotFound { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let given = Secret::new(credentials.password);
    let verdict = password::verify(known.clone(), given.clone()).await?;
    let account = match (verdict, known) {
        (Verdict::Right, Some(known)) => known.account,
        (Verdict::RightByOldHash, Some(known)) => {
            let hash = password::hash(given).await?;
            services
                .store
                .upgrade_password(known.account.id, hash)
                .await?;
            info!(
                account = known.account.name,
                "replaced the old hash of a password"
            );
            known.account
        }
        _ => return Err(SignInError::WrongCredentials.into()),
    };
    if account.is_enabled {
        Ok(account)
    } else {
        Err(SignInError::Disabled.into())
    }
}

async fn open_session(
    services: &Services,
    account: store::account::Account,
) -> Result<SignedIn, ServiceError> {
    let expires_at = services.now().after(SESSION_LIFETIME);
    let token = random_token(expires_at)?;
    let fingerprint = Fingerprint::of(token.expose());
    let session = NewSession {
        fingerprint: fingerprint.0,
        user_id: account.id,
        expires_at,
    };
    services.store.create_session(session).await?;
    let person = services
        .sessions
        .person(services, fingerprint, None)
        .await?;
    Ok(SignedIn {
        token: token.expose().clone(),
        expires_at: expires_at.0,
        user: me(&person),
    })
}

/// Ends a session at once.
pub async fn sign_out(services: &Services, session: &Fingerprint) -> Result<(), ServiceError> {
    services.store.delete_session(session.0).await?;
    services.sessions.cache.remove(session);
    Ok(())
}

/// A person as the API shows them.
pub fn me(person: &Person) -> Me {
    Me {
        id: Id(person.id.0),
        account: person.account.clone(),
        nick: person.nick.clone(),
        is_administrator: person.is_administrator(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_lets_in_once_and_not_for_long() {
        let sessions = Sessions::default();
        let session = Fingerprint([1; 32]);
        let now = UnixMillis(1_000);
        let ticket = sessions.new_ticket(&session, now).expect("a ticket").ticket;
        assert_eq!(sessions.redeem(&ticket, now), Ok(session));
        assert_eq!(
            sessions.redeem(&ticket, now),
            Err(SignInError::InvalidTicket)
        );

        let late = sessions.new_ticket(&session, now).expect("a ticket");
        let end = UnixMillis(late.expires_at);
        assert_eq!(
            sessions.redeem(&late.ticket, end),
            Err(SignInError::InvalidTicket)
        );
    }
}
