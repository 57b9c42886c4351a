//! A server that stops in the worst moments and goes on when others have taken what it had: after it
//! claimed a run and before it sends it, and before it commits. The database refuses its writes; what it
//! sends reaches nobody or is refused by the worker, which knows the later epoch.

use powerjob_databases::Kind;
use powerjob_tests::checker::Outage;
use powerjob_tests::eventually::eventually;
use powerjob_tests::programs::powerjob_with_fail_points;
use powerjob_tests::team::{
    HAND_OVER_MS, LIMIT, Plan, SLACK_MS, TAKE_OVER_MS, Team, let_it_tick, now_ms,
};
use rustix::process::Signal;

on_both! { long:
    a_zombie_that_was_about_to_commit_is_refused
    a_zombie_that_was_about_to_send_is_refused
}

async fn a_zombie_that_was_about_to_commit_is_refused(kind: Kind) {
    stops_at(kind, "store::before_commit").await;
}

async fn a_zombie_that_was_about_to_send_is_refused(kind: Kind) {
    stops_at(kind, "dispatch::before_send").await;
}

async fn stops_at(kind: Kind, point: &str) {
    let plan = Plan {
        binary: powerjob_with_fail_points(),
        ..Plan::new(kind, 0)
    };
    let Some(mut team) = Team::start_with(plan, |servers| {
        let zombie = &mut servers[1];
        let armed = zombie.folder.join("armed").display().to_string();
        let variables = [
            ("POWERJOB_FAIL_POINT", point),
            ("POWERJOB_FAIL_ARMED", &armed),
            ("POWERJOB_FAIL_ACTION", "stop"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        zombie.environment = variables.to_vec();
    })
    .await
    else {
        return;
    };
    let first_ms = now_ms() + 1_000;
    let_it_tick(3).await;
    std::fs::write(team.servers[1].folder.join("armed"), "").expect("armed");
    let process = team.servers[1].server();
    eventually("it stands still", LIMIT, || {
        let is_stopped = process.is_stopped().expect("its state");
        async move { is_stopped.then_some(()) }
    })
    .await;
    let stopped_at = now_ms();
    team.until_without_apps("s2").await;
    let_it_tick(2).await;
    let process = team.servers[1].server();
    process.signal(Signal::CONT).expect("goes on");
    team.until_shared_out(&["s1", "s2", "s3"]).await;
    team.until_workers().await;
    team.assert_alive(0..3);
    let_it_tick(3).await;
    let outage = Outage {
        from_ms: stopped_at - 1_000,
        to_ms: stopped_at + TAKE_OVER_MS + SLACK_MS,
    };
    team.check(first_ms, &[outage], HAND_OVER_MS + SLACK_MS)
        .await;
}
