//! The loop: takes the next event, lets time go on to it, and lets it happen.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use powerjob_common::id::InstanceId;
use powerjob_common::time::Clock;

use crate::database::Database;
use crate::event::{Event, Node, Queue};
use crate::network::Connection;
use crate::plant::Plant;
use crate::random::Random;
use crate::scenario::Scenario;
use crate::server::Server;
use crate::time::{Micros, NodeClock, TrueTime, ms};
use crate::worker::Worker;

/// Lines of history that are kept.
const HISTORY: usize = 400;
/// Events after which a run is taken for one that does not end.
const MOST_EVENTS: u64 = 3_000_000;
/// How long after the close everything may take to end: no worker for a minute, and then some.
const PATIENCE: Micros = ms(150_000);

/// What was asked by people and answered.
#[derive(Debug, Default)]
pub(crate) struct People {
    pub(crate) next_call: u64,
    /// Instances that were acknowledged.
    pub(crate) acknowledged: BTreeSet<InstanceId>,
    pub(crate) is_closed: bool,
}

/// What the database does to whoever asks, until when.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    pub(crate) away_until: Micros,
    pub(crate) slow_until: Micros,
    pub(crate) failing_until: Micros,
}

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) time: TrueTime,
    pub(crate) queue: Queue,
    pub(crate) random: Random,
    pub(crate) scenario: Scenario,
    pub(crate) plant: Option<Plant>,
    pub(crate) database: Database,
    pub(crate) trouble: Trouble,
    pub(crate) servers: Vec<Server>,
    pub(crate) workers: Vec<Worker>,
    pub(crate) connections: BTreeMap<u64, Connection>,
    pub(crate) next_connection: u64,
    /// Cuts between nodes, until when.
    pub(crate) cuts: BTreeMap<(Node, Node), Micros>,
    pub(crate) people: People,
    pub(crate) is_healed: bool,
    history: VecDeque<String>,
    is_loud: bool,
    events: u64,
    fingerprint: u64,
}

/// How a run went.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// Rules that were broken; empty if all went well.
    pub broken: Vec<String>,
    /// The last lines of what happened.
    pub history: Vec<String>,
    /// How many events there were.
    pub events: u64,
    /// Instances and starts of code.
    pub instances: usize,
    /// Starts of code.
    pub starts: usize,
    /// The same for the same run.
    pub fingerprint: u64,
}

impl World {
    /// The world of a seed; `is_loud`: the whole history goes to the standard error.
    pub(crate) fn new(seed: u64, plant: Option<Plant>, is_loud: bool) -> Self {
        let scenario = Scenario::of(seed);
        let time = TrueTime::default();
        let mut random = Random::new(seed ^ 0x5151);
        let clock = |random: &mut Random| {
            let clock = NodeClock::new(time.clone());
            let most = scenario.skew_ms.unsigned_abs();
            let off_by = random.between(0, 2 * most).cast_signed() - scenario.skew_ms;
            clock.set_off_by(off_by);
            clock
        };
        let servers = (0..scenario.servers).map(|number| Server::new(number, clock(&mut random)));
        let servers = servers.collect();
        let workers = scenario.workers.iter().enumerate();
        let workers = workers.map(|(number, app)| Worker::new(number, *app, clock(&mut random)));
        let workers = workers.collect();
        let mut world = Self {
            seed,
            time,
            queue: Queue::default(),
            database: Database::new(scenario.jobs.clone(), plant),
            trouble: Trouble::default(),
            servers,
            workers,
            connections: BTreeMap::new(),
            next_connection: 0,
            cuts: BTreeMap::new(),
            people: People::default(),
            is_healed: false,
            history: VecDeque::new(),
            is_loud,
            events: 0,
            fingerprint: 0,
            random,
            scenario,
            plant,
        };
        world.plan();
        world
    }

    fn plan(&mut self) {
        for server in 0..self.servers.len() {
            let at = ms(self.random.between(0, 1_500));
            self.queue.put(at, Event::StartServer(server));
        }
        for worker in 0..self.workers.len() {
            let at = ms(self.random.between(0, 2_500));
            self.queue.put(at, Event::StartWorker(worker));
        }
        for (place, (at, _)) in self.scenario.faults.iter().enumerate() {
            self.queue.put(*at, Event::Fault(place));
        }
        self.queue.put(self.scenario.heal_at, Event::Heal);
        self.queue.put(self.scenario.close_at, Event::Close);
        self.queue.put(ms(2_000), Event::User);
    }

    /// Lets everything happen and judges it.
    pub(crate) fn run(mut self) -> Outcome {
        let mut end = self.scenario.close_at + PATIENCE;
        let mut starts = 0;
        while self.database.ledger.broken.is_empty()
            && let Some((at, event)) = self.queue.take()
        {
            if self.is_over() {
                break;
            }
            if at > end {
                // What waited for places of workers may take long, as long as it goes on.
                let before = std::mem::replace(&mut starts, self.database.ledger.start_count());
                if starts == before {
                    break;
                }
                end = at + PATIENCE;
            }
            self.events += 1;
            if self.events > MOST_EVENTS {
                let text = "the run does not end: too many events".to_owned();
                self.database.ledger.broken.push(text);
                break;
            }
            self.time.advance_to(at);
            self.happen(event);
        }
        if self.database.ledger.broken.is_empty() {
            self.judge();
        }
        Outcome {
            seed: self.seed,
            events: self.events,
            instances: self.database.rows().count(),
            starts: self.database.ledger.start_count(),
            fingerprint: self.fingerprint,
            broken: std::mem::take(&mut self.database.ledger.broken),
            history: self.history.into(),
        }
    }

    /// Whether the end is near and nothing is open any more.
    fn is_over(&self) -> bool {
        self.people.is_closed
            && self.now() > self.scenario.close_at + ms(5_000)
            && self
                .database
                .rows()
                .all(|row| row.instance.state.status.is_finished())
    }

    pub(crate) fn now(&self) -> Micros {
        self.time.now()
    }

    pub(crate) fn after(&mut self, span: Micros, event: Event) {
        let at = self.now() + span;
        self.queue.put(at, event);
    }

    /// A delay on the way to a neighbour.
    pub(crate) fn way(&mut self) -> Micros {
        if self.random.one_in(50) {
            ms(self.random.between(5, 60))
        } else {
            self.random.between(50, 1_500)
        }
    }

    /// Writes a line of history.
    pub(crate) fn note(&mut self, line: impl FnOnce() -> String) {
        let now = self.now();
        let line = format!("{:>10.3} {}", now as f64 / 1_000.0, line());
        for byte in line.bytes() {
            self.fingerprint = (self.fingerprint ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3);
        }
        if self.is_loud {
            eprintln!("{line}");
        }
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(line);
    }

    /// Milliseconds of the database's clock, which is as wrong as it was at the start.
    pub(crate) fn database_ms(&self) -> i64 {
        self.time.wall().0 + self.scenario.skew_ms
    }

    /// Whether nothing passes between two nodes now.
    pub(crate) fn is_cut(&self, one: Node, other: Node) -> bool {
        let key = (one.min(other), one.max(other));
        let until = self.cuts.get(&key).copied().unwrap_or(0);
        let away = one == Node::Database || other == Node::Database;
        until > self.now() || away && self.trouble.away_until > self.now()
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Server(server, life, event) => self.server_event(server, life, event),
            Event::Worker(worker, life, event) => self.worker_event(worker, life, event),
            Event::BatchArrives(server, life, batch) => self.batch_arrives(server, life, batch),
            Event::CallArrives(server, life, asker, call) => {
                self.call_arrives(server, life, asker, call);
            }
            Event::RenewalArrives(server, life, sent) => self.renewal_arrives(server, life, sent),
            Event::AcquireArrives(server, life, sent) => self.acquire_arrives(server, life, sent),
            Event::Acquired(server, life, sent, taken) => {
                self.acquired(server, life, sent, &taken);
            }
            Event::DialArrives(worker, life, server, redirects) => {
                self.dial_arrives(worker, life, server, redirects);
            }
            Event::Pump(connection, to_worker) => self.pump(connection, to_worker),
            Event::Silence(connection, node) => self.silence(connection, node),
            Event::PeerGone(connection, node) => self.close_end(connection, node, false),
            Event::StartServer(server) => self.start_server(server),
            Event::StartWorker(worker) => self.start_worker(worker),
            Event::Fault(place) => {
                let fault = self.scenario.faults[place].1.clone();
                if !self.is_healed {
                    self.strike(fault);
                }
            }
            Event::User => self.user_acts(),
            Event::Heal => self.heal(),
            Event::Close => self.close(),
        }
    }

    /// Whether a node stands still.
    pub(crate) fn is_frozen(&self, node: Node) -> bool {
        match node {
            Node::Server(server) => self.servers[server].frozen_until > self.now(),
            Node::Worker(worker) => self.workers[worker].frozen_until > self.now(),
            Node::Database => false,
        }
    }

    /// What the clock of a node shows.
    pub(crate) fn wall_of(&self, node: Node) -> powerjob_common::time::UnixMillis {
        match node {
            Node::Server(server) => self.servers[server].clock.now(),
            Node::Worker(worker) => self.workers[worker].clock.now(),
            Node::Database => self.time.wall(),
        }
    }
}
