//! What can be done with the server, independent of how it is asked: used by both HTTP surfaces.
//!
//! Reads go through the store and the tables in memory, changes through the actors that own the
//! state. Callers have checked permissions before: see `http::guard`.

pub mod access;
pub mod accounts;
pub mod app_password;
pub mod apps;
mod attempts;
pub mod beats;
pub mod calendar;
pub mod client_password;
mod cursor;
mod diagnosis;
mod error;
pub mod inspection;
pub mod instances;
mod job_draft;
pub mod jobs;
mod kept_tasks;
pub mod live_detail;
pub mod logs;
pub mod metrics;
mod mistakes;
pub mod password;
pub mod peers;
mod policies;
pub mod process;
pub mod programs;
pub mod runs;
pub mod schedules;
pub mod server;
pub mod sessions;
pub mod statistics;
pub mod task_search;
pub mod tasks;
mod token;
pub mod workers;
pub mod workflows;

use std::time::Duration;

use powerjob_common::actor::{AskError, Refused, Reply};
use powerjob_common::reason::{Reason, ReasonCode};
use powerjob_common::time::UnixMillis;
use powerjob_protocol::api::session::ServerFacts;

use self::apps::AppCache;
pub use self::error::{ServiceError, SignInError, Thing};
use self::programs::Programs;
use self::sessions::Sessions;
use crate::app::ServerHandles;
use crate::store::{self, Store};

/// How long a change may take before it counts as unknown.
const CHANGE_LIMIT: Duration = Duration::from_secs(10);
/// How long a reader waits for what actors hold in memory before it shows what is stored.
const GLANCE_LIMIT: Duration = Duration::from_millis(500);

/// What the services work with.
#[derive(Debug)]
pub struct Services {
    /// For reading, and for what no actor owns: applications, accounts, sessions.
    pub store: Store,
    /// The ways to the actors.
    pub handles: ServerHandles,
    /// Who is signed in.
    pub sessions: Sessions,
    apps: AppCache,
    programs: Programs,
}

impl Services {
    /// The services of a running server.
    pub fn new(handles: ServerHandles) -> Self {
        Self {
            store: handles.store.clone(),
            handles,
            sessions: Sessions::default(),
            apps: AppCache::default(),
            programs: Programs::default(),
        }
    }

    /// Wall time.
    pub fn now(&self) -> UnixMillis {
        self.handles.clock.now()
    }

    /// Facts about this server for people.
    pub fn facts(&self) -> ServerFacts {
        let facts = &self.handles.facts;
        ServerFacts {
            node: facts.node.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            zone: facts.zone.name().to_owned(),
            now: self.now().0,
            started_at: facts.started_at.0,
            worker_address: facts.worker_address.clone(),
        }
    }
}

/// Sends a letter built around a reply and waits for the answer.
async fn ask<T>(
    limit: Duration,
    send: impl FnOnce(Reply<T>) -> Result<(), Refused>,
) -> Result<T, ServiceError> {
    let (reply, answer) = Reply::channel();
    send(reply)?;
    match tokio::time::timeout(limit, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) => Err(AskError::Lost.into()),
        Err(_) => Err(ServiceError::Timeout),
    }
}

impl From<store::Error> for ServiceError {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::NotFound { what } => Self::Internal(format!("{what} is missing")),
            store::Error::Conflict { reason, .. } => Self::StateConflict(reason),
            store::Error::Invalid {
                field: "cursor", ..
            } => Self::InvalidCursor,
            store::Error::Invalid { field, reason } => {
                Self::field(field, Reason::new(ReasonCode::Refused, "cause", reason))
            }
            store::Error::Fenced => Self::NotOwner(None),
            store::Error::Overloaded => Self::Overloaded,
            store::Error::Damaged(text) => Self::Internal(text),
            store::Error::ReadOnly(_)
            | store::Error::Full(_)
            | store::Error::InUse(_)
            | store::Error::Newer(_)
            | store::Error::Refused(_)
            | store::Error::Outdated(_)
            | store::Error::Unmigrated(_)
            | store::Error::Unavailable(_) => {
                tracing::warn!(%error, "the store did not answer");
                Self::Unavailable("the database does not take requests now".to_owned())
            }
        }
    }
}

/// Turns "no such row" into "no such `thing`".
fn missing(thing: Thing) -> impl Fn(store::Error) -> ServiceError {
    move |error| match error {
        store::Error::NotFound { .. } => ServiceError::NotFound(thing),
        error => error.into(),
    }
}
