//! Connections between workers and servers: in order within one, in no order between two; cut, broken,
//! silent.

use std::collections::{BTreeMap, VecDeque};

use powerjob_protocol::wire::control::ErrorCode;
use powerjob_server::simulation::{Ended, ToWorker};
use powerjob_session::SessionError;

use crate::event::{Event, Node, Payload, ServerEvent, WorkerEvent};
use crate::server::number_of;
use crate::time::{Micros, ms};
use crate::world::World;

/// Who hears nothing for so long takes the other end for gone.
const SILENCE: Micros = ms(1_500);
/// How long a server waits for the answer to a question.
const ANSWER_LIMIT: Micros = ms(5_000);
/// A server that stands still takes calls and says nothing; the caller gives up after so long.
const HANDSHAKE_LIMIT: Micros = ms(3_000);
/// As often as a worker follows the word of servers about the owner.
const MAX_REDIRECTS: u32 = 3;

/// A connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) server: usize,
    server_life: u64,
    pub(crate) worker: usize,
    worker_life: u64,
    is_open_at_server: bool,
    is_open_at_worker: bool,
    /// Frames on their way, with the times at which they are there.
    to_worker: VecDeque<(Micros, Payload)>,
    to_server: VecDeque<(Micros, Payload)>,
    /// Questions of the server that are not answered; whether they are about runs.
    asked: BTreeMap<u64, bool>,
    /// The worker said farewell.
    is_farewell: bool,
}

impl Connection {
    fn lane(&mut self, to_worker: bool) -> &mut VecDeque<(Micros, Payload)> {
        if to_worker {
            &mut self.to_worker
        } else {
            &mut self.to_server
        }
    }
}

impl World {
    /// A worker calls a server.
    pub(crate) fn dial(&mut self, worker: usize, server: usize, redirects: u32) {
        let life = self.workers[worker].life;
        let way = self.way();
        self.after(way, Event::DialArrives(worker, life, server, redirects));
    }

    pub(crate) fn dial_arrives(&mut self, worker: usize, life: u64, server: usize, redirects: u32) {
        if self.workers[worker].life != life || self.workers[worker].node.is_none() {
            return;
        }
        let is_deaf = self.is_cut(Node::Server(server), Node::Worker(worker))
            || self.is_frozen(Node::Server(server));
        if is_deaf {
            return self.dial_later(worker, HANDSHAKE_LIMIT);
        }
        let app_id = self.workers[worker].app_id;
        let Some(node) = &self.servers[server].node else {
            return self.dial_later(worker, 0);
        };
        if node.epoch(app_id).is_some() {
            return self.connect(worker, server);
        }
        let owner = node.owner(app_id).and_then(|name| number_of(&name));
        match owner.filter(|owner| *owner != server && redirects < MAX_REDIRECTS) {
            Some(owner) => self.dial(worker, owner, redirects + 1),
            None => self.dial_later(worker, 0),
        }
    }

    fn dial_later(&mut self, worker: usize, span: Micros) {
        let life = self.workers[worker].life;
        let pause = span + ms(self.random.between(50, 400));
        let again = WorkerEvent::Dial;
        self.after(pause, Event::Worker(worker, life, again));
    }

    fn connect(&mut self, worker: usize, server: usize) {
        self.next_connection += 1;
        let number = self.next_connection;
        let connection = Connection {
            server,
            server_life: self.servers[server].life,
            worker,
            worker_life: self.workers[worker].life,
            is_open_at_server: true,
            is_open_at_worker: true,
            to_worker: VecDeque::new(),
            to_server: VecDeque::new(),
            asked: BTreeMap::new(),
            is_farewell: false,
        };
        self.connections.insert(number, connection);
        let (app_id, me) = (self.workers[worker].app_id, self.workers[worker].me.clone());
        self.note(|| format!("{me} connects to s{server} ({number})"));
        self.with(server, |node| node.opened(number, app_id, me));
        self.settle(server);
        let (life, way) = (self.workers[worker].life, self.way());
        let hear = WorkerEvent::Hear(number);
        self.after(way, Event::Worker(worker, life, hear));
    }

    /// Puts a frame on its way.
    pub(crate) fn send(&mut self, number: u64, to_worker: bool, payload: Payload) {
        let ready = self.now() + self.way();
        let Some(connection) = self.connections.get_mut(&number) else {
            return;
        };
        let is_open = if to_worker {
            connection.is_open_at_server
        } else {
            connection.is_open_at_worker
        };
        if !is_open {
            return;
        }
        let lane = connection.lane(to_worker);
        let last = lane.back().map_or(0, |(at, _)| *at);
        let at = ready.max(last + 1);
        lane.push_back((at, payload));
        self.queue.put(at, Event::Pump(number, to_worker));
    }

    /// A server waits for the answer to a question.
    pub(crate) fn expect_answer(&mut self, number: u64, question: u64, is_run: bool) {
        let Some(connection) = self.connections.get_mut(&number) else {
            return;
        };
        let (server, life) = (connection.server, connection.server_life);
        if connection.is_open_at_server {
            connection.asked.insert(question, is_run);
            let limit = ServerEvent::AskLimit(number, question);
            self.after(ANSWER_LIMIT, Event::Server(server, life, limit));
        } else {
            let disconnected = SessionError::Disconnected;
            self.give_answer(server, question, is_run, disconnected);
        }
    }

    fn give_answer(&mut self, server: usize, question: u64, is_run: bool, error: SessionError) {
        self.with(server, |node| {
            if is_run {
                node.run_answered(question, Err(error));
            } else {
                node.stop_answered(question, Err(error));
            }
        });
    }

    pub(crate) fn ask_limit(&mut self, number: u64, question: u64) {
        let Some(connection) = self.connections.get_mut(&number) else {
            return;
        };
        let server = connection.server;
        if let Some(is_run) = connection.asked.remove(&question) {
            self.give_answer(server, question, is_run, SessionError::Timeout);
        }
    }

    /// Delivers the first frame of a lane, if it may pass.
    pub(crate) fn pump(&mut self, number: u64, to_worker: bool) {
        let now = self.now();
        let Some(connection) = self.connections.get(&number) else {
            return;
        };
        let (server, worker) = (connection.server, connection.worker);
        let receiver = if to_worker {
            Node::Worker(worker)
        } else {
            Node::Server(server)
        };
        if self.is_cut(Node::Server(server), Node::Worker(worker)) || self.is_frozen(receiver) {
            return self.queue.put(now + ms(20), Event::Pump(number, to_worker));
        }
        let Some(connection) = self.connections.get_mut(&number) else {
            return;
        };
        let is_open = if to_worker {
            connection.is_open_at_worker
        } else {
            connection.is_open_at_server
        };
        let lane = connection.lane(to_worker);
        if lane.front().is_none_or(|(at, _)| *at > now) {
            return;
        }
        let Some((_, payload)) = lane.pop_front() else {
            return;
        };
        if !is_open {
            return;
        }
        if to_worker {
            if let Payload::ToWorker(frame) = payload {
                self.worker_hears(worker, number, *frame);
            }
        } else {
            self.server_hears(server, number, payload);
        }
    }

    fn server_hears(&mut self, server: usize, number: u64, payload: Payload) {
        match payload {
            Payload::FromWorker(frame) => {
                let frame = self.plant_reports(number, *frame);
                self.with(server, |node| node.received(number, frame));
            }
            Payload::RunAnswer(question, answer) => {
                if self.take_asked(number, question) {
                    self.with(server, |node| node.run_answered(question, answer));
                }
            }
            Payload::StopAnswer(question, answer) => {
                if self.take_asked(number, question) {
                    self.with(server, |node| node.stop_answered(question, answer));
                }
            }
            Payload::ToWorker(_) => {}
        }
        self.settle(server);
    }

    fn take_asked(&mut self, number: u64, question: u64) -> bool {
        let connection = self.connections.get_mut(&number);
        connection.is_some_and(|it| it.asked.remove(&question).is_some())
    }

    /// A server wants its workers to go: what is on its way still passes.
    pub(crate) fn drain(&mut self, number: u64) {
        let way = ms(self.random.between(2, 20));
        if let Some(connection) = self.connections.get(&number) {
            let worker = Node::Worker(connection.worker);
            self.after(way, Event::PeerGone(number, worker));
        }
    }

    /// Something has happened that may keep an end from hearing the other.
    pub(crate) fn watch_silence(&mut self, number: u64) {
        let Some(connection) = self.connections.get(&number) else {
            return;
        };
        let ends = [
            Node::Server(connection.server),
            Node::Worker(connection.worker),
        ];
        for end in ends {
            let span = SILENCE + ms(self.random.between(0, 100));
            self.after(span, Event::Silence(number, end));
        }
    }

    /// Closes an end that has heard nothing for a while, if it still hears nothing.
    pub(crate) fn silence(&mut self, number: u64, end: Node) {
        let Some(connection) = self.connections.get(&number) else {
            return;
        };
        let (server, worker) = (connection.server, connection.worker);
        let other = if end == Node::Server(server) {
            Node::Worker(worker)
        } else {
            Node::Server(server)
        };
        let is_silent =
            self.is_cut(Node::Server(server), Node::Worker(worker)) || self.is_frozen(other);
        if self.is_frozen(end) {
            let pause = ms(self.random.between(1, 50));
            return self.after(ms(50) + pause, Event::Silence(number, end));
        }
        if is_silent {
            self.close_with(number, end, Ended::Silent);
            self.tell_peer(number, other);
        }
    }

    fn tell_peer(&mut self, number: u64, other: Node) {
        let way = self.way();
        self.after(way, Event::PeerGone(number, other));
    }

    /// Closes an end; `tells`: the other end hears of it.
    pub(crate) fn close_end(&mut self, number: u64, end: Node, tells: bool) {
        let Some(connection) = self.connections.get(&number) else {
            return;
        };
        let (server, worker) = (connection.server, connection.worker);
        if !tells {
            // The news of it comes over the network.
            let is_cut = self.is_cut(Node::Server(server), Node::Worker(worker));
            if is_cut || self.is_frozen(end) {
                return self.after(ms(20), Event::PeerGone(number, end));
            }
        }
        let ended = if connection.is_farewell {
            Ended::Farewell
        } else {
            Ended::Broken
        };
        self.close_with(number, end, ended);
        let other = if end == Node::Server(server) {
            Node::Worker(worker)
        } else {
            Node::Server(server)
        };
        if self.connections.contains_key(&number) {
            self.tell_peer(number, other);
        }
    }

    fn close_with(&mut self, number: u64, end: Node, ended: Ended) {
        let Some(connection) = self.connections.get_mut(&number) else {
            return;
        };
        let (server, worker) = (connection.server, connection.worker);
        let is_server = end == Node::Server(server);
        let is_new = if is_server {
            std::mem::take(&mut connection.is_open_at_server)
        } else {
            std::mem::take(&mut connection.is_open_at_worker)
        };
        let is_over = !connection.is_open_at_server && !connection.is_open_at_worker;
        let same_server = self.servers[server].life == connection.server_life;
        let same_worker = self.workers[worker].life == connection.worker_life;
        let asked = if is_server {
            std::mem::take(&mut connection.asked)
        } else {
            BTreeMap::new()
        };
        if is_over {
            self.connections.remove(&number);
        }
        if !is_new {
            return;
        }
        if is_server && same_server {
            self.note(|| format!("s{server} sees connection {number} end: {ended:?}"));
            for (question, is_run) in asked {
                self.give_answer(server, question, is_run, SessionError::Disconnected);
            }
            self.with(server, |node| node.closed(number, ended));
            self.settle(server);
        } else if !is_server && same_worker {
            self.note(|| format!("w{worker} sees connection {number} end"));
            self.session_lost(worker, number);
        }
    }

    /// A process has died: its machine says so to whoever it can reach.
    pub(crate) fn end_connections_of(&mut self, node: Node) {
        for number in self.connections_at(node) {
            self.close_end(number, node, true);
        }
    }

    /// A worker says farewell and closes.
    pub(crate) fn say_farewell(&mut self, number: u64, worker: usize) {
        if let Some(connection) = self.connections.get_mut(&number) {
            connection.is_farewell = true;
            self.close_end(number, Node::Worker(worker), true);
        }
    }

    /// The connections that a node has a part in.
    pub(crate) fn connections_at(&self, node: Node) -> Vec<u64> {
        let has =
            |it: &Connection| Node::Server(it.server) == node || Node::Worker(it.worker) == node;
        let found = self.connections.iter().filter(|(_, it)| has(it));
        found.map(|(number, _)| *number).collect()
    }

    /// What a worker answers to whoever has lost the application.
    pub(crate) fn stale_owner() -> SessionError {
        SessionError::Peer {
            code: ErrorCode::FORBIDDEN,
            message: "another server owns the application by now".to_owned(),
            retry_after_ms: 0,
        }
    }

    /// Has a frame for a worker taken apart by its kind.
    fn worker_hears(&mut self, worker: usize, number: u64, frame: ToWorker) {
        self.frame_for_worker(worker, number, frame);
        self.settle_worker(worker);
    }
}
