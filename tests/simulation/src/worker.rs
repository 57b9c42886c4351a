//! Workers: their lives, their sessions, the code they run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use powerjob_common::id::{AppId, NodeRef};
use powerjob_common::time::Clock;
use powerjob_protocol::wire::server_to_worker::RunInstance;
use powerjob_protocol::wire::worker_to_server::{
    InstanceReport, InstanceReports, InventoryAnswer, WorkerHeartbeat, WorkerInventory,
};
use powerjob_server::simulation::{FromWorker, ServerReply, ToWorker};
use powerjob_worker::simulation::{Attempt, Effect, NodeConfig, WorkerNode};

use crate::event::{Event, Node, Payload, WorkerEvent};
use crate::plant::Plant;
use crate::scenario::PROCESSOR;
use crate::server::number_of;
use crate::time::{Micros, NodeClock, ms};
use crate::world::World;

const CANCEL_GRACE: Duration = Duration::from_millis(500);
const HEARTBEAT: Micros = ms(2_000);
const REPEAT: Micros = ms(200);
const REPORT_LIMIT: Micros = ms(30_000);
/// What is spooled has reached the server after this time, when nothing is wrong.
const SPOOL_LIMIT: Micros = ms(15_000);
const INVENTORY_PAUSE: Micros = ms(500);

/// A worker, alive or not.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) clock: NodeClock,
    pub(crate) app_id: AppId,
    pub(crate) me: NodeRef,
    pub(crate) life: u64,
    pub(crate) node: Option<WorkerNode>,
    pub(crate) frozen_until: Micros,
    /// Its folder.
    disk: BTreeMap<Attempt, (Micros, InstanceReport)>,
    folders: u64,
    session: Option<Session>,
    next_server: usize,
    pub(crate) is_leaving: bool,
    /// The code that runs, and whether it obeys when it is asked to end.
    code: BTreeMap<Attempt, bool>,
}

/// A session with a server.
#[derive(Debug)]
struct Session {
    connection: u64,
    inventory: Vec<WorkerInventory>,
    answers: Vec<InventoryAnswer>,
    is_ready: bool,
    next_number: u64,
}

impl Worker {
    pub(crate) fn new(number: usize, app_id: AppId, clock: NodeClock) -> Self {
        Self {
            clock,
            app_id,
            me: NodeRef {
                node_id: format!("w{number}"),
                incarnation: 0,
            },
            life: 0,
            node: None,
            frozen_until: 0,
            disk: BTreeMap::new(),
            folders: 0,
            session: None,
            next_server: number,
            is_leaving: false,
            code: BTreeMap::new(),
        }
    }

    /// Gives it an empty folder, in which it has another name.
    pub(crate) fn lose_folder(&mut self, number: usize) {
        self.folders += 1;
        self.disk.clear();
        self.me.node_id = format!("w{number}x{}", self.folders);
    }
}

impl World {
    pub(crate) fn start_worker(&mut self, number: usize) {
        let is_lost = self.plant == Some(Plant::LostSpool);
        let config = NodeConfig {
            places: self.scenario.places,
            held: self.scenario.places * 3,
            unacknowledged: 10_000,
            has_spool: self.scenario.has_spool,
            cancel_grace: CANCEL_GRACE,
        };
        let worker = &mut self.workers[number];
        if worker.node.is_some() {
            return;
        }
        worker.life += 1;
        worker.me.incarnation = worker.life;
        worker.is_leaving = false;
        let clock: Arc<dyn Clock> = Arc::new(worker.clock.clone());
        let owed = worker.disk.values().map(|(_, report)| report.clone());
        let owed = owed.filter(|_| config.has_spool && !is_lost).collect();
        worker.node = Some(WorkerNode::new(config, clock, owed));
        let (life, me) = (worker.life, worker.me.clone());
        self.note(|| format!("{me} is up"));
        for event in [WorkerEvent::Dial, WorkerEvent::Beat, WorkerEvent::Repeat] {
            self.after(ms(1), Event::Worker(number, life, event));
        }
    }

    pub(crate) fn kill_worker(&mut self, number: usize) {
        let worker = &mut self.workers[number];
        worker.life += 1;
        worker.node = None;
        worker.session = None;
        worker.code.clear();
        worker.frozen_until = 0;
        self.note(|| format!("w{number} is dead"));
        self.end_connections_of(Node::Worker(number));
    }

    pub(crate) fn worker_event(&mut self, number: usize, life: u64, event: WorkerEvent) {
        let worker = &self.workers[number];
        if worker.life != life || worker.node.is_none() {
            return;
        }
        if worker.frozen_until > self.now() {
            let thaw = worker.frozen_until;
            return self.queue.put(thaw, Event::Worker(number, life, event));
        }
        match event {
            WorkerEvent::Dial => self.call_a_server(number),
            WorkerEvent::Hear(connection) => self.begin_session(number, connection),
            WorkerEvent::Introduce(connection) => self.introduce(number, connection),
            WorkerEvent::Beat => {
                self.send_heartbeat(number);
                self.after(HEARTBEAT, Event::Worker(number, life, WorkerEvent::Beat));
            }
            WorkerEvent::Repeat => {
                self.inside(number, WorkerNode::repeat);
                self.after(REPEAT, Event::Worker(number, life, WorkerEvent::Repeat));
            }
            WorkerEvent::Spooled(reports) => {
                let now = self.now();
                let keyed = reports.iter();
                let keyed = keyed.map(|it| ((it.instance_id, it.attempt), (now, it.clone())));
                self.workers[number].disk.extend(keyed);
                self.inside(number, |node| node.spooled(reports));
            }
            WorkerEvent::Announce(attempt) => {
                self.inside(number, |node| node.announced(attempt));
            }
            WorkerEvent::Finish(attempt, result) => self.finish(number, attempt, result),
            WorkerEvent::Expire(attempt) => {
                self.inside(number, |node| node.expire(attempt));
            }
            WorkerEvent::ReportLimit(connection, report) => {
                let is_same = self.session(number).map(|it| it.connection) == Some(connection);
                if is_same {
                    self.inside(number, |node| node.reports_answered(report, None));
                }
            }
            WorkerEvent::Gone => return self.go_if_empty(number),
        }
        self.settle_worker(number);
    }

    fn inside<T>(&mut self, number: usize, work: impl FnOnce(&mut WorkerNode) -> T) -> Option<T> {
        self.workers[number].node.as_mut().map(work)
    }

    fn session(&self, number: usize) -> Option<&Session> {
        self.workers[number].session.as_ref()
    }

    fn call_a_server(&mut self, number: usize) {
        if self.workers[number].session.is_some() {
            return;
        }
        let named = self.inside(number, |node| node.next_server()).flatten();
        let named = named.and_then(|name| number_of(&name));
        let server = named.unwrap_or_else(|| {
            self.workers[number].next_server += 1;
            self.workers[number].next_server % self.servers.len()
        });
        self.dial(number, server, 0);
    }

    fn begin_session(&mut self, number: usize, connection: u64) {
        if !self.connections.contains_key(&connection) {
            return self.session_lost_before(number);
        }
        self.workers[number].session = Some(Session {
            connection,
            inventory: Vec::new(),
            answers: Vec::new(),
            is_ready: false,
            next_number: 0,
        });
        self.introduce(number, connection);
    }

    fn session_lost_before(&mut self, number: usize) {
        let life = self.workers[number].life;
        self.after(ms(100), Event::Worker(number, life, WorkerEvent::Dial));
    }

    /// Tells the server what this worker holds, from the beginning.
    fn introduce(&mut self, number: usize, connection: u64) {
        if self.session(number).map(|it| it.connection) != Some(connection) {
            return;
        }
        let parts = self.inside(number, WorkerNode::take_inventory);
        if let Some(session) = &mut self.workers[number].session {
            session.inventory = parts.unwrap_or_default();
            session.answers.clear();
        }
        self.send_inventory(number);
    }

    fn send_inventory(&mut self, number: usize) {
        let Some(session) = &mut self.workers[number].session else {
            return;
        };
        let Some(part) = session.inventory.get(session.answers.len()).cloned() else {
            return;
        };
        session.next_number += 1;
        let connection = session.connection;
        let frame = FromWorker::Inventory(session.next_number, part);
        self.send(connection, false, Payload::FromWorker(Box::new(frame)));
    }

    pub(crate) fn session_lost(&mut self, number: usize, connection: u64) {
        let worker = &mut self.workers[number];
        match &worker.session {
            Some(session) if session.connection == connection => worker.session = None,
            Some(_) => return,
            None => {}
        }
        self.inside(number, WorkerNode::session_lost);
        let life = self.workers[number].life;
        let pause = ms(self.random.between(0, 250));
        self.after(pause, Event::Worker(number, life, WorkerEvent::Dial));
    }

    /// A frame of a server has arrived.
    pub(crate) fn frame_for_worker(&mut self, number: usize, connection: u64, frame: ToWorker) {
        match frame {
            ToWorker::Run(question, runs) => {
                let answer = self.inside(number, |node| node.run(runs)).flatten();
                let answer = answer.ok_or_else(Self::stale_owner);
                let payload = Payload::RunAnswer(question, answer);
                self.settle_worker(number);
                self.send(connection, false, payload);
            }
            ToWorker::Stop(question, stops) => {
                let stopped = self.inside(number, |node| node.stop(&stops.items, false));
                let answer = stopped.flatten().ok_or_else(Self::stale_owner);
                self.send(connection, false, Payload::StopAnswer(question, answer));
            }
            ToWorker::Kill(question, kills) => {
                let stopped = self.inside(number, |node| node.stop(&kills.items, true));
                let answer = stopped.flatten().ok_or_else(Self::stale_owner);
                self.send(connection, false, Payload::StopAnswer(question, answer));
            }
            ToWorker::Moved(moved) => {
                self.inside(number, |node| node.moved(moved));
            }
            ToWorker::Reply(question, reply) => self.reply(number, connection, question, reply),
        }
    }

    fn reply(&mut self, number: usize, connection: u64, question: u64, reply: ServerReply) {
        let life = self.workers[number].life;
        let Some(session) = &mut self.workers[number].session else {
            return;
        };
        if session.connection != connection {
            return;
        }
        match reply {
            ServerReply::Reports(answers) => {
                let items = answers.items;
                self.inside(number, |node| node.reports_answered(question, Some(items)));
            }
            ServerReply::Refused if session.is_ready => {
                self.inside(number, |node| node.reports_answered(question, None));
            }
            ServerReply::Refused => {
                let again = WorkerEvent::Introduce(connection);
                self.after(INVENTORY_PAUSE, Event::Worker(number, life, again));
            }
            ServerReply::Inventory(answer) => {
                session.answers.push(answer);
                if session.answers.len() < session.inventory.len() {
                    return self.send_inventory(number);
                }
                session.is_ready = true;
                let sent = std::mem::take(&mut session.inventory);
                let answers = std::mem::take(&mut session.answers);
                self.inside(number, |node| node.inventory_answered(&sent, answers));
                self.send_heartbeat(number);
            }
        }
    }

    fn send_heartbeat(&mut self, number: usize) {
        let Some(connection) = self
            .session(number)
            .filter(|it| it.is_ready)
            .map(|it| it.connection)
        else {
            return;
        };
        let held = self.inside(number, |node| node.load().0).unwrap_or(0);
        let heartbeat = WorkerHeartbeat {
            measured_at_ms: 0,
            address: format!("{}:1", self.workers[number].me.node_id),
            tags: Vec::new(),
            software: "simulated".to_owned(),
            cpu_cores: 4.0,
            cpu_load: 1.0,
            memory_total_bytes: 1 << 30,
            memory_used_bytes: 1 << 20,
            process_memory_bytes: 1 << 20,
            disk_total_bytes: 1 << 30,
            disk_used_bytes: 1 << 20,
            running: u32::try_from(held).unwrap_or(u32::MAX),
            capacity: u32::try_from(self.scenario.places * 2).unwrap_or(u32::MAX),
            processors: vec![PROCESSOR.to_owned()],
            draining: self.workers[number].is_leaving,
        };
        let frame = FromWorker::Heartbeat(heartbeat);
        self.send(connection, false, Payload::FromWorker(Box::new(frame)));
    }

    /// Carries out what a worker wants.
    pub(crate) fn settle_worker(&mut self, number: usize) {
        loop {
            let effects = self.inside(number, WorkerNode::take_effects);
            let effects = effects.unwrap_or_default();
            if effects.is_empty() {
                return;
            }
            for effect in effects {
                self.worker_effect(number, effect);
            }
        }
    }

    fn worker_effect(&mut self, number: usize, effect: Effect) {
        let life = self.workers[number].life;
        match effect {
            Effect::Start(request) => self.start_code(number, &request),
            Effect::Cancel(attempt) => {
                if self.workers[number].code.get(&attempt) == Some(&true) {
                    let ended = WorkerEvent::Finish(attempt, Err("asked to end".to_owned()));
                    let pause = self.random.between(100, 20_000);
                    self.after(pause, Event::Worker(number, life, ended));
                }
            }
            Effect::Arm(attempt, span) => {
                let expire = WorkerEvent::Expire(attempt);
                let span = span.as_micros() as u64;
                self.after(span, Event::Worker(number, life, expire));
            }
            Effect::Spool(reports) => {
                let spooled = WorkerEvent::Spooled(reports);
                let pause = self.random.between(100, 6_000);
                self.after(pause, Event::Worker(number, life, spooled));
            }
            Effect::Settle(settled) => {
                for attempt in settled {
                    self.workers[number].disk.remove(&attempt);
                }
            }
            Effect::Report(report, items) => self.send_reports(number, report, items),
        }
    }

    fn send_reports(&mut self, number: usize, report: u64, items: Vec<InstanceReport>) {
        let ready = self.session(number).filter(|it| it.is_ready);
        let Some(connection) = ready.map(|it| it.connection) else {
            self.inside(number, |node| node.reports_answered(report, None));
            return;
        };
        let life = self.workers[number].life;
        let limit = WorkerEvent::ReportLimit(connection, report);
        self.after(REPORT_LIMIT, Event::Worker(number, life, limit));
        let frame = FromWorker::Reports(report, InstanceReports { items });
        self.send(connection, false, Payload::FromWorker(Box::new(frame)));
    }

    fn start_code(&mut self, number: usize, request: &RunInstance) {
        let attempt = (request.instance_id, request.attempt);
        let me = self.workers[number].me.to_string();
        self.note(|| format!("{me} starts {} attempt {}", attempt.0, attempt.1));
        self.database.ledger.started(attempt, &me);
        self.on_time(request);
        let kind = request.job_params.as_str();
        let span = match kind {
            "quick" => self.random.between(100, 30_000),
            "slow" => ms(self.random.between(300, 3_000)),
            _ => match self.random.below(3) {
                0 => self.random.between(50, 2_000),
                1 => ms(self.random.between(5, 400)),
                _ => ms(self.random.between(400, 1_500)),
            },
        };
        let fails = kind == "failing" && !self.random.one_in(3);
        let result = if fails {
            Err(format!("attempt {} failed", attempt.1))
        } else {
            Ok(format!("result of attempt {}", attempt.1))
        };
        let obeys = !self.random.one_in(5);
        let worker = &mut self.workers[number];
        worker.code.insert(attempt, obeys);
        let life = worker.life;
        if span > 1_000 {
            let announce = WorkerEvent::Announce(attempt);
            self.after(500, Event::Worker(number, life, announce));
        }
        let finish = WorkerEvent::Finish(attempt, result);
        self.after(span, Event::Worker(number, life, finish));
    }

    fn finish(&mut self, number: usize, attempt: Attempt, result: Result<String, String>) {
        if self.workers[number].code.remove(&attempt).is_none() {
            return; // it has ended before
        }
        if let Ok(text) = &result {
            self.database.ledger.succeeded(attempt, text);
        }
        self.note(|| format!("w{number} ends {} attempt {}", attempt.0, attempt.1));
        self.inside(number, |node| node.finished(attempt, result));
    }

    /// INV-13: what workers that have a session hold in their spools since a while.
    pub(crate) fn forgotten_ends(&self) -> Vec<String> {
        let since = self.now().saturating_sub(SPOOL_LIMIT);
        let here = self.workers.iter().filter(|worker| {
            let session = worker.session.as_ref();
            worker.node.is_some() && session.is_some_and(|session| session.is_ready)
        });
        let ends = here.flat_map(|worker| {
            let old = worker.disk.iter().filter(|(_, (at, _))| *at < since);
            old.map(|(attempt, _)| {
                let (id, attempt) = attempt;
                format!(
                    "INV-13: {} still spools the end of {id}, attempt {attempt}",
                    worker.me
                )
            })
        });
        ends.collect()
    }

    /// A worker is told to end: it takes nothing new, and goes when it holds nothing any more.
    pub(crate) fn leave_worker(&mut self, number: usize) {
        let worker = &mut self.workers[number];
        worker.is_leaving = true;
        let life = worker.life;
        if self.inside(number, WorkerNode::drain).is_some() {
            self.send_heartbeat(number);
            self.after(ms(50), Event::Worker(number, life, WorkerEvent::Gone));
            let cancel = self.random.one_in(2);
            if cancel {
                self.inside(number, WorkerNode::cancel_all);
            }
            self.settle_worker(number);
        }
    }

    fn go_if_empty(&mut self, number: usize) {
        let load = self.inside(number, |node| node.load());
        if load.is_some_and(|(held, owed)| held > 0 || owed > 0) {
            let life = self.workers[number].life;
            let again = WorkerEvent::Gone;
            return self.after(ms(50), Event::Worker(number, life, again));
        }
        if let Some(connection) = self.session(number).map(|it| it.connection) {
            self.say_farewell(connection, number);
        }
        self.kill_worker(number);
        let pause = ms(self.random.between(50, 3_000));
        self.after(pause, Event::StartWorker(number));
    }
}
