//! All servers killed at once, a server that is killed again and again, and a database without a free
//! connection.

use std::time::Duration;

use powerjob_databases::{DATABASE, Kind};
use powerjob_tests::checker::Outage;
use powerjob_tests::eventually::eventually;
use powerjob_tests::random::Random;
use powerjob_tests::team::{
    HAND_OVER_MS, LIMIT, Plan, SLACK_MS, TAKE_OVER_MS, Team, let_it_tick, now_ms,
};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};

on_both! { long:
    after_all_servers_were_killed_at_once_nothing_is_lost_or_doubled
    a_server_in_a_loop_of_crashes_does_not_disturb_the_other
    without_a_free_connection_nothing_is_lost_and_it_goes_on_by_itself
}

async fn after_all_servers_were_killed_at_once_nothing_is_lost_or_doubled(kind: Kind) {
    let Some(mut team) = Team::start_shared_out(Plan::new(kind, 3)).await else {
        return;
    };
    let first_ms = now_ms() + 1_000;
    let_it_tick(3).await;
    let killed_at = now_ms();
    for server in &mut team.servers {
        server.kill_server().expect("killed");
    }
    for server in &mut team.servers {
        server.start_server_with(&[]).await.expect("started again");
    }
    for server in &team.servers {
        server.until_ready().await;
    }
    team.until_workers().await;
    let outage = Outage {
        from_ms: killed_at - 1_000,
        to_ms: now_ms() + SLACK_MS,
    };
    let_it_tick(4).await;
    team.check(first_ms, &[outage], HAND_OVER_MS + SLACK_MS)
        .await;
}

/// The other server owns some of the applications all the time; those that the crashing one gets come
/// back each time.
async fn a_server_in_a_loop_of_crashes_does_not_disturb_the_other(kind: Kind) {
    let Some(mut team) = Team::start(Plan::new(kind, 1)).await else {
        return;
    };
    let first_ms = now_ms() + 1_000;
    let_it_tick(2).await;
    let mut random = Random::new();
    let mut outages = Vec::new();
    let until = now_ms() + 15_000;
    while now_ms() < until {
        let begun_at = now_ms();
        let crashing = &mut team.servers[1];
        crashing.start_server_with(&[]).await.expect("started");
        tokio::time::sleep(random.span_ms(300, 1_500)).await; // allow-sleep: the moment is random
        crashing.kill_server().expect("killed");
        outages.push(Outage {
            from_ms: begun_at,
            to_ms: now_ms() + TAKE_OVER_MS + SLACK_MS,
        });
    }
    team.until_without_apps("s2").await;
    team.until_workers().await;
    let_it_tick(4).await;
    team.assert_alive(0..1);
    team.check(first_ms, &outages, HAND_OVER_MS + SLACK_MS)
        .await;
}

/// Others take all connections of the database, so that those that the servers lose can not be
/// replaced; then they give them back.
async fn without_a_free_connection_nothing_is_lost_and_it_goes_on_by_itself(kind: Kind) {
    let Some(mut team) = Team::start(Plan::new(kind, 2)).await else {
        return;
    };
    team.until_workers().await;
    let first_ms = now_ms() + 1_000;
    let_it_tick(3).await;
    let url = team.database.url(DATABASE);
    let others = take_all_connections(&url).await;
    let taken_at = now_ms();
    // With what they have the servers go on; what they lose now they do not get again.
    let_it_tick(3).await;
    end_the_others(&others[0], kind).await;
    let_it_tick(3).await;
    for connection in others {
        connection.close().await.ok();
    }
    let back_at = now_ms();
    team.until_workers().await;
    let_it_tick(5).await;
    let outage = Outage {
        from_ms: taken_at - 1_000,
        to_ms: back_at + TAKE_OVER_MS + SLACK_MS,
    };
    team.assert_alive(0..2);
    team.check(first_ms, &[outage], HAND_OVER_MS + SLACK_MS)
        .await;
}

/// The first of the connections was made while there were enough.
async fn take_all_connections(url: &str) -> Vec<DatabaseConnection> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(1)
        .connect_timeout(Duration::from_secs(1))
        .acquire_timeout(Duration::from_secs(1));
    let mut connections = Vec::new();
    while let Ok(connection) = Database::connect(options.clone()).await {
        connections.push(connection);
    }
    assert!(connections.len() > 20, "only {}", connections.len());
    connections
}

/// Ends the connections of the servers; others get their places at once.
async fn end_the_others(own: &DatabaseConnection, kind: Kind) {
    let text = match kind {
        Kind::Postgres => {
            "select pg_terminate_backend(pid) from pg_stat_activity \
             where application_name like 'powerjob-%'"
        }
        Kind::MariaDb => return,
    };
    eventually("the connections are ended", LIMIT, || async {
        own.execute_unprepared(text).await.ok()
    })
    .await;
}
