//! `server/elector`: which applications are ours, and whether this server may act at all.
//!
//! * **Owns** the ownership table. The lease itself is renewed on a thread of the store, and its
//!   renewals extend the table directly: a busy actor can not let the lease run out.
//! * **Hears** from `service` (`ClaimApps`), its own clock and the lease.
//! * **Tells** the scheduler, the instance managers and the worker registry what was loaded.
//! * **Survives** a restart: nothing; it claims again.
//! * **Dies**: the process ends, and the lease runs out.

mod load;

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use powerjob_common::actor::{Letter, Mail, Port, Reply};
use powerjob_common::id::AppId;
use powerjob_common::time::Clock;
use serde::Serialize;
use tokio::sync::mpsc;

use self::load::load_app;
use crate::actor::instance_manager::AdoptRuns;
use crate::actor::scheduler::{AwaitPlanning, ScheduleApp};
use crate::actor::worker_registry::ApplyWorkerOrders;
use crate::live::{JobTable, Ownership};
use crate::store::lease::{Assignment, LeaseWatch, Renewal, ServerLease};
use crate::store::{Error, Store};

/// Applications without an owner are looked for so often; a new one is claimed at once by a hint.
const CLAIM_INTERVAL: Duration = Duration::from_secs(1);
/// The first planning after a long outage of many jobs may take so long; then it is asked again.
const PLANNING_LIMIT: Duration = Duration::from_secs(60);

/// Claims every application without a living owner; sent by `service` after it made one. Answered
/// when what was claimed is loaded and can be used. Repeating it is harmless.
#[derive(Debug, Serialize)]
pub struct ClaimApps {
    /// The applications that are ours then.
    #[serde(skip)]
    pub reply: Reply<Vec<AppId>>,
}

impl Letter for ClaimApps {
    const NAME: &'static str = "ClaimApps";
}

/// What the elector needs.
#[derive(Debug, Clone)]
pub(crate) struct ElectorParts {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) store: Store,
    pub(crate) lease: Arc<ServerLease>,
    pub(crate) ownership: Ownership,
    pub(crate) jobs: JobTable,
    pub(crate) zone: chrono_tz::Tz,
    pub(crate) order_workers: Port<ApplyWorkerOrders>,
    pub(crate) adopt: Vec<Port<AdoptRuns>>,
    pub(crate) schedule: Port<ScheduleApp>,
    pub(crate) planned: Port<AwaitPlanning>,
}

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct Elector {
    parts: ElectorParts,
    is_claiming: bool,
    is_settling: bool,
    waiting: Vec<Reply<Vec<AppId>>>,
}

/// Extends the ownership with every renewal; a lost lease ends the process.
#[derive(Debug)]
pub(crate) struct LeaseHolder {
    pub(crate) ownership: Ownership,
    /// How long a renewal counts: time to live less a margin.
    pub(crate) counts_for: Duration,
    pub(crate) fatal: mpsc::Sender<String>,
}

impl LeaseWatch for LeaseHolder {
    fn renewed(&self, result: Result<Renewal, Error>) {
        match result {
            Ok(renewal) => self.ownership.extend(renewal.sent_at + self.counts_for),
            Err(Error::Fenced) => {
                self.ownership.end();
                // Full: somebody else has ended the process already.
                self.fatal
                    .try_send("the lease of this server is lost: another server acts".to_owned())
                    .ok();
            }
            Err(error) => tracing::warn!(%error, "the lease was not renewed"),
        }
    }
}

impl Elector {
    pub(crate) fn new(parts: ElectorParts) -> Self {
        Self {
            parts,
            is_claiming: false,
            is_settling: false,
            waiting: Vec::new(),
        }
    }

    /// Claims and loads; one at a time. Those who ask meanwhile are answered by the next one.
    fn claim(&mut self, ctx: &mut Context<Self>) {
        if self.is_claiming {
            return;
        }
        self.is_claiming = true;
        let asked = std::mem::take(&mut self.waiting);
        let work = claim_and_load(self.parts.clone());
        ctx.spawn(work.into_actor(self).map(move |is_loaded, actor, ctx| {
            actor.is_claiming = false;
            if is_loaded {
                actor.settle(ctx);
            }
            let apps = actor.parts.ownership.apps();
            for reply in asked {
                reply.send(apps.clone());
            }
            if !actor.waiting.is_empty() {
                actor.claim(ctx);
            }
        }));
    }

    /// This server is ready as soon as the scheduler has planned what was missed. A failure is
    /// mended by the next claim.
    fn settle(&mut self, ctx: &mut Context<Self>) {
        if self.is_settling || self.parts.ownership.is_settled() {
            return;
        }
        self.is_settling = true;
        let planned = self.parts.planned.clone();
        let ownership = self.parts.ownership.clone();
        let work = async move {
            let asked = planned.ask(PLANNING_LIMIT, |reply| AwaitPlanning { reply });
            match asked.await {
                Ok(()) => ownership.settle(),
                Err(error) => tracing::warn!(%error, "the missed triggers are not planned yet"),
            }
        };
        ctx.spawn(
            work.into_actor(self)
                .map(|(), actor, _| actor.is_settling = false),
        );
    }
}

/// Whether everything that was free is ours and loaded.
async fn claim_and_load(parts: ElectorParts) -> bool {
    let claimed = match parts.lease.claim_apps().await {
        Ok(claimed) => claimed,
        Err(error) => {
            tracing::warn!(%error, "applications could not be claimed");
            return false;
        }
    };
    for Assignment { app_id, epoch } in claimed {
        // An application that cannot be loaded stays ours and idle: try again until it works.
        while let Err(error) = load_app(&parts, app_id, epoch).await {
            tracing::error!(%app_id, %error, "an application could not be loaded");
            if !parts.ownership.may_act() {
                return false;
            }
            tokio::time::sleep(CLAIM_INTERVAL).await;
        }
    }
    true
}

impl Actor for Elector {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(0); // the port counts
        self.claim(ctx);
        ctx.run_interval(CLAIM_INTERVAL, |actor, ctx| actor.claim(ctx));
    }
}

impl Handler<Mail<ClaimApps>> for Elector {
    type Result = ();

    fn handle(&mut self, mail: Mail<ClaimApps>, ctx: &mut Self::Context) {
        let (ClaimApps { reply }, _ticket) = mail.open();
        self.waiting.push(reply);
        self.claim(ctx);
    }
}
