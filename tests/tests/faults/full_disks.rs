//! The disk is full while everything runs, and then there is room again: it heals by itself, and what was
//! acknowledged is there.

use powerjob_databases::Kind;
use powerjob_tests::checker::{Outage, read_rows, read_starts, start_faults, trigger_faults};
use powerjob_tests::eventually::eventually;
use powerjob_tests::process::Cluster;
use powerjob_tests::programs::powerjob;
use powerjob_tests::small_disk::SmallDisk;
use powerjob_tests::team::{
    HAND_OVER_MS, LIMIT, Plan, SLACK_MS, TAKE_OVER_MS, Team, let_it_tick, mark_script, now_ms,
};
use serde_json::json;

use crate::callers::{Callers, all_succeed};

const FULL_SECONDS: u64 = 4;

#[tokio::test]
#[ignore = "it takes long: `make faults`"]
async fn a_full_disk_of_the_server_heals_by_itself_and_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(disk) = SmallDisk::mount(&folder.path().join("data"), 24) else {
        return;
    };
    let mut cluster = Cluster::new(folder.path(), &powerjob()).expect("ports");
    cluster.start_server().await.expect("the server starts");
    let api = cluster.sign_in().await.expect("signed in");
    let (app, secret) = api.create_app("faults").await.expect("an application");
    let agent = cluster.start_agent("w1", "faults", &secret, &[]);
    let _agent = agent.expect("an agent");
    api.until_workers(&app, 1).await;
    let marks = folder.path().join("marks");
    let mut job = json!({
        "name": "called", "processorType": "SHELL", "processor": mark_script(&marks),
        "instanceRetries": 10, "schedule": { "type": "API" },
    });
    let called = api.create_job(&app, &job).await.expect("a job");
    job["name"] = "tick".into();
    job["schedule"] = json!({ "type": "CRON", "expression": "* * * * * ?" });
    let tick = api.create_job(&app, &job).await.expect("a job");
    let first_ms = now_ms() + 1_000;
    let callers = Callers::start(vec![api.clone()], vec![called.clone()]);
    let_it_tick(2).await;
    disk.fill().expect("full");
    let full_at = now_ms();
    let refusal = eventually("a call is refused", LIMIT, || async {
        api.run(&called, "").await.err()
    })
    .await;
    assert!(refusal.to_string().contains("503"), "{refusal}");
    let_it_tick(FULL_SECONDS).await;
    disk.free().expect("there is room");
    let outage = Outage {
        from_ms: full_at - 1_000,
        to_ms: now_ms() + TAKE_OVER_MS + SLACK_MS,
    };
    let run = eventually("a call is accepted again", LIMIT, || async {
        api.run(&called, "").await.ok()
    })
    .await;
    assert_eq!(api.until_ended(&run, LIMIT).await["status"], "SUCCEED");
    let_it_tick(5).await;
    let accepted = callers.stop().await;
    all_succeed(&api, &accepted).await;
    let last_ms = now_ms() - 1_500;
    assert_eq!(cluster.server().terminate().expect("ended"), Some(0));
    let rows = read_rows(&cluster.database()).await.expect("rows");
    let jobs = [tick.parse().expect("an id")];
    let faults = trigger_faults(&rows, &jobs, (first_ms, last_ms), &[outage]);
    assert_eq!(faults, Vec::<String>::new());
    let starts = read_starts(&marks).expect("marks");
    assert_eq!(start_faults(&rows, &starts), Vec::<String>::new());
}

/// PostgreSQL may end when there is no room for its log: then it is started again, as its service
/// manager would.
#[tokio::test]
#[ignore = "it takes long: `make faults`"]
async fn a_full_disk_of_the_database_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(disk) = SmallDisk::mount(&folder.path().join("disk"), 160) else {
        return;
    };
    let plan = Plan {
        data: Some(disk.folder().to_owned()),
        ..Plan::new(Kind::Postgres, 2)
    };
    let Some(mut team) = Team::start(plan).await else {
        return;
    };
    team.database.keep_its_data().expect("kept");
    team.until_workers().await;
    let first_ms = now_ms() + 1_000;
    let callers = Callers::start(vec![team.api.clone()], team.called.clone());
    let_it_tick(3).await;
    disk.fill().expect("full");
    let full_at = now_ms();
    eventually("a call is refused", LIMIT, || async {
        team.api.run(&team.called[0], "").await.err()
    })
    .await;
    let_it_tick(FULL_SECONDS).await;
    disk.free().expect("there is room");
    if team.database.has_ended().expect("its state") {
        team.database.start_again().expect("started again");
    }
    eventually("a call is accepted again", LIMIT, || async {
        team.api.run(&team.called[0], "").await.ok()
    })
    .await;
    let outage = Outage {
        from_ms: full_at - 1_000,
        to_ms: now_ms() + TAKE_OVER_MS + SLACK_MS,
    };
    let_it_tick(5).await;
    let accepted = callers.stop().await;
    all_succeed(&team.api, &accepted).await;
    team.assert_alive(0..2);
    team.check(first_ms, &[outage], HAND_OVER_MS + SLACK_MS)
        .await;
}
