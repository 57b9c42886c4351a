//! Which workers may come in: those that prove a secret of an application that this server owns.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use powerjob_common::id::AppId;
use powerjob_common::secret::Secret;
use powerjob_common::time::Clock;
use powerjob_session::{
    Admission, ErrorCode, Gate, GateFuture, Hello, Inbox, PeerInfo, Reject, Role,
};

use super::connection::{ConnectionParts, Redirection, WorkerInbox};
use super::listener::OpenSessions;
use crate::store::{self, Store};

/// How long an application and its secrets are taken from memory, so that a thousand workers that
/// come back at once cost one read.
const FRESH_FOR: Duration = Duration::from_secs(2);
/// Applications kept in memory.
const MAX_APPS: usize = 4_096;

/// What the gate knows of an application.
#[derive(Debug, Clone)]
struct Known {
    app_id: AppId,
    owner: Option<String>,
    secrets: Vec<Secret<String>>,
    read_at: Duration,
}

/// Applications with their secrets, read from the store and kept for a moment.
#[derive(Debug, Clone)]
pub struct SecretCache {
    store: Store,
    clock: Arc<dyn Clock>,
    apps: Arc<Mutex<HashMap<String, Known>>>,
}

impl SecretCache {
    pub(super) fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            apps: Arc::default(),
        }
    }

    /// Reads the application anew for the next worker: its secrets have changed, or it is gone.
    pub fn forget(&self, app_id: AppId) {
        self.lock().retain(|_, known| known.app_id != app_id);
    }

    /// The application; `None` when there is none. While the store does not answer, what it said
    /// last holds.
    async fn find(&self, name: &str) -> Result<Option<Known>, store::Error> {
        let now = self.clock.monotonic();
        let old = self.lock().get(name).cloned();
        if let Some(known) = &old
            && now.saturating_sub(known.read_at) < FRESH_FOR
        {
            return Ok(old);
        }
        match self.read(name, now).await {
            Ok(known) => {
                self.keep(name, known.clone());
                Ok(Some(known))
            }
            Err(store::Error::NotFound { .. }) => {
                self.lock().remove(name);
                Ok(None)
            }
            Err(error) => {
                tracing::warn!(%error, app = name, "the secrets of an application could not be read");
                old.map_or(Err(error), |known| Ok(Some(known)))
            }
        }
    }

    async fn read(&self, name: &str, now: Duration) -> Result<Known, store::Error> {
        let app = self.store.app_by_name(name.to_owned()).await?;
        let secrets = self.store.app_secrets(app.id).await?;
        Ok(Known {
            app_id: app.id,
            owner: app.current_server,
            secrets: secrets.into_iter().map(|secret| secret.value).collect(),
            read_at: now,
        })
    }

    fn keep(&self, name: &str, known: Known) {
        let mut apps = self.lock();
        if apps.len() >= MAX_APPS {
            let now = known.read_at;
            apps.retain(|_, known| now.saturating_sub(known.read_at) < FRESH_FOR);
        }
        if apps.len() < MAX_APPS {
            apps.insert(name.to_owned(), known);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.apps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See the head of the file.
#[derive(Debug)]
pub(super) struct WorkerGate {
    pub(super) secrets: SecretCache,
    pub(super) parts: ConnectionParts,
    pub(super) sessions: OpenSessions,
    /// Address of this server for workers.
    pub(super) address: String,
    pub(super) allow_unproven: bool,
}

impl Gate for WorkerGate {
    fn secrets<'a>(&'a self, hello: &'a Hello) -> GateFuture<'a, Vec<Secret<String>>> {
        Box::pin(async move {
            if !is_worker_of_its_key(hello) {
                return Vec::new();
            }
            let known = self.secrets.find(&hello.key_id).await;
            known.ok().flatten().map_or_else(Vec::new, |it| it.secrets)
        })
    }

    fn admit<'a>(&'a self, hello: &'a Hello) -> GateFuture<'a, Result<Admission, Reject>> {
        Box::pin(async move {
            if hello.role() != Role::Worker {
                let text = "only workers connect here";
                return Err(Reject::new(ErrorCode::FORBIDDEN, text));
            }
            // With a proof the key is the one that was proven: it must be that of the application.
            if !self.allow_unproven && hello.key_id != hello.app_name {
                return Err(Reject::unauthorized());
            }
            match self.secrets.find(&hello.app_name).await {
                Ok(Some(known)) => self.admit_to(&known),
                Ok(None) if self.allow_unproven => {
                    let text = format!("there is no application `{}`", hello.app_name);
                    Err(Reject::new(ErrorCode::UNKNOWN_APP, text))
                }
                Ok(None) => Err(Reject::unauthorized()),
                Err(_) => Err(come_back("the database of the server is not available")),
            }
        })
    }

    fn inbox(&self, peer: &PeerInfo) -> Arc<dyn Inbox> {
        let app_id = AppId(peer.app_id);
        if self.parts.ownership.epoch(app_id).is_none() {
            return Arc::new(Redirection);
        }
        Arc::new(WorkerInbox::new(
            app_id,
            peer.node.clone(),
            self.parts.clone(),
            self.sessions.clone(),
        ))
    }
}

impl WorkerGate {
    /// Lets a worker in, or sends it on to the owner of its application.
    fn admit_to(&self, known: &Known) -> Result<Admission, Reject> {
        let app_id = known.app_id.0;
        if self.parts.ownership.epoch(known.app_id).is_some() {
            let owner = String::new(); // the worker is where it should be
            return Ok(Admission { app_id, owner });
        }
        match &known.owner {
            Some(owner) if !owner.is_empty() && *owner != self.address => Ok(Admission {
                app_id,
                owner: owner.clone(),
            }),
            _ => Err(come_back("no server owns the application yet")),
        }
    }
}

fn is_worker_of_its_key(hello: &Hello) -> bool {
    hello.role() == Role::Worker && hello.key_id == hello.app_name
}

fn come_back(text: &str) -> Reject {
    Reject::new(ErrorCode::OVERLOADED, text)
}
