//! The door and the inbox over real sockets, with a session as the worker and probes as the actors.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use powerjob_common::actor::{ActorScope, Probe};
use powerjob_common::id::{AppId, NodeRef};
use powerjob_common::secret::Secret;
use powerjob_common::time::{Clock, SystemClock};
use powerjob_protocol::wire::message::WireMessage;
use powerjob_protocol::wire::node::TapRecords;
use powerjob_protocol::wire::server_to_worker::{
    OwnerMoved, RunAnswer, RunAnswers, RunInstances, RunVerdict, StopInstances,
};
use powerjob_protocol::wire::worker_to_server::{
    HeldInstance, InstanceReport, InstanceReports, LogAnswer, LogChunk, LogChunks, ReportAnswer,
    ReportAnswers, WorkerInventory,
};
use powerjob_session::{
    CloseCause, DialConfig, DialError, ErrorCode, Identity, Inbox, Incoming, Role, Session,
    SessionError, dial,
};
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::*;
use crate::actor::beat_keeper::KeepBeats;
use crate::actor::inspector::Nodes;
use crate::actor::instance_manager::{ApplyReports, shard_of};
use crate::actor::log_collector::StoreLogs;
use crate::actor::worker_registry::{Ending, Heartbeat, Inventory, SessionClosed, SessionOpened};
use crate::live::{Cluster, ClusterView, Ownership, ServerInfo};
use crate::store::app::NewApp;
use crate::store::{Store, StoreConfig};

const LIMIT: Duration = Duration::from_secs(10);
const SECRET: &str = "a secret of demo, long enough";

/// A server of which the test holds all actors.
struct Server {
    address: String,
    door: Option<WorkerListener>,
    store: Store,
    app_id: AppId,
    ownership: Ownership,
    cluster: Cluster,
    sessions: OpenSessions,
    opened: Probe<SessionOpened>,
    closed: Probe<SessionClosed>,
    _heartbeat: Probe<Heartbeat>,
    inventory: Probe<Inventory>,
    shards: Vec<Probe<ApplyReports>>,
    logs: Probe<StoreLogs>,
    _beats: Probe<KeepBeats>,
    _folder: TempDir,
}

impl Server {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let runtime = tokio::runtime::Handle::current();
        let config = StoreConfig::sqlite(folder.path().join("test.db"));
        let store = Store::open(config, runtime, clock.clone()).await.unwrap();
        let app_id = make_app(&store, "demo", SECRET).await;
        let ownership = Ownership::new(clock.clone());
        let cluster = Cluster::new("s1");
        ownership.extend(Duration::MAX);
        ownership.enter(app_id, 1);
        let scope = ActorScope::new("s1", clock);
        let (opened_port, opened) = Probe::new(&scope, "opened", 100);
        let (closed_port, closed) = Probe::new(&scope, "closed", 100);
        let (heartbeat_port, heartbeat) = Probe::new(&scope, "heartbeat", 100);
        let (inventory_port, inventory) = Probe::new(&scope, "inventory", 1);
        let (logs_port, logs) = Probe::new(&scope, "logs", 1);
        let (beats_port, beats) = Probe::new(&scope, "beats", 1);
        let shards: Vec<_> = ["0", "1"]
            .map(|path| Probe::new(&scope, path, 2))
            .into_iter()
            .collect();
        let parts = ConnectionParts {
            registry: RegistryPorts {
                opened: opened_port,
                closed: closed_port,
                heartbeat: heartbeat_port,
                inventory: inventory_port,
            },
            shards: shards.iter().map(|shard| shard.0.clone()).collect(),
            logs: logs_port,
            keep_journals: Probe::new(&scope, "keep_journals", 1).0,
            read_journals: Probe::new(&scope, "read_journals", 1).0,
            beats: beats_port,
            ownership: ownership.clone(),
            cluster: cluster.clone(),
            nodes: Nodes::default(),
            sessions: OpenSessions::default(),
        };
        let sessions = parts.sessions.clone();
        let bound = BoundListener::bind("127.0.0.1:0").await.unwrap();
        let address = bound.local_addr().to_string();
        let config = DoorConfig {
            node: node("s1"),
            address: address.clone(),
            allow_unproven: false,
            drain_limit: LIMIT,
        };
        let door = bound.serve(config, store.clone(), &scope, parts);
        Self {
            address,
            door: Some(door),
            store,
            app_id,
            ownership,
            cluster,
            sessions,
            opened,
            closed,
            _heartbeat: heartbeat,
            inventory,
            shards: shards.into_iter().map(|shard| shard.1).collect(),
            logs,
            _beats: beats,
            _folder: folder,
        }
    }

    /// Another server owns the application.
    fn owned_by(&self, worker_address: &str) {
        let owner = Arc::new(ServerInfo {
            node_id: "s2".to_owned(),
            epoch: 2,
            worker_address: worker_address.to_owned(),
            http_address: None,
            http_worker_address: None,
            is_leaving: false,
            is_late: false,
        });
        self.cluster.put(ClusterView {
            servers: vec![owner.clone()],
            owners: HashMap::from([(self.app_id, owner)]),
        });
    }

    async fn dial(&self, app: &str, secret: &str) -> Result<(Session, Closings), DialError> {
        self.dial_as(app, secret, None).await
    }

    async fn dial_as(
        &self,
        app: &str,
        secret: &str,
        moves: Option<mpsc::UnboundedSender<OwnerMoved>>,
    ) -> Result<(Session, Closings), DialError> {
        let (sender, closings) = mpsc::unbounded_channel();
        let identity = Identity::new(node("w1"), Role::Worker);
        let secret = Some(Secret::new(secret.to_owned()));
        let config = DialConfig::worker(&self.address, identity, app, secret);
        let scope = ActorScope::new("w1", Arc::new(SystemClock));
        let session = dial(&config, Arc::new(FakeWorker(sender, moves)), &scope).await?;
        Ok((session, closings))
    }

    async fn connect(&mut self) -> (Session, SessionOpened) {
        let (session, _) = self.dial("demo", SECRET).await.unwrap();
        (session, self.opened.next(LIMIT).await.unwrap())
    }
}

async fn make_app(store: &Store, name: &str, secret: &str) -> AppId {
    let new = NewApp {
        name: name.to_owned(),
        title: name.to_owned(),
        tags: Vec::new(),
        namespace_id: None,
        creator: None,
        worker_secret: Secret::new(secret.to_owned()),
    };
    store.create_app(new).await.unwrap().id
}

fn node(node_id: &str) -> NodeRef {
    NodeRef {
        node_id: node_id.to_owned(),
        incarnation: 7,
    }
}

type Closings = mpsc::UnboundedReceiver<CloseCause>;

/// Accepts every run; passes on where its application went.
struct FakeWorker(
    mpsc::UnboundedSender<CloseCause>,
    Option<mpsc::UnboundedSender<OwnerMoved>>,
);

impl Inbox for FakeWorker {
    fn on_message(&self, _session: &Session, message: Incoming) {
        if message.type_id() == OwnerMoved::TYPE {
            let (moved, _) = message.open::<OwnerMoved>().unwrap();
            return self.1.as_ref().unwrap().send(moved).unwrap();
        }
        let Some((RunInstances { items }, Some(responder))) = message.open::<RunInstances>() else {
            return;
        };
        let accept = |item: powerjob_protocol::wire::server_to_worker::RunInstance| RunAnswer {
            instance_id: item.instance_id,
            attempt: item.attempt,
            verdict: RunVerdict::Accepted,
        };
        let items = items.into_iter().map(accept).collect();
        responder.reply(&RunAnswers { items }).unwrap();
    }

    fn on_closed(&self, _session: &Session, cause: CloseCause) {
        drop(self.0.send(cause)); // a test that is over no longer listens
    }
}

fn report(instance_id: i64, status: u8) -> InstanceReport {
    InstanceReport {
        instance_id,
        attempt: 1,
        epoch: 1,
        job_revision: 1,
        trace_id: [0; 16],
        status,
        result: "done".to_owned(),
        received_at_ms: 1,
        started_at_ms: 0,
        finished_at_ms: 3,
    }
}

/// Ids of which the first, third, ... belong to shard 0 and the others to shard 1.
fn ids_of_alternating_shards(count: usize) -> Vec<i64> {
    let mut candidates = 1..;
    let next = |shard| {
        let is_there = |id: &i64| shard_of(powerjob_common::id::InstanceId(*id), 2) == shard;
        candidates.by_ref().find(is_there).unwrap()
    };
    (0..count).map(|place| place % 2).map(next).collect()
}

async fn ask_reports(
    session: &Session,
    items: Vec<InstanceReport>,
) -> Result<ReportAnswers, SessionError> {
    let question = InstanceReports { items };
    session.ask("server", "w", &question, LIMIT).await
}

fn code_of<T: std::fmt::Debug>(result: Result<T, SessionError>) -> ErrorCode {
    match result {
        Err(SessionError::Peer { code, .. }) => code,
        other => panic!("{other:?}"),
    }
}

fn reject_of(result: Result<(Session, Closings), DialError>) -> (ErrorCode, String) {
    match result {
        Err(DialError::Rejected { reject, .. }) => (reject.code, reject.message),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("let in"),
    }
}

#[tokio::test]
async fn a_wrong_secret_and_an_unknown_application_look_the_same() {
    let server = Server::start().await;
    let wrong = reject_of(server.dial("demo", "wrong").await);
    let unknown = reject_of(server.dial("nobody", SECRET).await);
    assert_eq!(wrong.0, ErrorCode::UNAUTHORIZED);
    assert_eq!(wrong, unknown);
}

#[tokio::test]
async fn a_secret_does_not_open_another_application() {
    let server = Server::start().await;
    let other = make_app(&server.store, "other", "the secret of the other one").await;
    server.ownership.enter(other, 1);
    let result = server.dial("other", SECRET).await;
    assert_eq!(reject_of(result).0, ErrorCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_rotated_secret_counts_at_once_and_the_old_one_while_it_is_kept() {
    let mut server = Server::start().await;
    server.connect().await;
    let second = Secret::new("the second secret".to_owned());
    let rotated = server.store.rotate_app_secret(server.app_id, second, 2);
    rotated.await.unwrap();
    assert!(server.dial("demo", "the second secret").await.is_ok());
    assert!(server.dial("demo", SECRET).await.is_ok());
    let third = Secret::new("the third secret".to_owned());
    let rotated = server.store.rotate_app_secret(server.app_id, third, 1);
    rotated.await.unwrap();
    let result = server.dial("demo", SECRET).await;
    assert_eq!(reject_of(result).0, ErrorCode::UNAUTHORIZED);
}

#[tokio::test]
async fn workers_that_come_together_are_judged_by_what_holds_when_they_come() {
    let server = Server::start().await;
    for round in 0..3 {
        let secret = format!("the secret of round {round}");
        let rotated = Secret::new(secret.clone());
        let rotated = server.store.rotate_app_secret(server.app_id, rotated, 1);
        rotated.await.unwrap();
        let dials = (0..20).map(async |place| {
            let old = if round == 0 {
                SECRET
            } else {
                "the secret of round 0"
            };
            let is_new = round == 0 || place % 2 == 0;
            let offered = if is_new { &secret } else { old };
            assert_eq!(server.dial("demo", offered).await.is_ok(), is_new);
        });
        futures_util::future::join_all(dials).await;
    }
}

#[tokio::test]
async fn a_deleted_application_lets_nobody_in() {
    let mut server = Server::start().await;
    server.connect().await;
    server.store.delete_app(server.app_id).await.unwrap();
    let result = server.dial("demo", SECRET).await;
    assert_eq!(reject_of(result).0, ErrorCode::UNAUTHORIZED);
}

#[tokio::test]
async fn an_application_without_an_owner_is_told_to_come_back() {
    let server = Server::start().await;
    server.ownership.end();
    let (code, text) = reject_of(server.dial("demo", SECRET).await);
    assert_eq!(code, ErrorCode::OVERLOADED);
    assert!(text.contains("owns"), "{text}");
}

#[tokio::test]
async fn a_worker_is_sent_on_to_the_owner_of_its_application() {
    let mut server = Server::start().await;
    server.owned_by("10.0.0.2:10010");
    server.ownership.end();
    let (session, mut closings) = server.dial("demo", SECRET).await.unwrap();
    assert_eq!(session.terms().owner, "10.0.0.2:10010");
    assert!(closings.recv().await.unwrap().is_orderly());
    assert!(server.opened.try_next().is_none());
}

#[tokio::test]
async fn a_worker_that_comes_between_two_owners_waits_for_the_next_one() {
    let server = Server::start().await;
    server.ownership.leave(server.app_id);
    let (ownership, app_id) = (server.ownership.clone(), server.app_id);
    let (dialled, ()) = tokio::join!(server.dial("demo", SECRET), async move {
        tokio::time::sleep(Duration::from_millis(100)).await; // allow-sleep: what is waited for
        ownership.enter(app_id, 2);
    });
    let (session, _closings) = dialled.unwrap();
    assert_eq!(session.terms().owner, "");
}

#[tokio::test]
async fn a_worker_is_told_where_its_application_went() {
    let mut server = Server::start().await;
    let (sender, mut moves) = mpsc::unbounded_channel();
    let (session, mut closings) = server.dial_as("demo", SECRET, Some(sender)).await.unwrap();
    server.opened.next(LIMIT).await.unwrap();
    server.ownership.leave(server.app_id);
    let new_owner = ("10.0.0.2:10010".to_owned(), 5);
    server
        .sessions
        .send_away(AppId(-7), Some(new_owner.clone()));
    server.sessions.send_away(server.app_id, Some(new_owner));
    let moved = moves.recv().await.unwrap();
    assert_eq!((moved.owner.as_str(), moved.epoch), ("10.0.0.2:10010", 5));
    assert!(closings.recv().await.unwrap().is_orderly());
    drop(session);
}

#[tokio::test]
async fn the_registry_hears_of_the_session_and_of_its_end() {
    let mut server = Server::start().await;
    let (session, opened) = server.connect().await;
    assert_eq!((opened.app_id, &opened.node), (server.app_id, &node("w1")));
    session.close(ErrorCode::DRAINING, "the worker shuts down");
    let closed = server.closed.next(LIMIT).await.unwrap();
    assert_eq!(closed.connection, opened.session.connection());
    assert_eq!(closed.ending, Ending::Farewell);
}

#[tokio::test]
async fn answers_of_several_shards_come_in_the_order_of_the_reports() {
    let mut server = Server::start().await;
    let (session, _) = server.connect().await;
    let ids = ids_of_alternating_shards(3);
    let items = ids.iter().map(|id| report(*id, 5)).collect();
    let asking = tokio::spawn(async move { ask_reports(&session, items).await });
    let mut second = server.shards[1].next(LIMIT).await.unwrap();
    let first = server.shards[0].next(LIMIT).await.unwrap();
    assert_eq!(first.app_id, server.app_id);
    assert_eq!(first.items[0].1.started_at, None);
    second.items.remove(0).2.answer(ReportAnswer::Stale);
    for (_, _, slot) in first.items {
        slot.answer(ReportAnswer::Stored);
    }
    drop(second);
    let answers = asking.await.unwrap().unwrap().items;
    let expected = [
        ReportAnswer::Stored,
        ReportAnswer::Stale,
        ReportAnswer::Stored,
    ];
    assert_eq!(answers, expected);
}

#[tokio::test]
async fn what_a_full_shard_did_not_take_must_be_repeated() {
    let mut server = Server::start().await;
    let (session, _) = server.connect().await;
    let ids = ids_of_alternating_shards(5);
    // The only letter that shard 0 has room for stays there.
    let first = vec![report(ids[0], 5), report(ids[2], 5)];
    let copy = session.clone();
    let waiting = tokio::spawn(async move { ask_reports(&copy, first).await });
    let items = vec![report(ids[4], 5), report(ids[1], 5), report(ids[3], 99)];
    let asking = tokio::spawn(async move { ask_reports(&session, items).await });
    let mut letter = server.shards[1].next(LIMIT).await.unwrap();
    assert_eq!(letter.items.len(), 1);
    letter.items.remove(0).2.answer(ReportAnswer::Stored);
    drop(letter);
    let answers = asking.await.unwrap().unwrap().items;
    let expected = [
        ReportAnswer::Again,
        ReportAnswer::Stored,
        ReportAnswer::Stale, // no run can have that status
    ];
    assert_eq!(answers, expected);
    waiting.abort();
}

#[tokio::test]
async fn nothing_is_taken_for_an_application_that_is_not_owned_any_more() {
    let mut server = Server::start().await;
    let (session, _) = server.connect().await;
    server.ownership.end();
    let result = ask_reports(&session, vec![report(1, 5)]).await;
    assert_eq!(code_of(result), ErrorCode::OVERLOADED);
}

#[tokio::test]
async fn an_inventory_that_was_not_taken_in_is_answered_with_an_error() {
    let mut server = Server::start().await;
    let (session, opened) = server.connect().await;
    let part = WorkerInventory {
        running: vec![HeldInstance {
            instance_id: 4,
            attempt: 2,
        }],
        finished: vec![report(9, 5)],
        is_last: true,
    };
    let asking = tokio::spawn(async move { session.ask("server", "w", &part, LIMIT).await });
    let letter = server.inventory.next(LIMIT).await.unwrap();
    assert_eq!(letter.connection, opened.session.connection());
    assert_eq!(letter.running, [(powerjob_common::id::InstanceId(4), 2)]);
    assert_eq!(letter.finished.iter().flatten().count(), 1);
    drop(letter);
    assert_eq!(code_of(asking.await.unwrap()), ErrorCode::MAILBOX_FULL);
}

#[tokio::test]
async fn logs_are_answered_when_they_are_stored() {
    let mut server = Server::start().await;
    let (session, _) = server.connect().await;
    let items = vec![LogChunk {
        instance_id: 3,
        attempt: 1,
        first_sequence: 0,
        lost_before: 0,
        lines: Vec::new(),
    }];
    let copy = session.clone();
    let message = LogChunks { items };
    let asking = tokio::spawn(async move { copy.ask("server", "w", &message, LIMIT).await });
    let letter = server.logs.next(LIMIT).await.unwrap();
    assert_eq!((letter.app_id, letter.chunks.len()), (server.app_id, 1));
    letter.reply.send(true);
    let answer = asking.await.unwrap();
    assert_eq!(answer, Ok(LogAnswer { is_stored: true }));
}

#[tokio::test]
async fn a_link_carries_runs_to_the_worker_and_the_verdicts_back() {
    let mut server = Server::start().await;
    let (_session, opened) = server.connect().await;
    let (sender, mut answers) = mpsc::unbounded_channel();
    let request = RunInstances { items: Vec::new() };
    opened.session.run(
        request,
        LIMIT,
        Box::new(move |answer| drop(sender.send(answer))),
    );
    let answer = answers.recv().await.unwrap();
    assert_eq!(answer, Ok(RunAnswers { items: Vec::new() }));
}

#[tokio::test]
async fn messages_that_no_server_takes_are_refused() {
    let mut server = Server::start().await;
    let (session, _) = server.connect().await;
    let stray = TapRecords {
        watch_id: 1,
        dropped: 0,
        records: Vec::new(),
    };
    session.tell("node", "node", &stray).unwrap(); // of a watch that has ended: thrown away
    let wrong = StopInstances { items: Vec::new() };
    let result = session.ask("server", "w", &wrong, LIMIT).await;
    assert_eq!(code_of(result), ErrorCode::UNKNOWN_TYPE);
}

#[tokio::test]
async fn a_stopping_server_says_goodbye_and_waits_for_the_end() {
    let mut server = Server::start().await;
    let (_session, mut closings) = server.dial("demo", SECRET).await.unwrap();
    server.opened.next(LIMIT).await.unwrap();
    server.door.take().unwrap().stop(LIMIT).await;
    let closed = server.closed.next(LIMIT).await.unwrap();
    assert_eq!(closed.ending, Ending::ServerStops);
    let cause = closings.recv().await.unwrap();
    assert!(cause.is_orderly(), "{cause}");
    assert!(server.dial("demo", SECRET).await.is_err());
}

#[tokio::test]
async fn a_taken_address_is_named_with_its_field() {
    let server = Server::start().await;
    let error = BoundListener::bind(&server.address).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("worker_bind"), "{text}");
    assert!(text.contains(&server.address), "{text}");
}
