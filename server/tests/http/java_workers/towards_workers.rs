//! Spec 05 section 14.5: what our server sends to a worker.

use std::time::Duration;

use serde_json::json;

use super::scene::{Scene, Stub};

/// Cases E01, E03, and parameters.
#[actix_web::test]
async fn a_run_is_sent_once_and_without_nulls() {
    let scene = Scene::start().await;
    let mut stub = Stub::start();
    stub.enter(&scene).await;
    let job = scene
        .job(&json!({ "params": "p", "concurrency": 3, "taskRetries": 2, "timeLimitMs": 9_000 }))
        .await;
    let id = scene.run(job, None).await;
    let (path, body) = stub.next().await;
    assert_eq!(path, "/worker/runJob");
    assert_eq!(
        body,
        json!({
            "allWorkerAddress": [stub.address], "maxWorkerCount": 0, "jobId": job, "instanceId": id,
            "executeType": "STANDALONE", "processorType": "BUILT_IN",
            "processorInfo": "tech.example.Demo", "instanceTimeoutMS": 9_000, "jobParams": "p",
            "threadConcurrency": 3, "taskRetryNum": 2, "timeExpressionType": "API",
            "maxInstanceNum": 0, "logConfig": "{\"level\":2,\"type\":1}"
        })
    );
    let id = scene.run(job, Some("now")).await;
    let (_, body) = stub.next().await;
    assert_eq!(
        (&body["instanceId"], &body["instanceParams"]),
        (&json!(id), &json!("now"))
    );
    stub.stop().await;
}

/// Cases E07 and 04-12: what a worker did not take is sent again.
#[actix_web::test]
async fn a_run_that_was_not_taken_waits_and_is_sent_again() {
    let scene = Scene::start().await;
    let mut stub = Stub::start();
    stub.enter(&scene).await;
    stub.answers(500, "Internal Server Error", Duration::ZERO);
    let job = scene.job(&json!({})).await;
    let id = scene.run(job, None).await;
    let (_, first) = stub.next().await;
    assert_eq!(scene.instance(id).await["status"], "WAITING_WORKER_RECEIVE");
    stub.answers(200, "", Duration::ZERO);
    let (_, second) = stub.next().await;
    assert_eq!(first, second);
    stub.stop().await;
}

/// Case E09 is in `messages`; a worker that says it is full gets nothing.
#[actix_web::test]
async fn an_overloaded_worker_gets_nothing() {
    let scene = Scene::start().await;
    let mut stub = Stub::start();
    let mut heartbeat = scene.heartbeat(&stub.address);
    heartbeat["overload"] = json!(true);
    scene.tell("/server/workerHeartbeat", &heartbeat).await;
    scene.until_online(&stub.address).await;
    let job = scene.job(&json!({})).await;
    let id = scene.run(job, None).await;
    let instance = scene.until_status(id, "WAITING_DISPATCH").await;
    assert!(
        instance["waitingFor"].to_string().contains("full"),
        "{instance}"
    );
    heartbeat["overload"] = json!(false);
    heartbeat["heartbeatTime"] = json!(1_733_576_959_000_i64);
    scene.tell("/server/workerHeartbeat", &heartbeat).await;
    assert_eq!(stub.next().await.1["instanceId"], id);
    stub.stop().await;
}
