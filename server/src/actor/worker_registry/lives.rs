//! All lives of all workers. In: what connections tell, and the time. Out: what to do about it.
//!
//! Invariants:
//! 1. A life has at most one connection; the newest one counts, the others are closed.
//! 2. Of one node at most the newest life has a connection.
//! 3. A life is lost once at most before it connects again, and never while it has a connection,
//!    unless an operator takes it off line.
//! 4. The end of an older life is told after the inventory of the newer one, because that may hold
//!    results of the older life.
//! 5. An order counts for every life of its node; an older order never replaces a newer one.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use powerjob_common::id::{AppId, InstanceId, NodeRef};
use powerjob_common::status::WorkerOrderKind;

use super::life::{Absence, Life, Moment, Stage, loss_text, off_line_text};
use super::message::{Ending, Heartbeat, SessionClosed, SessionOpened, WorkerSession};
use crate::actor::instance_manager::WorkerLost;
use crate::domain::worker::{Worker, WorkerOrder, WorkerState};
use crate::live::WorkerLink;

/// How long a lost worker is shown.
const LOST_SHOWN_FOR: Duration = Duration::from_secs(300);
/// How long the runs of an earlier life wait for the inventory of the present one.
const SUPERSEDED_GRACE: Duration = Duration::from_secs(30);

type Key = (AppId, NodeRef);

/// What is to be done.
#[derive(Debug)]
pub(super) enum Effect {
    /// Shows a worker in the table.
    Show(Arc<Worker>, Option<Arc<dyn WorkerLink>>),
    /// Takes a life out of the table.
    Remove(AppId, NodeRef),
    /// Tells the instance managers that a life is over.
    Lose(WorkerLost),
    /// Ends a connection.
    Close(Arc<dyn WorkerSession>, &'static str),
    /// Waiting runs may go.
    Wake,
}

/// See the head of the file.
#[derive(Debug)]
pub(super) struct Lives {
    lives: BTreeMap<Key, Life>,
    /// The last order about each node that ever got one.
    orders: HashMap<(AppId, String), WorkerOrder>,
    lost_after: Duration,
}

impl Lives {
    pub(super) fn new(lost_after: Duration) -> Self {
        Self {
            lives: BTreeMap::new(),
            orders: HashMap::new(),
            lost_after,
        }
    }

    pub(super) fn open(&mut self, opened: SessionOpened, now: Moment) -> Vec<Effect> {
        let key = (opened.app_id, opened.node.clone());
        if self.has_newer(&key) {
            return vec![Effect::Close(
                opened.session,
                "a newer life of this worker is connected",
            )];
        }
        let mut effects = self.supersede(&key, now);
        match self.lives.get_mut(&key) {
            Some(life) => {
                let old = life.reconnect(opened, now);
                effects.extend(old.map(|old| Effect::Close(old, "a newer connection replaces it")));
            }
            None => {
                let order = self.order_of(&key);
                let life = Life::new(opened, order, now);
                self.lives.insert(key.clone(), life);
            }
        }
        effects.extend(self.show(&key));
        effects
    }

    pub(super) fn close(&mut self, closed: SessionClosed, now: Moment) -> Vec<Effect> {
        let key = (closed.app_id, closed.node);
        let Some(life) = self.lives.get_mut(&key) else {
            return Vec::new();
        };
        if !life.has_connection(closed.connection) {
            return Vec::new(); // replaced by a newer one
        }
        let lost_at = match closed.ending {
            // The session has been silent for the whole time already when it ends for that.
            Ending::Farewell | Ending::Silent => Some(now.monotonic),
            Ending::Broken => Some(now.monotonic + self.lost_after),
            Ending::ServerStops => None,
        };
        life.leave(Absence::Ended(closed.ending), lost_at);
        let mut effects = self.show(&key);
        self.hurry_older(&key, now);
        effects.extend(self.lose_overdue(now));
        effects
    }

    /// What a worker says of itself; a message of a replaced connection says nothing.
    pub(super) fn heartbeat(
        &mut self,
        heartbeat: Heartbeat,
        assigned: u32,
        now: Moment,
    ) -> Vec<Effect> {
        let key = (heartbeat.app_id, heartbeat.node);
        let life = self.lives.get_mut(&key);
        let Some(life) = life.filter(|life| life.has_connection(heartbeat.connection)) else {
            return Vec::new();
        };
        let before = (life.state(), life.worker().capacity);
        let names_processors = heartbeat.names_processors;
        life.take_heartbeat(*heartbeat.state, names_processors, assigned, now);
        let has_more_room = life.state() == WorkerState::Online
            && (before.0 != WorkerState::Online || before.1 < life.worker().capacity);
        let mut effects = self.show(&key);
        if has_more_room {
            effects.push(Effect::Wake);
        }
        effects
    }

    /// Orders of an operator about nodes of an application. What a node has that is taken off line is
    /// lost to it, also when it is connected.
    pub(super) fn obey(
        &mut self,
        app_id: AppId,
        orders: Vec<(String, WorkerOrder)>,
    ) -> Vec<Effect> {
        let mut effects = Vec::new();
        for (node_id, order) in orders {
            let place = (app_id, node_id);
            let is_old = |known: &WorkerOrder| known.revision >= order.revision;
            if self.orders.get(&place).is_some_and(is_old) {
                continue;
            }
            self.orders.insert(place.clone(), order);
            let node_id = place.1;
            let node = NodeRef {
                node_id,
                incarnation: 0,
            };
            for key in self.others(&(app_id, node)) {
                effects.extend(self.obey_life(&key));
            }
        }
        effects.push(Effect::Wake);
        effects
    }

    fn obey_life(&mut self, key: &Key) -> Vec<Effect> {
        let order = self.order_of(key);
        let Some(life) = self.lives.get_mut(key) else {
            return Vec::new();
        };
        life.obey(order);
        let mut effects = self.show(key);
        effects.extend(self.loss_by_order(key));
        effects
    }

    /// The order about a node, unless it is simply to work.
    fn order_of(&self, (app_id, node): &Key) -> Option<WorkerOrder> {
        let order = self.orders.get(&(*app_id, node.node_id.clone()));
        order
            .filter(|order| order.kind != WorkerOrderKind::Online)
            .cloned()
    }

    fn loss_by_order(&self, key: &Key) -> Option<Effect> {
        let life = self.lives.get(key)?;
        let order = life.worker().order.as_ref()?;
        (life.state() == WorkerState::Offline).then(|| {
            Effect::Lose(WorkerLost {
                app_id: key.0,
                node: key.1.clone(),
                cause: off_line_text(&key.1.node_id, order),
            })
        })
    }

    /// Adds a part of an inventory and hands out what the life holds; `None` when the part came over
    /// a replaced connection.
    pub(super) fn hold(
        &mut self,
        key: &Key,
        connection: u64,
        running: Vec<(InstanceId, u32)>,
        finished: impl Iterator<Item = InstanceId>,
    ) -> Option<&mut HashMap<InstanceId, u32>> {
        let life = self.lives.get_mut(key)?;
        if !life.has_connection(connection) {
            return None;
        }
        // After a refused part the worker begins anew: what ran then may have ended since.
        for id in finished {
            life.held.remove(&id);
        }
        life.held.extend(running);
        Some(&mut life.held)
    }

    /// The instance managers were told all that the life holds.
    pub(super) fn introduced(&mut self, key: &Key) -> Vec<Effect> {
        let Some(life) = self.lives.get_mut(key) else {
            return Vec::new();
        };
        life.stage = Stage::Here;
        let mut effects = self.show(key);
        for older in self.others(key) {
            if let Some(life) = self.lives.remove(&older)
                && !life.is_lost()
            {
                effects.push(self.loss(&older, Absence::Superseded));
            }
            effects.push(Effect::Remove(older.0, older.1));
        }
        effects.extend(self.loss_by_order(key));
        effects.push(Effect::Wake);
        effects
    }

    /// Looks at all deadlines.
    pub(super) fn tick(&mut self, owned: &[AppId], now: Moment) -> Vec<Effect> {
        let mut effects = self.leave_apps(owned);
        effects.extend(self.lose_overdue(now));
        let is_over = |life: &Life| matches!(life.stage, Stage::Lost { forget_at } if forget_at <= now.monotonic);
        let forgotten: Vec<Key> = keys_of(self.lives.iter().filter(|(_, life)| is_over(life)));
        for key in forgotten {
            self.lives.remove(&key);
            effects.push(Effect::Remove(key.0, key.1));
        }
        effects
    }

    /// Lets go of the workers of applications that are not ours any more: their new owner knows them.
    fn leave_apps(&mut self, owned: &[AppId]) -> Vec<Effect> {
        let strange = self
            .lives
            .iter()
            .filter(|((app_id, _), _)| !owned.contains(app_id));
        let strange = keys_of(strange);
        let mut effects = Vec::new();
        for key in strange {
            let life = self.lives.remove(&key);
            let session = life.and_then(|life| life.session);
            let close =
                |session| Effect::Close(session, "the application belongs to another server");
            effects.extend(session.map(close));
            effects.push(Effect::Remove(key.0, key.1));
        }
        effects
    }

    fn lose_overdue(&mut self, now: Moment) -> Vec<Effect> {
        let mut overdue = Vec::new();
        for (key, life) in &mut self.lives {
            if let Stage::Away {
                cause,
                lost_at: Some(lost_at),
            } = life.stage
                && lost_at <= now.monotonic
            {
                let forget_at = now.monotonic + LOST_SHOWN_FOR;
                life.stage = Stage::Lost { forget_at };
                overdue.push((key.clone(), cause));
            }
        }
        let mut effects = Vec::new();
        for (key, cause) in overdue {
            effects.extend(self.show(&key));
            effects.push(self.loss(&key, cause));
        }
        effects
    }

    fn loss(&self, (app_id, node): &Key, absence: Absence) -> Effect {
        Effect::Lose(WorkerLost {
            app_id: *app_id,
            node: node.clone(),
            cause: loss_text(&node.node_id, absence, self.lost_after),
        })
    }

    fn show(&self, key: &Key) -> Vec<Effect> {
        let shown = self.lives.get(key).map(Life::shown);
        shown
            .map(|(facts, link)| Effect::Show(facts, link))
            .into_iter()
            .collect()
    }

    /// Whether a newer life of the node is known that is not lost.
    fn has_newer(&self, key: &Key) -> bool {
        self.others(key).iter().any(|other| {
            other.1.incarnation > key.1.incarnation
                && self.lives.get(other).is_some_and(|life| !life.is_lost())
        })
    }

    /// Ends the connections of earlier lives and lets them wait for the inventory of the present one.
    fn supersede(&mut self, key: &Key, now: Moment) -> Vec<Effect> {
        let mut effects = Vec::new();
        for older in self.others(key) {
            let Some(life) = self.lives.get_mut(&older).filter(|life| !life.is_lost()) else {
                continue;
            };
            let lost_at = now.monotonic + SUPERSEDED_GRACE;
            let session = life.leave(Absence::Superseded, Some(lost_at));
            let close =
                |session| Effect::Close(session, "a newer life of this worker is connected");
            effects.extend(session.map(close));
            effects.extend(self.show(&older));
        }
        effects
    }

    /// The present life went away before it said what it holds: earlier ones wait no longer for that
    /// than it is waited for itself.
    fn hurry_older(&mut self, key: &Key, now: Moment) {
        for older in self.others(key) {
            if let Some(Life {
                stage: Stage::Away { lost_at, .. },
                ..
            }) = self.lives.get_mut(&older)
            {
                *lost_at = lost_at.map(|at| at.min(now.monotonic + self.lost_after));
            }
        }
    }

    /// The other lives of the same node.
    fn others(&self, (app_id, node): &Key) -> Vec<Key> {
        let life = |incarnation| {
            let node_id = node.node_id.clone();
            let node = NodeRef {
                node_id,
                incarnation,
            };
            (*app_id, node)
        };
        let lives = self.lives.range(life(0)..=life(u64::MAX));
        keys_of(lives.filter(|((_, other), _)| other != node))
    }
}

fn keys_of<'a>(lives: impl Iterator<Item = (&'a Key, &'a Life)>) -> Vec<Key> {
    lives.map(|(key, _)| key.clone()).collect()
}
