//! Servers: their lives, their turns, their lease.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use powerjob_common::id::{AppId, InstanceId, NodeRef};
use powerjob_common::time::Clock;
use powerjob_protocol::wire::server_to_worker::{OwnerMoved, RunInstances};
use powerjob_server::domain::lease::counts_for;
use powerjob_server::simulation::{Effect, Mailbox, NodeConfig, ServerNode, ToWorker};
use powerjob_server::store::Error;
use powerjob_server::store::assignment::Holder;
use powerjob_server::store::lease::Renewal;

use crate::database::{Fence, LeaseTaken};
use crate::event::{Event, Node, Payload, ServerEvent};
use crate::plant::Plant;
use crate::time::{Micros, NodeClock, ms};
use crate::world::World;
use crate::writer::Writer;

/// As the defaults of `ServerConfig`.
pub(crate) const LEASE_TTL: Duration = Duration::from_millis(1_500);
const LEASE_RENEWAL: Duration = Duration::from_millis(300);
const WORKER_LOST_AFTER: Duration = Duration::from_millis(1_500);
const WORKER_RETURN_GRACE: Duration = Duration::from_secs(10);
const LOOK_AHEAD: Duration = Duration::from_secs(1);

/// A server, alive or not.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) clock: NodeClock,
    pub(crate) life: u64,
    pub(crate) node: Option<ServerNode>,
    pub(crate) holder: Holder,
    /// What it may write for, as it knows.
    pub(crate) apps: BTreeMap<AppId, i64>,
    pub(crate) frozen_until: Micros,
    pub(crate) busy_until: Micros,
    pub(crate) writer: Writer,
    turns: BTreeSet<Mailbox>,
    ring_at: Option<Micros>,
    elect_at: Option<Micros>,
}

impl Server {
    pub(crate) fn new(number: usize, clock: NodeClock) -> Self {
        Self {
            clock,
            life: 0,
            node: None,
            holder: Holder {
                node_id: name(number),
                server_epoch: 0,
            },
            apps: BTreeMap::new(),
            frozen_until: 0,
            busy_until: 0,
            writer: Writer::default(),
            turns: BTreeSet::new(),
            ring_at: None,
            elect_at: None,
        }
    }

    pub(crate) fn fence(&self) -> Fence {
        Fence {
            holder: self.holder.clone(),
            apps: self.apps.clone(),
        }
    }
}

/// Name of a server, which is also its address.
pub(crate) fn name(number: usize) -> String {
    format!("s{number}")
}

/// The server of an address.
pub(crate) fn number_of(name: &str) -> Option<usize> {
    name.strip_prefix('s')?.parse().ok()
}

impl World {
    /// The process of a server begins: it asks for its lease.
    pub(crate) fn start_server(&mut self, number: usize) {
        let server = &mut self.servers[number];
        if server.node.is_some() || self.people.is_closed && self.is_settled() {
            return;
        }
        self.servers[number].life += 1;
        self.ask_for_lease(number);
    }

    fn is_settled(&self) -> bool {
        let mut rows = self.database.rows();
        rows.all(|row| row.instance.state.status.is_finished())
    }

    fn ask_for_lease(&mut self, number: usize) {
        let (life, sent, way) = (self.servers[number].life, self.now(), self.way());
        self.after(way, Event::AcquireArrives(number, life, sent));
    }

    pub(crate) fn acquire_arrives(&mut self, number: usize, life: u64, sent: Micros) {
        if self.servers[number].life != life {
            return;
        }
        let ttl_ms = LEASE_TTL.as_millis() as i64;
        let now = (self.database_ms(), ttl_ms);
        let is_away = self.is_cut(Node::Server(number), Node::Database);
        let taken = (!is_away).then(|| self.database.acquire(&name(number), &name(number), now));
        if let Some(Ok(taken)) = taken {
            let way = self.way();
            return self.after(way, Event::Acquired(number, life, sent, taken));
        }
        self.servers[number].life += 1;
        let again = Event::StartServer(number);
        self.after(ms(100), again);
    }

    pub(crate) fn acquired(&mut self, number: usize, life: u64, sent: Micros, taken: &LeaseTaken) {
        if self.servers[number].life != life {
            return;
        }
        let counts_for = match self.plant {
            Some(Plant::EndlessLease) => Duration::from_secs(100_000),
            _ => counts_for(LEASE_TTL),
        };
        let config = NodeConfig {
            node: NodeRef {
                node_id: name(number),
                incarnation: life,
            },
            server_epoch: taken.epoch,
            acquired: Renewal {
                sent_at: Duration::from_micros(sent),
            },
            counts_for,
            server_ids: taken.server_ids,
            shards: self.scenario.shards,
            lease_ttl: LEASE_TTL,
            lease_renewal: LEASE_RENEWAL,
            worker_lost_after: WORKER_LOST_AFTER,
            worker_return_grace: WORKER_RETURN_GRACE,
            look_ahead: LOOK_AHEAD,
            claim_cost: self.scenario.claim_cost,
            seed: self.random.next(),
        };
        let server = &mut self.servers[number];
        let clock: Arc<dyn Clock> = Arc::new(server.clock.clone());
        server.holder.server_epoch = taken.epoch;
        server.apps.clear();
        server.writer = Writer::default();
        server.turns.clear();
        (server.ring_at, server.elect_at) = (None, None);
        server.node = Some(ServerNode::new(&config, clock));
        self.note(|| format!("s{number} is up, life {life}, epoch {}", taken.epoch));
        for event in [ServerEvent::Renew, ServerEvent::Tick, ServerEvent::Check] {
            self.after(ms(1), Event::Server(number, life, event));
        }
        self.wake_elector(number);
        self.settle(number);
    }

    /// The process of a server ends at once.
    pub(crate) fn kill_server(&mut self, number: usize) {
        let server = &mut self.servers[number];
        server.life += 1;
        server.node = None;
        server.frozen_until = 0;
        self.note(|| format!("s{number} is dead"));
        self.end_connections_of(Node::Server(number));
    }

    pub(crate) fn server_event(&mut self, number: usize, life: u64, event: ServerEvent) {
        let server = &self.servers[number];
        if server.life != life || server.node.is_none() {
            return;
        }
        if server.frozen_until > self.now() {
            let thaw = server.frozen_until;
            return self.queue.put(thaw, Event::Server(number, life, event));
        }
        match event {
            ServerEvent::Turn(mailbox) => self.turn(number, mailbox),
            ServerEvent::Ring(at) => self.ring(number, at),
            ServerEvent::Tick => {
                self.with(number, ServerNode::tick_registry);
                self.after(ms(100), Event::Server(number, life, ServerEvent::Tick));
            }
            ServerEvent::Check => {
                self.with(number, ServerNode::check_runs);
                self.after(ms(1_000), Event::Server(number, life, ServerEvent::Check));
            }
            ServerEvent::Elect => {
                self.servers[number].elect_at = None;
                self.wake_elector(number);
            }
            ServerEvent::Commit => self.begin_commit(number),
            ServerEvent::Committed(batch) => self.committed(number, *batch),
            ServerEvent::Answered(asker, answer) => self.answered(number, asker, answer),
            ServerEvent::Renew => self.renew(number),
            ServerEvent::Renewed(sent, result) => return self.renewed(number, sent, result),
            ServerEvent::AskLimit(connection, question) => self.ask_limit(connection, question),
            ServerEvent::Gone(limit) => return self.leave_if_empty(number, limit),
        }
        self.settle(number);
    }

    /// Does something with the inside of a server that is up.
    pub(crate) fn with<T>(
        &mut self,
        number: usize,
        work: impl FnOnce(&mut ServerNode) -> T,
    ) -> Option<T> {
        self.servers[number].node.as_mut().map(work)
    }

    fn turn(&mut self, number: usize, mailbox: Mailbox) {
        self.servers[number].turns.remove(&mailbox);
        let at_most = if self.random.one_in(4) { 1 } else { 1_000 };
        self.with(number, |node| node.handle(mailbox, at_most));
    }

    fn ring(&mut self, number: usize, at: Micros) {
        if self.servers[number].ring_at == Some(at) {
            self.servers[number].ring_at = None;
            self.with(number, ServerNode::ring);
        }
    }

    fn wake_elector(&mut self, number: usize) {
        let now = self.now();
        let next = self.with(number, ServerNode::wake_elector).flatten();
        if let Some(next) = next {
            let at = u64::try_from(next.as_micros())
                .unwrap_or(now)
                .max(now + 100);
            let server = &mut self.servers[number];
            if server.elect_at.is_none_or(|known| known > at) {
                server.elect_at = Some(at);
                let life = server.life;
                self.queue
                    .put(at, Event::Server(number, life, ServerEvent::Elect));
            }
        }
    }

    /// Carries out what a server wants, and has its letters handled a little later.
    pub(crate) fn settle(&mut self, number: usize) {
        let effects = self.with(number, ServerNode::take_effects);
        for effect in effects.unwrap_or_default() {
            self.effect(number, effect);
        }
        let Some(node) = &self.servers[number].node else {
            return;
        };
        let life = self.servers[number].life;
        for mailbox in node.filled() {
            if self.servers[number].turns.insert(mailbox) {
                let pause = self.turn_pause(number);
                let turn = ServerEvent::Turn(mailbox);
                self.after(pause, Event::Server(number, life, turn));
            }
        }
        self.set_ring(number);
    }

    fn turn_pause(&mut self, number: usize) -> Micros {
        if self.servers[number].busy_until > self.now() {
            ms(self.random.between(1, 80))
        } else if self.random.one_in(100) {
            ms(self.random.between(1, 30))
        } else {
            self.random.between(5, 300)
        }
    }

    /// The timer thread sleeps until the next deadline, at most a second.
    fn set_ring(&mut self, number: usize) {
        let now = self.now();
        let Some(deadline) = self.with(number, |node| node.next_deadline()).flatten() else {
            return;
        };
        let wall = self.wall_of(Node::Server(number));
        let left = u64::try_from(deadline.0 - wall.0).unwrap_or(0).min(1_000);
        let at = now + ms(left) + 50;
        let server = &mut self.servers[number];
        if server.ring_at.is_none_or(|known| known > at || known < now) {
            server.ring_at = Some(at);
            let life = server.life;
            self.queue
                .put(at, Event::Server(number, life, ServerEvent::Ring(at)));
        }
    }

    fn effect(&mut self, number: usize, effect: Effect) {
        match effect {
            Effect::Write(sink, lane, items) => self.submit(number, sink, lane, items),
            Effect::Ask(asker, call) => self.ask_store(number, asker, call),
            Effect::Send(connection, frame) => {
                self.send_to_worker(connection, frame);
            }
            Effect::Close(connection) => self.close_end(connection, Node::Server(number), true),
            Effect::SendAway(app_id, owner) => {
                let connections = self.with(number, |node| node.connections_of(app_id));
                for connection in connections.unwrap_or_default() {
                    if let Some((owner, epoch)) = owner.clone() {
                        let moved = ToWorker::Moved(OwnerMoved { owner, epoch });
                        self.send_to_worker(connection, moved);
                    }
                    self.drain(connection);
                }
            }
            Effect::Confirm(owned) => {
                let apps = owned.iter().map(|own| (own.app_id, own.epoch));
                self.servers[number].apps = apps.collect();
            }
            Effect::Answered(call, answer) => self.call_answered(call, answer),
        }
    }

    fn send_to_worker(&mut self, connection: u64, frame: ToWorker) {
        let acknowledged_early = self.plant == Some(Plant::EarlyAcknowledgement)
            && matches!(
                &frame,
                ToWorker::Reply(_, powerjob_server::simulation::ServerReply::Reports(_))
            );
        if acknowledged_early {
            return; // it was answered when it came
        }
        let question = match &frame {
            ToWorker::Run(number, _) => Some((*number, true)),
            ToWorker::Stop(number, _) | ToWorker::Kill(number, _) => Some((*number, false)),
            ToWorker::Moved(_) | ToWorker::Reply(..) => None,
        };
        if let Some((question, is_run)) = question {
            self.expect_answer(connection, question, is_run);
        }
        if let ToWorker::Run(_, runs) = &frame {
            self.judge_sender(runs);
        }
        self.send(connection, true, Payload::ToWorker(Box::new(frame)));
    }

    /// INV-5: nobody sends runs of an application that another one has taken over.
    fn judge_sender(&mut self, runs: &RunInstances) {
        for run in &runs.items {
            let row = self.database.row(InstanceId(run.instance_id));
            let present = row.and_then(|row| self.database.epoch(row.app_id));
            if let Some(present) = present.filter(|present| run.epoch < *present) {
                let text = format!(
                    "INV-5: instance {} is sent under epoch {}, its application is under {present}",
                    run.instance_id, run.epoch
                );
                self.database.ledger.broken.push(text);
            }
        }
    }

    fn renew(&mut self, number: usize) {
        let (life, sent, way) = (self.servers[number].life, self.now(), self.way());
        self.after(way, Event::RenewalArrives(number, life, sent));
    }

    pub(crate) fn renewal_arrives(&mut self, number: usize, life: u64, sent: Micros) {
        let is_cut = self.is_cut(Node::Server(number), Node::Database);
        let slow = self.database_pause();
        let holder = self.servers[number].holder.clone();
        let ttl_ms = LEASE_TTL.as_millis() as i64;
        let now = self.database_ms();
        let is_same = self.servers[number].life == life;
        let (way, result) = if is_cut {
            let silent = Err(Error::Unavailable("silent".to_owned()));
            let left = (sent + ms(1_500)).saturating_sub(self.now());
            (left, silent)
        } else if is_same {
            let renewed = self.database.renew(&holder, now, ttl_ms).map(|()| now);
            (self.way() + slow, renewed)
        } else {
            return;
        };
        let event = ServerEvent::Renewed(sent, result);
        self.after(way, Event::Server(number, life, event));
    }

    fn renewed(&mut self, number: usize, sent: Micros, result: Result<i64, Error>) {
        let is_lost = result == Err(Error::Fenced);
        let life = self.servers[number].life;
        let is_answered = result.is_ok() && self.now() < sent + ms(1_500);
        let sent_at = Duration::from_micros(sent);
        let answer = match result {
            Ok(_) if !is_answered => Err(Error::Unavailable("late".to_owned())),
            Ok(_) => Ok(Renewal { sent_at }),
            Err(error) => Err(error),
        };
        if self.plant != Some(Plant::EndlessLease) || answer.is_ok() {
            self.with(number, |node| node.renewed(answer));
        }
        if is_lost && self.plant != Some(Plant::EndlessLease) {
            self.note(|| format!("s{number} has lost its lease for good"));
            self.kill_server(number);
            return self.after(ms(500), Event::StartServer(number));
        }
        if is_answered {
            let servers = self.database.servers(self.database_ms());
            self.with(number, |node| node.seen(servers));
        }
        let pause = LEASE_RENEWAL.as_micros() as u64;
        self.after(pause, Event::Server(number, life, ServerEvent::Renew));
        self.wake_elector(number);
        self.settle(number);
    }

    fn leave_if_empty(&mut self, number: usize, limit: Micros) {
        let is_empty = self
            .with(number, |node| node.has_given_all())
            .unwrap_or(true);
        if !is_empty && self.now() < limit {
            let life = self.servers[number].life;
            let again = ServerEvent::Gone(limit);
            return self.after(ms(20), Event::Server(number, life, again));
        }
        let holder = self.servers[number].holder.clone();
        if !self.is_cut(Node::Server(number), Node::Database) {
            self.database.release(&holder);
        }
        self.kill_server(number);
        let pause = ms(self.random.between(50, 3_000));
        self.after(pause, Event::StartServer(number));
    }

    /// The elector has heard from the store: it goes on.
    pub(crate) fn elector_goes_on(&mut self, number: usize) {
        self.wake_elector(number);
    }
}
