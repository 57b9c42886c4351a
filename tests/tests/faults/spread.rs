//! Broadcast and map-reduce over several processes, some of which are killed in the middle.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use powerjob_tests::bench::clock::wall_us;
use powerjob_tests::eventually::eventually;
use powerjob_tests::process::{Api, Cluster, Process};
use powerjob_tests::programs::powerjob;
use serde_json::{Value, json};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(60);
/// What a busy machine adds to times.
const BUSY_US: i64 = 2_000_000;

async fn stage(folder: &TempDir) -> (Cluster, Api, String, String) {
    let mut cluster = Cluster::new(folder.path(), &powerjob()).expect("ports");
    cluster.start_server().await.expect("the server starts");
    let api = cluster.sign_in().await.expect("signed in");
    let (app, secret) = api.create_app("spread").await.expect("an application");
    (cluster, api, app, secret)
}

/// A worker with the processor `spread`.
fn worker(folder: &TempDir, cluster: &Cluster, secret: &str, name: &str) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench_worker"));
    command.args([&cluster.workers, "spread", secret, name]);
    let log = folder.path().join(format!("{name}.log"));
    Process::start(&mut command, &log).expect("a worker")
}

async fn map_reduce(api: &Api, app: &str, tasks: u64, ms: u64) -> String {
    let job = json!({
        "name": "spread", "processor": "spread", "executeType": "MAP_REDUCE", "concurrency": 5,
        "params": json!({ "tasks": tasks, "ms": ms }).to_string(), "schedule": { "type": "API" },
    });
    let job = api.create_job(app, &job).await.expect("accepted");
    api.run(&job, "").await.expect("accepted")
}

/// The tasks of an instance as soon as `is_wanted`.
async fn until_tasks(api: &Api, instance: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
    eventually("the tasks get there", LIMIT, || async {
        let path = format!("/v1/instances/{instance}/tasks");
        let tasks = api.call("GET", &path, &Value::Null).await.ok()?;
        is_wanted(&tasks).then_some(tasks)
    })
    .await
}

fn succeeded(tasks: &Value) -> u64 {
    tasks["counts"]["succeeded"].as_u64().unwrap_or(0)
}

/// Spec 04 case W-47.
#[tokio::test]
async fn a_script_is_broadcast_to_all_agents() {
    let folder = TempDir::new().expect("a folder");
    let (cluster, api, app, secret) = stage(&folder).await;
    let start = |name| cluster.start_agent(name, "spread", &secret, &[]);
    let _agents = ["w1", "w2", "w3"].map(|name| start(name).expect("an agent"));
    api.until_workers(&app, 3).await;
    let script = format!(
        "touch {}/here-$POWERJOB_WORKER_ADDRESS",
        folder.path().display()
    );
    let job = json!({
        "name": "everywhere", "processorType": "SHELL", "processor": script,
        "executeType": "BROADCAST", "schedule": { "type": "API" },
    });
    let job = api.create_job(&app, &job).await.expect("accepted");
    let instance = api.run(&job, "").await.expect("accepted");
    let ended = api.until_ended(&instance, LIMIT).await;
    assert_eq!(ended["fullResult"], "succeed:4, failed:0", "{ended}");
    assert_eq!(ended["status"], "SUCCEED");
    for name in ["w1", "w2", "w3"] {
        assert!(
            folder.path().join(format!("here-{name}")).exists(),
            "{name}"
        );
    }
}

/// Spec 04 case W-32: the broadcast share of a killed agent has failed.
#[tokio::test]
async fn the_share_of_a_killed_agent_has_failed() {
    let folder = TempDir::new().expect("a folder");
    let (cluster, api, app, secret) = stage(&folder).await;
    let start = |name| {
        cluster
            .start_agent(name, "spread", &secret, &[])
            .expect("an agent")
    };
    let mut agents = ["w1", "w2"].map(|name| (name, start(name)));
    api.until_workers(&app, 2).await;
    let job = json!({
        "name": "slow", "processor": "sleep", "params": "2000",
        "executeType": "BROADCAST", "schedule": { "type": "API" },
    });
    let job = api.create_job(&app, &job).await.expect("accepted");
    let instance = api.run(&job, "").await.expect("accepted");
    let tasks = until_tasks(&api, &instance, |tasks| tasks["counts"]["running"] == 2).await;
    let master = api
        .call("GET", &format!("/v1/instances/{instance}"), &Value::Null)
        .await
        .expect("the instance")["worker"]
        .clone();
    let master_name = tasks["workers"][0]["name"]
        .as_str()
        .expect("a name")
        .to_owned();
    let (_, other) = agents
        .iter_mut()
        .find(|(name, _)| *name != master_name)
        .unwrap_or_else(|| panic!("the master is {master}"));
    other.kill().expect("killed");
    let ended = api.until_ended(&instance, LIMIT).await;
    assert_eq!(ended["fullResult"], "succeed:2, failed:1", "{ended}");
    assert_eq!(ended["status"], "FAILED");
}

/// Spec 04 cases W-31, W-32: a worker is killed and another one joins in the middle of a map-reduce.
#[tokio::test]
async fn a_map_reduce_survives_the_death_of_an_executor() {
    let folder = TempDir::new().expect("a folder");
    let (cluster, api, app, secret) = stage(&folder).await;
    let mut workers = ["w1", "w2"].map(|name| (name, worker(&folder, &cluster, &secret, name)));
    api.until_workers(&app, 2).await;
    let instance = map_reduce(&api, &app, 600, 20).await;
    let tasks = until_tasks(&api, &instance, |tasks| succeeded(tasks) > 60).await;
    let master_name = tasks["workers"][0]["name"]
        .as_str()
        .expect("a name")
        .to_owned();
    for (_, process) in workers.iter_mut().filter(|(name, _)| *name != master_name) {
        process.kill().expect("killed");
    }
    let _third = worker(&folder, &cluster, &secret, "w3");
    until_tasks(&api, &instance, |tasks| {
        let of_third = |worker: &&Value| worker["name"] == "w3";
        let workers = tasks["workers"].as_array().expect("a list");
        workers
            .iter()
            .find(of_third)
            .is_some_and(|it| succeeded(it) > 0)
    })
    .await;
    let ended = api.until_ended(&instance, LIMIT).await;
    assert_eq!(ended["fullResult"], "600", "{ended}");
}

/// The server is needed neither for the tasks nor for the reduce, only for the end.
#[tokio::test]
async fn a_map_reduce_survives_the_death_of_the_server() {
    let folder = TempDir::new().expect("a folder");
    let (mut cluster, api, app, secret) = stage(&folder).await;
    let _workers = ["w1", "w2"].map(|name| worker(&folder, &cluster, &secret, name));
    api.until_workers(&app, 2).await;
    let instance = map_reduce(&api, &app, 300, 20).await;
    until_tasks(&api, &instance, |tasks| succeeded(tasks) > 30).await;
    cluster.kill_server().expect("killed");
    cluster.start_server().await.expect("started again");
    let api = cluster.sign_in().await.expect("signed in");
    let ended = api.until_ended(&instance, LIMIT).await;
    assert_eq!(
        (&ended["fullResult"], &ended["attempt"]),
        (&json!("300"), &json!(1)),
        "{ended}"
    );
}

/// A map-reduce whose master is killed when so many of its tasks are done. What its worker had is gone
/// with it: it has no folder.
async fn kill_the_master_at(done: u64, is_server_killed_too: bool) {
    const TASKS: u64 = 1_000;
    let folder = TempDir::new().expect("a folder");
    let (mut cluster, mut api, app, secret) = stage(&folder).await;
    let mut workers = ["w1", "w2"].map(|name| (name, worker(&folder, &cluster, &secret, name)));
    api.until_workers(&app, 2).await;
    let record = folder.path().join("record");
    let job = json!({
        "name": "spread", "processor": "spread", "executeType": "MAP_REDUCE", "concurrency": 5,
        "params": json!({
            // The last ten take a second, so that there is time to kill.
            "tasks": TASKS, "ms": 50, "slow_from": TASKS - 10, "record": record,
        }).to_string(),
        "schedule": { "type": "API" },
    });
    let job = api.create_job(&app, &job).await.expect("accepted");
    let instance = api.run(&job, "").await.expect("accepted");
    let tasks = until_tasks(&api, &instance, |tasks| succeeded(tasks) >= done).await;
    let master_name = tasks["workers"][0]["name"]
        .as_str()
        .expect("a name")
        .to_owned();
    for (_, process) in workers.iter_mut().filter(|(name, _)| *name == master_name) {
        process.kill().expect("killed");
    }
    let killed_at = wall_us();
    if is_server_killed_too {
        cluster.kill_server().expect("killed");
        cluster.start_server().await.expect("started again");
        api = cluster.sign_in().await.expect("signed in");
    }
    let ended = api.until_ended(&instance, LIMIT).await;
    assert_eq!(
        (&ended["fullResult"], &ended["attempt"]),
        (&json!(TASKS.to_string()), &json!(2)),
        "{ended}"
    );
    let mut ends: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for line in std::fs::read_to_string(&record).expect("a record").lines() {
        let (task, at_us) = line.split_once(' ').expect("two words");
        let at_us = at_us.parse().expect("a time");
        ends.entry(task.to_owned()).or_default().push(at_us);
    }
    assert_eq!(ends.len() as u64, TASKS);
    let again = ends.values().filter(|ends| ends.len() > 1);
    // Only what ended just before the kill is not known to have ended.
    let earliest = again.clone().map(|ends| killed_at - ends[0]).max();
    let earliest = Duration::from_micros(earliest.unwrap_or_default().max(0).cast_unsigned());
    // The other worker goes on with what it has until it hears of its new master.
    let first = ends
        .values()
        .flatten()
        .filter(|at| **at > killed_at + 500_000);
    let gone_on = first.min().map_or(0, |at| at - killed_at);
    eprintln!(
        "{} of {TASKS} tasks ran again, which had ended up to {earliest:?} before the kill; first end \
         half a second or more after it: {gone_on} us",
        again.count()
    );
    assert!(earliest < Duration::from_millis(1_500), "{earliest:?}");
    if !is_server_killed_too {
        assert!(gone_on < 3_000_000 + BUSY_US, "{gone_on} us");
    }
}

#[tokio::test]
async fn another_worker_goes_on_when_the_master_dies_early() {
    kill_the_master_at(100, false).await;
}

#[tokio::test]
async fn another_worker_goes_on_when_the_master_dies_in_the_middle() {
    kill_the_master_at(500, false).await;
}

#[tokio::test]
async fn another_worker_goes_on_when_the_master_dies_just_before_the_end() {
    kill_the_master_at(990, false).await;
}

#[tokio::test]
async fn another_worker_goes_on_when_the_master_and_the_server_die() {
    kill_the_master_at(500, true).await;
}
