//! Brings what this server does in line with what the database says, again and again.
//!
//! Invariants:
//! 1. What is not ours by the database is let go before anything else is done.
//! 2. Something is given only when the other servers had the time to see that it will be: whoever
//!    gets it waits for it.
//! 3. Between giving and loading nobody acts: before the hand-over is stored this server has
//!    stopped, and the receiver starts when it has read it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use futures_util::StreamExt;
use powerjob_common::actor::Reply;
use powerjob_common::id::AppId;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::leave::NewOwner;
use super::load::load_app;
use super::outlook::Outlook;
use super::{ElectorParts, late_ms};
use crate::actor::scheduler::AwaitPlanning;
use crate::domain::share_out::Move;
use crate::live::ServerInfo;
use crate::store::Error;
use crate::store::assignment::{Announcement, Holder};
use crate::store::lease::Assignment;

/// Applications are looked at so often without any hint.
const IDLE_PAUSE: Duration = Duration::from_secs(1);
/// A gift that is on its way is looked for so often.
const EXPECTING_PAUSE: Duration = Duration::from_millis(20);
/// After a failure.
pub(super) const FAILURE_PAUSE: Duration = Duration::from_millis(250);
/// Beyond a renewal, in which the others read the leases: their time to plan.
const SETTLING: Duration = Duration::from_millis(150);
/// What the one to whom it falls has not taken within this time is taken by anybody.
const ORPHANED_AFTER: Duration = Duration::from_secs(3);
/// Applications that change hands at once: the last one waits for the loading of the others.
const GIVEN_AT_ONCE: usize = 10;
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
    me: Holder,
    /// What the actors work for, with its epoch.
    loaded: HashMap<AppId, i64>,
    /// What has to move, and since when that is known (monotonic).
    plan: HashMap<Move<Holder>, Duration>,
    wants_new: bool,
    is_settling: Arc<AtomicBool>,
    leaving: Option<Reply<()>>,
}

impl Reconciler {
    pub(super) fn new(parts: ElectorParts, hints: mpsc::Receiver<Hint>) -> Self {
        Self {
            me: parts.lease.holder(),
            parts,
            hints,
            loaded: HashMap::new(),
            plan: HashMap::new(),
            wants_new: false,
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
                self.wants_new = true;
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
                self.leaving = Some(reply);
            }
        }
    }

    /// One step; how long until the next one.
    async fn step(&mut self) -> Result<Duration, Error> {
        let generation = self.parts.ownership.generation();
        let mut outlook = self.look().await?;
        self.let_go_of_lost(&outlook);
        let wanted = self.to_take(&outlook);
        if !wanted.is_empty() {
            self.parts.lease.take_apps(wanted).await?;
            outlook = self.look().await?;
        }
        self.wants_new = false;
        self.parts.lease.confirm(&outlook.owned);
        self.load(&outlook.owned, generation).await;
        if self.loaded.len() == outlook.owned.len() {
            self.settle();
        }
        let pause = self.give(&outlook).await?;
        let has_to_give = |it: &Move<Holder>| it.from.as_ref() == Some(&self.me);
        if !outlook.moves.iter().any(has_to_give)
            && let Some(reply) = self.leaving.take()
        {
            reply.send(());
        }
        Ok(pause)
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
        let outlook = Outlook::new(&self.me, late_ms(self.parts.lease_ttl), &servers, &owners);
        self.parts.cluster.put(outlook.view.clone());
        let now = self.parts.clock.monotonic();
        let since = |it: &Move<Holder>| self.plan.get(it).copied().unwrap_or(now);
        self.plan = outlook
            .moves
            .iter()
            .map(|it| (it.clone(), since(it)))
            .collect();
        Ok(outlook)
    }

    /// How long a move is known.
    fn age(&self, it: &Move<Holder>) -> Duration {
        let now = self.parts.clock.monotonic();
        self.plan
            .get(it)
            .map_or(Duration::ZERO, |since| now.saturating_sub(*since))
    }

    /// What another server has taken, and what this one forgot because its lease had run out.
    fn let_go_of_lost(&mut self, outlook: &Outlook) {
        let mut lost = outlook.lost(&self.loaded);
        let ownership = &self.parts.ownership;
        let forgotten = self.loaded.keys().filter(|app_id| !ownership.has(**app_id));
        lost.extend(forgotten);
        for app_id in lost {
            if self.loaded.remove(&app_id).is_none() {
                continue;
            }
            ownership.leave(app_id);
            let owner = outlook.view.owners.get(&app_id);
            let owner = owner.filter(|owner| owner.node_id != self.me.node_id);
            tracing::warn!(%app_id, owner = owner.map(|it| it.node_id.as_str()), "lost an application");
            let new_owner = owner.map(|owner| new_owner(owner, UNKNOWN_EPOCH));
            self.parts.leaving.let_go(app_id, new_owner);
        }
    }

    fn to_take(&self, outlook: &Outlook) -> Vec<AppId> {
        let is_leaving = self.leaving.is_some();
        let takes = |it: &&Move<Holder>| {
            let is_new = self.wants_new && outlook.new.contains(&it.app_id);
            let is_orphan = self.age(it) >= ORPHANED_AFTER;
            it.from.is_none() && (it.to == self.me || !is_leaving && (is_new || is_orphan))
        };
        let taken = outlook.moves.iter().filter(takes);
        taken.map(|it| it.app_id).collect()
    }

    /// Loads what is ours and not loaded; what fails is tried again with the next step.
    async fn load(&mut self, owned: &[Assignment], generation: u64) {
        let parts = &self.parts;
        let missing = owned
            .iter()
            .filter(|own| !self.loaded.contains_key(&own.app_id));
        let work = missing.map(|own| async move {
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
        self.loaded.extend(loaded.into_iter().flatten());
    }

    /// Gives what falls to others, once they can know it; how long until the next step.
    async fn give(&mut self, outlook: &Outlook) -> Result<Duration, Error> {
        let ours = outlook.moves.iter();
        let ours: Vec<_> = ours
            .filter(|it| it.from.as_ref() == Some(&self.me))
            .collect();
        if ours.is_empty() {
            let has_missing = self.loaded.len() < outlook.owned.len();
            return Ok(match (has_missing, outlook.gets(&self.me)) {
                (true, _) => FAILURE_PAUSE,
                (false, true) => EXPECTING_PAUSE,
                (false, false) => IDLE_PAUSE,
            });
        }
        let patience = self.parts.lease_renewal + SETTLING;
        let oldest = ours.iter().map(|it| self.age(it)).max();
        let due = ours.into_iter().filter(|it| self.age(it) >= patience);
        let mut gifts: BTreeMap<Holder, Vec<AppId>> = BTreeMap::new();
        for it in due.take(GIVEN_AT_ONCE) {
            gifts.entry(it.to.clone()).or_default().push(it.app_id);
        }
        if gifts.is_empty() {
            return Ok(patience.saturating_sub(oldest.unwrap_or_default()));
        }
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
                for app_id in apps {
                    self.loaded.remove(&app_id);
                    self.parts.leaving.let_go(app_id, None);
                }
                return Ok(());
            }
        };
        for Assignment { app_id, epoch } in given {
            tracing::info!(%app_id, epoch, to = to.node_id, "handed an application over");
            self.loaded.remove(&app_id);
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
