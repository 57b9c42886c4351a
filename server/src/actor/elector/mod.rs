//! `server/elector`: which applications are ours, and whether this server may act at all.
//!
//! * **Owns** the ownership table and the view of the cluster. The lease itself is renewed on a
//!   thread of the store, and its renewals extend the table directly: a busy actor can not let the
//!   lease run out.
//! * **Hears** from `service` (`ClaimApps`), the shutdown (`LeaveCluster`), its own clock and the
//!   lease.
//! * **Tells** the scheduler, the instance managers and the worker registry what was loaded and what
//!   has left; workers, where their application went.
//! * **Survives** a restart: nothing; it looks again.
//! * **Dies**: the process ends, and the lease runs out.

mod agenda;
mod leave;
mod load;
mod outlook;
mod reconciler;
#[cfg(feature = "simulation")]
pub(crate) mod simulation;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::prelude::*;
use powerjob_common::actor::{Letter, Mail, Port, Reply};
use powerjob_common::id::AppId;
use powerjob_common::time::Clock;
use serde::Serialize;
use tokio::sync::{Notify, mpsc};

pub(crate) use self::leave::{Leaving, Settling};
use self::reconciler::{Hint, Reconciler};
use crate::actor::instance_manager::AdoptRuns;
use crate::actor::scheduler::{AwaitPlanning, ScheduleApp};
use crate::actor::worker_registry::ApplyWorkerOrders;
use crate::domain::lease::late_ms;
use crate::live::{Cluster, Ownership, RunningCounts};
use crate::rpc::OpenSessions;
use crate::store::assignment::{Announcement, LeaseRow};
use crate::store::lease::{LeaseWatch, Renewal, ServerLease};
use crate::store::{Error, Store};

/// Hints that may wait for the end of a step.
const HINTS: usize = 1_024;

/// Takes new applications; sent by `service` after it made one. Answered when what was taken is
/// loaded and can be used. Repeating it is harmless.
#[derive(Debug, Serialize)]
pub struct ClaimApps {
    /// The applications that are ours then.
    #[serde(skip)]
    pub reply: Reply<Vec<AppId>>,
}

/// Gives all applications to the other servers; sent by the shutdown. Answered when nothing is left
/// that another server could have.
#[derive(Debug, Serialize)]
pub(crate) struct LeaveCluster {
    #[serde(skip)]
    pub(crate) reply: Reply<()>,
}

impl Letter for ClaimApps {
    const NAME: &'static str = "ClaimApps";
}

impl Letter for LeaveCluster {
    const NAME: &'static str = "LeaveCluster";
    const LIFE_CYCLE: bool = true;
}

/// What the elector needs.
#[derive(Debug, Clone)]
pub(crate) struct ElectorParts {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) store: Store,
    pub(crate) lease: Arc<ServerLease>,
    pub(crate) lease_renewal: Duration,
    pub(crate) lease_ttl: Duration,
    /// Told when the servers or what they own have changed.
    pub(crate) news: Arc<Notify>,
    /// What the others know of this server.
    pub(crate) announcement: Announcement,
    pub(crate) ownership: Ownership,
    pub(crate) cluster: Cluster,
    pub(crate) running: RunningCounts,
    pub(crate) zone: chrono_tz::Tz,
    pub(crate) order_workers: Port<ApplyWorkerOrders>,
    pub(crate) adopt: Vec<Port<AdoptRuns>>,
    pub(crate) schedule: Port<ScheduleApp>,
    pub(crate) planned: Port<AwaitPlanning>,
    pub(crate) settle: Settling,
    pub(crate) leaving: Leaving,
}

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct Elector {
    parts: ElectorParts,
    hints: Option<mpsc::Sender<Hint>>,
}

/// Extends the ownership with every renewal; a lost lease ends the process.
#[derive(Debug)]
pub(crate) struct LeaseHolder {
    pub(crate) ownership: Ownership,
    /// How long a renewal counts: time to live less a margin.
    pub(crate) counts_for: Duration,
    /// Whether others may have taken what was ours while the lease had run out.
    pub(crate) is_shared: bool,
    pub(crate) lease_ttl: Duration,
    pub(crate) news: Arc<Notify>,
    pub(crate) sessions: OpenSessions,
    pub(crate) known: Mutex<Vec<LeaseRow>>,
    pub(crate) fatal: mpsc::Sender<String>,
}

impl LeaseWatch for LeaseHolder {
    fn renewed(&self, result: Result<Renewal, Error>) {
        match result {
            Ok(renewal) => self.renew(renewal),
            Err(Error::Fenced) => {
                self.ownership.end();
                // Full: somebody else has ended the process already.
                self.fatal
                    .try_send("the lease of this server is lost: another server acts".to_owned())
                    .ok();
            }
            Err(error) => {
                tracing::warn!(%error, "the lease was not renewed");
                if self.is_shared && !self.ownership.may_act() {
                    // Another server takes over: its workers must not wait here.
                    self.sessions.send_all_away();
                }
            }
        }
    }

    fn seen(&self, servers: Vec<LeaseRow>) {
        let late_ms = late_ms(self.lease_ttl);
        let servers = servers.into_iter();
        let servers: Vec<_> = servers.map(|it| without_time(it, late_ms)).collect();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if *known != servers {
            *known = servers;
            self.news.notify_one();
        }
    }
}

/// The life that is left is different each time; what matters is whether it is late, or dead.
fn without_time(server: LeaseRow, late_ms: i64) -> LeaseRow {
    let lives_for_ms = match server.lives_for_ms {
        ..=0 => 0,
        left if left <= late_ms => 1,
        _ => i64::MAX,
    };
    LeaseRow {
        lives_for_ms,
        ..server
    }
}

impl LeaseHolder {
    fn renew(&self, renewal: Renewal) {
        if self.is_shared && !self.ownership.may_act() {
            tracing::warn!("the lease had run out: what belongs to this server is read anew");
            self.ownership.forget_all();
            self.news.notify_one();
        }
        self.ownership.extend(renewal.sent_at + self.counts_for);
    }
}

impl Elector {
    pub(crate) fn new(parts: ElectorParts) -> Self {
        Self { parts, hints: None }
    }

    fn hint(&self, hint: Hint) {
        let Some(hints) = &self.hints else { return };
        // The reply in it tells the sender.
        if let Err(error) = hints.try_send(hint) {
            tracing::error!(%error, "the elector is behind");
        }
    }
}

impl Actor for Elector {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(0); // the port counts
        let (sender, receiver) = mpsc::channel(HINTS);
        self.hints = Some(sender);
        let reconciler = Reconciler::new(self.parts.clone(), receiver);
        ctx.spawn(reconciler.run().into_actor(self));
    }
}

impl Handler<Mail<ClaimApps>> for Elector {
    type Result = ();

    fn handle(&mut self, mail: Mail<ClaimApps>, _ctx: &mut Self::Context) {
        let (ClaimApps { reply }, _ticket) = mail.open();
        self.hint(Hint::Claim(reply));
    }
}

impl Handler<Mail<LeaveCluster>> for Elector {
    type Result = ();

    fn handle(&mut self, mail: Mail<LeaveCluster>, _ctx: &mut Self::Context) {
        let (LeaveCluster { reply }, _ticket) = mail.open();
        self.hint(Hint::Leave(reply));
    }
}
