//! A worker that is gone: its runs go elsewhere if the job allows a retry, else they fail with the
//! true cause.

use std::time::Duration;

use powerjob_tests::eventually::eventually;
use powerjob_tests::process::{Api, Cluster};
use powerjob_tests::programs::powerjob;
use serde_json::{Value, json};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(20);

async fn long_job(api: &Api, app: &str, retries: u32) -> String {
    let job = json!({
        "name": format!("long-{retries}"), "processor": "sleep", "params": "{\"ms\": 4000}",
        "schedule": { "type": "API" }, "instanceRetries": retries,
    });
    api.create_job(app, &job)
        .await
        .expect("the job is accepted")
}

async fn until_running(api: &Api, instance: &str) -> Value {
    eventually("the run is running", LIMIT, || async {
        let path = format!("/v1/instances/{instance}");
        let answer = api.call("GET", &path, &Value::Null).await.ok()?;
        (answer["status"] == "RUNNING").then_some(answer)
    })
    .await
}

async fn stage(folder: &TempDir) -> (Cluster, Api, String, String) {
    let mut cluster = Cluster::new(folder.path(), &powerjob()).expect("ports");
    cluster.start_server().await.expect("the server starts");
    let api = cluster.sign_in().await.expect("signed in");
    let (app, secret) = api.create_app("faults").await.expect("an application");
    (cluster, api, app, secret)
}

#[tokio::test]
async fn without_retries_the_run_fails_and_names_the_lost_worker() {
    let folder = TempDir::new().expect("a folder");
    let (cluster, api, app, secret) = stage(&folder).await;
    let mut agent = cluster
        .start_agent("w1", "faults", &secret, &[])
        .expect("an agent");
    api.until_workers(&app, 1).await;
    let instance = api
        .run(&long_job(&api, &app, 0).await, "")
        .await
        .expect("accepted");
    until_running(&api, &instance).await;
    agent.kill().expect("killed");
    let ended = api.until_ended(&instance, LIMIT).await;
    assert_eq!(ended["status"], "FAILED");
    let cause = ended["fullResult"].as_str().expect("text");
    assert!(
        cause.contains("worker lost") && cause.contains("w1"),
        "{cause}"
    );
}

#[tokio::test]
async fn with_a_retry_the_run_goes_to_another_worker() {
    let folder = TempDir::new().expect("a folder");
    let (cluster, api, app, secret) = stage(&folder).await;
    let mut agent = cluster
        .start_agent("w1", "faults", &secret, &[])
        .expect("an agent");
    api.until_workers(&app, 1).await;
    let instance = api
        .run(&long_job(&api, &app, 1).await, "")
        .await
        .expect("accepted");
    until_running(&api, &instance).await;
    let _other = cluster
        .start_agent("w2", "faults", &secret, &[])
        .expect("another agent");
    api.until_workers(&app, 2).await;
    agent.kill().expect("killed");
    let ended = api.until_ended(&instance, LIMIT + LIMIT).await;
    assert_eq!(ended["status"], "SUCCEED", "{ended}");
    let attempts = ended["attempts"].as_array().expect("a list");
    assert_eq!(attempts.len(), 2, "{ended}");
    assert_ne!(attempts[0]["worker"], attempts[1]["worker"]);
}

#[tokio::test]
async fn a_run_in_flight_survives_the_restart_of_the_server() {
    let folder = TempDir::new().expect("a folder");
    let (mut cluster, api, app, secret) = stage(&folder).await;
    let _agent = cluster
        .start_agent("w1", "faults", &secret, &[])
        .expect("an agent");
    api.until_workers(&app, 1).await;
    let instance = api
        .run(&long_job(&api, &app, 0).await, "")
        .await
        .expect("accepted");
    until_running(&api, &instance).await;
    cluster.kill_server().expect("killed");
    cluster
        .start_server()
        .await
        .expect("the server starts again");
    let ended = api.until_ended(&instance, LIMIT).await;
    assert_eq!(ended["status"], "SUCCEED", "{ended}");
    assert_eq!(ended["attempt"], 1, "it was not started again");
}
