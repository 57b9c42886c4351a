//! The process ends before and after each commit and each send; the run goes on all the same.

use std::time::Duration;

use powerjob_tests::eventually::eventually;
use powerjob_tests::process::Cluster;
use powerjob_tests::programs::powerjob_with_fail_points;
use tempfile::TempDir;

use crate::witness::Witness;

const DEATH_LIMIT: Duration = Duration::from_secs(20);

/// Which process has the fail point.
#[derive(Clone, Copy, PartialEq)]
enum At {
    Server,
    Worker,
}

async fn survives(at: At, point: &str) {
    let folder = TempDir::new().expect("a folder");
    let armed = folder.path().join("armed");
    let armed_text = armed.display().to_string();
    let environment = [
        ("POWERJOB_FAIL_POINT", point),
        ("POWERJOB_FAIL_ARMED", armed_text.as_str()),
    ];
    let none: &[(&str, &str)] = &[];
    let mut cluster = Cluster::new(folder.path(), &powerjob_with_fail_points()).expect("ports");
    let for_server = if at == At::Server {
        &environment[..]
    } else {
        none
    };
    cluster
        .start_server_with(for_server)
        .await
        .expect("the server starts");
    cluster.until_ready().await;
    let api = cluster.sign_in().await.expect("signed in");
    let (app, secret) = api.create_app("faults").await.expect("an application");
    let for_worker = if at == At::Worker {
        &environment[..]
    } else {
        none
    };
    let mut agent = cluster
        .start_agent("w1", "faults", &secret, for_worker)
        .expect("an agent");
    api.until_workers(&app, 1).await;
    let witness = Witness::create(&api, &app, folder.path(), 3).await;
    let mut accepted = witness.run_until_refused(&api, 5).await;
    assert_eq!(
        accepted.len(),
        5,
        "without the fail point armed all is well"
    );

    std::fs::write(&armed, "").expect("armed");
    accepted.extend(witness.run_until_refused(&api, 20).await);
    let dying = if at == At::Server {
        cluster.server()
    } else {
        &mut agent
    };
    eventually(&format!("the process dies at {point}"), DEATH_LIMIT, || {
        let ended = dying.has_ended().expect("its state");
        async move { ended.then_some(()) }
    })
    .await;
    std::fs::remove_file(&armed).expect("disarmed");
    let _again;
    if at == At::Server {
        cluster
            .start_server()
            .await
            .expect("the server starts again");
    } else {
        _again = cluster
            .start_agent("w1", "faults", &secret, none)
            .expect("the agent again");
    }
    api.until_workers(&app, 1).await;
    witness.check(&api, &accepted, &["SUCCEED"]).await;
    // A worker that lives keeps its lines until the server has them.
    let least = usize::from(at == At::Server);
    witness.check_logs(&api, &accepted, least).await;
}

macro_rules! fail_points {
    ($($test:ident: $at:ident $point:literal;)+) => {
        $(
            #[tokio::test]
            async fn $test() {
                survives(At::$at, $point).await;
            }
        )+
    };
}

fail_points! {
    server_dies_before_a_commit: Server "store::before_commit";
    server_dies_after_a_commit: Server "store::after_commit";
    server_dies_before_it_sends_a_run: Server "dispatch::before_send";
    server_dies_after_it_sent_a_run: Server "dispatch::after_send";
    server_dies_before_it_answers_a_report: Server "report::before_answer";
    server_dies_after_it_answered_a_report: Server "report::after_answer";
    server_dies_before_a_log_is_durable: Server "logs::before_sync";
    server_dies_after_a_log_is_durable: Server "logs::after_sync";
    worker_dies_before_it_reports: Worker "worker::before_report";
    worker_dies_after_it_reported: Worker "worker::after_report";
    worker_dies_before_its_spool_is_durable: Worker "worker::before_spool_sync";
    worker_dies_after_its_spool_is_durable: Worker "worker::after_spool_sync";
}
