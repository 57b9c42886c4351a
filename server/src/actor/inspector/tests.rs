use std::sync::{Arc, Mutex};

use powerjob_common::actor::{
    ActorSlot, Guardian, OnDeath, Outcome, Reply, Sighting, TapFilter, TapRecord,
};
use powerjob_common::id::NodeRef;
use powerjob_common::time::{SystemClock, UnixMillis};
use powerjob_protocol::wire::node::{TapRecords, WatchTap};

use super::*;

const LIMIT: Duration = Duration::from_secs(10);

type OnActors = Box<dyn FnOnce(Result<ActorReadings, SessionError>) + Send>;

#[derive(Debug)]
struct FakeLink {
    connection: u64,
    node: NodeRef,
    is_silent: bool,
    watched: Mutex<Vec<WatchTap>>,
    unwatched: Mutex<Vec<u64>>,
    silent: Mutex<Vec<Waiting>>,
}

struct Waiting(#[expect(dead_code, reason = "kept so that nobody is answered")] OnActors);

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Waiting")
    }
}

fn link(connection: u64, is_silent: bool) -> Arc<FakeLink> {
    Arc::new(FakeLink {
        connection,
        node: NodeRef {
            node_id: format!("w{connection}"),
            incarnation: 1,
        },
        is_silent,
        watched: Mutex::default(),
        unwatched: Mutex::default(),
        silent: Mutex::default(),
    })
}

impl NodeLink for FakeLink {
    fn connection(&self) -> u64 {
        self.connection
    }

    fn node(&self) -> &NodeRef {
        &self.node
    }

    fn actors(&self, _limit: Duration, on_answer: OnActors) {
        if self.is_silent {
            return self.silent.lock().unwrap().push(Waiting(on_answer));
        }
        let reading = WireActorReading {
            path: "worker/task_tracker".to_owned(),
            depth: 1,
            capacity: 2,
            handled: 3,
            refused: 4,
            rate: 5.0,
            p50_us: 6,
            p99_us: 7,
            restarts: 8,
        };
        on_answer(Ok(ActorReadings {
            items: vec![reading],
        }));
    }

    fn watch(&self, watch: &WatchTap) {
        self.watched.lock().unwrap().push(watch.clone());
    }

    fn unwatch(&self, watch_id: u64) {
        self.unwatched.lock().unwrap().push(watch_id);
    }
}

struct Bench {
    slot: ActorSlot<Inspector>,
    nodes: Nodes,
    scope: ActorScope,
    _guardian: Guardian,
}

fn start() -> Bench {
    let scope = ActorScope::new("s1", Arc::new(SystemClock));
    let nodes = Nodes::default();
    let parts = InspectorParts {
        scope: scope.clone(),
        workers: WorkerTable::default(),
        nodes: nodes.clone(),
    };
    let slot = ActorSlot::new(&scope, PATH, CAPACITY);
    let guardian = Guardian::new();
    let arbiter = actix_rt::Arbiter::current();
    guardian.start(&slot, &arbiter, OnDeath::EndProcess, move || {
        Inspector::new(parts.clone())
    });
    Bench {
        slot,
        nodes,
        scope,
        _guardian: guardian,
    }
}

impl Bench {
    async fn watch(&self) -> ClusterTap {
        let port = self.slot.port::<WatchCluster>();
        let filter = TapFilter {
            kind: Some("Wanted".to_owned()),
            ..TapFilter::default()
        };
        let ask = |reply: Reply<ClusterTap>| WatchCluster { filter, reply };
        port.ask(LIMIT, ask).await.unwrap()
    }
}

fn record_text(node: &str) -> String {
    let record = TapRecord {
        sequence: 1,
        at: UnixMillis(1),
        node: node.to_owned(),
        from: "a".to_owned(),
        to: "b".to_owned(),
        kind: "Wanted".to_owned(),
        size_bytes: 1,
        waited_us: 1,
        handling_us: 1,
        outcome: Outcome::Ok,
        trace_id: String::new(),
        instances: Vec::new(),
        body: None,
    };
    serde_json::to_string(&record).unwrap()
}

async fn next_node(tap: &mut ClusterTap) -> String {
    let next = tokio::time::timeout(LIMIT, tap.next()).await.unwrap();
    next.unwrap().node
}

#[actix::test]
async fn silent_workers_are_named_with_an_error() {
    let bench = start();
    bench.nodes.enter(link(2, true));
    bench.nodes.enter(link(1, false));
    let port = bench.slot.port::<GetClusterActors>();
    let nodes = port
        .ask(LIMIT, |reply| GetClusterActors { reply })
        .await
        .unwrap();
    let names: Vec<_> = nodes.iter().map(|node| node.node.as_str()).collect();
    assert_eq!(names, ["s1", "w1", "w2"]);
    let own = nodes[0].actors.as_ref().unwrap();
    assert!(nodes[0].is_server && own.iter().any(|actor| actor.path == PATH));
    assert_eq!(nodes[1].actors.as_ref().unwrap()[0].p99_us, 7);
    assert!(nodes[2].actors.as_ref().unwrap_err().contains("no answer"));
}

#[actix::test]
async fn records_of_all_nodes_come_in_one_stream_also_from_late_workers() {
    let bench = start();
    let (early, late) = (link(1, false), link(2, false));
    bench.nodes.enter(early.clone());
    let mut tap = bench.watch().await;
    bench.nodes.enter(late.clone());
    let watch = early.watched.lock().unwrap()[0].clone();
    assert_eq!(watch.kind.as_deref(), Some("Wanted"));
    assert_eq!(late.watched.lock().unwrap().first(), Some(&watch));
    bench.nodes.take_records(TapRecords {
        watch_id: watch.watch_id,
        dropped: 5,
        records: vec![record_text("w1"), "not a record".to_owned()],
    });
    assert_eq!(next_node(&mut tap).await, "w1");
    bench.scope.tap().offer(Sighting {
        from: "x".into(),
        to: "y".into(),
        name: "Wanted",
        life_cycle: false,
        size_bytes: 1,
        waited: Duration::ZERO,
        handling: Duration::ZERO,
        outcome: Outcome::Ok,
        instances: Vec::new(),
        body: None,
    });
    assert_eq!(next_node(&mut tap).await, "s1");
    assert_eq!(tap.take_dropped(), 6);
}

#[actix::test]
async fn a_dropped_tap_ends_the_watches_of_the_workers() {
    let bench = start();
    let link = link(1, false);
    bench.nodes.enter(link.clone());
    let tap = bench.watch().await;
    let watch_id = link.watched.lock().unwrap()[0].watch_id;
    drop(tap);
    let ended = async {
        while link.unwatched.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, ended).await.unwrap();
    assert_eq!(*link.unwatched.lock().unwrap(), [watch_id]);
}

#[actix::test]
async fn a_slow_watcher_is_told_what_it_missed() {
    let bench = start();
    bench.nodes.enter(link(1, false));
    let tap = bench.watch().await;
    let text = record_text("w1");
    let records = || TapRecords {
        watch_id: 1,
        dropped: 0,
        records: vec![text.clone(); 1_000],
    };
    let mut missed = 0;
    for _ in 0..10 {
        bench.nodes.take_records(records());
        tokio::task::yield_now().await;
        missed += tap.take_dropped();
    }
    let told = async {
        while missed == 0 {
            tokio::task::yield_now().await;
            missed += tap.take_dropped();
        }
    };
    tokio::time::timeout(LIMIT, told).await.unwrap();
    assert!(missed >= 10_000 - 2 * 4_096, "{missed}");
}
