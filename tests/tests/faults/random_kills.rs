//! The shipped program, killed at moments nobody chose.

use std::time::Duration;

use powerjob_tests::process::{Api, Cluster};
use powerjob_tests::programs::powerjob;
use tempfile::TempDir;

use crate::witness::Witness;

const ROUNDS: u64 = 4;

/// Calls runs until told to stop, whether the server is there or not; gives the accepted ones.
async fn call_without_pause(
    api: Api,
    job: String,
    stop: std::sync::Arc<std::sync::atomic::AtomicBool>,
) -> Vec<String> {
    let mut accepted = Vec::new();
    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
        match api.run(&job, "").await {
            Ok(instance) => accepted.push(instance),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await, // allow-sleep: pace
        }
    }
    accepted
}

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
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let calls = tokio::spawn(call_without_pause(
        api.clone(),
        witness.job.clone(),
        stop.clone(),
    ));

    let mut random = std::process::id().into();
    for _ in 0..ROUNDS {
        tokio::time::sleep(random_pause(&mut random)).await; // allow-sleep: the moment is random
        cluster.kill_server().expect("killed");
        cluster
            .start_server()
            .await
            .expect("the server starts again");
        tokio::time::sleep(random_pause(&mut random)).await; // allow-sleep: the moment is random
        first.kill().expect("killed");
        first = cluster
            .start_agent("w1", "faults", &secret, &[])
            .expect("the agent again");
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let accepted = calls.await.expect("the calls end");
    assert!(
        accepted.len() > 20,
        "only {} runs were accepted",
        accepted.len()
    );
    witness.check(&api, &accepted, &["SUCCEED"]).await;
}

/// Between 100 and 1,100 ms (xorshift).
fn random_pause(state: &mut u64) -> Duration {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    Duration::from_millis(100 + *state % 1_000)
}
