//! `server/workers`: the workers of this server's applications and their lives.
//!
//! * **Owns** the connections and lives of workers; writes the worker table, which all may read.
//! * **Hears** from connections (`SessionOpened`, `Heartbeat`, `Inventory`, `SessionClosed`), from
//!   `service` and the elector (`ApplyWorkerOrders`).
//! * **Tells** every instance manager what a worker holds (`ReconcileWorker`, `ApplyReports`), that
//!   a life is over (`WorkerLost`) and that waiting runs may go (`WorkersChanged`); the event hub.
//! * **Survives** a restart: nothing; workers connect again and say what they hold.
//! * **Dies**: the process ends.

mod life;
mod lives;
mod message;
#[cfg(feature = "simulation")]
pub(crate) mod simulation;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use powerjob_common::actor::{Mail, Port, Refused};
use powerjob_common::id::{AppId, NodeRef};
use powerjob_common::time::Clock;

use self::life::Moment;
use self::lives::{Effect, Lives};
pub use self::message::ApplyWorkerOrders;
pub(crate) use self::message::{
    Ending, Heartbeat, Inventory, InventoryAnswering, SessionClosed, SessionOpened, ShardReport,
    WorkerSession,
};
use crate::actor::instance_manager::{
    ApplyReports, Holdings, ReconcileWorker, WorkerLost, WorkersChanged, shard_of,
};
use crate::live::{Event, EventHub, Ownership, WorkerTable};

/// Path of the actor.
pub(crate) const PATH: &str = "server/workers";
/// Letters that may wait.
pub(crate) const CAPACITY: usize = 16_384;
/// How often deadlines are looked at.
const TICK: Duration = Duration::from_millis(100);

/// The ports of one instance manager for news of workers.
#[derive(Debug, Clone)]
pub(crate) struct ShardNews {
    pub(crate) reports: Port<ApplyReports>,
    pub(crate) reconcile: Port<ReconcileWorker>,
    pub(crate) lost: Port<WorkerLost>,
    pub(crate) changed: Port<WorkersChanged>,
}

/// What the registry needs.
#[derive(Debug, Clone)]
pub(crate) struct WorkerRegistryParts {
    /// One for each shard, in their order.
    pub(crate) shards: Arc<[ShardNews]>,
    pub(crate) workers: WorkerTable,
    pub(crate) events: EventHub,
    pub(crate) ownership: Ownership,
    pub(crate) clock: Arc<dyn Clock>,
    /// A worker without a connection is lost after this time (default 1.5 s).
    pub(crate) worker_lost_after: Duration,
}

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct WorkerRegistry {
    parts: WorkerRegistryParts,
    lives: Lives,
    /// Ends of lives that an instance manager has not taken yet, by shard.
    untold: Vec<(usize, WorkerLost)>,
    /// Facts changed that may let waiting runs go.
    has_news: bool,
}

impl WorkerRegistry {
    pub(crate) fn new(parts: WorkerRegistryParts) -> Self {
        Self {
            lives: Lives::new(parts.worker_lost_after),
            parts,
            untold: Vec::new(),
            has_news: false,
        }
    }
}

impl Actor for WorkerRegistry {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(0); // the port counts
        ctx.run_interval(TICK, |actor, _ctx| actor.tick());
    }
}

impl Handler<Mail<SessionOpened>> for WorkerRegistry {
    type Result = ();

    fn handle(&mut self, mail: Mail<SessionOpened>, _ctx: &mut Self::Context) {
        let (opened, _ticket) = mail.open();
        self.opened(opened);
    }
}

impl Handler<Mail<SessionClosed>> for WorkerRegistry {
    type Result = ();

    fn handle(&mut self, mail: Mail<SessionClosed>, _ctx: &mut Self::Context) {
        let (closed, _ticket) = mail.open();
        self.closed(closed);
    }
}

impl Handler<Mail<Heartbeat>> for WorkerRegistry {
    type Result = ();

    fn handle(&mut self, mail: Mail<Heartbeat>, _ctx: &mut Self::Context) {
        let (heartbeat, _ticket) = mail.open();
        self.heartbeat(heartbeat);
    }
}

impl Handler<Mail<ApplyWorkerOrders>> for WorkerRegistry {
    type Result = ();

    fn handle(&mut self, mail: Mail<ApplyWorkerOrders>, _ctx: &mut Self::Context) {
        let (letter, _ticket) = mail.open();
        let ApplyWorkerOrders {
            app_id,
            orders,
            reply,
        } = letter;
        for (node, order) in &orders {
            tracing::info!(%app_id, worker = node, order = %order.kind, account = order.given_by, "an operator's order about a worker");
        }
        self.parts.workers.put_orders(app_id, &orders);
        let effects = self.lives.obey(app_id, orders);
        self.perform(effects);
        if let Some(reply) = reply {
            reply.send(());
        }
    }
}

impl Handler<Mail<Inventory>> for WorkerRegistry {
    type Result = ();

    fn handle(&mut self, mail: Mail<Inventory>, _ctx: &mut Self::Context) {
        let (inventory, mut ticket) = mail.open();
        if let Err(refused) = self.take_inventory(inventory) {
            tracing::warn!(%refused, "an instance manager did not take an inventory");
            ticket.failed();
        }
    }
}

impl WorkerRegistry {
    fn now(&self) -> Moment {
        Moment {
            wall: self.parts.clock.now(),
            monotonic: self.parts.clock.monotonic(),
        }
    }

    fn opened(&mut self, opened: SessionOpened) {
        tracing::info!(app_id = %opened.app_id, worker = %opened.node, worker_addr = opened.address, "a worker connected");
        let silent = (!opened.tells_inventory).then(|| {
            let key = (opened.app_id, opened.node.clone());
            (key, opened.session.clone())
        });
        let effects = self.lives.open(opened, self.now());
        self.perform(effects);
        if let Some((key, session)) = silent {
            self.introduce(&key, &session);
        }
    }

    /// Tells the instance managers that a worker is here that does not say what it holds.
    fn introduce(&mut self, key: &(AppId, NodeRef), session: &Arc<dyn WorkerSession>) {
        for shard in self.parts.shards.iter() {
            let told = shard.reconcile.tell(ReconcileWorker {
                app_id: key.0,
                node: key.1.clone(),
                connection: session.connection(),
                finished: Vec::new(),
                held: Holdings::Unknown,
            });
            if let Err(refused) = told {
                tracing::warn!(%refused, "an instance manager did not hear of a worker");
                return session.close("the server is busy");
            }
        }
        let effects = self.lives.introduced(key);
        self.perform(effects);
    }

    fn closed(&mut self, closed: SessionClosed) {
        tracing::info!(app_id = %closed.app_id, worker = %closed.node, cause = closed.ending.words(), "a worker's connection ended");
        let effects = self.lives.close(closed, self.now());
        self.perform(effects);
    }

    fn heartbeat(&mut self, heartbeat: Heartbeat) {
        self.has_news = true; // its machine may fit a job now that it did not fit before
        let workers = &self.parts.workers;
        let known = workers.find(heartbeat.app_id, &heartbeat.node);
        let assigned = known.map_or(0, |entry| entry.assigned());
        let effects = self.lives.heartbeat(heartbeat, assigned, self.now());
        self.perform(effects);
    }

    fn tick(&mut self) {
        for (shard, lost) in std::mem::take(&mut self.untold) {
            self.tell_loss(shard, lost);
        }
        let owned = self.parts.ownership.apps();
        let effects = self.lives.tick(&owned, self.now());
        self.perform(effects);
        if std::mem::take(&mut self.has_news) {
            self.wake();
        }
    }

    /// Hands a part of an inventory to the instance managers. When one of them does not take its
    /// share the worker is told to repeat all of it, which harms nobody.
    fn take_inventory(&mut self, inventory: Inventory) -> Result<(), Refused> {
        let Inventory {
            app_id,
            node,
            connection,
            running,
            finished,
            is_last,
            answer,
        } = inventory;
        let key = (app_id, node);
        let ended = finished.iter().flatten().map(|report| report.0);
        let Some(held) = self.lives.hold(&key, connection, running, ended) else {
            return Ok(()); // of a replaced connection; nobody waits for the answer
        };
        if !is_last {
            self.tell_reports(&key.1, app_id, finished)?;
            answer.taken();
            return Ok(());
        }
        let held = std::mem::take(held);
        self.tell_inventory(&key, connection, finished, held, &answer)?;
        answer.taken();
        // What it holds is settled now: an older word of its end would be wrong.
        self.untold
            .retain(|(_, lost)| lost.app_id != key.0 || lost.node != key.1);
        let effects = self.lives.introduced(&key);
        self.perform(effects);
        Ok(())
    }

    fn tell_reports(
        &self,
        node: &NodeRef,
        app_id: AppId,
        finished: Vec<Vec<ShardReport>>,
    ) -> Result<(), Refused> {
        for (shard, items) in self.parts.shards.iter().zip(finished) {
            if !items.is_empty() {
                let worker = node.node_id.clone();
                shard.reports.tell(ApplyReports {
                    app_id,
                    worker,
                    items,
                })?;
            }
        }
        Ok(())
    }

    fn tell_inventory(
        &self,
        (app_id, node): &(AppId, NodeRef),
        connection: u64,
        mut finished: Vec<Vec<ShardReport>>,
        held: std::collections::HashMap<powerjob_common::id::InstanceId, u32>,
        answer: &InventoryAnswering,
    ) -> Result<(), Refused> {
        let shards = &self.parts.shards;
        finished.resize_with(shards.len(), Vec::new);
        let mut held_by_shard: Vec<Vec<_>> = shards.iter().map(|_| Vec::new()).collect();
        let mut held: Vec<_> = held.into_iter().collect();
        held.sort_unstable();
        for (id, attempt) in held {
            held_by_shard[shard_of(id, shards.len())].push((id, attempt, answer.held_slot()));
        }
        let shares = finished.into_iter().zip(held_by_shard);
        for (shard, (finished, held)) in shards.iter().zip(shares) {
            shard.reconcile.tell(ReconcileWorker {
                app_id: *app_id,
                node: node.clone(),
                connection,
                finished,
                held: Holdings::All(held),
            })?;
        }
        Ok(())
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Show(facts, link) => {
                    self.parts.workers.put(facts.clone(), link);
                    let app_id = facts.app_id;
                    self.parts
                        .events
                        .publish(app_id, || Event::WorkerChanged(facts));
                }
                Effect::Remove(app_id, node) => self.parts.workers.remove(app_id, &node),
                Effect::Lose(lost) => {
                    tracing::warn!(app_id = %lost.app_id, worker = %lost.node, cause = lost.cause, "a worker is lost");
                    for shard in 0..self.parts.shards.len() {
                        self.tell_loss(shard, copy_of(&lost));
                    }
                }
                Effect::Close(session, reason) => session.close(reason),
                Effect::Wake => self.wake(),
            }
        }
    }

    /// Tells one instance manager that a life is over; what it does not take is told again later.
    fn tell_loss(&mut self, shard: usize, lost: WorkerLost) {
        let copy = copy_of(&lost);
        if let Err(refused) = self.parts.shards[shard].lost.tell(lost) {
            tracing::warn!(%refused, shard, "an instance manager did not hear of a lost worker yet");
            self.untold.push((shard, copy));
        }
    }

    fn wake(&mut self) {
        for shard in self.parts.shards.iter() {
            // A full queue means that the shard is busy: the next tick wakes it again.
            if shard.changed.tell(WorkersChanged {}).is_err() {
                self.has_news = true;
            }
        }
    }
}

fn copy_of(lost: &WorkerLost) -> WorkerLost {
    WorkerLost {
        app_id: lost.app_id,
        node: lost.node.clone(),
        cause: lost.cause.clone(),
    }
}
