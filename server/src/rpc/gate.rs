//! Which workers may come in: those that prove a secret of an application that this server owns.

use std::sync::Arc;

use powerjob_common::id::AppId;
use powerjob_common::secret::Secret;
use powerjob_session::{
    Admission, ErrorCode, Gate, GateFuture, Hello, Inbox, PeerInfo, Reject, Role,
};

use super::connection::{ConnectionParts, Redirection, WorkerInbox};
use super::known_apps::{Known, KnownApps};
use super::listener::OpenSessions;

/// See the head of the file.
#[derive(Debug)]
pub(super) struct WorkerGate {
    pub(super) apps: KnownApps,
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
