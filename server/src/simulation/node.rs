//! One server: its actors' state, its mailboxes, and what passes its edges.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use powerjob_common::actor::{ActorScope, Reply};
use powerjob_common::id::{AppId, InstanceId, JobId, NodeRef};
use powerjob_common::instance_id::InstanceIdGenerator;
use powerjob_common::status::SwitchableStatus;
use powerjob_common::time::{Clock, UnixMillis};
use tokio::sync::{Notify, mpsc};

use super::StoreCall;
use super::call::{CallAnswer, CallError, Calls};
use super::edge::Edge;
use super::frame::ToWorker;
use super::letters::{Mailbox, Post, SchedulerLetter};
use super::link::Lines;
use super::wiring;
use crate::actor::dispatcher::Dispatcher;
use crate::actor::elector::LeaseHolder;
use crate::actor::elector::simulation::{ElectorGround, ElectorShell};
use crate::actor::instance_manager::simulation::{Place, ShardLetter, ShardShell};
use crate::actor::instance_manager::{
    CancelInstance, KillInstance, RetryInstance, RunRequest, StartRuns, StopInstance, Surroundings,
    home_of, shard_of,
};
use crate::actor::scheduler::parse_schedule;
use crate::actor::scheduler::simulation::{Planner, PlannerParts, first_of};
use crate::actor::worker_registry::simulation::{RegistryLetter, RegistryShell};
use crate::domain::job::JobDefinition;
use crate::domain::retry_scope::RetryScope;
use crate::live::{JobTable, Ownership, RunningCounts, WorkerTable};
use crate::store::Error;
use crate::store::assignment::{Holder, LeaseRow};
use crate::store::job::{JobSave, JobSwitch};
use crate::store::lease::{Assignment, LeaseWatch, Renewal};
use crate::store::write::{Lane, WriteOp};

/// Server ids for the instances that the scheduler makes.
const SCHEDULER_IDS: u16 = 16;

/// How a server is set.
#[derive(Debug, Clone)]
pub struct NodeConfig {
    /// Who it is.
    pub node: NodeRef,
    /// Epoch of its lease.
    pub server_epoch: i64,
    /// When the lease was taken (monotonic).
    pub acquired: Renewal,
    /// How long a renewal counts.
    pub counts_for: Duration,
    /// First server id and how many.
    pub server_ids: (u16, u16),
    /// Instance managers.
    pub shards: usize,
    /// As in the configuration of a server.
    pub lease_ttl: Duration,
    /// As in the configuration of a server.
    pub lease_renewal: Duration,
    /// As in the configuration of a server.
    pub worker_lost_after: Duration,
    /// As in the configuration of a server.
    pub worker_return_grace: Duration,
    /// As in the configuration of a server.
    pub look_ahead: Duration,
    /// What a claim costs the store; the more, the earlier crowds are claimed.
    pub claim_cost: Duration,
    /// For what is left to chance.
    pub seed: u64,
}

/// Who submitted writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sink {
    /// The scheduler.
    Scheduler,
    /// An instance manager.
    Instances(usize),
}

/// Who asked the store; opaque to the driver, who hands it back with the answer.
#[derive(Debug, Clone)]
pub struct Asker(pub(super) Asking);

#[derive(Debug, Clone)]
pub(super) enum Asking {
    Elector,
    Reload(usize, InstanceId),
    Question(usize, u64, bool),
    QuestionJob(usize, u64, Box<crate::domain::instance::Instance>),
    Job(JobId),
    EndSchedule(Arc<JobDefinition>),
    Save,
}

/// What a server wants of its surroundings.
#[derive(Debug)]
pub enum Effect {
    /// Writes for the group-committing writer.
    Write(Sink, Lane, Vec<(u64, WriteOp)>),
    /// A question to the store.
    Ask(Asker, StoreCall),
    /// A frame for a worker.
    Send(u64, ToWorker),
    /// The server ends a connection.
    Close(u64),
    /// The workers of an application go elsewhere.
    SendAway(AppId, Option<(String, i64)>),
    /// Exactly these applications may be written for.
    Confirm(Vec<Assignment>),
    /// A call is answered.
    Answered(u64, Result<CallAnswer, CallError>),
}

/// See the head of the file.
#[derive(Debug)]
pub struct ServerNode {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) jobs: JobTable,
    pub(super) ownership: Ownership,
    pub(super) post: Post,
    pub(super) lines: Lines,
    pub(super) shards: Vec<ShardShell>,
    pub(super) planner: Planner,
    pub(super) registry: RegistryShell,
    pub(super) dispatcher: Dispatcher,
    pub(super) elector: ElectorShell,
    pub(super) edge: Edge,
    pub(super) effects: Vec<Effect>,
    /// When each actor wants to be woken.
    pub(super) deadlines: BTreeMap<Mailbox, UnixMillis>,
    /// Actors that have not answered the elector yet.
    pub(super) unsettled: usize,
    lease: LeaseHolder,
    news: Arc<Notify>,
    calls: Calls,
    next_shard: usize,
}

impl ServerNode {
    /// A server that has just taken its lease.
    pub fn new(config: &NodeConfig, clock: Arc<dyn Clock>) -> Self {
        let ownership = Ownership::new(clock.clone());
        ownership.extend(config.acquired.sent_at + config.counts_for);
        let scope = ActorScope::new(&config.node.node_id, clock.clone());
        let (jobs, workers) = (JobTable::default(), WorkerTable::default());
        let (post, running) = (Post::new(config.shards), RunningCounts::default());
        let around = Surroundings {
            clock: clock.clone(),
            jobs: jobs.clone(),
            workers: workers.clone(),
            ownership: ownership.clone(),
            events: Default::default(),
            stats: Default::default(),
            traces: Default::default(),
            return_grace: config.worker_return_grace,
            claim_cost: config.claim_cost,
            backlog: Default::default(),
        };
        let (first, count) = config.server_ids;
        let shard = |place| {
            let at = Place {
                place,
                shards: config.shards,
            };
            let ids = InstanceIdGenerator::new(first + SCHEDULER_IDS, count - SCHEDULER_IDS);
            let seed = config.seed ^ place as u64;
            ShardShell::new(at, around.clone(), running.clone(), ids, seed)
        };
        let news = Arc::new(Notify::new());
        let (fatal, _) = mpsc::channel(1);
        let me = Holder {
            node_id: config.node.node_id.clone(),
            server_epoch: config.server_epoch,
        };
        let ground = ElectorGround {
            clock: clock.clone(),
            running: running.clone(),
            ownership: ownership.clone(),
            lease_ttl: config.lease_ttl,
            lease_renewal: config.lease_renewal,
            zone: chrono_tz::UTC,
        };
        Self {
            shards: (0..config.shards).map(shard).collect(),
            planner: Planner::new(PlannerParts {
                clock: clock.clone(),
                jobs: jobs.clone(),
                ownership: ownership.clone(),
                zone: chrono_tz::UTC,
                look_ahead: config.look_ahead,
                ids: InstanceIdGenerator::new(first, SCHEDULER_IDS),
                shards: config.shards,
            }),
            registry: wiring::registry(config, &scope, &post, (&workers, &ownership), &clock),
            dispatcher: wiring::dispatcher(config, &scope, &post, ownership.clone()),
            elector: ElectorShell::new(ground, me),
            edge: Edge::new(config.shards),
            effects: Vec::new(),
            deadlines: BTreeMap::new(),
            unsettled: 0,
            lease: LeaseHolder {
                ownership: ownership.clone(),
                counts_for: config.counts_for,
                is_shared: true,
                lease_ttl: config.lease_ttl,
                news: news.clone(),
                sessions: Default::default(),
                known: Mutex::default(),
                fatal,
            },
            news,
            lines: Lines::default(),
            calls: Calls::default(),
            next_shard: 0,
            clock,
            jobs,
            ownership,
            post,
        }
    }

    /// A renewal of the lease was answered; on a lost lease the process ends.
    pub fn renewed(&mut self, result: Result<Renewal, Error>) {
        let is_silent = result.is_err();
        self.lease.renewed(result);
        if is_silent && !self.ownership.may_act() {
            // As `OpenSessions::send_all_away`.
            let apps = self.edge.apps().into_iter();
            self.effects
                .extend(apps.map(|app_id| Effect::SendAway(app_id, None)));
        }
    }

    /// The servers as they are right after a renewal.
    pub fn seen(&mut self, servers: Vec<LeaseRow>) {
        self.lease.seen(servers);
    }

    /// Lets the elector begin a step if one is due; when it wants to be woken again (monotonic).
    pub fn wake_elector(&mut self) -> Option<Duration> {
        if self.news.notified().now_or_never().is_some() {
            self.elector.news();
        }
        let needs = self.elector.wake();
        self.meet_elector(needs);
        self.elector.next_look()
    }

    /// The server is told to end: it gives everything away.
    pub fn leave(&mut self) {
        self.elector.leave();
    }

    /// Whether nothing is left that another server could have.
    pub fn has_given_all(&self) -> bool {
        self.elector.has_given_all()
    }

    /// New applications are wanted.
    pub fn claim(&mut self) {
        self.elector.claim();
    }

    /// The next deadline (wall time).
    pub fn next_deadline(&self) -> Option<UnixMillis> {
        self.deadlines.values().min().copied()
    }

    /// Looks at the clock as the timer thread does: actors whose deadline is reached get a letter.
    pub fn ring(&mut self) {
        let now = self.clock.now();
        let due: Vec<_> = self
            .deadlines
            .iter()
            .filter(|(_, at)| **at <= now)
            .map(|(mailbox, _)| *mailbox)
            .collect();
        for mailbox in due {
            self.deadlines.remove(&mailbox);
            match mailbox {
                Mailbox::Scheduler => self.post.scheduler(SchedulerLetter::Due),
                Mailbox::Instances(place) => self.post.shard(place, ShardLetter::Due),
                Mailbox::Registry | Mailbox::Dispatcher => {}
            }
        }
    }

    /// The tick of the worker registry (every 100 ms).
    pub fn tick_registry(&mut self) {
        self.post.registry(RegistryLetter::Tick);
    }

    /// The tick of the status checker (every second).
    pub fn check_runs(&mut self) {
        self.post.all_shards(|| ShardLetter::Check);
    }

    /// Whether this server owns an application and may act.
    pub fn epoch(&self, app_id: AppId) -> Option<i64> {
        self.ownership.epoch(app_id)
    }

    /// Who owns an application as far as this server knows.
    pub fn owner(&self, app_id: AppId) -> Option<String> {
        let owner = self.elector.owner(app_id);
        owner
            .filter(|_| self.ownership.may_act())
            .map(|it| it.node_id.clone())
    }

    /// The mailboxes that hold letters.
    pub fn filled(&self) -> Vec<Mailbox> {
        self.post.filled()
    }

    /// What the server wants of its surroundings since this was asked last.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        let (frames, closed) = self.lines.take_outgoing();
        let sends = frames
            .into_iter()
            .map(|(to, frame)| Effect::Send(to, frame));
        self.effects.extend(sends);
        self.effects.extend(closed.into_iter().map(Effect::Close));
        let answered = self.calls.take_answered().into_iter();
        let answered = answered.map(|(call, answer)| Effect::Answered(call, answer));
        self.effects.extend(answered);
        std::mem::take(&mut self.effects)
    }

    /// The open instances, for messages about a failure.
    pub fn describe(&self) -> Vec<String> {
        self.shards.iter().flat_map(ShardShell::describe).collect()
    }

    /// Runs a job; answered under the number `call`.
    pub fn start_runs(&mut self, call: u64, job_id: JobId, runs: Vec<RunRequest>) {
        let Some(job) = self.jobs.get(job_id) else {
            let lost = Effect::Answered(call, Err(CallError::Lost));
            return self.effects.push(lost);
        };
        let (reply, answer) = Reply::channel();
        self.calls.start(call, answer);
        let count = self.shards.len();
        let place = home_of(&job, count).unwrap_or_else(|| {
            self.next_shard += 1;
            self.next_shard % count
        });
        let letter = StartRuns { job, runs, reply };
        self.post.shard(place, ShardLetter::Start(letter));
    }

    /// Stops, kills, calls off or retries an instance; answered under the number `call`.
    pub fn change_instance(&mut self, call: u64, instance_id: InstanceId, wish: Wish) {
        let (reply, answer) = Reply::channel();
        self.calls.change(call, answer);
        let letter = match wish {
            Wish::Stop => ShardLetter::Stop(StopInstance { instance_id, reply }),
            Wish::Kill => ShardLetter::Kill(KillInstance { instance_id, reply }),
            Wish::Cancel => ShardLetter::Cancel(CancelInstance { instance_id, reply }),
            Wish::Retry => ShardLetter::Retry(RetryInstance {
                instance_id,
                scope: RetryScope::Whole,
                reply,
            }),
        };
        let place = shard_of(instance_id, self.shards.len());
        self.post.shard(place, letter);
    }

    /// Saves a job as changed by `change`; nothing happens while it is not known here.
    pub fn save_job(&mut self, job_id: JobId, change: impl FnOnce(&mut JobDefinition)) {
        let Some(known) = self.jobs.get(job_id) else {
            return;
        };
        let mut job = (*known).clone();
        change(&mut job);
        let now = self.clock.now();
        let Ok(schedule) = parse_schedule(&job.schedule, chrono_tz::UTC) else {
            return;
        };
        job.next_trigger_at = self.planner.next_of_saved(&job, &schedule, now);
        let save = JobSave {
            job,
            base_revision: None,
            author: None,
            cancel_after: Some(now),
        };
        let call = StoreCall::SaveJob(Box::new(save));
        self.effects.push(Effect::Ask(Asker(Asking::Save), call));
    }

    /// Switches a job on or off; nothing happens while it is not known here.
    pub fn switch_job(&mut self, job_id: JobId, status: SwitchableStatus) {
        let Some(job) = self.jobs.get(job_id) else {
            return;
        };
        let now = self.clock.now();
        let is_on = status == SwitchableStatus::Enable;
        let next = is_on.then(|| first_of(&job.schedule, chrono_tz::UTC, now));
        let call = StoreCall::SwitchJob(JobSwitch {
            id: job_id,
            status,
            next_trigger_at: next.flatten(),
            author: None,
            cancel_after: Some(now),
        });
        self.effects.push(Effect::Ask(Asker(Asking::Save), call));
    }
}

/// What a person wants of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Stop it.
    Stop,
    /// End it without waiting.
    Kill,
    /// Call it off.
    Cancel,
    /// Run it again.
    Retry,
}
