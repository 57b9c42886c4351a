//! Brings what this server does in line with what the database says, again and again.
//!
//! Invariants:
//! 1. What is not ours by the database is let go before anything else is done.
//! 2. What was let go and is still ours is read anew only when nothing is under way any more that was
//!    decided about it before.
//! 3. Between giving and loading nobody acts: before the hand-over is stored this server has
//!    stopped, and the receiver starts when it has read it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use futures_util::StreamExt;
use powerjob_common::actor::Reply;
use powerjob_common::id::AppId;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::ElectorParts;
use super::agenda::{Agenda, FAILURE_PAUSE, Giving};
use super::leave::NewOwner;
use super::load::load_app;
use super::outlook::Outlook;
use crate::actor::scheduler::AwaitPlanning;
use crate::domain::lease::late_ms;
use crate::live::ServerInfo;
use crate::store::Error;
use crate::store::assignment::{Announcement, Holder};
use crate::store::lease::Assignment;

/// Applications that are loaded at once.
const LOADED_AT_ONCE: usize = 4;

/// The first planning after a long outage of many jobs may take so long; then it is asked again.
const PLANNING_LIMIT: Duration = Duration::from_secs(60);
/// Stands for an epoch that was not read; below every real one.
const UNKNOWN_EPOCH: i64 = 0;

/// What wakes the reconciler besides the time and the lease.
#[derive(Debug)]
pub(super) enum Hint {
    /// New applications are wanted here.
    Claim(Reply<Vec<AppId>>),
    /// This server ends: everything goes to the others.
    Leave(Reply<()>),
}

/// See the head of the file.
#[derive(Debug)]
pub(super) struct Reconciler {
    parts: ElectorParts,
    hints: mpsc::Receiver<Hint>,
    agenda: Agenda,
    is_settling: Arc<AtomicBool>,
    leaving: Option<Reply<()>>,
}

impl Reconciler {
    pub(super) fn new(parts: ElectorParts, hints: mpsc::Receiver<Hint>) -> Self {
        Self {
            agenda: Agenda::new(parts.lease.holder()),
            parts,
            hints,
            is_settling: Arc::default(),
            leaving: None,
        }
    }

    /// Works until the sender of hints is gone.
    pub(super) async fn run(mut self) {
        let mut look_at = Instant::now();
        loop {
            let seen = self.parts.news.clone();
            let mut asked = Vec::new();
            tokio::select! {
                hint = self.hints.recv() => match hint {
                    Some(hint) => self.take(hint, &mut asked).await,
                    None => return,
                },
                () = seen.notified() => {}
                () = sleep_until(look_at) => {}
            }
            while let Ok(hint) = self.hints.try_recv() {
                self.take(hint, &mut asked).await;
            }
            let pause = match self.step().await {
                Ok(pause) => pause,
                Err(error) => {
                    tracing::warn!(%error, "what belongs to this server could not be settled");
                    FAILURE_PAUSE
                }
            };
            look_at = Instant::now() + pause;
            for reply in asked {
                reply.send(self.parts.ownership.apps());
            }
        }
    }

    async fn take(&mut self, hint: Hint, asked: &mut Vec<Reply<Vec<AppId>>>) {
        match hint {
            Hint::Claim(reply) => {
                self.agenda.wants_new = true;
                asked.push(reply);
            }
            Hint::Leave(reply) => {
                let said = Announcement {
                    is_leaving: true,
                    ..self.parts.announcement.clone()
                };
                if let Err(error) = self.parts.lease.announce(said).await {
                    tracing::warn!(%error, "the other servers were not told that this one ends");
                }
                self.agenda.is_leaving = true;
                self.leaving = Some(reply);
            }
        }
    }

    /// One step; how long until the next one.
    async fn step(&mut self) -> Result<Duration, Error> {
        let generation = self.parts.ownership.generation();
        let mut outlook = self.look().await?;
        self.let_go_of_lost(&outlook);
        let now = self.parts.clock.monotonic();
        let wanted = self.agenda.to_take(&outlook, now);
        if !wanted.is_empty() {
            self.parts.lease.take_apps(wanted).await?;
            outlook = self.look().await?;
        }
        self.agenda.wants_new = false;
        self.parts.lease.confirm(&outlook.owned);
        let missing = self.agenda.to_load(&outlook);
        if !missing.is_empty() && self.agenda.has_let_go {
            self.settle_actors().await?;
            self.agenda.has_let_go = false;
        }
        self.load(missing, generation).await;
        if self.agenda.is_complete(&outlook) {
            self.settle();
        }
        let pause = self.give(&outlook).await?;
        if self.agenda.has_given_all(&outlook)
            && let Some(reply) = self.leaving.take()
        {
            reply.send(());
        }
        Ok(pause)
    }

    async fn settle_actors(&self) -> Result<(), Error> {
        let settled = self.parts.settle.wait().await;
        settled.map_err(|error| Error::Unavailable(error.to_string()))?;
        self.parts.lease.wait_for_all_writes().await
    }

    /// This server is ready as soon as the scheduler has planned what was missed. A failure is mended
    /// by a later step.
    fn settle(&self) {
        let ownership = self.parts.ownership.clone();
        if ownership.is_settled() || self.is_settling.swap(true, Relaxed) {
            return;
        }
        let (planned, is_settling) = (self.parts.planned.clone(), self.is_settling.clone());
        tokio::spawn(async move {
            let asked = planned.ask(PLANNING_LIMIT, |reply| AwaitPlanning { reply });
            match asked.await {
                Ok(()) => ownership.settle(),
                Err(error) => tracing::warn!(%error, "the missed triggers are not planned yet"),
            }
            is_settling.store(false, Relaxed);
        });
    }

    async fn look(&mut self) -> Result<Outlook, Error> {
        let servers = self.parts.lease.servers().await?;
        let owners = self.parts.lease.app_owners().await?;
        let me = &self.agenda.me;
        let outlook = Outlook::new(me, late_ms(self.parts.lease_ttl), &servers, &owners);
        self.parts.cluster.put(outlook.view.clone());
        self.agenda.note(&outlook, self.parts.clock.monotonic());
        Ok(outlook)
    }

    /// What another server has taken, and what this one forgot because its lease had run out.
    fn let_go_of_lost(&mut self, outlook: &Outlook) {
        let ownership = &self.parts.ownership;
        for app_id in self.agenda.let_go(outlook, ownership) {
            ownership.leave(app_id);
            let owner = outlook.view.owners.get(&app_id);
            let owner = owner.filter(|owner| owner.node_id != self.agenda.me.node_id);
            tracing::warn!(%app_id, owner = owner.map(|it| it.node_id.as_str()), "lost an application");
            let new_owner = owner.map(|owner| new_owner(owner, UNKNOWN_EPOCH));
            self.parts.leaving.let_go(app_id, new_owner);
        }
    }

    /// Loads what is ours and not loaded; what fails is tried again with the next step.
    async fn load(&mut self, missing: Vec<Assignment>, generation: u64) {
        let parts = &self.parts;
        let work = missing.into_iter().map(|own| async move {
            let loaded = load_app(parts, own.app_id, own.epoch, generation).await;
            if let Err(error) = &loaded {
                tracing::error!(app_id = %own.app_id, %error, "an application could not be loaded");
            }
            loaded.is_ok().then_some((own.app_id, own.epoch))
        });
        let loaded: Vec<_> = futures_util::stream::iter(work)
            .buffer_unordered(LOADED_AT_ONCE)
            .collect()
            .await;
        self.agenda.loaded.extend(loaded.into_iter().flatten());
    }

    /// Gives what falls to others, once they can know it; how long until the next step.
    async fn give(&mut self, outlook: &Outlook) -> Result<Duration, Error> {
        let now = self.parts.clock.monotonic();
        let renewal = self.parts.lease_renewal;
        let gifts = match self.agenda.to_give(outlook, now, renewal) {
            Giving::Later(pause) => return Ok(pause),
            Giving::Now(gifts) => gifts,
        };
        for (to, apps) in gifts {
            self.hand_over(outlook, to, apps).await?;
        }
        Ok(Duration::ZERO)
    }

    async fn hand_over(
        &mut self,
        outlook: &Outlook,
        to: Holder,
        apps: Vec<AppId>,
    ) -> Result<(), Error> {
        for app_id in &apps {
            self.parts.ownership.leave(*app_id);
        }
        // What the actors had decided before is stored first: this waits behind it.
        self.parts.lease.wait_for_writes().await?;
        let given = self.parts.lease.hand_over(apps.clone(), to.clone()).await;
        let mut servers = outlook.view.servers.iter();
        let receiver = servers.find(|server| server.node_id == to.node_id);
        let given = match given {
            Ok(given) => given,
            Err(error) => {
                // Nothing has changed hands: it is loaded anew with the next step.
                tracing::warn!(%error, to = to.node_id, "applications were not handed over");
                self.agenda.has_let_go = true;
                for app_id in apps {
                    self.agenda.loaded.remove(&app_id);
                    self.parts.leaving.let_go(app_id, None);
                }
                return Ok(());
            }
        };
        for Assignment { app_id, epoch } in given {
            tracing::info!(%app_id, epoch, to = to.node_id, "handed an application over");
            self.agenda.loaded.remove(&app_id);
            let new_owner = receiver.map(|server| new_owner(server, epoch));
            self.parts.leaving.let_go(app_id, new_owner);
        }
        self.show_given(receiver, &apps);
        Ok(())
    }

    /// Requests for what was given go to its new owner at once.
    fn show_given(&self, to: Option<&Arc<ServerInfo>>, apps: &[AppId]) {
        let mut view = (*self.parts.cluster.view()).clone();
        for app_id in apps {
            match to {
                Some(server) => drop(view.owners.insert(*app_id, server.clone())),
                None => drop(view.owners.remove(app_id)),
            }
        }
        self.parts.cluster.put(view);
    }
}

fn new_owner(server: &ServerInfo, epoch: i64) -> NewOwner {
    NewOwner {
        worker_address: server.worker_address.clone(),
        epoch,
    }
}
