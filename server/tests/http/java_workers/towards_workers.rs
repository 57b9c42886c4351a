//! Spec 05 section 14.5: what our server sends to a worker.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
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

/// Cases E05 and E06: what a worker says of a run, and what is made of no answer.
#[actix_web::test]
async fn a_worker_is_asked_how_a_run_fares() {
    let scene = Scene::start().await;
    let mut stub = Stub::start();
    stub.enter(&scene).await;
    let job = scene.job(&json!({})).await;
    let id = scene.run(job, None).await;
    stub.next().await;
    scene
        .tell(
            "/server/reportInstanceStatus",
            &scene.report((job, id), &stub.address, 3, 5_000),
        )
        .await;
    scene.until_status(id, "RUNNING").await;
    let detail = json!({
        "actualTriggerTime": 1_733_576_949_000_i64, "status": 3,
        "taskTrackerAddress": stub.address,
        "taskDetail": { "totalTaskNum": 1, "succeedTaskNum": 0, "failedTaskNum": 0 }
    });
    let data = URL_SAFE_NO_PAD.encode(detail.to_string());
    let answer = json!({ "success": true, "data": data }).to_string();
    stub.answers(200, &answer, Duration::ZERO);
    let told = scene
        .ask_worker(id, Some("status = 3"))
        .await
        .expect("a detail");
    assert_eq!(serde_json::to_value(told).expect("JSON"), detail);
    let asked = json!({ "instanceId": id, "customQuery": "status = 3" });
    assert_eq!(
        stub.next().await,
        ("/worker/queryInstanceStatus".to_owned(), asked)
    );

    for (body, after) in [
        ("", Duration::ZERO),
        (
            r#"{"success":false,"message":"can't find TaskTracker"}"#,
            Duration::ZERO,
        ),
        (answer.as_str(), Duration::from_secs(6)),
    ] {
        stub.answers(200, body, after);
        let begun = tokio::time::Instant::now();
        assert_eq!(scene.ask_worker(id, None).await, None, "{body}");
        assert!(
            begun.elapsed() < Duration::from_secs(7),
            "5 s, and some for a busy machine"
        );
        assert_eq!(stub.next().await.1, json!({ "instanceId": id }));
    }
    stub.stop().await;
}
