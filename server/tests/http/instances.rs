//! Instances and their logs.

use powerjob_common::id::InstanceId;
use powerjob_common::reason::{Reason, ReasonCode};
use powerjob_common::status::InstanceStatus;
use serde_json::{Value, json};

use crate::support::{self, NOW, TestServer};

#[actix_web::test]
async fn lists_are_newest_first_filtered_and_paged() {
    let server = TestServer::start().await;
    let app = server.app("a").await;
    let (one, two) = (server.job(&app, "one").await, server.job(&app, "two").await);
    server
        .instance(&app, &one, 1, InstanceStatus::Succeed)
        .await;
    server.instance(&app, &two, 2, InstanceStatus::Failed).await;
    server
        .instance(&app, &one, 3, InstanceStatus::Running)
        .await;
    let ids = async |query: &str| -> Vec<String> {
        let page = server
            .get(&format!("/v1/apps/{app}/instances?{query}"))
            .await
            .expect(200);
        let items = page["items"].as_array().expect("items").clone();
        items
            .iter()
            .map(|item| item["id"].as_str().expect("an id").to_owned())
            .collect()
    };
    assert_eq!(ids("").await, ["3", "2", "1"]);
    assert_eq!(ids(&format!("jobId={one}")).await, ["3", "1"]);
    assert_eq!(ids("status=FAILED,SUCCEED").await, ["2", "1"]);
    assert_eq!(ids("query=TWO").await, ["2"]);
    assert_eq!(ids("query=3").await, ["3"]);
    assert_eq!(ids("query=GIV").await, ["3", "2", "1"], "parameters");
    assert_eq!(ids("query=done").await, ["2", "1"], "results");
    assert_eq!(ids("query=99").await, Vec::<String>::new());
    assert_eq!(
        ids(&format!("from={}", NOW.0 + 1)).await,
        Vec::<String>::new()
    );
    let page = server
        .get(&format!("/v1/apps/{app}/instances?limit=2"))
        .await
        .expect(200);
    assert_eq!(page["items"][0]["jobName"], "one");
    assert_eq!(page["items"][0]["params"], "given");
    let cursor = page["nextCursor"].as_str().expect("a second page");
    assert_eq!(ids(&format!("limit=2&cursor={cursor}")).await, ["1"]);
}

#[actix_web::test]
async fn an_instance_of_another_application_is_not_listed() {
    let server = TestServer::start().await;
    let (app, other) = (server.app("a").await, server.app("b").await);
    let job = server.job(&other, "job").await;
    server
        .instance(&other, &job, 8, InstanceStatus::Failed)
        .await;
    for query in ["query=8".to_owned(), format!("jobId={job}")] {
        let page = server
            .get(&format!("/v1/apps/{app}/instances?{query}"))
            .await
            .expect(200);
        assert_eq!(page["items"], json!([]), "{query}");
    }
}

#[actix_web::test]
async fn what_actors_hold_is_shown_before_it_is_stored() {
    let server = TestServer::start().await;
    let app = server.app("a").await;
    let job = server.job(&app, "job").await;
    server
        .instance(&app, &job, 4, InstanceStatus::WaitingDispatch)
        .await;
    let mut live = support::instance(&app, &job, 4, InstanceStatus::Running);
    live.state.started_at = Some(NOW);
    server
        .actors
        .live
        .lock()
        .expect("not poisoned")
        .insert(InstanceId(4), (live, None));
    let instance = server.get("/v1/instances/4").await.expect(200);
    assert_eq!(
        (&instance["status"], &instance["startedAt"]),
        (&json!("RUNNING"), &json!(NOW.0))
    );
    assert_eq!(instance["actions"], json!(["STOP", "KILL"]));
    for (status, count) in [("RUNNING", 1), ("WAITING_DISPATCH", 0)] {
        let path = format!("/v1/apps/{app}/instances?status={status}");
        let page = server.get(&path).await.expect(200);
        assert_eq!(
            page["items"].as_array().map(Vec::len),
            Some(count),
            "{status}"
        );
    }
}

#[actix_web::test]
async fn a_waiting_instance_says_what_it_waits_for() {
    let server = TestServer::start().await;
    let app = server.app("a").await;
    let job = server.job(&app, "job").await;
    server
        .instance(&app, &job, 4, InstanceStatus::WaitingDispatch)
        .await;
    let live = support::instance(&app, &job, 4, InstanceStatus::WaitingDispatch);
    let why = Some(Reason::from(ReasonCode::WaitsForWorker).of([ReasonCode::NoWorker.into()]));
    server
        .actors
        .live
        .lock()
        .expect("not poisoned")
        .insert(InstanceId(4), (live, why));
    let instance = server.get("/v1/instances/4").await.expect(200);
    let text = "no worker of this application is connected";
    assert_eq!(
        instance["waitingFor"],
        json!({
            "code": "waits-for-worker", "text": format!("waits for a worker: {text}"),
            "parts": [{"code": "no-worker", "text": text}],
        })
    );
    assert_eq!(instance["actions"], json!(["STOP", "CANCEL"]));
    assert_eq!(instance["traceId"], "7077726a000000000000000000000004");
    assert_eq!(instance["attempts"], json!([]));
}

#[actix_web::test]
async fn instances_are_stopped_canceled_and_retried() {
    let server = TestServer::start().await;
    let app = server.app("a").await;
    let job = server.job(&app, "job").await;
    server
        .instance(&app, &job, 1, InstanceStatus::Running)
        .await;
    server
        .instance(&app, &job, 2, InstanceStatus::WaitingDispatch)
        .await;
    server.instance(&app, &job, 3, InstanceStatus::Failed).await;
    server
        .instance(&app, &job, 4, InstanceStatus::Running)
        .await;
    for (path, status) in [
        ("/v1/instances/1/stop", "STOPPED"),
        ("/v1/instances/4/kill", "STOPPED"),
        ("/v1/instances/2/cancel", "CANCELED"),
        ("/v1/instances/3/retry", "WAITING_DISPATCH"),
    ] {
        assert_eq!(
            server.post(path, Value::Null).await.expect(200)["status"],
            status
        );
    }
    for path in [
        "/v1/instances/3/stop",
        "/v1/instances/3/cancel",
        "/v1/instances/1/cancel",
    ] {
        let refused = server.post(path, Value::Null).await;
        assert_eq!(
            (refused.status.as_u16(), refused.problem().as_str()),
            (409, "state-conflict")
        );
    }
}

#[actix_web::test]
async fn a_log_is_read_backwards_page_by_page() {
    let server = TestServer::start().await;
    let app = server.app("a").await;
    let job = server.job(&app, "job").await;
    server
        .instance(&app, &job, 1, InstanceStatus::Succeed)
        .await;
    server.write_log(&app, 1, &["a", "b", "c", "d", "e"]).await;
    let texts = |page: &Value| -> Vec<String> {
        let lines = page["lines"].as_array().expect("lines").iter();
        lines
            .map(|line| line["text"].as_str().expect("a text").to_owned())
            .collect()
    };
    let read = async |query: String| {
        let path = format!("/v1/instances/1/log?{query}");
        server.get(&path).await.expect(200)
    };
    let newest = read("tail=true&limit=2".to_owned()).await;
    assert_eq!(texts(&newest), ["d", "e"]);
    assert_eq!(newest["isComplete"], true);
    let before = |page: &Value| {
        let cursor = page["previousCursor"].as_str().expect("a cursor");
        format!("tail=true&limit=2&cursor={cursor}")
    };
    let middle = read(before(&newest)).await;
    assert_eq!(texts(&middle), ["b", "c"]);
    assert_eq!(middle["isComplete"], false, "d and e come after it");
    let oldest = read(before(&middle)).await;
    assert_eq!(texts(&oldest), ["a"]);
    assert_eq!(oldest["previousCursor"], Value::Null);
    let first = read("limit=2".to_owned()).await;
    assert_eq!(first["previousCursor"], Value::Null);
    let next = first["nextCursor"].as_str().expect("a cursor");
    let second = read(format!("limit=2&cursor={next}")).await;
    assert_eq!(texts(&read(before(&second)).await), ["a", "b"]);
}

#[actix_web::test]
async fn an_instance_without_lines_has_an_empty_log() {
    let server = TestServer::start().await;
    let app = server.app("a").await;
    let job = server.job(&app, "job").await;
    server
        .instance(&app, &job, 1, InstanceStatus::Running)
        .await;
    server
        .instance(&app, &job, 2, InstanceStatus::Succeed)
        .await;
    let open = server
        .get("/v1/instances/1/log?level=WARN&tail=true")
        .await
        .expect(200);
    assert_eq!(
        (&open["lines"], &open["isComplete"]),
        (&json!([]), &json!(false))
    );
    let ended = server.get("/v1/instances/2/log").await.expect(200);
    assert_eq!(
        (&ended["lines"], &ended["isComplete"]),
        (&json!([]), &json!(true))
    );
    let wrong = server
        .get("/v1/instances/1/log?level=LOUD&limit=9999")
        .await;
    assert_eq!(wrong.problem(), "invalid-query limit level");
    let file = server.get("/v1/instances/2/log/download").await;
    assert_eq!(file.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(
        file.header("content-disposition"),
        "attachment; filename=\"2.log\""
    );
    assert_eq!((file.status.as_u16(), file.text().as_str()), (200, ""));
}
