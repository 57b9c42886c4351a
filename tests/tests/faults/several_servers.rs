//! Three servers over one database: joining, leaving, killed, frozen, and without their database.
//! Every second each job has its one run, whoever owns its application.

use powerjob_databases::Kind;
use powerjob_tests::checker::Outage;
use powerjob_tests::process::Api;
use powerjob_tests::team::{
    HAND_OVER_MS, LIMIT, Plan, SLACK_MS, TAKE_OVER_MS, Team, let_it_tick, now_ms,
};
use rustix::process::Signal;

on_both! { all:
    applications_move_when_servers_join_and_leave_and_no_trigger_is_late
    applications_of_a_killed_server_are_taken_over_in_time
    a_server_that_stood_still_beyond_its_lease_does_no_harm_and_comes_back
    after_a_restart_of_the_database_the_servers_go_on
}

async fn applications_move_when_servers_join_and_leave_and_no_trigger_is_late(kind: Kind) {
    let Some(mut team) = Team::start(Plan::new(kind, 1)).await else {
        return;
    };
    let first_ms = now_ms() + 1_000;
    let_it_tick(2).await;
    for joining in 1..3 {
        let joins = team.servers[joining].start_server().await;
        joins.expect("a server starts");
        let_it_tick(2).await;
    }
    team.until_shared_out(&["s1", "s2", "s3"]).await;
    let_it_tick(2).await;
    // Any server answers any request.
    for server in &team.servers {
        let api = Api {
            address: server.http.clone(),
            token: team.api.token.clone(),
        };
        for (app, job) in team.apps.iter().zip(&team.called) {
            api.until_workers(app, 1).await;
            let run = api.run(job, "by hand").await.expect("accepted");
            assert_eq!(api.until_ended(&run, LIMIT).await["status"], "SUCCEED");
        }
    }
    let ended = team.servers[2].server().terminate().expect("ended");
    assert_eq!(ended, Some(0));
    assert!(
        team.owners().await.iter().all(|owner| owner != "s3"),
        "nothing is left with s3"
    );
    let_it_tick(3).await;
    team.until_workers().await;
    team.check(first_ms, &[], HAND_OVER_MS + SLACK_MS).await;
}

async fn applications_of_a_killed_server_are_taken_over_in_time(kind: Kind) {
    let Some(mut team) = Team::start_shared_out(Plan::new(kind, 3)).await else {
        return;
    };
    let first_ms = now_ms() + 1_000;
    let_it_tick(3).await;
    let killed_at = now_ms();
    team.servers[1].kill_server().expect("killed");
    let taken_after = team.until_without_apps("s2").await - killed_at;
    assert!(
        taken_after <= TAKE_OVER_MS + SLACK_MS,
        "taken over after {taken_after} ms"
    );
    let_it_tick(4).await;
    team.until_workers().await;
    let outage = Outage {
        from_ms: killed_at - 1_000,
        to_ms: killed_at + TAKE_OVER_MS + SLACK_MS,
    };
    team.check(first_ms, &[outage], HAND_OVER_MS + SLACK_MS)
        .await;
}

async fn a_server_that_stood_still_beyond_its_lease_does_no_harm_and_comes_back(kind: Kind) {
    let Some(mut team) = Team::start_shared_out(Plan::new(kind, 3)).await else {
        return;
    };
    let first_ms = now_ms() + 1_000;
    let_it_tick(3).await;
    let frozen = team.other_owner().await;
    let name = format!("s{}", frozen + 1);
    let frozen_at = now_ms();
    let process = team.servers[frozen].server();
    process.signal(Signal::STOP).expect("stopped");
    let taken_at = team.until_without_apps(&name).await;
    assert!(taken_at - frozen_at <= TAKE_OVER_MS + SLACK_MS);
    let_it_tick(3).await;
    let process = team.servers[frozen].server();
    process.signal(Signal::CONT).expect("goes on");
    team.until_shared_out(&["s1", "s2", "s3"]).await;
    team.assert_alive(0..3);
    let_it_tick(3).await;
    team.until_workers().await;
    let outage = Outage {
        from_ms: frozen_at - 1_000,
        to_ms: frozen_at + TAKE_OVER_MS + SLACK_MS,
    };
    team.check(first_ms, &[outage], HAND_OVER_MS + SLACK_MS)
        .await;
}

async fn after_a_restart_of_the_database_the_servers_go_on(kind: Kind) {
    let Some(mut team) = Team::start(Plan::new(kind, 2)).await else {
        return;
    };
    team.until_workers().await;
    let first_ms = now_ms() + 1_000;
    let_it_tick(3).await;
    let killed_at = now_ms();
    team.database.kill().expect("killed");
    let_it_tick(3).await;
    team.database.start_again().expect("started again");
    let back_at = now_ms();
    let_it_tick(5).await;
    team.until_workers().await;
    let outage = Outage {
        from_ms: killed_at - 1_000,
        to_ms: back_at + TAKE_OVER_MS + SLACK_MS,
    };
    team.assert_alive(0..2);
    team.check(first_ms, &[outage], HAND_OVER_MS + SLACK_MS)
        .await;
}
