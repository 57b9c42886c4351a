//! Which workers may come in: those that prove a secret of an application that this server owns.

use std::sync::Arc;
use std::time::Duration;

use powerjob_common::id::AppId;
use powerjob_common::secret::Secret;
use powerjob_session::{
    Admission, ErrorCode, Gate, GateFuture, Hello, Inbox, PeerInfo, Reject, Role,
};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::connection::{ConnectionParts, Redirection, WorkerInbox};
use super::known_apps::KnownApps;

/// How long a worker waits at the door for an owner of its application.
const OWNER_LIMIT: Duration = Duration::from_millis(1_000);
/// What this server has loaded is looked at so often meanwhile.
const OWNER_PAUSE: Duration = Duration::from_millis(20);
/// Workers that wait at the door; the others are told to come back. Fewer than the handshakes that
/// may run at once, so that those who need not wait get through.
pub(super) const MAX_WAITING: usize = 128;

/// See the head of the file.
#[derive(Debug)]
pub(super) struct WorkerGate {
    pub(super) apps: KnownApps,
    pub(super) parts: ConnectionParts,
    /// Places of workers whose application has no owner at the moment.
    pub(super) waiting: Semaphore,
    pub(super) allow_unproven: bool,
}

impl Gate for WorkerGate {
    fn secrets<'a>(&'a self, hello: &'a Hello) -> GateFuture<'a, Vec<Secret<String>>> {
        Box::pin(async move {
            if !is_worker_of_its_key(hello) {
                return Vec::new();
            }
            let known = self.apps.find(&hello.key_id).await;
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
            match self.apps.find(&hello.app_name).await {
                Ok(Some(known)) => self.admit_to(known.app_id).await,
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
        ))
    }
}

impl WorkerGate {
    /// Lets a worker in, or sends it on to the owner of its application. One that comes between two
    /// owners is kept waiting for the next one.
    async fn admit_to(&self, app_id: AppId) -> Result<Admission, Reject> {
        if let Some(admission) = self.owner_of(app_id) {
            return Ok(admission);
        }
        let nobody = || come_back("no server owns the application yet");
        if !self.parts.ownership.may_act() {
            // Another server may know more.
            return Err(nobody());
        }
        let _place = self.waiting.try_acquire().map_err(|_| nobody())?;
        let deadline = Instant::now() + OWNER_LIMIT;
        let mut changes = self.parts.cluster.changes();
        while Instant::now() < deadline {
            // Neither the time nor the end of the sender is news: look again.
            timeout(OWNER_PAUSE, changes.changed()).await.ok();
            if let Some(admission) = self.owner_of(app_id) {
                return Ok(admission);
            }
        }
        Err(nobody())
    }

    fn owner_of(&self, app_id: AppId) -> Option<Admission> {
        let owner = if self.parts.ownership.epoch(app_id).is_some() {
            String::new() // the worker is where it should be
        } else {
            let owner = self.parts.cluster.other_owner(app_id);
            // One that stands still would keep the worker waiting: see who comes after it.
            owner.filter(|owner| !owner.is_late)?.worker_address.clone()
        };
        Some(Admission {
            app_id: app_id.0,
            owner,
        })
    }
}

fn is_worker_of_its_key(hello: &Hello) -> bool {
    hello.role() == Role::Worker && hello.key_id == hello.app_name
}

fn come_back(text: &str) -> Reject {
    Reject::new(ErrorCode::OVERLOADED, text)
}
