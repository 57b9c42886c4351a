//! One server after the other is drained and started again, while jobs of every second run and runs are
//! called. The new process is the same binary: what is on trial is the change, not the versions.

use powerjob_databases::Kind;
use powerjob_tests::process::Api;
use powerjob_tests::team::{HAND_OVER_MS, Plan, SLACK_MS, Team, let_it_tick, now_ms};

use crate::callers::{Callers, all_succeed};

on_both! { long:
    an_upgrade_of_one_server_after_the_other_delays_nothing
}

async fn an_upgrade_of_one_server_after_the_other_delays_nothing(kind: Kind) {
    let Some(mut team) = Team::start_shared_out(Plan::new(kind, 3)).await else {
        return;
    };
    let first_ms = now_ms() + 1_000;
    let_it_tick(2).await;
    let apis = team.servers.iter().map(|server| Api {
        address: server.http.clone(),
        token: team.api.token.clone(),
    });
    let callers = Callers::start(apis.collect(), team.called.clone());
    for upgraded in 0..3 {
        let server = &mut team.servers[upgraded];
        let ended = server.server().terminate().expect("ended");
        assert_eq!(ended, Some(0));
        server.start_server().await.expect("it starts again");
        team.until_shared_out(&["s1", "s2", "s3"]).await;
        team.until_workers().await;
        let_it_tick(1).await;
    }
    let accepted = callers.stop().await;
    all_succeed(&team.api, &accepted).await;
    team.check(first_ms, &[], HAND_OVER_MS + SLACK_MS).await;
}
