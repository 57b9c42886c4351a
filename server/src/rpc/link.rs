//! The way to a worker: its session, as the actors know it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use powerjob_common::id::NodeRef;
use powerjob_protocol::wire::beats::{BeatAnswers, BeatOverview, GetBeats, RunBeats};
use powerjob_protocol::wire::message::WireMessage;
use powerjob_protocol::wire::node::{ActorReadings, GetActors, UnwatchTap, WatchTap};
use powerjob_protocol::wire::server_to_worker::{
    GetTasks, KillAnswers, KillInstances, NameTeams, RunAnswers, RunInstances, StopAnswers,
    StopInstances, TaskOverview,
};
use powerjob_protocol::wire::tasks::{FindTasks, TasksFound};
use powerjob_session::{ErrorCode, Session, SessionError};

use crate::actor::inspector::{self, NodeLink};
use crate::actor::worker_registry::WorkerSession;
use crate::live::WorkerLink;

const DISPATCHER: &str = "server/dispatcher";
const TASK_TRACKER: &str = "worker/task_tracker";
const BEAT_TRACKER: &str = "worker/beat_tracker";
const HEAVY_TRACKER: &str = "worker/heavy_tracker";
/// Where a node answers questions about its inside.
const NODE: &str = "node";
/// How long a worker may take to say whether it knew the runs it must stop, or how tasks fare.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// The number of a new connection, over whatever it goes.
pub(super) fn next_connection() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Relaxed) + 1
}

/// See the head of the file.
#[derive(Debug)]
pub(super) struct NativeLink {
    session: Session,
    connection: u64,
}

impl NativeLink {
    /// A link with a number of its own.
    pub(super) fn new(session: Session) -> Self {
        Self {
            session,
            connection: next_connection(),
        }
    }

    fn tell_node<M: WireMessage>(&self, message: &M) {
        if let Err(error) = self.session.tell(NODE, inspector::PATH, message) {
            let worker = self.session.peer().address();
            tracing::debug!(worker, %error, "a watch was not told to a worker");
        }
    }
}

impl WorkerLink for NativeLink {
    fn connection(&self) -> u64 {
        self.connection
    }

    fn run(
        &self,
        request: RunInstances,
        limit: Duration,
        on_answer: Box<dyn FnOnce(Result<RunAnswers, SessionError>) + Send>,
    ) {
        self.session
            .ask_then(TASK_TRACKER, DISPATCHER, &request, limit, on_answer);
    }

    fn run_beats(
        &self,
        request: RunBeats,
        limit: Duration,
        on_answer: Box<dyn FnOnce(Result<RunAnswers, SessionError>) + Send>,
    ) {
        self.session
            .ask_then(TASK_TRACKER, DISPATCHER, &request, limit, |answer| {
                on_answer(answer.map(|BeatAnswers { items }| RunAnswers { items }));
            });
    }

    fn beats(
        &self,
        request: GetBeats,
        on_answer: Box<dyn FnOnce(Result<BeatOverview, SessionError>) + Send>,
    ) {
        self.session
            .ask_then(BEAT_TRACKER, DISPATCHER, &request, STOP_LIMIT, on_answer);
    }

    fn name_teams(&self, teams: NameTeams) {
        // One that is lost on the way is sent again with the next connection.
        if let Err(error) = self.session.tell(HEAVY_TRACKER, DISPATCHER, &teams) {
            let worker = self.session.peer().address();
            tracing::warn!(worker, %error, "the workers of instances were not named");
        }
    }

    fn tasks(
        &self,
        request: GetTasks,
        on_answer: Box<dyn FnOnce(Result<TaskOverview, SessionError>) + Send>,
    ) {
        self.session
            .ask_then(HEAVY_TRACKER, DISPATCHER, &request, STOP_LIMIT, on_answer);
    }

    fn find_tasks(
        &self,
        request: FindTasks,
        on_answer: Box<dyn FnOnce(Result<TasksFound, SessionError>) + Send>,
    ) {
        self.session
            .ask_then(HEAVY_TRACKER, DISPATCHER, &request, STOP_LIMIT, on_answer);
    }

    fn stop(
        &self,
        request: StopInstances,
        on_answer: Box<dyn FnOnce(Result<StopAnswers, SessionError>) + Send>,
    ) {
        self.session
            .ask_then(TASK_TRACKER, DISPATCHER, &request, STOP_LIMIT, on_answer);
    }

    fn kill(
        &self,
        request: KillInstances,
        on_answer: Box<dyn FnOnce(Result<KillAnswers, SessionError>) + Send>,
    ) {
        self.session
            .ask_then(TASK_TRACKER, DISPATCHER, &request, STOP_LIMIT, on_answer);
    }
}

impl WorkerSession for NativeLink {
    fn close(&self, reason: &str) {
        self.session.close(ErrorCode::STALE_INCARNATION, reason);
    }
}

impl NodeLink for NativeLink {
    fn connection(&self) -> u64 {
        self.connection
    }

    fn node(&self) -> &NodeRef {
        &self.session.peer().node
    }

    fn actors(
        &self,
        limit: Duration,
        on_answer: Box<dyn FnOnce(Result<ActorReadings, SessionError>) + Send>,
    ) {
        self.session
            .ask_then(NODE, inspector::PATH, &GetActors {}, limit, on_answer);
    }

    fn watch(&self, watch: &WatchTap) {
        self.tell_node(watch);
    }

    fn unwatch(&self, watch_id: u64) {
        self.tell_node(&UnwatchTap { watch_id });
    }
}
