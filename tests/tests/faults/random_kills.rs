//! The shipped program, killed at moments nobody chose.

use powerjob_tests::process::Cluster;
use powerjob_tests::programs::powerjob;
use powerjob_tests::random::Random;
use tempfile::TempDir;

use crate::callers::Callers;
use crate::witness::Witness;

const ROUNDS: u64 = 4;

#[tokio::test]
async fn every_accepted_run_ends_whatever_is_killed_when() {
    let folder = TempDir::new().expect("a folder");
    let mut cluster = Cluster::new(folder.path(), &powerjob()).expect("ports");
    cluster.start_server().await.expect("the server starts");
    let api = cluster.sign_in().await.expect("signed in");
    let (app, secret) = api.create_app("faults").await.expect("an application");
    let mut first = cluster
        .start_agent("w1", "faults", &secret, &[])
        .expect("an agent");
    let _second = cluster
        .start_agent("w2", "faults", &secret, &[])
        .expect("an agent");
    api.until_workers(&app, 2).await;
    let witness = Witness::create(&api, &app, folder.path(), 10).await;
    let callers = Callers::start(vec![api.clone()], vec![witness.job.clone()]);

    let mut random = Random::new();
    for _ in 0..ROUNDS {
        tokio::time::sleep(random.span_ms(100, 1_100)).await; // allow-sleep: the moment is random
        cluster.kill_server().expect("killed");
        cluster
            .start_server()
            .await
            .expect("the server starts again");
        tokio::time::sleep(random.span_ms(100, 1_100)).await; // allow-sleep: the moment is random
        first.kill().expect("killed");
        first = cluster
            .start_agent("w1", "faults", &secret, &[])
            .expect("the agent again");
    }
    let accepted = callers.stop().await;
    witness.check(&api, &accepted, &["SUCCEED"]).await;
}
