//! The master of all instances of this worker that are spread over several workers.
//!
//! * **Owns** a `domain::heavy::master::Master` for each instance, with all its tasks.
//! * **Hears** from the task tracker (instances, cancellations), from servers (`NameTeams`,
//!   `GetTasks`), from executors here and elsewhere (results, new tasks), from connections.
//! * **Tells** executors what to do, and the task tracker when an instance starts and ends.
//! * **Survives** a restart: nothing; the server gives the instance to another worker, which goes on
//!   from what this one has had kept (`journals`).
//! * **Dies**: the worker ends with an error.

mod executors;
mod farewells;
mod handing_on;
mod journals;
mod life;
mod questions;
mod spills;
mod tasks;

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use powerjob_common::actor::{Port, Refused};
use powerjob_common::id::NodeRef;
use powerjob_common::time::Clock;
use powerjob_protocol::wire::server_to_worker::{RunInstance, TeamWorker};
use powerjob_protocol::wire::worker_to_worker::{CloseWork, MapTasks, MapVerdict};

use self::farewells::Farewell;
use self::journals::Loading;
use super::heavy_letters::{
    CloseAnswered, CloseRequested, OpenRequested, StartRequested, TasksAdrift, WorkAnswered,
};
use super::journal_letters::{AskJournal, JournalArrived, JournalsAnswered, SendJournals};
use super::letters::{Answer, TaskEvents};
use super::spill_letters::{BlockRead, BlockWritten};
use crate::domain::RunKey;
use crate::domain::ending::{CancelReason, Ending};
use crate::domain::heavy::feed::Feed;
use crate::domain::heavy::master::{Master, Order};
use crate::domain::heavy::sub_tasks::Holder;
use crate::rpc::peer_inbox::PeerPorts;
use crate::rpc::peers::Peers;
use crate::store::Spill;

/// How exact time limits are, and how soon those who were not reached are tried again.
const TICK: Duration = Duration::from_millis(50);
/// How long executors may take to answer.
const ASK_LIMIT: Duration = Duration::from_secs(5);

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
    pub(crate) written: Port<BlockWritten>,
    pub(crate) read: Port<BlockRead>,
    pub(crate) spill: Spill,
    /// Bytes of contents and results of an instance in memory; what is more goes to files.
    pub(crate) task_memory: usize,
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
    has_files: bool,
    /// Lists of new tasks for which there is no room yet.
    waiting: VecDeque<(MapTasks, Answer<MapVerdict>)>,
}

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct HeavyTracker {
    parts: HeavyTrackerParts,
    masters: BTreeMap<RunKey, Mastered>,
    loading: BTreeMap<RunKey, Loading>,
    early_teams: VecDeque<(RunKey, Vec<TeamWorker>)>,
    farewells: Vec<Farewell>,
    /// Whether the worker shuts down.
    is_draining: bool,
}

impl HeavyTracker {
    pub(crate) fn new(parts: HeavyTrackerParts) -> Self {
        Self {
            parts,
            masters: BTreeMap::new(),
            loading: BTreeMap::new(),
            early_teams: VecDeque::new(),
            farewells: Vec::new(),
            is_draining: false,
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

impl HeavyTracker {
    /// Lets something happen to an instance, and carries out what follows.
    fn with(&mut self, key: RunKey, happen: impl FnOnce(&mut Mastered, Duration)) {
        let now = self.parts.clock.monotonic();
        let Some(mastered) = self.masters.get_mut(&key) else {
            return;
        };
        happen(mastered, now);
        mastered.take_waiting();
        mastered.hand_on_if_idle();
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
                Order::Write { block, bytes } => self.write(key, block, bytes),
                Order::Read { block } => self.read(key, block),
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

/// The queues have room for all that this worker itself can have under way.
fn note(told: Result<(), Refused>) {
    if let Err(refused) = told {
        tracing::error!(%refused, "a letter about an instance on several workers was not taken");
    }
}
