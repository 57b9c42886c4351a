//! Spec 05 section 14.5: what our server sends to a worker.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::scene::{Scene, Stub};

/// Spec 05 cases E01 and E03, and parameters.
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

/// Spec 05 case E07; spec 04 W-12: what a worker did not take is sent again.
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

/// A worker that says it is full gets nothing.
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

/// Spec 05 cases E05 and E06: what a worker says of a run, and what is made of no answer.
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

/// Spec 06 cases 67 to 69; the worker's answer is that of a recorded map-reduce run (w05).
#[actix_web::test]
async fn people_see_the_tasks_of_a_java_worker() {
    let scene = Scene::start().await;
    let mut stub = Stub::start();
    stub.enter(&scene).await;
    let job = scene.job(&json!({})).await;
    let id = scene.run(job, None).await;
    stub.next().await;
    let report = scene.report((job, id), &stub.address, 3, 5_000);
    scene.tell("/server/reportInstanceStatus", &report).await;
    scene.until_status(id, "RUNNING").await;
    let detail = json!({
        "actualTriggerTime": 1_795_233_945_472_i64, "status": 3,
        "taskTrackerAddress": stub.address,
        "taskDetail": {
            "totalTaskNum": 31, "succeedTaskNum": 16, "failedTaskNum": 0,
            "waitingDispatchTaskNum": 7, "workerUnreceivedTaskNum": 0, "receivedTaskNum": 4,
            "runningTaskNum": 4
        },
        "queriedTaskDetailInfoList": [{
            "taskId": "0.1", "taskName": "LEVEL1", "taskContent": "text 1",
            "processorAddress": "127.0.0.1:27812", "status": 6, "statusStr": "succeed",
            "result": "sub 0.1", "failedCnt": 0, "createdTime": 1_795_233_945_502_i64,
            "lastModifiedTime": 1_795_233_952_006_i64, "lastReportTime": 1_795_233_952_006_i64
        }]
    });
    let data = URL_SAFE_NO_PAD.encode(detail.to_string());
    let answer = json!({ "success": true, "data": data }).to_string();
    stub.answers(200, &answer, Duration::ZERO);

    let tasks = scene
        .v1("GET", &format!("/instances/{id}/tasks"), &Value::Null)
        .await;
    assert_eq!(tasks["isLive"], true);
    let counts = json!({"total": 31, "waiting": 7, "running": 8, "succeeded": 16, "failed": 0});
    assert_eq!(tasks["counts"], counts);
    assert_eq!(tasks["tasks"][0]["result"], "sub 0.1");
    let asked = stub.next().await.1;
    let condition = asked["customQuery"].as_str().expect("a condition");
    assert!(condition.starts_with("status in (3, 4, 5, 6)"), "{asked}");

    let question = json!({
        "instanceId": id.to_string(),
        "customQuery": "STATUS in (5,6) order by last_modified_time desc",
    });
    let page = scene.console("/instance/detailPlus", &question).await;
    let shown = &page["data"];
    assert_eq!(shown["taskDetail"], detail["taskDetail"], "{page}");
    assert_eq!(shown["status"], 3);
    assert_ne!(shown["expectedTriggerTime"], "N/A", "filled from the row");
    let task = &shown["queriedTaskDetailInfoList"][0];
    assert_eq!(task["taskContent"], "text 1");
    assert_eq!(task["lastReportTimeStr"], "2026-11-21 04:05:52");
    let asked = json!({
        "instanceId": id, "customQuery": "status in (5, 6) order by last_modified_time desc"
    });
    assert_eq!(stub.next().await.1, asked);

    let evil = json!({"instanceId": id.to_string(), "customQuery": "1 = 1; drop table task_info"});
    let refused = scene.console("/instance/detailPlus", &evil).await;
    assert_eq!(refused["success"], false, "{refused}");
    // The next thing that the worker hears is the plain question.
    let plain = json!({"instanceId": id.to_string()});
    scene.console("/instance/detailPlus", &plain).await;
    assert_eq!(stub.next().await.1, json!({ "instanceId": id }));
    stub.stop().await;
}
