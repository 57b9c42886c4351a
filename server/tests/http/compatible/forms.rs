//! Spec 06 section 15, cases 1 to 15: how requests are read and answers written.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use powerjob_common::status::InstanceStatus;
use serde_json::{Value, json};

use super::stage::{Stage, call};

/// Spec 06 cases 2, 3 and 14: what can not be read is told in the reference's words, with a 200.
#[actix_web::test]
async fn unreadable_requests_are_refused_in_the_words_of_the_reference() {
    let stage = Stage::start().await;
    let send = async |kind: &str, body: &str| {
        let request = TestRequest::post()
            .uri("/job/list")
            .insert_header(("PowerJwt", stage.server.admin.as_str()))
            .insert_header(("AppId", stage.own.as_str()))
            .insert_header(("content-type", kind))
            .set_payload(body.to_owned());
        stage.server.call(request).await.expect(200)
    };
    for (kind, body, beginning) in [
        (
            "application/json",
            "{\"appId\":1,",
            "HttpMessageNotReadableException: ",
        ),
        ("application/json", "", "HttpMessageNotReadableException: "),
        (
            "application/json",
            "{'appId':1}",
            "HttpMessageNotReadableException: ",
        ),
        (
            "application/x-www-form-urlencoded",
            "appId=1",
            "HttpMediaTypeNotSupportedException: ",
        ),
    ] {
        let answer = send(kind, body).await;
        let message = answer["message"].as_str().expect("a message");
        assert!(message.starts_with(beginning), "{body}: {message}");
        assert_eq!(
            (&answer["success"], &answer["data"]),
            (&json!(false), &Value::Null)
        );
    }
    let path = format!("/job/run?jobId=abc&appId={}", stage.own);
    assert_eq!(
        stage.ask(&path).await["message"],
        "NumberFormatException: For input string: \"abc\""
    );
}

/// Spec 06 case 4.
#[actix_web::test]
async fn an_unknown_path_is_not_found() {
    let stage = Stage::start().await;
    let request = TestRequest::get()
        .uri("/nope")
        .insert_header(("accept", "application/json"));
    let answer = stage.server.call(request).await.expect(404);
    assert_eq!(
        (&answer["status"], &answer["error"], &answer["path"]),
        (&json!(404), &json!("Not Found"), &json!("/nope"))
    );
    assert!(answer["timestamp"].is_string(), "{answer}");
}

/// Spec 06 case 99, spec 05 case C13: there are no containers, and what a worker takes for one has to
/// be one.
#[actix_web::test]
async fn a_container_that_is_not_there_is_not_found() {
    let stage = Stage::start().await;
    for version in ["5", "../../x", "..%2F..%2Fetc%2Fpasswd"] {
        let path = format!("/container/downloadJar?version={version}");
        // As the JVM asks.
        let request = TestRequest::get().uri(&path);
        let request = request.insert_header(("accept", "text/html, image/gif, *; q=.2"));
        let answer = stage.server.call(request).await;
        assert_eq!(answer.status.as_u16(), 404, "{version}");
    }
}

/// Spec 06 case 5.
#[actix_web::test]
async fn browsers_may_ask_from_elsewhere() {
    let stage = Stage::start().await;
    let request = TestRequest::with_uri("/job/list")
        .method(Method::OPTIONS)
        .insert_header(("origin", "http://elsewhere.example"))
        .insert_header(("access-control-request-method", "POST"))
        .insert_header(("access-control-request-headers", "powerjwt,appid"));
    let answer = stage.server.call(request).await;
    assert_eq!(answer.status.as_u16(), 200);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    let methods = answer.header("access-control-allow-methods");
    assert!(methods.contains("POST"), "{methods}");
    assert_eq!(
        answer.header("access-control-allow-headers"),
        "powerjwt,appid"
    );
}

/// Spec 06 cases 6, 7 and 8: keys, ids and dates of answers.
#[actix_web::test]
async fn answers_have_the_keys_and_kinds_of_the_reference() {
    let stage = Stage::start().await;
    let users = stage.ask("/user/list").await;
    let keys: Vec<&String> = users.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["data", "message", "success"]);
    assert_eq!(users["message"], Value::Null);
    assert!(users["data"][0]["id"].is_i64(), "{users}");

    let run = format!("/job/run?appId={}&jobId={}", stage.own, stage.own_job);
    let run = stage.ask(&run).await;
    assert!(run["data"].is_i64(), "{run}");
    let running = InstanceStatus::Running;
    let (app, job) = (&stage.own, &stage.own_job);
    stage.server.instance(app, job, 900, running).await;
    let body = json!({"appId": stage.own, "index": 0, "pageSize": 9, "type": "NORMAL"});
    let listed = stage.tell("/instance/list", body).await;
    let shown = &listed["data"]["data"][0];
    assert!(
        shown["instanceId"].is_string() && shown["jobId"].is_string(),
        "{listed}"
    );

    let mut body = stage.job_body(&stage.own, None);
    body["timeExpressionType"] = json!("CRON");
    body["timeExpression"] = json!("0 0 2 * * ? 2099");
    assert_eq!(stage.tell("/job/save", body).await["success"], true);
    let job = stage.last_job().await;
    let made = job["gmtCreate"].as_str().expect("a date");
    let shape: String = made
        .chars()
        .map(|letter| if letter.is_ascii_digit() { '0' } else { letter })
        .collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000+00:00");
    assert_eq!(job["nextTriggerTimeStr"], "2099-01-01 02:00:00");
    assert!(job["nextTriggerTime"].is_i64(), "{job}");
}

/// Spec 06 cases 9, 10 and 13: what the console sends is read as the reference reads it.
#[actix_web::test]
async fn a_job_is_read_leniently() {
    let stage = Stage::start().await;
    let me = stage.ask("/auth/ifLogin").await["data"]["id"].clone();
    let mut body = stage.job_body(&stage.own, None);
    body["id"] = json!("");
    body["notifyUserIds"] = json!([me.to_string(), "2"]);
    body["jobName"] = json!(5);
    body["maxInstanceNum"] = json!(1.9);
    body["unknown"] = json!({"a": 1});
    assert_eq!(stage.tell("/job/save", body.clone()).await["success"], true);
    let job = stage.last_job().await;
    assert_eq!(
        (&job["jobName"], &job["maxInstanceNum"], &job["enable"]),
        (&json!("5"), &json!(1), &json!(true))
    );
    assert_eq!(job["appId"], stage.own_id());
    assert_eq!(job["notifyUserIds"], json!([me.to_string(), "2"]));

    body["enable"] = Value::Null;
    assert_eq!(stage.tell("/job/save", body.clone()).await["success"], true);
    assert_eq!(stage.last_job().await["enable"], false);

    for wrong in ["cron", ""] {
        body["timeExpressionType"] = json!(wrong);
        let answer = stage.tell("/job/save", body.clone()).await;
        let message = answer["message"].as_str().expect("a message");
        assert!(
            message.starts_with("HttpMessageNotReadableException: "),
            "{message}"
        );
    }
}

/// Spec 06 cases 11 and 12: the workflow as the console's editor sends it.
#[actix_web::test]
async fn a_workflow_is_read_leniently_and_written_as_java_writes_it() {
    let stage = Stage::start().await;
    let (one, two) = (stage.node(json!({})).await, stage.node(json!({})).await);
    let mut body = stage.workflow_body(json!({
        "nodes": [{"nodeId": one.to_string()}, {"nodeId": two.to_string(), "nodeType": 1}],
        "edges": [{"from": one.to_string(), "to": two.to_string()}],
    }));
    body["peworkflowDAG"] = json!({"nodes": []});
    body["gmtCreate"] = json!("2024-12-07T13:09:09.123+00:00");
    body["nextTriggerTimeStr"] = json!("N/A");
    let saved = stage.tell("/workflow/save", body).await;
    assert_eq!(saved["success"], true, "{saved}");
    let path = format!(
        "/workflow/fetch?appId={}&workflowId={}",
        stage.own, saved["data"]
    );
    let shown = stage.ask(&path).await["data"]["peworkflowDAG"].clone();
    assert_eq!(shown["edges"][0]["from"], one);
    assert_eq!(shown["nodes"][1]["nodeName"], "n");
}

/// Spec 06 case 15, as far as the console is ours: any path of it is a page, and no script is made up.
#[actix_web::test]
async fn the_console_is_at_the_root() {
    let stage = Stage::start().await;
    let get = async |path: &str| {
        call(
            &stage.server,
            "null",
            "null",
            Method::GET,
            path,
            Value::Null,
        )
        .await
    };
    let (root, index) = (get("/").await, get("/index.html").await);
    assert_eq!(root.bytes, index.bytes);
    if powerjob_console::index().is_some() {
        assert_eq!(root.status.as_u16(), 200);
    }
    assert_eq!(get("/js/0.js").await.status.as_u16(), 404);
}
