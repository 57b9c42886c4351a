//! Instances that are spread over several workers, with real workers over loopback.

mod support;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use powerjob_protocol::wire::codec;
use powerjob_protocol::wire::server_to_worker::{
    GetTasks, InstanceTeam, NameTeams, RunInstance, RunVerdict, TeamWorker,
};
use powerjob_protocol::wire::task_journal::{JournalPart, JournalRecord, JournalRecords};
use powerjob_protocol::wire::tasks::{FindTasks, TaskPlace};
use powerjob_session::Session;
use powerjob_worker::{
    BoxError, BroadcastProcessor, MapReduceProcessor, Output, ProcessResult, Processor,
    TaskContext, TaskResults, Worker, WorkerHandle, powerjob_handler,
};
use serde::{Deserialize, Serialize};
use support::{APP, FakeServer, SECRET, ask, request, run, stop};
use tokio::sync::{Notify, watch};
use tokio::time::error::Elapsed;

const BROADCAST: u8 = 2;
const MAP_REDUCE: u8 = 3;
const MAP: u8 = 4;
const LIMIT: Duration = Duration::from_secs(20);

/// A worker with its session at the server.
struct Member {
    handle: WorkerHandle,
    session: Session,
}

impl Member {
    fn as_team_worker(&self) -> TeamWorker {
        let peer = self.session.peer();
        let port = peer.advertised.strip_prefix(':').expect("a port");
        TeamWorker {
            node_id: peer.node.node_id.clone(),
            incarnation: peer.node.incarnation,
            name: peer.node.node_id.clone(),
            address: format!("127.0.0.1:{port}"),
        }
    }
}

/// What the processors of one test have seen.
#[derive(Debug, Default)]
struct Ledger {
    started: Mutex<Vec<String>>,
    running: AtomicU32,
    most_running: AtomicU32,
    changed: Notify,
    go: watch::Sender<bool>,
    /// Whether no further task stops.
    is_open: AtomicBool,
}

impl Ledger {
    fn enter(&self, ctx: &TaskContext) {
        let words = format!(
            "{} {} {}",
            ctx.worker_name(),
            ctx.task_name(),
            ctx.task_id()
        );
        self.started.lock().expect("unpoisoned").push(words);
        let now = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_running.fetch_max(now, Ordering::SeqCst);
        self.changed.notify_waiters();
    }

    fn leave(&self) {
        self.running.fetch_sub(1, Ordering::SeqCst);
        self.changed.notify_waiters();
    }

    fn starts(&self, part: &str) -> Vec<String> {
        let started = self.started.lock().expect("unpoisoned");
        let wanted = started.iter().filter(|words| words.contains(part));
        wanted.cloned().collect()
    }

    fn workers(&self, part: &str) -> BTreeSet<String> {
        let starts = self.starts(part);
        let names = starts.iter().filter_map(|words| words.split(' ').next());
        names.map(str::to_owned).collect()
    }

    async fn until_starts(&self, part: &str, count: usize) {
        let is_so = || self.starts(part).len() >= count;
        self.until(is_so).await.expect("tasks start");
    }

    async fn until_all_left(&self) {
        let is_so = || self.running.load(Ordering::SeqCst) == 0;
        self.until(is_so).await.expect("tasks end");
    }

    async fn until(&self, is_so: impl Fn() -> bool) -> Result<(), Elapsed> {
        let wait = async {
            loop {
                let changed = self.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if is_so() {
                    return;
                }
                changed.await;
            }
        };
        tokio::time::timeout(LIMIT, wait).await
    }
}

struct Everywhere(Arc<Ledger>);

impl Processor for Everywhere {
    async fn process(&self, ctx: &TaskContext) -> ProcessResult {
        self.0.enter(ctx);
        self.0.leave();
        match ctx.params() {
            "wait" => {
                ctx.cancelled().await;
                Err("asked to end".into())
            }
            bad if bad == ctx.worker_name() => Err("this one is bad".into()),
            _ => Ok(ctx.worker_name().into()),
        }
    }
}

impl BroadcastProcessor for Everywhere {
    async fn pre_process(&self, ctx: &TaskContext) -> ProcessResult {
        self.0.enter(ctx);
        self.0.leave();
        match ctx.params() {
            "unprepared" => Err("nothing is ready".into()),
            _ => Ok("ready".into()),
        }
    }

    async fn post_process(&self, _ctx: &TaskContext, results: TaskResults) -> ProcessResult {
        let all = results.collect().await;
        let mut words: Vec<String> = all
            .into_iter()
            .map(|result| format!("{}={}", result.is_success, result.result))
            .collect();
        words.sort();
        Output::of(words)
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Chunk {
    numbers: Vec<u64>,
}

#[derive(Debug, Deserialize)]
struct Sum {
    count: u64,
    #[serde(default)]
    levels: u32,
    #[serde(default)]
    fails_first: bool,
    /// The tasks of the second level wait until so many workers have begun one.
    #[serde(default)]
    gathers: usize,
    /// Tasks from this place on wait until they are canceled.
    stops_at: Option<u64>,
    /// Tasks from this place on fail until the ledger is open.
    fails_at: Option<u64>,
}

/// Sums numbers: the first task makes chunks, with two levels a task for each number.
struct Summing(Arc<Ledger>);

impl Processor for Summing {
    async fn process(&self, ctx: &TaskContext) -> ProcessResult {
        let wanted: Sum = ctx.params_as()?;
        if ctx.is_root_task() {
            let chunks = (0..wanted.count).map(|number| Chunk {
                numbers: vec![number * 2, number * 2 + 1],
            });
            return Output::of(ctx.map("chunk", chunks).await?);
        }
        self.0.enter(ctx);
        tokio::task::yield_now().await;
        let chunk: Chunk = ctx.sub_task()?;
        if ctx.task_name() == "single" {
            let is_so = || self.0.workers(" single ").len() >= wanted.gathers;
            self.0.until(is_so).await?;
        }
        let is_stopped = wanted.stops_at.is_some_and(|at| chunk.numbers[0] >= at * 2);
        if is_stopped && !self.0.is_open.load(Ordering::SeqCst) {
            ctx.cancelled().await;
        }
        self.0.leave();
        let is_bad = wanted.fails_at.is_some_and(|at| chunk.numbers[0] >= at * 2);
        if is_bad && !self.0.is_open.load(Ordering::SeqCst) {
            return Err("bad luck".into());
        }
        if wanted.fails_first && ctx.task_retry() == 0 {
            return Err("once".into());
        }
        if wanted.levels > 1 && ctx.task_name() == "chunk" {
            let single = chunk.numbers.into_iter().map(|number| Chunk {
                numbers: vec![number],
            });
            ctx.map("single", single).await?;
            return Ok("0".into());
        }
        Output::of(chunk.numbers.iter().sum::<u64>())
    }
}

impl MapReduceProcessor for Summing {
    async fn reduce(&self, _ctx: &TaskContext, mut results: TaskResults) -> ProcessResult {
        let mut sum = 0;
        while let Some(result) = results.next().await {
            if !result.is_root() {
                sum += result.value::<u64>()?;
            }
        }
        Output::of(sum)
    }
}

/// Tasks that wait until the test lets them go.
struct Waiting(Arc<Ledger>);

impl Processor for Waiting {
    async fn process(&self, ctx: &TaskContext) -> ProcessResult {
        if ctx.is_root_task() {
            ctx.map("wait", 0..ctx.params().parse::<u32>()?).await?;
            return Ok("".into());
        }
        let mut go = self.0.go.subscribe();
        self.0.enter(ctx);
        tokio::select! {
            _ = go.wait_for(|go| *go) => {}
            _ = ctx.cancelled() => {}
        }
        self.0.leave();
        Ok("".into())
    }
}

#[powerjob_handler(name = "spread#declared", reduce = count_words)]
async fn words(ctx: &TaskContext) -> Result<usize, BoxError> {
    if ctx.is_root_task() {
        ctx.map("line", ["a b", "c", "d e f"]).await?;
        return Ok(0);
    }
    Ok(ctx.sub_task::<String>()?.split(' ').count())
}

async fn count_words(_ctx: &TaskContext, results: TaskResults) -> Result<u64, BoxError> {
    let add = |sum: u64, result: powerjob_worker::TaskResult| {
        sum + result.value::<u64>().unwrap_or_default()
    };
    Ok(results.fold(0, add).await)
}

async fn member(server: &mut FakeServer, name: &str, ledger: &Arc<Ledger>) -> Member {
    let handle = Worker::builder()
        .app(APP)
        .secret(SECRET)
        .server(&server.addr.to_string())
        .name(name)
        .cancel_grace(Duration::from_millis(200))
        .listen("127.0.0.1:0")
        .register_broadcast("everywhere", Everywhere(ledger.clone()))
        .register_map_reduce("sum", Summing(ledger.clone()))
        .register("wait", Waiting(ledger.clone()))
        .register_fn("plain", |ctx: TaskContext| async move {
            Ok::<_, BoxError>(ctx.worker_name().to_owned())
        })
        .register_fn("panics", |_ctx: TaskContext| async move {
            panic!("of purpose");
            #[allow(unreachable_code, reason = "the type of the closure")]
            Ok::<(), BoxError>(())
        })
        .start()
        .await
        .expect("a worker");
    let session = server.session().await;
    server.inventory().await;
    Member { handle, session }
}

async fn team(server: &mut FakeServer, names: &[&str], ledger: &Arc<Ledger>) -> Vec<Member> {
    let mut members = Vec::new();
    for name in names {
        members.push(member(server, name, ledger).await);
    }
    members
}

fn spread(instance_id: i64, kind: u8, processor: &str, params: &str) -> RunInstance {
    RunInstance {
        execute_type: kind,
        concurrency: 2,
        ..request(instance_id, processor, params)
    }
}

fn name_team(instance_id: i64, members: &[&Member]) -> NameTeams {
    NameTeams {
        items: vec![InstanceTeam {
            instance_id,
            attempt: 1,
            epoch: 1,
            workers: members
                .iter()
                .map(|member| member.as_team_worker())
                .collect(),
        }],
    }
}

/// Gives an instance to the first member, as a server does.
async fn give(members: &[&Member], item: RunInstance) {
    let master = &members[0].session;
    let teams = name_team(item.instance_id, members);
    master.tell("worker", "server", &teams).expect("told");
    assert_eq!(run(master, vec![item]).await, [RunVerdict::Accepted]);
}

async fn carry_out(server: &mut FakeServer, members: &[Member], item: RunInstance) -> (u8, String) {
    let instance_id = item.instance_id;
    give(&members.iter().collect::<Vec<_>>(), item).await;
    let end = server.end_of(instance_id).await;
    (end.status, end.result)
}

async fn end(members: Vec<Member>) {
    for member in members {
        member.handle.shutdown(Duration::ZERO).await.expect("ended");
    }
}

/// Spec 04 case W-47.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broadcast_runs_once_on_every_worker_between_two_steps_of_the_first() {
    let ledger = Arc::new(Ledger::default());
    let mut server = FakeServer::start().await;
    let members = team(&mut server, &["w1", "w2", "w3"], &ledger).await;
    let item = spread(1, BROADCAST, "everywhere", "");
    let (status, result) = carry_out(&mut server, &members, item).await;
    let expected = r#"["true=ready","true=w1","true=w2","true=w3"]"#;
    assert_eq!((status, result.as_str()), (5, expected));
    assert_eq!(ledger.starts("OMS_ROOT_TASK"), ["w1 OMS_ROOT_TASK 0"]);
    let mut shares = ledger.starts("OMS_BROADCAST_TASK");
    shares.sort();
    let places = [
        "w1 OMS_BROADCAST_TASK 0.0",
        "w2 OMS_BROADCAST_TASK 0.1",
        "w3 OMS_BROADCAST_TASK 0.2",
    ];
    assert_eq!(shares, places);
    end(members).await;
}

/// Spec 04 case W-48, and what a broadcast without steps of its own does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_result_of_a_broadcast_follows_the_rules_of_the_reference() {
    let ledger = Arc::new(Ledger::default());
    let mut server = FakeServer::start().await;
    let members = team(&mut server, &["w1", "w2"], &ledger).await;
    for (id, processor, params, expected) in [
        (1, "plain", "", (5, "succeed:3, failed:0".to_owned())),
        (2, "panics", "", (4, "succeed:1, failed:2".to_owned())),
        (
            3,
            "everywhere",
            "unprepared",
            (5, r#"["false=nothing is ready"]"#.to_owned()),
        ),
        (
            4,
            "everywhere",
            "w2",
            (
                5,
                r#"["false=this one is bad","true=ready","true=w1"]"#.to_owned(),
            ),
        ),
    ] {
        let item = spread(id, BROADCAST, processor, params);
        assert_eq!(carry_out(&mut server, &members, item).await, expected);
    }
    end(members).await;
}

/// Spec 04 case W-32: the share of a lost worker has failed and is not carried out elsewhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_share_of_a_worker_that_goes_away_has_failed() {
    let ledger = Arc::new(Ledger::default());
    let mut server = FakeServer::start().await;
    let mut members = team(&mut server, &["w1", "w2"], &ledger).await;
    let mut missing = members.pop().expect("two").as_team_worker();
    missing.incarnation += 1; // a life that nobody finds at its address
    let mut teams = name_team(1, &members.iter().collect::<Vec<_>>());
    teams.items[0].workers.push(missing);
    let master = &members[0].session;
    master.tell("worker", "server", &teams).expect("told");
    let item = spread(1, BROADCAST, "plain", "");
    assert_eq!(run(master, vec![item]).await, [RunVerdict::Accepted]);
    let ended = server.end_of(1).await;
    assert_eq!((ended.status, &*ended.result), (4, "succeed:2, failed:1"));
    end(members).await;
}

/// Spec 04 cases W-15, W-53: a stop reaches every executor, and nothing is reported as success.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_reaches_all_executors() {
    let ledger = Arc::new(Ledger::default());
    let mut server = FakeServer::start().await;
    let members = team(&mut server, &["w1", "w2"], &ledger).await;
    give(
        &members.iter().collect::<Vec<_>>(),
        spread(1, MAP, "wait", "8"),
    )
    .await;
    ledger.until_starts("wait", 4).await;
    assert!(stop(&members[0].session, 1).await);
    let ended = server.end_of(1).await;
    assert_eq!(ended.status, 10, "{}", ended.result);
    ledger.until_all_left().await;
    assert_eq!(ledger.starts("wait").len(), 4);
    end(members).await;
}

/// Spec 04 case W-52.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_limit_ends_all_tasks() {
    let ledger = Arc::new(Ledger::default());
    let mut server = FakeServer::start().await;
    let members = team(&mut server, &["w1", "w2"], &ledger).await;
    let item = RunInstance {
        time_limit_ms: 300,
        ..spread(1, BROADCAST, "everywhere", "wait")
    };
    let ended = carry_out(&mut server, &members, item).await;
    assert_eq!(ended, (4, "instance execute timeout".to_owned()));
    end(members).await;
}

/// Spec 04 cases W-42, W-45, W-46.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_map_reduce_of_two_levels_adds_up_over_three_workers() {
    let ledger = Arc::new(Ledger::default());
    let mut server = FakeServer::start().await;
    let members = team(&mut server, &["w1", "w2", "w3"], &ledger).await;
    let item = spread(
        1,
        MAP_REDUCE,
        "sum",
        r#"{"count": 500, "levels": 2, "gathers": 3}"#,
    );
    let ended = carry_out(&mut server, &members, item).await;
    assert_eq!(ended, (5, (0..1_000_u64).sum::<u64>().to_string()));
    assert_eq!(ledger.starts(" chunk ").len(), 500);
    assert_eq!(ledger.starts(" single ").len(), 1_000);
    assert!(
        ledger.most_running.load(Ordering::SeqCst) <= 6,
        "two at once on each of three"
    );
    end(members).await;
}

/// Spec 04 case W-22.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_tasks_are_repeated_and_declared_reducers_found() {
    let ledger = Arc::new(Ledger::default());
    let mut server = FakeServer::start().await;
    let members = team(&mut server, &["w1"], &ledger).await;
    let item = RunInstance {
        task_retry_num: 1,
        ..spread(
            1,
            MAP_REDUCE,
            "sum",
            r#"{"count": 10, "fails_first": true}"#,
        )
    };
    let ended = carry_out(&mut server, &members, item).await;
    assert_eq!(ended, (5, (0..20_u64).sum::<u64>().to_string()));
    assert_eq!(ledger.starts("chunk").len(), 20);
    let item = spread(2, MAP_REDUCE, "spread#declared", "");
    assert_eq!(
        carry_out(&mut server, &members, item).await,
        (5, "6".to_owned())
    );
    let item = spread(3, MAP_REDUCE, "plain", "");
    let ended = carry_out(&mut server, &members, item).await;
    assert_eq!(
        ended,
        (4, "not implement the MapReduceProcessor".to_owned())
    );
    let item = spread(4, MAP, "sum", r#"{"count": 10}"#);
    let ended = carry_out(&mut server, &members, item).await;
    assert_eq!(ended, (5, "total:11,succeed:11,failed:0".to_owned()));
    end(members).await;
}

/// Spec 04 cases W-31, W-32.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_come_and_go_while_a_map_runs() {
    let ledger = Arc::new(Ledger::default());
    let mut server = FakeServer::start().await;
    let mut members = team(&mut server, &["w1", "w2"], &ledger).await;
    give(&[&members[0]], spread(1, MAP, "wait", "12")).await;
    ledger.until_starts("w1 wait", 2).await;
    let teams = name_team(1, &members.iter().collect::<Vec<_>>());
    members[0]
        .session
        .tell("worker", "server", &teams)
        .expect("told");
    ledger.until_starts("w2 wait", 2).await;
    let overview = ask(
        &members[0].session,
        &GetTasks {
            instance_id: 1,
            attempt: 1,
            limit: 10,
        },
    )
    .await;
    assert!(overview.is_known);
    assert_eq!((overview.total.running, overview.total.waiting), (4, 8));
    assert_eq!(overview.workers.len(), 2);
    let second = members[1].as_team_worker().name;
    let wanted = FindTasks {
        instance_id: 1,
        attempt: 1,
        status: 4,
        level: "wait".to_owned(),
        worker: second.clone(),
        text: String::new(),
        after: TaskPlace::default(),
        limit: 10,
    };
    let found = ask(&members[0].session, &wanted).await;
    assert!(found.is_known && found.next.is_none());
    assert_eq!(found.tasks.len(), 2, "{:?}", found.tasks);
    assert!(found.tasks.iter().all(|task| task.worker == second));
    let gone = members.pop().expect("two");
    gone.handle.shutdown(Duration::ZERO).await.expect("ended");
    ledger.go.send_replace(true);
    let ended = server.end_of(1).await;
    assert_eq!(
        (ended.status, &*ended.result),
        (5, "total:13,succeed:13,failed:0")
    );
    end(members).await;
}

/// The second worker goes on when the first, the master, is gone: what had ended does not run again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_worker_goes_on_from_the_journal_of_a_master() {
    let ledger = Arc::new(Ledger::default());
    let mut server = FakeServer::start().await;
    let members = team(&mut server, &["w1", "w2"], &ledger).await;
    let item = spread(1, MAP_REDUCE, "sum", r#"{"count": 40, "stops_at": 20}"#);
    give(&members.iter().collect::<Vec<_>>(), item.clone()).await;
    // Tasks from the twentieth on wait, two at once on each worker that has some.
    server.until_journal(|parts| ends(parts) >= 20).await;

    ledger.is_open.store(true, Ordering::SeqCst);
    give_next(&members[1], item).await;
    let ended = server.report_of_attempt(1, 2).await;
    assert_eq!(
        (ended.status, ended.result),
        (5, (0..80_u64).sum::<u64>().to_string())
    );
    let all = ledger.starts(" chunk ");
    let again = all.len() - 40;
    assert!(again <= 4, "those that ran, and no other: {again}");
    end(members).await;
}

/// A retry of the failed tasks: the others keep their results, and the reduce gets all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_failed_tasks_of_a_failed_map_reduce_run_again() {
    let ledger = Arc::new(Ledger::default());
    let mut server = FakeServer::start().await;
    let members = team(&mut server, &["w1", "w2"], &ledger).await;
    let item = spread(1, MAP_REDUCE, "sum", r#"{"count": 40, "fails_at": 35}"#);
    let (status, _) = carry_out(&mut server, &members, item.clone()).await;
    assert_eq!(status, 4);
    assert_eq!(ledger.starts(" chunk ").len(), 40);
    server
        .until_journal(|parts| says(parts, &JournalRecord::Decided))
        .await;

    // As the server does it.
    server.add_to_journal(JournalRecord::FailedAgain);
    ledger.is_open.store(true, Ordering::SeqCst);
    let next = RunInstance { attempt: 2, ..item };
    let mut teams = name_team(1, &[&members[1], &members[0]]);
    teams.items[0].attempt = 2;
    let second = &members[1].session;
    second.tell("worker", "server", &teams).expect("told");
    assert_eq!(run(second, vec![next]).await, [RunVerdict::Accepted]);
    let ended = server.report_of_attempt(1, 2).await;
    let sum = (0..80_u64).sum::<u64>().to_string();
    assert_eq!((ended.status, ended.result), (5, sum));
    let mut again = ledger.starts(" chunk ").split_off(40);
    again
        .iter_mut()
        .for_each(|words| *words = words.split_off(3));
    again.sort();
    let failed: Vec<String> = (35..40).map(|number| format!("chunk 0.{number}")).collect();
    assert_eq!(again, failed);
    end(members).await;
}

fn says(parts: &[JournalPart], wanted: &JournalRecord) -> bool {
    parts.iter().any(|part| {
        let records: JournalRecords = codec::decode(&part.records).expect("readable");
        records.items.contains(wanted)
    })
}

/// Has `next` go on with an instance, as a server does whose first master is gone.
async fn give_next(next: &Member, item: RunInstance) {
    let next_item = RunInstance { attempt: 2, ..item };
    let mut teams = name_team(next_item.instance_id, &[next]);
    teams.items[0].attempt = 2;
    let session = &next.session;
    session.tell("worker", "server", &teams).expect("told");
    assert_eq!(run(session, vec![next_item]).await, [RunVerdict::Accepted]);
}

const HANDED_ON: u8 = 1;

/// A master that shuts down lets what runs end, and leaves the rest to the next one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_that_shuts_down_hands_its_instance_on_and_nothing_runs_twice() {
    let ledger = Arc::new(Ledger::default());
    let mut server = FakeServer::start().await;
    let mut members = team(&mut server, &["w1", "w2"], &ledger).await;
    let item = spread(1, MAP, "wait", "12");
    give(&members.iter().collect::<Vec<_>>(), item.clone()).await;
    ledger.until_starts("wait", 4).await;
    let leaving = members.remove(0).handle;
    let shutdown = tokio::spawn(async move { leaving.shutdown(LIMIT).await });
    while !server.heartbeat().await.draining {}
    ledger.go.send_replace(true);
    let ended = server.report_of_attempt(1, 1).await;
    let words = "worker shutdown,handed on to another worker";
    assert_eq!((ended.status, &*ended.result), (HANDED_ON, words));
    shutdown.await.expect("no panic").expect("ended");
    assert_eq!(ledger.starts(" wait ").len(), 4);
    server.until_journal(|parts| ends(parts) == 4).await;

    give_next(&members[0], item).await;
    let ended = server.report_of_attempt(1, 2).await;
    let words = "total:13,succeed:13,failed:0";
    assert_eq!((ended.status, &*ended.result), (5, words));
    assert_eq!(ledger.starts(" wait ").len(), 12, "each once");
    end(members).await;
}

/// When its time is up, a master hands on what has not ended, those included that run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_without_time_hands_on_what_still_runs() {
    let ledger = Arc::new(Ledger::default());
    let mut server = FakeServer::start().await;
    let mut members = team(&mut server, &["w1", "w2"], &ledger).await;
    let item = spread(1, MAP_REDUCE, "sum", r#"{"count": 40, "stops_at": 20}"#);
    give(&members.iter().collect::<Vec<_>>(), item.clone()).await;
    // Tasks from the twentieth on wait, two at once on each worker that has some.
    server.until_journal(|parts| ends(parts) >= 20).await;
    let leaving = members.remove(0);
    leaving
        .handle
        .shutdown(Duration::ZERO)
        .await
        .expect("ended");
    assert_eq!(server.report_of_attempt(1, 1).await.status, HANDED_ON);

    ledger.is_open.store(true, Ordering::SeqCst);
    give_next(&members[0], item).await;
    let ended = server.report_of_attempt(1, 2).await;
    let sum = (0..80_u64).sum::<u64>().to_string();
    assert_eq!((ended.status, ended.result), (5, sum));
    let again = ledger.starts(" chunk ").len() - 40;
    assert!(again <= 4, "those that ran, and no other: {again}");
    end(members).await;
}

/// How many ends a journal has besides that of the first task.
fn ends(parts: &[JournalPart]) -> u32 {
    let records = parts.iter().flat_map(|part| {
        let records: JournalRecords = codec::decode(&part.records).expect("readable");
        records.items
    });
    let ends = records.map(|record| match record {
        JournalRecord::Ended { first, count, .. } if first > 0 => count,
        JournalRecord::Ended { count, .. } => count - 1,
        _ => 0,
    });
    ends.sum()
}

/// Spec 04 case W-41, in small: many more tasks than one message or one window holds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tasks_pass() {
    let ledger = Arc::new(Ledger::default());
    let mut server = FakeServer::start().await;
    let members = team(&mut server, &["w1", "w2"], &ledger).await;
    let item = RunInstance {
        concurrency: 50,
        ..spread(1, MAP_REDUCE, "sum", r#"{"count": 20000}"#)
    };
    let ended = carry_out(&mut server, &members, item).await;
    assert_eq!(ended, (5, (0..40_000_u64).sum::<u64>().to_string()));
    end(members).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_of_an_instance_names_the_workers() {
    let ledger = Arc::new(Ledger::default());
    let mut server = FakeServer::start().await;
    let members = team(&mut server, &["w1", "w2"], &ledger).await;
    let item = spread(1, BROADCAST, "panics", "");
    carry_out(&mut server, &members, item).await;
    let wanted = ["w1", "w2"].map(|name| format!("[{name}] panic: of purpose"));
    let mut lines = Vec::new();
    while !wanted.iter().all(|wanted| lines.contains(wanted)) {
        lines.extend(server.lines_of(1, |line| line.contains("panic")).await);
    }
    end(members).await;
}
