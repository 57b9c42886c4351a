//! The workers of the applications this server owns.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use dashmap::DashMap;
use powerjob_common::id::{AppId, NodeRef};
use powerjob_protocol::json::{InstanceDetail, QueryInstanceStatus};
use powerjob_protocol::wire::beats::{BeatOverview, GetBeats, RunBeats};
use powerjob_protocol::wire::server_to_worker::{
    GetTasks, KillAnswers, KillInstances, NameTeams, RunAnswers, RunInstances, StopAnswers,
    StopInstances, TaskOverview,
};
use powerjob_protocol::wire::tasks::{FindTasks, TasksFound};
use powerjob_session::SessionError;

use crate::domain::worker::{Worker, WorkerOrder};

/// The way to a worker: one connection of one of its lives.
pub trait WorkerLink: Send + Sync + std::fmt::Debug + 'static {
    /// Tells this connection from every other one of this server.
    fn connection(&self) -> u64;

    /// Asks the worker to run instances and waits for `limit`. `on_answer` is called exactly once and must not block.
    fn run(
        &self,
        request: RunInstances,
        limit: Duration,
        on_answer: Box<dyn FnOnce(Result<RunAnswers, SessionError>) + Send>,
    );

    /// Asks the worker to make the beats of instances, or to take over what has changed about them,
    /// and waits for `limit`. `on_answer` is called exactly once and must not block.
    fn run_beats(
        &self,
        request: RunBeats,
        limit: Duration,
        on_answer: Box<dyn FnOnce(Result<RunAnswers, SessionError>) + Send>,
    ) {
        let _ = (request, limit);
        on_answer(Err(SessionError::Disconnected));
    }

    /// Asks the worker how the beats of an instance fare. `on_answer` is called exactly once and must
    /// not block.
    fn beats(
        &self,
        request: GetBeats,
        on_answer: Box<dyn FnOnce(Result<BeatOverview, SessionError>) + Send>,
    ) {
        let _ = request;
        on_answer(Err(SessionError::Disconnected));
    }

    /// Names the workers of instances whose master the worker is. One that knows no such instances
    /// need not be told.
    fn name_teams(&self, teams: NameTeams) {
        let _ = teams;
    }

    /// Asks the worker how the tasks of an instance fare whose master it is. `on_answer` is called
    /// exactly once and must not block.
    fn tasks(
        &self,
        request: GetTasks,
        on_answer: Box<dyn FnOnce(Result<TaskOverview, SessionError>) + Send>,
    ) {
        let _ = request;
        on_answer(Err(SessionError::Disconnected));
    }

    /// Asks the worker for tasks of an instance whose master it is. `on_answer` is called exactly once
    /// and must not block.
    fn find_tasks(
        &self,
        request: FindTasks,
        on_answer: Box<dyn FnOnce(Result<TasksFound, SessionError>) + Send>,
    ) {
        let _ = request;
        on_answer(Err(SessionError::Disconnected));
    }

    /// Asks the worker to stop instances. `on_answer` is called exactly once and must not block.
    fn stop(
        &self,
        request: StopInstances,
        on_answer: Box<dyn FnOnce(Result<StopAnswers, SessionError>) + Send>,
    );

    /// Asks the worker to end instances without waiting for their processors. `on_answer` is called
    /// exactly once and must not block.
    fn kill(
        &self,
        request: KillInstances,
        on_answer: Box<dyn FnOnce(Result<KillAnswers, SessionError>) + Send>,
    );

    /// Asks the worker how an instance fares, with those of its tasks that fit a condition on the
    /// worker's own table; `None` from one that does not tell. `on_answer` is called exactly once and
    /// must not block.
    fn detail(
        &self,
        _question: QueryInstanceStatus,
        on_answer: Box<dyn FnOnce(Result<Option<InstanceDetail>, SessionError>) + Send>,
    ) {
        on_answer(Ok(None));
    }
}

/// The load that this server has put on a worker.
#[derive(Debug, Default)]
struct Load {
    assigned: AtomicU32,
    /// Monotonic milliseconds until which it takes nothing, because it just refused a run.
    refuses_until_ms: AtomicU64,
}

/// A worker with the number of runs that this server has given to it and not had back.
#[derive(Debug, Clone)]
pub struct WorkerEntry {
    /// What it says of itself.
    pub facts: Arc<Worker>,
    /// The way to it; `None` while there is no connection.
    pub link: Option<Arc<dyn WorkerLink>>,
    load: Arc<Load>,
}

impl WorkerEntry {
    /// Runs given and not had back.
    pub fn assigned(&self) -> u32 {
        self.load.assigned.load(Relaxed)
    }

    /// Takes a place for a run.
    pub(crate) fn take(&self) {
        self.load.assigned.fetch_add(1, Relaxed);
    }

    /// Gives a place back.
    pub(crate) fn give_back(&self) {
        // A place given back twice would lend the worker more than it has: stop at zero.
        self.load
            .assigned
            .fetch_update(Relaxed, Relaxed, |count| count.checked_sub(1))
            .ok();
    }

    /// Notes that it refused a run and should be left alone until `until` (monotonic).
    pub(crate) fn refuses_until(&self, until: Duration) {
        let until_ms = u64::try_from(until.as_millis()).unwrap_or(u64::MAX);
        self.load.refuses_until_ms.store(until_ms, Relaxed);
    }

    /// Whether it takes another run at `now` (monotonic).
    pub fn has_room(&self, now: Duration) -> bool {
        self.assigned() < self.facts.capacity
            && u128::from(self.load.refuses_until_ms.load(Relaxed)) <= now.as_millis()
    }
}

type AppWorkers = Arc<Vec<WorkerEntry>>;

/// The workers by application. The registry writes, all may read.
#[derive(Debug, Clone, Default)]
pub struct WorkerTable {
    apps: Arc<DashMap<AppId, AppWorkers>>,
    orders: Arc<DashMap<AppId, BTreeMap<String, WorkerOrder>>>,
    version: Arc<AtomicU64>,
}

impl WorkerTable {
    /// Grows with every change, so that a reader can tell whether what it derived is still right.
    pub fn version(&self) -> u64 {
        self.version.load(Relaxed)
    }

    /// All known workers of an application, sorted by node name; lost ones stay for a while.
    pub fn of_app(&self, app_id: AppId) -> AppWorkers {
        self.apps
            .get(&app_id)
            .map(|workers| workers.value().clone())
            .unwrap_or_default()
    }

    /// All known workers.
    pub fn all(&self) -> Vec<WorkerEntry> {
        self.apps
            .iter()
            .flat_map(|workers| workers.value().iter().cloned().collect::<Vec<_>>())
            .collect()
    }

    /// Puts a worker in; the same life keeps the count of its runs.
    pub fn put(&self, facts: Arc<Worker>, link: Option<Arc<dyn WorkerLink>>) {
        let mut workers = self.apps.entry(facts.app_id).or_default();
        let mut next: Vec<WorkerEntry> = workers.as_ref().clone();
        match next.binary_search_by(|entry| entry.facts.node.cmp(&facts.node)) {
            Ok(place) => {
                next[place].facts = facts;
                next[place].link = link;
            }
            Err(place) => next.insert(
                place,
                WorkerEntry {
                    facts,
                    link,
                    load: Arc::default(),
                },
            ),
        }
        *workers = Arc::new(next);
        self.version.fetch_add(1, Relaxed);
    }

    /// Takes note of orders of an operator about nodes, known or not.
    pub(crate) fn put_orders(&self, app_id: AppId, orders: &[(String, WorkerOrder)]) {
        let mut known = self.orders.entry(app_id).or_default();
        for (node_id, order) in orders {
            let is_newer = known
                .get(node_id)
                .is_none_or(|known| known.revision < order.revision);
            if is_newer {
                known.insert(node_id.clone(), order.clone());
            }
        }
    }

    /// The last order about each node of an application that ever got one.
    pub fn orders_of(&self, app_id: AppId) -> BTreeMap<String, WorkerOrder> {
        let orders = self.orders.get(&app_id);
        orders.map(|orders| orders.clone()).unwrap_or_default()
    }

    /// Forgets one life of a worker.
    pub fn remove(&self, app_id: AppId, node: &NodeRef) {
        if let Some(mut workers) = self.apps.get_mut(&app_id) {
            let mut next = workers.as_ref().clone();
            next.retain(|entry| entry.facts.node != *node);
            *workers = Arc::new(next);
        }
        self.version.fetch_add(1, Relaxed);
    }

    /// Forgets all workers of an application.
    pub fn remove_app(&self, app_id: AppId) {
        self.apps.remove(&app_id);
        self.version.fetch_add(1, Relaxed);
    }

    /// Whether a later life of a worker is connected.
    pub fn has_later_life(&self, app_id: AppId, node: &NodeRef) -> bool {
        let workers = self.of_app(app_id);
        let after = workers.partition_point(|entry| entry.facts.node <= *node);
        let later = workers.iter().skip(after);
        let mut lives = later.take_while(|entry| entry.facts.node.node_id == node.node_id);
        node.has_lives() && lives.any(|entry| entry.link.is_some())
    }

    /// One worker in its present life.
    pub fn find(&self, app_id: AppId, node: &NodeRef) -> Option<WorkerEntry> {
        let workers = self.of_app(app_id);
        let place = workers
            .binary_search_by(|entry| entry.facts.node.cmp(node))
            .ok()?;
        workers.get(place).cloned()
    }
}
