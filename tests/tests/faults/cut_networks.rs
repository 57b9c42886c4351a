//! The network between a server and the database, and between a server and its workers: ended, stalled,
//! silent. Whoever is cut off stops acting before another may begin, and works again afterwards.

use powerjob_databases::Kind;
use powerjob_tests::checker::{Outage, end_faults, read_rows, read_starts, start_faults};
use powerjob_tests::process::Cluster;
use powerjob_tests::programs::powerjob;
use powerjob_tests::proxy::{Proxy, Way};
use powerjob_tests::team::{HAND_OVER_MS, Plan, SLACK_MS, TAKE_OVER_MS, Team, let_it_tick, now_ms};

use crate::callers::{Callers, all_succeed};
use crate::witness::Witness;

on_both! { long:
    a_server_whose_connections_to_the_database_end_is_replaced_and_comes_back
    a_server_whose_network_stalls_is_replaced_and_comes_back
    a_server_whose_network_swallows_everything_is_replaced_and_comes_back
}

async fn a_server_whose_connections_to_the_database_end_is_replaced_and_comes_back(kind: Kind) {
    server_without_database(kind, Way::Cut).await;
}

async fn a_server_whose_network_stalls_is_replaced_and_comes_back(kind: Kind) {
    server_without_database(kind, Way::Stalled).await;
}

async fn a_server_whose_network_swallows_everything_is_replaced_and_comes_back(kind: Kind) {
    server_without_database(kind, Way::Silent).await;
}

async fn server_without_database(kind: Kind, way: Way) {
    let plan = Plan {
        proxied: true,
        ..Plan::new(kind, 3)
    };
    let Some(mut team) = Team::start_shared_out(plan).await else {
        return;
    };
    let first_ms = now_ms() + 1_000;
    let_it_tick(3).await;
    let cut_off = team.other_owner().await;
    let cut_at = now_ms();
    team.proxies[cut_off].set(way);
    let name = format!("s{}", cut_off + 1);
    let taken_after = team.until_without_apps(&name).await - cut_at;
    assert!(
        taken_after <= TAKE_OVER_MS + SLACK_MS,
        "taken over after {taken_after} ms"
    );
    let_it_tick(3).await;
    team.proxies[cut_off].set(Way::Open);
    team.until_shared_out(&["s1", "s2", "s3"]).await;
    team.until_workers().await;
    team.assert_alive(0..3);
    let_it_tick(3).await;
    let outage = Outage {
        from_ms: cut_at - 1_000,
        to_ms: cut_at + TAKE_OVER_MS + SLACK_MS,
    };
    team.check(first_ms, &[outage], HAND_OVER_MS + SLACK_MS)
        .await;
}

/// Longer than a worker may be silent.
const AWAY_SECONDS: u64 = 4;

async fn worker_without_server(way: Way) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut cluster = Cluster::new(folder.path(), &powerjob()).expect("ports");
    cluster.start_server().await.expect("the server starts");
    let door = cluster.workers.rsplit_once(':').expect("a port").1;
    let proxy = Proxy::start(door.parse().expect("a number")).await;
    let proxy = proxy.expect("a proxy");
    let api = cluster.sign_in().await.expect("signed in");
    let (app, secret) = api.create_app("faults").await.expect("an application");
    let _agent = cluster
        .start_agent_at(
            &format!("127.0.0.1:{}", proxy.port()),
            "w1",
            ("faults", &secret),
            &[],
        )
        .expect("an agent");
    api.until_workers(&app, 1).await;
    let witness = Witness::create(&api, &app, folder.path(), 10).await;
    let callers = Callers::start(vec![api.clone()], vec![witness.job.clone()]);
    let_it_tick(1).await;
    proxy.set(way);
    let_it_tick(AWAY_SECONDS).await;
    proxy.set(Way::Open);
    api.until_workers(&app, 1).await;
    let_it_tick(1).await;
    let accepted = callers.stop().await;
    all_succeed(&api, &accepted).await;
    cluster.server().terminate().expect("ended");
    let rows = read_rows(&cluster.database()).await.expect("rows");
    let starts = read_starts(&folder.path().join("marks")).expect("marks");
    assert_eq!(start_faults(&rows, &starts), Vec::<String>::new());
    assert_eq!(end_faults(&rows), Vec::<String>::new());
}

#[tokio::test]
async fn a_worker_whose_connection_ends_comes_back_and_nothing_is_doubled() {
    worker_without_server(Way::Cut).await;
}

#[tokio::test]
#[ignore = "it takes long: `make faults`"]
async fn a_worker_whose_network_stalls_comes_back_and_nothing_is_doubled() {
    worker_without_server(Way::Stalled).await;
}

#[tokio::test]
#[ignore = "it takes long: `make faults`"]
async fn a_worker_whose_network_swallows_everything_comes_back_and_nothing_is_doubled() {
    worker_without_server(Way::Silent).await;
}
