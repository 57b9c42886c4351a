//! The master of all instances of this worker that are spread over several workers.
//!
//! * **Owns** a `domain::heavy::master::Master` for each instance, with all its tasks.
//! * **Hears** from the task tracker (instances, cancellations), from servers (`NameTeams`,
//!   `GetTasks`), from executors here and elsewhere (results, new tasks), from connections.
//! * **Tells** executors what to do, and the task tracker when an instance starts and ends.
//! * **Survives** a restart: nothing; the server gives the instance to another worker, which goes on
//!   from what this one has had kept (`journals`).
//! * **Dies**: the worker ends with an error.

mod journals;

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use powerjob_common::actor::{Mail, Port, Refused};
use powerjob_common::id::NodeRef;
use powerjob_common::status::ExecuteType;
use powerjob_common::time::Clock;
use powerjob_protocol::wire::server_to_worker::{RunInstance, TaskOverview, TeamWorker};
use powerjob_protocol::wire::worker_to_worker::{
    CloseWork, MapTasks, MapVerdict, OpenWork, ResultsTaken, StartTasks, TaskStart, TasksStarted,
};

use self::journals::{Accepted, Loading};
use super::heavy_letters::{
    CancelMasters, CloseAnswered, CloseRequested, MapRequested, OpenRequested, PeerChange,
    PeerChanged, ResultsArrived, StartMasters, StartRequested, TasksAdrift, TasksAsked, TeamsNamed,
    WorkAnswered,
};
use super::journal_letters::{AskJournal, JournalArrived, JournalsAnswered, SendJournals};
use super::letters::{Answer, CancelAllRuns, TaskEvents};
use crate::domain::RunKey;
use crate::domain::ending::{CancelReason, Ending};
use crate::domain::heavy::feed::Feed;
use crate::domain::heavy::mapping::MapAnswer;
use crate::domain::heavy::master::{LOCAL, Master, Order, Setting};
use crate::domain::heavy::replay::Replay;
use crate::domain::heavy::sub_tasks::Holder;
use crate::domain::request;
use crate::domain::task_table::RunEnd;
use crate::processor::runner::RunEvent;
use crate::rpc::peer_inbox::PeerPorts;
use crate::rpc::peers::{EXECUTOR, MASTER, Peers};

/// How exact time limits are, and how soon those who were not reached are tried again.
const TICK: Duration = Duration::from_millis(50);
/// How long executors may take to answer.
const ASK_LIMIT: Duration = Duration::from_secs(5);
/// An end that an executor has not confirmed is told so often, a second apart.
const CLOSE_TRIES: u32 = 15;
const CLOSE_PAUSE: Duration = Duration::from_secs(1);
/// Teams that are kept for instances that have not come yet.
const EARLY_TEAMS: usize = 1_024;
/// Tasks of one answer for people.
const LISTED: usize = 200;

/// What the heavy tracker needs.
#[derive(Debug, Clone)]
pub(crate) struct HeavyTrackerParts {
    pub(crate) me: Port<WorkAnswered>,
    pub(crate) adrift: Port<TasksAdrift>,
    pub(crate) closed: Port<CloseAnswered>,
    pub(crate) kept: Port<JournalsAnswered>,
    pub(crate) taken: Port<JournalArrived>,
    pub(crate) keep: Port<SendJournals>,
    pub(crate) take: Port<AskJournal>,
    pub(crate) task_tracker: Port<TaskEvents>,
    pub(crate) open_here: Port<OpenRequested>,
    pub(crate) start_here: Port<StartRequested>,
    pub(crate) close_here: Port<CloseRequested>,
    pub(crate) peers: Peers,
    /// Who hears what comes over connections that this worker opens.
    pub(crate) peer_ports: PeerPorts,
    pub(crate) node: NodeRef,
    /// Name of this worker for people.
    pub(crate) name: String,
    pub(crate) clock: Arc<dyn Clock>,
}

#[derive(Debug)]
struct Mastered {
    master: Master,
    feed: Feed,
    /// How it has ended, and how long that waits for its journal.
    ending: Option<(Ending, Duration)>,
    request: Arc<RunInstance>,
    started_at_ms: i64,
    /// When its time limit passes.
    deadline: Option<Duration>,
    /// Executors whose answer to the question whether they take part is on its way.
    asked: HashSet<Holder>,
    /// Lists of new tasks for which there is no room yet.
    waiting: VecDeque<(MapTasks, Answer<MapVerdict>)>,
}

/// An end that an executor has not confirmed.
#[derive(Debug)]
struct Farewell {
    node: NodeRef,
    request: CloseWork,
    tries: u32,
    next_at: Duration,
}

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct HeavyTracker {
    parts: HeavyTrackerParts,
    masters: BTreeMap<RunKey, Mastered>,
    loading: BTreeMap<RunKey, Loading>,
    early_teams: VecDeque<(RunKey, Vec<TeamWorker>)>,
    farewells: Vec<Farewell>,
}

impl HeavyTracker {
    pub(crate) fn new(parts: HeavyTrackerParts) -> Self {
        Self {
            parts,
            masters: BTreeMap::new(),
            loading: BTreeMap::new(),
            early_teams: VecDeque::new(),
            farewells: Vec::new(),
        }
    }
}

impl Actor for HeavyTracker {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(0); // the port counts
        ctx.run_interval(TICK, |actor, _ctx| actor.tick());
    }
}

impl Handler<Mail<StartMasters>> for HeavyTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<StartMasters>, _ctx: &mut Self::Context) {
        let (StartMasters { runs }, _ticket) = mail.open();
        for run in runs {
            self.start(run);
        }
    }
}

impl Handler<Mail<CancelMasters>> for HeavyTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<CancelMasters>, _ctx: &mut Self::Context) {
        let (CancelMasters { runs }, _ticket) = mail.open();
        for (key, reason) in runs {
            if let Some(loading) = self.loading.remove(&key) {
                self.end_loading(key, loading, reason);
            }
            self.with(key, |mastered, _now| mastered.master.cancel(reason));
        }
    }
}

impl Handler<Mail<CancelAllRuns>> for HeavyTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<CancelAllRuns>, _ctx: &mut Self::Context) {
        let (CancelAllRuns { reason }, _ticket) = mail.open();
        for (key, loading) in std::mem::take(&mut self.loading) {
            self.end_loading(key, loading, reason);
        }
        self.with_all(|mastered, _now| mastered.master.cancel(reason));
    }
}

impl Handler<Mail<TeamsNamed>> for HeavyTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<TeamsNamed>, _ctx: &mut Self::Context) {
        let (TeamsNamed { items }, _ticket) = mail.open();
        for item in items {
            let key = RunKey::of_attempt(item.instance_id, item.attempt);
            if self.masters.contains_key(&key) {
                self.with(key, |mastered, _now| mastered.master.team(item.workers));
            } else {
                self.early_teams.retain(|(early, _)| *early != key);
                if self.early_teams.len() == EARLY_TEAMS {
                    self.early_teams.pop_front();
                }
                self.early_teams.push_back((key, item.workers));
            }
        }
    }
}

impl Handler<Mail<PeerChanged>> for HeavyTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<PeerChanged>, _ctx: &mut Self::Context) {
        let (PeerChanged { node, change }, _ticket) = mail.open();
        let keys: Vec<RunKey> = self.masters.keys().copied().collect();
        for key in keys {
            let mut is_asked = None;
            self.with(key, |mastered, now| {
                let Some(place) = mastered.master.place_of(&node.node_id, node.incarnation) else {
                    return;
                };
                match change {
                    PeerChange::Here => is_asked = Some(place),
                    PeerChange::Unreached { is_gone: true } => mastered.master.lost(place, now),
                    PeerChange::Away | PeerChange::Unreached { is_gone: false } => {
                        mastered.master.away(place, now);
                    }
                }
            });
            if let Some(place) = is_asked
                && let Some(mastered) = self.masters.get(&key)
                && mastered.master.executor(place).is_awaited()
            {
                let generation = mastered.master.executor(place).generation;
                self.open(key, place, generation);
            }
        }
    }
}

impl Handler<Mail<WorkAnswered>> for HeavyTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<WorkAnswered>, _ctx: &mut Self::Context) {
        let (letter, _ticket) = mail.open();
        let WorkAnswered {
            key,
            place,
            generation,
            answer,
        } = letter;
        self.with(key, |mastered, now| {
            mastered.asked.remove(&place);
            match answer {
                Some(answer) => mastered.master.opened(place, generation, answer),
                None => mastered.master.away(place, now),
            }
        });
    }
}

impl Handler<Mail<TasksAdrift>> for HeavyTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<TasksAdrift>, _ctx: &mut Self::Context) {
        let (letter, _ticket) = mail.open();
        self.with(letter.key, |mastered, now| {
            if mastered.master.executor(letter.place).generation == letter.generation {
                mastered.master.away(letter.place, now);
            }
        });
    }
}

impl Handler<Mail<CloseAnswered>> for HeavyTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<CloseAnswered>, _ctx: &mut Self::Context) {
        let (letter, _ticket) = mail.open();
        if letter.is_heard {
            self.farewells.retain(|farewell| {
                farewell.node != letter.node || farewell.request.instance_id != letter.instance_id
            });
        }
    }
}

impl Handler<Mail<ResultsArrived>> for HeavyTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<ResultsArrived>, _ctx: &mut Self::Context) {
        let (letter, _ticket) = mail.open();
        let ResultsArrived {
            from,
            request,
            answer,
        } = letter;
        let key = RunKey::of_attempt(request.instance_id, request.attempt);
        let is_known = self.masters.contains_key(&key);
        self.with(key, |mastered, _now| {
            let place = mastered.master.place_of(&from.node_id, from.incarnation);
            if let Some(place) = place {
                mastered.master.ended(place, request);
            }
        });
        answer.send(ResultsTaken { is_known });
    }
}

impl Handler<Mail<MapRequested>> for HeavyTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<MapRequested>, _ctx: &mut Self::Context) {
        let (MapRequested { request, answer }, _ticket) = mail.open();
        let key = RunKey::of_attempt(request.instance_id, request.attempt);
        if !self.masters.contains_key(&key) {
            return answer.send(MapVerdict::Stale);
        }
        self.with(key, |mastered, _now| mastered.map(request, answer));
    }
}

impl Handler<Mail<TasksAsked>> for HeavyTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<TasksAsked>, _ctx: &mut Self::Context) {
        let (TasksAsked { request, answer }, _ticket) = mail.open();
        let key = RunKey::of_attempt(request.instance_id, request.attempt);
        let limit = LISTED.min(request.limit as usize);
        let overview = self.masters.get(&key).map_or_else(
            || TaskOverview {
                is_known: false,
                total: Default::default(),
                workers: Vec::new(),
                tasks: Vec::new(),
            },
            |mastered| mastered.master.overview(limit),
        );
        answer.send(overview);
    }
}

impl Mastered {
    fn map(&mut self, request: MapTasks, answer: Answer<MapVerdict>) {
        match self.master.map(request.clone()) {
            MapAnswer::Now(verdict) => answer.send(verdict),
            MapAnswer::Later => self.waiting.push_back((request, answer)),
        }
    }

    /// Takes lists of new tasks for which there was no room.
    fn take_waiting(&mut self) {
        while self.master.has_room()
            && let Some((request, answer)) = self.waiting.pop_front()
        {
            self.map(request, answer);
        }
    }
}

impl HeavyTracker {
    fn start(&mut self, request: Arc<RunInstance>) {
        let key = RunKey::of_attempt(request.instance_id, request.attempt);
        let setting = setting_of(&request);
        let started_at_ms = self.parts.clock.now().0;
        let limit = Duration::from_millis(request.time_limit_ms);
        let deadline = (!limit.is_zero()).then(|| self.parts.clock.monotonic() + limit);
        let at_ms = started_at_ms;
        self.tell_task_tracker(RunEvent::Started { key, at_ms });
        let accepted = Accepted {
            request,
            started_at_ms,
            deadline,
        };
        let master = Master::new(setting, self.local());
        if master.has_journal() && key.attempt > 1 {
            let replay = Replay::new(setting, self.local());
            self.take_over(key, Loading::new(accepted, replay));
        } else {
            self.lead(key, accepted, master, false);
        }
    }

    /// This worker as an executor of its own instances.
    fn local(&self) -> TeamWorker {
        TeamWorker {
            node_id: self.parts.node.node_id.clone(),
            incarnation: self.parts.node.incarnation,
            name: self.parts.name.clone(),
            address: String::new(),
        }
    }

    /// Begins to lead an instance.
    fn lead(&mut self, key: RunKey, accepted: Accepted, mut master: Master, begins_anew: bool) {
        if let Some(place) = self.early_teams.iter().position(|(early, _)| *early == key)
            && let Some((_, workers)) = self.early_teams.remove(place)
        {
            master.team(workers);
        }
        let mastered = Mastered {
            master,
            feed: Feed::new(key, begins_anew, self.parts.clock.monotonic()),
            ending: None,
            request: accepted.request,
            started_at_ms: accepted.started_at_ms,
            deadline: accepted.deadline,
            asked: HashSet::new(),
            waiting: VecDeque::new(),
        };
        self.masters.insert(key, mastered);
        self.with(key, |_mastered, _now| {});
    }

    /// Lets something happen to an instance, and carries out what follows.
    fn with(&mut self, key: RunKey, happen: impl FnOnce(&mut Mastered, Duration)) {
        let now = self.parts.clock.monotonic();
        let Some(mastered) = self.masters.get_mut(&key) else {
            return;
        };
        happen(mastered, now);
        mastered.take_waiting();
        let orders = mastered.master.take_orders();
        for order in orders {
            match order {
                Order::Open { to, generation } => self.open(key, to, generation),
                Order::Start {
                    to,
                    generation,
                    tasks,
                } => self.send(key, to, generation, tasks),
                Order::Close { to, reason } => {
                    let Some(mastered) = self.masters.get(&key) else {
                        continue;
                    };
                    let node = mastered.master.executor(to).node();
                    let request = CloseWork {
                        instance_id: key.instance_id,
                        attempt: key.attempt,
                        reason,
                    };
                    self.close(node, request);
                }
                Order::Finish(ending) => self.finish(key, ending),
            }
        }
    }

    fn with_all(&mut self, happen: impl Fn(&mut Mastered, Duration)) {
        let keys: Vec<RunKey> = self.masters.keys().copied().collect();
        for key in keys {
            self.with(key, &happen);
        }
    }

    /// Asks an executor to take part, as soon as there is a connection with it.
    fn open(&mut self, key: RunKey, place: Holder, generation: u32) {
        let Some(mastered) = self.masters.get_mut(&key) else {
            return;
        };
        if !mastered.asked.insert(place) {
            return;
        }
        let request = OpenWork {
            run: (*mastered.request).clone(),
            generation,
        };
        let port = self.parts.me.clone();
        let tell = move |answer| {
            let letter = WorkAnswered {
                key,
                place,
                generation,
                answer,
            };
            note(port.tell(letter));
        };
        if place == LOCAL {
            let answer = Answer::new(move |answer| tell(Some(answer)));
            let from = self.parts.node.clone();
            let letter = OpenRequested {
                from,
                request,
                answer,
            };
            return note(self.parts.open_here.tell(letter));
        }
        let executor = mastered.master.executor(place);
        let node = executor.node();
        match self.parts.peers.session(&node) {
            Some(session) => {
                session.ask_then(EXECUTOR, MASTER, &request, ASK_LIMIT, move |answer| {
                    tell(answer.ok());
                });
            }
            None => {
                let address = executor.worker.address.clone();
                mastered.asked.remove(&place);
                self.parts.peers.dial(node, address, &self.parts.peer_ports);
            }
        }
    }

    fn send(&mut self, key: RunKey, place: Holder, generation: u32, tasks: Vec<TaskStart>) {
        let Some(mastered) = self.masters.get(&key) else {
            return;
        };
        let request = StartTasks {
            instance_id: key.instance_id,
            attempt: key.attempt,
            generation,
            tasks,
        };
        let port = self.parts.adrift.clone();
        let tell = move |is_taken: bool| {
            if !is_taken {
                let letter = TasksAdrift {
                    key,
                    place,
                    generation,
                };
                note(port.tell(letter));
            }
        };
        if place == LOCAL {
            let letter = StartRequested {
                from: self.parts.node.clone(),
                request,
                results: Some(mastered.master.results().clone()),
                answer: Answer::new(move |answer: TasksStarted| tell(answer.is_taken)),
            };
            return note(self.parts.start_here.tell(letter));
        }
        let node = mastered.master.executor(place).node();
        match self.parts.peers.session(&node) {
            Some(session) => {
                session.ask_then(EXECUTOR, MASTER, &request, ASK_LIMIT, move |answer| {
                    tell(answer.is_ok_and(|answer| answer.is_taken));
                });
            }
            None => tell(false),
        }
    }

    fn close(&mut self, node: NodeRef, request: CloseWork) {
        self.farewells.push(Farewell {
            node,
            request,
            tries: 0,
            next_at: Duration::ZERO,
        });
        self.say_farewells();
    }

    /// Tells executors of ends that they have not confirmed.
    fn say_farewells(&mut self) {
        let now = self.parts.clock.monotonic();
        self.farewells
            .retain(|farewell| farewell.tries < CLOSE_TRIES);
        for farewell in &mut self.farewells {
            if farewell.next_at > now {
                continue;
            }
            farewell.tries += 1;
            farewell.next_at = now + CLOSE_PAUSE;
            let (node, request) = (farewell.node.clone(), farewell.request.clone());
            let port = self.parts.closed.clone();
            let instance_id = request.instance_id;
            let to = node.clone();
            let tell = move |is_heard| {
                let letter = CloseAnswered {
                    node,
                    instance_id,
                    is_heard,
                };
                note(port.tell(letter));
            };
            if to == self.parts.node {
                let answer = Answer::new(move |_| tell(true));
                let letter = CloseRequested {
                    from: to,
                    request,
                    answer,
                };
                note(self.parts.close_here.tell(letter));
            } else if let Some(session) = self.parts.peers.session(&to) {
                session.ask_then(EXECUTOR, MASTER, &request, ASK_LIMIT, move |answer| {
                    tell(answer.is_ok());
                });
            }
        }
    }

    fn finish(&mut self, key: RunKey, ending: Ending) {
        if !self.waits_for_journal(key, &ending) {
            self.report_end(key, ending);
        }
    }

    fn report_end(&mut self, key: RunKey, ending: Ending) {
        let Some(mastered) = self.masters.remove(&key) else {
            return;
        };
        for (_, answer) in mastered.waiting {
            answer.send(MapVerdict::Stale);
        }
        let end = RunEnd {
            ending,
            started_at_ms: mastered.started_at_ms,
            finished_at_ms: self.parts.clock.now().0,
        };
        self.tell_task_tracker(RunEvent::Ended { key, end });
    }

    fn tell_task_tracker(&self, event: RunEvent) {
        let events = vec![event];
        note(self.parts.task_tracker.tell(TaskEvents { events }));
    }

    fn tick(&mut self) {
        self.with_all(|mastered, now| {
            if mastered.deadline.is_some_and(|deadline| deadline <= now) {
                mastered.master.cancel(CancelReason::Timeout);
            }
            mastered.master.tick(now);
        });
        self.say_farewells();
        self.tick_journals();
    }
}

fn setting_of(request: &RunInstance) -> Setting {
    Setting {
        kind: request::execute_type(request).unwrap_or(ExecuteType::Standalone),
        task_retries: request.task_retry_num,
    }
}

/// The queues have room for all that this worker itself can have under way.
fn note(told: Result<(), Refused>) {
    if let Err(refused) = told {
        tracing::error!(%refused, "a letter about an instance on several workers was not taken");
    }
}
