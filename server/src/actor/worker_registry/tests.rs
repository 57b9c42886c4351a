use std::sync::Mutex;

use powerjob_common::actor::{ActorScope, ActorSlot, Guardian, OnDeath, Probe};
use powerjob_common::id::InstanceId;
use powerjob_common::status::WorkerOrderKind;
use powerjob_common::time::{ManualClock, UnixMillis};
use powerjob_protocol::wire::server_to_worker::{
    KillAnswers, KillInstances, RunAnswers, RunInstances, StopAnswers, StopInstances,
};
use powerjob_protocol::wire::worker_to_server::{ReportAnswer, WorkerHeartbeat};
use powerjob_session::SessionError;
use tokio::sync::oneshot;

use super::message::InventoryWords;
use super::*;
use crate::domain::fold::{Report, ReportedAttempt, ReportedStatus};
use crate::domain::worker::{WorkerOrder, WorkerState};
use crate::live::WorkerLink;

const LIMIT: Duration = Duration::from_secs(10);
const APP: AppId = AppId(1);
const LOST_AFTER: Duration = Duration::from_millis(1_500);

#[derive(Debug)]
struct FakeSession {
    connection: u64,
    closed: Mutex<Option<String>>,
}

impl WorkerLink for FakeSession {
    fn connection(&self) -> u64 {
        self.connection
    }

    fn run(
        &self,
        _request: RunInstances,
        _limit: Duration,
        on_answer: Box<dyn FnOnce(Result<RunAnswers, SessionError>) + Send>,
    ) {
        on_answer(Err(SessionError::Disconnected));
    }

    fn stop(
        &self,
        _request: StopInstances,
        on_answer: Box<dyn FnOnce(Result<StopAnswers, SessionError>) + Send>,
    ) {
        on_answer(Err(SessionError::Disconnected));
    }

    fn kill(
        &self,
        _request: KillInstances,
        on_answer: Box<dyn FnOnce(Result<KillAnswers, SessionError>) + Send>,
    ) {
        on_answer(Err(SessionError::Disconnected));
    }
}

impl WorkerSession for FakeSession {
    fn close(&self, reason: &str) {
        *self.closed.lock().unwrap() = Some(reason.to_owned());
    }
}

fn session(connection: u64) -> Arc<FakeSession> {
    Arc::new(FakeSession {
        connection,
        closed: Mutex::new(None),
    })
}

fn node(incarnation: u64) -> NodeRef {
    NodeRef {
        node_id: "w1".to_owned(),
        incarnation,
    }
}

fn opened(incarnation: u64, session: Arc<FakeSession>) -> SessionOpened {
    SessionOpened {
        app_id: APP,
        node: node(incarnation),
        address: "127.0.0.1:5".to_owned(),
        peer_address: String::new(),
        software: "test".to_owned(),
        tells_inventory: true,
        session,
    }
}

fn closed(incarnation: u64, connection: u64, ending: Ending) -> SessionClosed {
    SessionClosed {
        app_id: APP,
        node: node(incarnation),
        connection,
        ending,
    }
}

fn heartbeat(incarnation: u64, connection: u64, draining: bool) -> Heartbeat {
    let state = WorkerHeartbeat {
        measured_at_ms: 0,
        address: "host:1".to_owned(),
        tags: Vec::new(),
        software: "test".to_owned(),
        cpu_cores: 4.0,
        cpu_load: 0.5,
        memory_total_bytes: 8 << 30,
        memory_used_bytes: 1 << 30,
        process_memory_bytes: 0,
        disk_total_bytes: 0,
        disk_used_bytes: 0,
        running: 0,
        capacity: 8,
        processors: vec!["echo".to_owned()],
        draining,
    };
    Heartbeat {
        app_id: APP,
        node: node(incarnation),
        connection,
        state: Box::new(state),
        names_processors: true,
    }
}

type Heard = oneshot::Receiver<InventoryWords>;

fn inventory(
    incarnation: u64,
    connection: u64,
    running: &[i64],
    is_last: bool,
) -> (Inventory, Heard) {
    let (sender, heard) = oneshot::channel();
    let inventory = Inventory {
        app_id: APP,
        node: node(incarnation),
        connection,
        running: running.iter().map(|id| (InstanceId(*id), 1)).collect(),
        finished: Vec::new(),
        is_last,
        answer: InventoryAnswering::new(0, move |words| drop(sender.send(words))),
    };
    (inventory, heard)
}

/// A registry with one shard of which the test holds the other end.
struct Bench {
    slot: ActorSlot<WorkerRegistry>,
    clock: Arc<ManualClock>,
    workers: WorkerTable,
    reports: Probe<ApplyReports>,
    reconcile: Probe<ReconcileWorker>,
    lost: Probe<WorkerLost>,
    _changed: Probe<WorkersChanged>,
    ownership: Ownership,
    _guardian: Guardian,
}

impl Bench {
    fn start() -> Self {
        let clock = Arc::new(ManualClock::at(UnixMillis(1_000_000)));
        let scope = ActorScope::new("s1", clock.clone());
        let (reports_port, reports) = Probe::new(&scope, "shard/reports", 100);
        let (reconcile_port, reconcile) = Probe::new(&scope, "shard/reconcile", 1);
        let (lost_port, lost) = Probe::new(&scope, "shard/lost", 100);
        let (changed_port, changed) = Probe::new(&scope, "shard/changed", 100);
        let ownership = Ownership::new(clock.clone());
        ownership.enter(APP, 1);
        let news = ShardNews {
            reports: reports_port,
            reconcile: reconcile_port,
            lost: lost_port,
            changed: changed_port,
        };
        let parts = WorkerRegistryParts {
            shards: vec![news].into(),
            workers: WorkerTable::default(),
            events: EventHub::default(),
            ownership: ownership.clone(),
            clock: clock.clone(),
            worker_lost_after: LOST_AFTER,
        };
        let slot = ActorSlot::new(&scope, PATH, CAPACITY);
        let (guardian, workers) = (Guardian::new(), parts.workers.clone());
        let arbiter = actix_rt::Arbiter::current();
        guardian.start(&slot, &arbiter, OnDeath::EndProcess, move || {
            WorkerRegistry::new(parts.clone())
        });
        Self {
            slot,
            clock,
            workers,
            reports,
            reconcile,
            lost,
            _changed: changed,
            ownership,
            _guardian: guardian,
        }
    }

    fn tell<M: powerjob_common::actor::Letter>(&self, letter: M)
    where
        WorkerRegistry: Handler<Mail<M>>,
    {
        self.slot.port().tell(letter).unwrap();
    }

    /// Waits until a life is shown in a state; `None` = not at all.
    async fn until(&self, incarnation: u64, state: Option<WorkerState>) {
        let is_so = || {
            let entry = self.workers.find(APP, &node(incarnation));
            entry.map(|entry| entry.facts.state) == state
        };
        let wait = async {
            while !is_so() {
                tokio::task::yield_now().await;
            }
        };
        let shown = || self.workers.of_app(APP);
        tokio::time::timeout(LIMIT, wait)
            .await
            .unwrap_or_else(|_| panic!("expected {state:?} of {:?}", shown()));
    }

    /// Brings a life on line over a connection.
    async fn connect(&mut self, incarnation: u64, connection: u64) -> Arc<FakeSession> {
        let session = session(connection);
        self.tell(opened(incarnation, session.clone()));
        let (part, _heard) = inventory(incarnation, connection, &[], true);
        self.tell(part);
        self.tell(heartbeat(incarnation, connection, false));
        self.reconcile.next(LIMIT).await.unwrap();
        self.until(incarnation, Some(WorkerState::Online)).await;
        session
    }
}

#[actix::test]
async fn a_worker_is_offered_runs_only_after_the_last_part_of_its_inventory() {
    let mut bench = Bench::start();
    bench.tell(opened(1, session(7)));
    bench.tell(heartbeat(1, 7, false));
    let (first, heard) = inventory(1, 7, &[10, 11], false);
    bench.tell(first);
    assert_eq!(heard.await.unwrap(), Some((Vec::new(), Vec::new())));
    let entry = bench.workers.find(APP, &node(1)).unwrap();
    assert_eq!(entry.facts.state, WorkerState::Suspect);
    assert!(entry.link.is_none());
    let (last, heard) = inventory(1, 7, &[12], true);
    bench.tell(last);
    let reconcile = bench.reconcile.next(LIMIT).await.unwrap();
    let mut held: Vec<_> = reconcile.held.ids().iter().map(|held| held.0).collect();
    held.sort_unstable();
    assert_eq!(held, [10, 11, 12]);
    drop(reconcile);
    assert!(heard.await.unwrap().is_some());
    bench.until(1, Some(WorkerState::Online)).await;
    let entry = bench.workers.find(APP, &node(1)).unwrap();
    assert_eq!(entry.link.unwrap().connection(), 7);
    assert_eq!(entry.facts.capacity, 8);
}

#[actix::test]
async fn an_inventory_that_a_shard_did_not_take_must_be_repeated() {
    let mut bench = Bench::start();
    bench.tell(opened(1, session(7)));
    bench.tell(heartbeat(1, 7, false));
    // The first one fills the only place of the shard and stays there.
    let (taken, _heard) = inventory(1, 7, &[1], true);
    bench.tell(taken);
    bench.until(1, Some(WorkerState::Online)).await;
    let again = session(8);
    bench.tell(opened(1, again));
    let (refused, heard) = inventory(1, 8, &[2], true);
    bench.tell(refused);
    assert_eq!(heard.await.unwrap(), None);
    bench.until(1, Some(WorkerState::Suspect)).await;
    bench.reconcile.next(LIMIT).await.unwrap();
    let (repeated, _heard) = inventory(1, 8, &[2], true);
    bench.tell(repeated);
    assert_eq!(bench.reconcile.next(LIMIT).await.unwrap().connection, 8);
    bench.until(1, Some(WorkerState::Online)).await;
}

#[actix::test]
async fn finished_runs_of_an_early_part_are_told_at_once() {
    let mut bench = Bench::start();
    bench.tell(opened(1, session(7)));
    let (mut part, _heard) = inventory(1, 7, &[], false);
    let report = Report {
        attempt: ReportedAttempt::Numbered(1),
        status: ReportedStatus::Succeed,
        result: String::new(),
        received_at: None,
        started_at: None,
        finished_at: None,
    };
    let (sender, heard) = oneshot::channel();
    part.answer = InventoryAnswering::new(1, move |words| drop(sender.send(words)));
    part.finished = vec![vec![(InstanceId(5), report, part.answer.slot(0))]];
    bench.tell(part);
    let mut told = bench.reports.next(LIMIT).await.unwrap();
    assert_eq!((told.app_id, told.items.len()), (APP, 1));
    told.items.remove(0).2.answer(ReportAnswer::Stored);
    drop(told);
    let answers = heard.await.unwrap();
    assert_eq!(answers, Some((vec![ReportAnswer::Stored], Vec::new())));
}

#[actix::test]
async fn a_worker_that_is_back_in_time_is_not_lost() {
    let mut bench = Bench::start();
    bench.connect(1, 7).await;
    bench.tell(closed(1, 7, Ending::Broken));
    bench.until(1, Some(WorkerState::Suspect)).await;
    bench.clock.advance(LOST_AFTER / 2);
    bench.connect(1, 8).await;
    bench.clock.advance(LOST_AFTER * 2);
    // The word of another life passes the same queue and the same ticks.
    bench.tell(opened(0, session(9)));
    bench.tell(closed(1, 7, Ending::Broken));
    bench.tell(heartbeat(1, 8, true));
    bench.until(1, Some(WorkerState::Draining)).await;
    assert!(bench.lost.try_next().is_none());
}

#[actix::test]
async fn a_worker_that_stays_away_is_lost_and_shown_for_a_while() {
    let mut bench = Bench::start();
    bench.connect(1, 7).await;
    bench.tell(closed(1, 7, Ending::Broken));
    bench.until(1, Some(WorkerState::Suspect)).await;
    bench.clock.advance(LOST_AFTER);
    let lost = bench.lost.next(LIMIT).await.unwrap();
    assert_eq!(lost.node, node(1));
    let cause = "worker lost: w1 (connection closed, not back within 1.5 s)";
    assert_eq!(lost.cause, cause);
    bench.until(1, Some(WorkerState::Lost)).await;
    bench.clock.advance(Duration::from_secs(300));
    bench.until(1, None).await;
}

#[actix::test]
async fn a_worker_that_shut_down_is_lost_at_once() {
    let mut bench = Bench::start();
    bench.connect(1, 7).await;
    bench.tell(closed(1, 7, Ending::Farewell));
    let lost = bench.lost.next(LIMIT).await.unwrap();
    assert_eq!(lost.cause, "worker lost: w1 (shut down)");
}

#[actix::test]
async fn nobody_is_lost_because_the_server_shuts_down() {
    let mut bench = Bench::start();
    bench.connect(1, 7).await;
    bench.tell(closed(1, 7, Ending::ServerStops));
    bench.until(1, Some(WorkerState::Suspect)).await;
    bench.clock.advance(Duration::from_secs(60));
    bench.ownership.end();
    bench.until(1, None).await;
    assert!(bench.lost.try_next().is_none());
}

#[actix::test]
async fn an_earlier_life_is_lost_after_the_inventory_of_the_next_one() {
    let mut bench = Bench::start();
    let old = bench.connect(1, 7).await;
    bench.tell(opened(2, session(8)));
    bench.tell(heartbeat(2, 8, false));
    bench.until(1, Some(WorkerState::Suspect)).await;
    assert!(old.closed.lock().unwrap().is_some());
    bench.clock.advance(LOST_AFTER * 2);
    bench.until(2, Some(WorkerState::Suspect)).await;
    assert!(bench.lost.try_next().is_none());
    let (part, _heard) = inventory(2, 8, &[], true);
    bench.tell(part);
    let lost = bench.lost.next(LIMIT).await.unwrap();
    assert!(bench.reconcile.try_next().is_some(), "told before the loss");
    assert_eq!(
        (lost.node, lost.cause.as_str()),
        (node(1), "worker lost: w1 (restarted)")
    );
    bench.until(1, None).await;
    bench.until(2, Some(WorkerState::Online)).await;
}

#[actix::test]
async fn a_connection_of_an_earlier_life_is_closed() {
    let mut bench = Bench::start();
    bench.connect(2, 7).await;
    let late = session(8);
    bench.tell(opened(1, late.clone()));
    bench.tell(heartbeat(2, 7, true));
    bench.until(2, Some(WorkerState::Draining)).await;
    assert!(late.closed.lock().unwrap().is_some());
    bench.until(1, None).await;
}

#[actix::test]
async fn the_newer_of_two_connections_of_one_life_wins() {
    let mut bench = Bench::start();
    let old = bench.connect(1, 7).await;
    bench.connect(1, 8).await;
    assert!(old.closed.lock().unwrap().is_some());
    bench.tell(closed(1, 7, Ending::Broken));
    bench.tell(heartbeat(1, 7, true)); // of the replaced connection: not heard
    let (part, heard) = inventory(1, 7, &[1], true);
    bench.tell(part);
    assert_eq!(heard.await.unwrap(), None);
    bench.until(1, Some(WorkerState::Online)).await;
}

fn order(kind: WorkerOrderKind, revision: i64) -> ApplyWorkerOrders {
    let order = WorkerOrder {
        kind,
        given_by: "ADMIN".to_owned(),
        given_at: UnixMillis(1),
        reason: "new kernel".to_owned(),
        revision,
    };
    ApplyWorkerOrders {
        app_id: APP,
        orders: vec![("w1".to_owned(), order)],
        reply: None,
    }
}

#[actix::test]
async fn what_a_worker_has_is_lost_to_it_when_it_is_taken_off_line() {
    let mut bench = Bench::start();
    bench.connect(1, 7).await;
    bench.tell(order(WorkerOrderKind::Offline, 1));
    let lost = bench.lost.next(LIMIT).await.unwrap();
    let cause = "worker lost: w1 (taken off line by ADMIN: new kernel)";
    assert_eq!((lost.node, lost.cause.as_str()), (node(1), cause));
    bench.until(1, Some(WorkerState::Offline)).await;
    let entry = bench.workers.find(APP, &node(1)).unwrap();
    assert!(entry.link.is_some(), "its runs must be stopped over it");
    bench.tell(heartbeat(1, 7, false));
    bench.tell(order(WorkerOrderKind::Online, 2));
    bench.until(1, Some(WorkerState::Online)).await;
}

#[actix::test]
async fn an_order_counts_for_the_next_life_and_an_older_one_changes_nothing() {
    let mut bench = Bench::start();
    bench.tell(order(WorkerOrderKind::Offline, 5));
    let session = session(7);
    bench.tell(opened(1, session));
    let (part, _heard) = inventory(1, 7, &[3], true);
    bench.tell(part);
    bench.tell(heartbeat(1, 7, false));
    bench.until(1, Some(WorkerState::Offline)).await;
    let held = bench.reconcile.next(LIMIT).await.unwrap();
    assert_eq!(held.held.ids().len(), 1);
    assert!(
        bench.lost.next(LIMIT).await.is_some(),
        "told after the inventory"
    );
    bench.tell(order(WorkerOrderKind::Online, 4));
    bench.tell(order(WorkerOrderKind::Drain, 6));
    bench.until(1, Some(WorkerState::Draining)).await;
}

#[actix::test]
async fn a_drained_worker_is_shown_as_empty_when_it_has_nothing_any_more() {
    let mut bench = Bench::start();
    bench.connect(1, 7).await;
    let entry = bench.workers.find(APP, &node(1)).unwrap();
    entry.take();
    bench.tell(order(WorkerOrderKind::Drain, 1));
    bench.until(1, Some(WorkerState::Draining)).await;
    entry.give_back();
    bench.tell(heartbeat(1, 7, false));
    bench.until(1, Some(WorkerState::Drained)).await;
    assert!(bench.lost.try_next().is_none());
}
