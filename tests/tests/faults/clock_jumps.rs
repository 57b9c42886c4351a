//! The wall clock of a server jumps by an hour while it runs. Leases, time limits and liveness do not
//! notice; schedules follow the clock, and no time is served twice.

use powerjob_databases::Kind;
use powerjob_tests::checker::{Outage, Row, read_rows, read_starts, start_faults, trigger_faults};
use powerjob_tests::eventually::eventually;
use powerjob_tests::process::{Api, Cluster};
use powerjob_tests::programs::powerjob;
use powerjob_tests::team::{
    HAND_OVER_MS, LIMIT, Plan, SLACK_MS, Team, let_it_tick, mark_script, now_ms,
};
use powerjob_tests::wall_clock::WallClock;
use serde_json::json;

const HOUR: i64 = 3_600;
/// The clock jumps within this time after it was set.
const JUMP_SECONDS: u64 = 3;

on_both! { long:
    a_server_whose_clock_jumps_ahead_keeps_its_lease_and_doubles_nothing
    a_server_whose_clock_jumps_back_keeps_its_lease_and_doubles_nothing
}

async fn a_server_whose_clock_jumps_ahead_keeps_its_lease_and_doubles_nothing(kind: Kind) {
    one_of_three_jumps(kind, HOUR).await;
}

async fn a_server_whose_clock_jumps_back_keeps_its_lease_and_doubles_nothing(kind: Kind) {
    one_of_three_jumps(kind, -HOUR).await;
}

/// The applications of the other servers do not notice anything.
async fn one_of_three_jumps(kind: Kind, seconds: i64) {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(clock) = WallClock::new(folder.path()) else {
        return;
    };
    let environment = clock.environment();
    let set_clock = |servers: &mut [Cluster]| servers[2].environment = environment;
    let Some(mut team) = Team::start_with(Plan::new(kind, 3), set_clock).await else {
        return;
    };
    let owners = team.owners().await;
    let first_ms = now_ms() + 1_000;
    let_it_tick(3).await;
    let jumped_at = now_ms();
    clock.shift(seconds).expect("set");
    let_it_tick(JUMP_SECONDS + 4).await;
    assert_eq!(team.owners().await, owners, "nobody lost its lease");
    team.assert_alive(0..3);
    let last_ms = now_ms() - 1_500;
    for (place, owner) in owners.iter().enumerate() {
        // A request is not handed on between servers whose clocks differ so much: the owner is asked.
        let server = ["s1", "s2", "s3"].iter().position(|name| name == owner);
        let api = Api {
            address: team.servers[server.expect("a server")].http.clone(),
            token: team.api.token.clone(),
        };
        api.until_workers(&team.apps[place], 1).await;
        let run = api.run(&team.called[place], "").await.expect("accepted");
        assert_eq!(api.until_ended(&run, LIMIT).await["status"], "SUCCEED");
        team.switch_off(&api, &team.jobs[place..=place]).await;
    }
    let rows = team.until_ended().await;
    let (mut faulty, mut sound) = (Vec::new(), Vec::new());
    for (job, owner) in team.jobs.iter().zip(&owners) {
        let group = if owner == "s3" {
            &mut faulty
        } else {
            &mut sound
        };
        group.push(*job);
    }
    assert_eq!((faulty.len(), sound.len()), (1, 2));
    let late_ms = HAND_OVER_MS + SLACK_MS;
    team.judge(&rows, &sound, (first_ms, last_ms), &[], late_ms);
    let jump = Outage {
        from_ms: jumped_at - 1_000,
        to_ms: i64::MAX,
    };
    team.judge(&rows, &faulty, (first_ms, last_ms), &[jump], late_ms);
    let after: Vec<&Row> = of_job(&rows, faulty[0])
        .filter(|row| row.created_ms > jumped_at + HOUR * 500)
        .collect();
    assert_eq!(
        after.is_empty(),
        seconds < 0,
        "what the jump skips: {after:?}"
    );
}

fn of_job(rows: &[Row], job: i64) -> impl Iterator<Item = &Row> {
    rows.iter().filter(move |row| row.job_id == job)
}

#[tokio::test]
#[ignore = "it takes long: `make faults`"]
async fn a_single_server_makes_up_once_for_the_hour_that_its_clock_skipped() {
    a_single_server_jumps(HOUR).await;
}

#[tokio::test]
#[ignore = "it takes long: `make faults`"]
async fn a_single_server_whose_clock_goes_back_waits_for_the_time_it_had_reached() {
    a_single_server_jumps(-HOUR).await;
}

async fn a_single_server_jumps(seconds: i64) {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(clock) = WallClock::new(folder.path()) else {
        return;
    };
    let mut cluster = Cluster::new(folder.path(), &powerjob()).expect("ports");
    cluster.environment = clock.environment();
    cluster.start_server().await.expect("the server starts");
    let api = cluster.sign_in().await.expect("signed in");
    let (app, secret) = api.create_app("faults").await.expect("an application");
    let agent = cluster.start_agent("w1", "faults", &secret, &[]);
    let _agent = agent.expect("an agent");
    api.until_workers(&app, 1).await;
    let marks = folder.path().join("marks");
    let job = json!({
        "name": "tick", "processorType": "SHELL", "processor": mark_script(&marks),
        "instanceRetries": 10, "schedule": { "type": "CRON", "expression": "* * * * * ?" },
    });
    let job = api.create_job(&app, &job).await.expect("a job");
    let first_ms = now_ms() + 1_000;
    let_it_tick(3).await;
    let jumped_at = now_ms();
    clock.shift(seconds).expect("set");
    let_it_tick(JUMP_SECONDS + 3).await;
    let run = api.run(&job, "").await.expect("accepted");
    assert_eq!(api.until_ended(&run, LIMIT).await["status"], "SUCCEED");
    if seconds < 0 {
        // Set right again, it goes on where it was.
        clock.shift(0).expect("set");
    }
    let right_at = now_ms();
    let_it_tick(JUMP_SECONDS + 3).await;
    let last_ms = now_ms() - 1_500 + seconds.max(0) * 1_000;
    eventually("the server ends", LIMIT, || {
        let ended = cluster.server().terminate();
        async move { ended.ok() }
    })
    .await;
    let rows = read_rows(&cluster.database()).await.expect("rows");
    let away_ms = JUMP_SECONDS.cast_signed() * 1_000;
    let jump = Outage {
        from_ms: jumped_at - 1_000,
        to_ms: right_at.max(jumped_at + seconds * 1_000) + away_ms,
    };
    let job = job.parse().expect("an id");
    let faults = trigger_faults(&rows, &[job], (first_ms, last_ms), &[jump]);
    assert_eq!(faults, Vec::<String>::new());
    let starts = read_starts(&marks).expect("marks");
    assert_eq!(start_faults(&rows, &starts), Vec::<String>::new());
    let skipped = (jumped_at + away_ms, jumped_at + (HOUR - 60) * 1_000);
    let made_up = of_job(&rows, job)
        .filter_map(|row| row.nominal_ms)
        .filter(|at| skipped.0 < *at && *at < skipped.1 && seconds > 0);
    assert!(made_up.count() <= 1, "at most one run for the hour");
}
