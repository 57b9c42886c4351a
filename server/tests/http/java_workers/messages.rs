//! Spec 05 sections 14.2 and 14.4: what a worker sends over the transport.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::scene::{Scene, Stub};

const HEARTBEAT: &str = "/server/workerHeartbeat";
const REPORT: &str = "/server/reportInstanceStatus";
const LOG: &str = "/server/reportLog";
const CLUSTER: &str = "/server/queryJobCluster";

fn data(answer: &Value) -> Value {
    let bytes = URL_SAFE_NO_PAD.decode(answer["data"].as_str().expect("data"));
    serde_json::from_slice(&bytes.expect("base64")).expect("JSON")
}

/// Spec 05 cases B01, B02, B06, B09, B12 and D12.
#[actix_web::test]
async fn heartbeats_are_taken_in_all_their_forms() {
    let scene = Scene::start().await;
    let address = "127.0.0.1:27777";
    let answer = scene
        .post(HEARTBEAT, scene.heartbeat(address).to_string())
        .await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-length"], "0");
    let shown = scene.until_online(address).await;
    assert_eq!(
        (&shown["cpuCores"], &shown["protocol"]),
        (&json!(8.0), &json!("http"))
    );

    for (kind, port) in [(None, 27_778), (Some("text/plain"), 27_779)] {
        let address = format!("127.0.0.1:{port}");
        let mut call = scene.client.post(format!("{}{HEARTBEAT}", scene.transport));
        if let Some(kind) = kind {
            call = call.header("content-type", kind);
        }
        call = call.header(
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        );
        let call = call
            .header("x-unknown", "1")
            .body(scene.heartbeat(&address).to_string());
        assert_eq!(
            call.send().await.expect("an answer").status(),
            200,
            "{kind:?}"
        );
        scene.until_online(&address).await;
    }

    let mut bare = scene.heartbeat("127.0.0.1:27780");
    bare.as_object_mut()
        .expect("an object")
        .remove("systemMetrics");
    scene.tell(HEARTBEAT, &bare).await;
    let mut nulls = scene.heartbeat("127.0.0.1:27781");
    nulls["systemMetrics"] = json!({ "cpuLoad": null, "cpuProcessors": null, "score": null });
    scene.tell(HEARTBEAT, &nulls).await;
    for address in ["127.0.0.1:27780", "127.0.0.1:27781"] {
        assert_eq!(scene.until_online(address).await["cpuCores"], 0.0);
    }

    let mut older = scene.heartbeat(address);
    older["heartbeatTime"] = json!(1);
    older["tag"] = json!("old news");
    scene.tell(HEARTBEAT, &older).await;
    let mut newer = scene.heartbeat(address);
    newer["heartbeatTime"] = json!(1_733_576_959_000_i64);
    newer["tag"] = json!(" a , b,");
    scene.tell(HEARTBEAT, &newer).await;
    let tags = scene
        .until("the newer one is shown", async || {
            let tags = scene.until_online(address).await["tags"].clone();
            (tags != json!([])).then_some(tags)
        })
        .await;
    assert_eq!(tags, json!(["a", "b"]));

    let many = (0..200).map(|n| scene.heartbeat(&format!("127.0.0.1:{}", 28_000 + n)));
    let sent = many.map(|heartbeat| scene.post(HEARTBEAT, heartbeat.to_string()));
    let answers = futures_util::future::join_all(sent).await;
    assert!(answers.iter().all(|answer| answer.status() == 200));
}

/// Spec 05 cases B03, B04, B05, B08, D13 and E09, and the words for a worker that is not trusted to be
/// where it says.
#[actix_web::test]
async fn what_is_no_message_changes_nothing() {
    let scene = Scene::start().await;
    let answer = scene
        .client
        .get(format!("{}{HEARTBEAT}", scene.transport))
        .send()
        .await;
    let answer = answer.expect("an answer");
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["allow"]),
        (405, &"POST".parse().unwrap())
    );
    for path in [
        "/server/nope",
        "/friend/process",
        "/v1/apps",
        "/server/assert",
    ] {
        assert_eq!(scene.post(path, "{}").await.status(), 404, "{path}");
    }
    for body in [
        "",
        "null",
        "[]",
        "{\"appId\":\"x\"}",
        "{} {}",
        "{\"workerAddress\":[]}",
        "{",
    ] {
        let answer = scene.post(HEARTBEAT, body).await;
        assert_eq!(answer.status(), 500, "{body}");
        assert_eq!(
            answer.text().await.expect("a body"),
            "Internal Server Error"
        );
    }
    for (address, protocol) in [
        ("10.0.0.9:27777", "HTTP"),
        ("169.254.169.254:8080", "HTTP"),
        ("127.0.0.1:22", "HTTP"),
        ("worker.example:27777", "HTTP"),
        ("127.0.0.1:27777", "AKKA"),
    ] {
        let mut heartbeat = scene.heartbeat(address);
        heartbeat["protocol"] = json!(protocol);
        let answer = scene.post(HEARTBEAT, heartbeat.to_string()).await;
        assert_eq!(answer.status(), 403, "{address} {protocol}");
        let text = answer.text().await.expect("a body");
        let word = if protocol == "AKKA" {
            "powerjob.worker.protocol=http"
        } else {
            "address"
        };
        assert!(text.contains(word), "{text}");
    }
    assert_eq!(scene.workers().await, Vec::<Value>::new());
    let line =
        json!({ "instanceId": 1, "logTime": 1, "logLevel": 2, "logContent": "x".repeat(1 << 20) });
    let lines = |count| json!({ "workerAddress": "127.0.0.1:1024", "instanceLogContents": vec![&line; count] });
    assert_eq!(scene.post(LOG, lines(20).to_string()).await.status(), 200);
    assert_eq!(scene.post(LOG, lines(65).to_string()).await.status(), 413);
}

/// Spec 05 cases D01 to D06, and BETTER of its section 3.2.
#[actix_web::test]
async fn reports_change_the_run_of_their_worker_only() {
    let scene = Scene::start().await;
    let mut stub = Stub::start();
    stub.enter(&scene).await;
    let job = scene.job(&json!({})).await;
    let id = scene.run(job, None).await;
    stub.next().await;
    let done = json!({ "success": true });
    let own = stub.address.clone();
    let report = |address: &str, status, time| scene.report((job, id), address, status, time);

    assert_eq!(
        scene.tell(REPORT, &report(&own, 3, 5_000)).await,
        Value::Null
    );
    scene.until_status(id, "RUNNING").await;
    assert_eq!(
        scene
            .tell(REPORT, &report("127.0.0.1:1999", 5, 6_000))
            .await,
        done
    );
    assert_eq!(scene.instance(id).await["status"], "RUNNING", "D03");
    assert_eq!(
        scene
            .post(REPORT, report(&own, 77, 6_000).to_string())
            .await
            .status(),
        500
    );
    assert_eq!(scene.tell(REPORT, &report(&own, 5, 6_001)).await, done);
    let ended = scene.instance(id).await;
    assert_eq!(
        (&ended["status"], &ended["fullResult"]),
        (&json!("SUCCEED"), &json!("ok"))
    );
    assert_eq!(
        (&ended["startedAt"], &ended["finishedAt"]),
        (&json!(1_000), &json!(2_000))
    );
    let mut again = report(&own, 4, 7_000);
    again["result"] = json!("a second end");
    assert_eq!(scene.tell(REPORT, &again).await, done);
    assert_eq!(scene.instance(id).await, ended);

    let unknown = scene.report((job, 5), &own, 5, 1);
    let answer = scene.tell(REPORT, &unknown).await;
    assert_eq!(answer["success"], false);
    let text = answer["message"].as_str().unwrap_or_default();
    assert!(
        text.contains("can't find Instance by instanceId: 5"),
        "{text}"
    );
    let mut foreign = report(&own, 5, 8_000);
    foreign["appId"] = json!(999);
    assert_eq!(scene.tell(REPORT, &foreign).await["success"], false);
    stub.stop().await;
}

/// The second end of an attempt, which the official worker reports after a time limit, counts neither
/// for the attempt that waits nor for the one that runs at the same worker.
#[actix_web::test]
async fn an_end_that_is_reported_twice_counts_once() {
    let scene = Scene::start().await;
    let mut stub = Stub::start();
    stub.enter(&scene).await;
    let fields = json!({ "instanceRetries": 1, "retry": { "backOff": "FIXED", "delayMs": 100 } });
    let job = scene.job(&fields).await;
    let id = scene.run(job, None).await;
    assert_eq!(stub.next().await.0, "/worker/runJob");
    let own = stub.address.clone();
    let failed = |time| scene.report((job, id), &own, 4, time);
    assert_eq!(scene.tell(REPORT, &failed(3_000)).await["success"], true);
    assert_eq!(stub.next().await.0, "/worker/runJob", "the second attempt");
    assert_eq!(scene.tell(REPORT, &failed(8_000)).await["success"], true);
    let instance = scene.instance(id).await;
    assert_eq!(instance["attempt"], 2);
    assert_ne!(instance["status"], "FAILED");
    let mut second = scene.report((job, id), &own, 5, 9_000);
    second["startTime"] = json!(4_000);
    assert_eq!(scene.tell(REPORT, &second).await["success"], true);
    assert_eq!(scene.instance(id).await["status"], "SUCCEED");
    stub.stop().await;
}

/// Spec 05 cases B10, B11 and B07: no answer ends the connection.
#[actix_web::test]
async fn every_message_is_answered_plainly() {
    let scene = Scene::start().await;
    let mut stub = Stub::start();
    stub.enter(&scene).await;
    let job = scene.job(&json!({})).await;
    let id = scene.run(job, None).await;
    stub.next().await;
    let messages = [
        (HEARTBEAT, scene.heartbeat(&stub.address)),
        (REPORT, scene.report((job, id), &stub.address, 5, 8_000)),
        (LOG, json!({ "workerAddress": stub.address })),
        (CLUSTER, json!({ "appId": scene.app, "jobId": job })),
        ("/server/queryContainer", json!({ "containerId": 42 })),
        ("/friend/ping", json!({ "currentTime": 1 })),
    ];
    for (route, message) in messages {
        for accepts in [None, Some("deflate, gzip")] {
            let mut call = scene.client.post(format!("{}{route}", scene.transport));
            if let Some(accepts) = accepts {
                call = call.header("accept-encoding", accepts);
            }
            let answer = call.json(&message).send().await.expect("an answer");
            assert_eq!(answer.status(), 200, "{route}");
            let encoding = answer.headers().get("content-encoding");
            let is_plain = encoding.is_none_or(|it| it == "identity");
            let may_be_packed = accepts.is_some() && encoding.is_some_and(|it| it == "gzip");
            assert!(is_plain || may_be_packed, "{route}: {encoding:?}");
            let closes = answer.headers().get("connection");
            assert!(closes.is_none_or(|it| it != "close"), "{route}");
            answer.bytes().await.expect("a body");
        }
    }
    stub.stop().await;
}

/// Spec 05 case E04. A run that was stopped while its worker could not be told is stopped when the worker reports it.
#[actix_web::test]
async fn a_run_that_should_not_be_there_is_stopped_at_its_report() {
    let scene = Scene::start().await;
    let mut stub = Stub::start();
    stub.enter(&scene).await;
    let job = scene.job(&json!({})).await;
    let id = scene.run(job, None).await;
    stub.next().await;
    scene
        .v1("POST", &format!("/instances/{id}/stop"), &Value::Null)
        .await;
    let stop = (
        "/worker/stopInstance".to_owned(),
        json!({ "instanceId": id }),
    );
    assert_eq!(stub.next().await, stop, "E04");
    let report = scene.report((job, id), &stub.address, 3, 9_000);
    assert_eq!(scene.tell(REPORT, &report).await, Value::Null);
    assert_eq!(stub.next().await, stop);
    stub.stop().await;
}

/// Spec 06 case 57.
#[actix_web::test]
async fn an_application_with_a_living_worker_stays() {
    let scene = Scene::start().await;
    let address = "127.0.0.1:27777";
    scene.tell(HEARTBEAT, &scene.heartbeat(address)).await;
    scene.until_online(address).await;
    let path = format!("/appInfo/delete?appId={}", scene.app);
    let answer = scene.console(&path, &json!({})).await;
    let text =
        "Unable to delete apps with live workers, Please remove the worker dependency first!";
    assert_eq!(
        answer,
        json!({ "success": false, "data": null, "message": text })
    );
}

/// Spec 05 cases D07 to D09 and D14.
#[actix_web::test]
async fn questions_are_answered() {
    let scene = Scene::start().await;
    let addresses = ["127.0.0.1:27801", "127.0.0.1:27802"];
    for address in addresses {
        scene.tell(HEARTBEAT, &scene.heartbeat(address)).await;
        scene.until_online(address).await;
    }
    let job = scene.job(&json!({})).await;
    let answer = scene
        .tell(CLUSTER, &json!({ "appId": scene.app, "jobId": job }))
        .await;
    let mut found: Vec<_> = data(&answer).as_array().expect("a list").clone();
    found.sort_by_key(Value::to_string);
    assert_eq!(found, addresses);
    let one = scene.job(&json!({ "maxWorkers": 1 })).await;
    let answer = scene
        .tell(CLUSTER, &json!({ "appId": scene.app, "jobId": one }))
        .await;
    assert_eq!(data(&answer).as_array().map(Vec::len), Some(1));
    let denied = scene
        .tell(CLUSTER, &json!({ "appId": 4_711, "jobId": job }))
        .await;
    assert_eq!(
        denied,
        json!({ "success": false, "message": "Permission Denied!" })
    );
    let missing = scene
        .tell(CLUSTER, &json!({ "appId": scene.app, "jobId": 99_999 }))
        .await;
    assert_eq!(missing["message"], "can't find jobInfo by jobId: 99999");

    let container = scene
        .tell("/server/queryContainer", &json!({ "containerId": 42 }))
        .await;
    let text = "can't find container by id: 42";
    assert_eq!(container, json!({ "success": false, "message": text }));
    let ping = scene
        .tell("/friend/ping", &json!({ "currentTime": 1 }))
        .await;
    let http = &data(&ping)["HTTP"];
    let own = scene.transport.strip_prefix("http://").expect("an address");
    assert_eq!(
        (
            &http["protocol"],
            &http["address"],
            &http["externalAddress"]
        ),
        (&json!("HTTP"), &json!(own), &json!(own))
    );
}

/// Spec 05 case D11.
#[actix_web::test]
async fn lines_are_kept_by_instance() {
    let scene = Scene::start().await;
    let mut stub = Stub::start();
    stub.enter(&scene).await;
    let job = scene.job(&json!({})).await;
    let (one, other) = (scene.run(job, None).await, scene.run(job, None).await);
    stub.next().await;
    stub.next().await;
    let line = |id: i64, time: i64, text: &str| json!({ "instanceId": id, "logTime": time, "logLevel": 2, "logContent": text });
    let batch =
        |lines: Vec<Value>| json!({ "workerAddress": stub.address, "instanceLogContents": lines });
    // The second batch overtakes the first one.
    assert_eq!(
        scene
            .tell(LOG, &batch(vec![line(one, 3, "c"), line(other, 4, "d")]))
            .await,
        Value::Null
    );
    scene
        .tell(LOG, &batch(vec![line(one, 1, "a"), line(one, 2, "b")]))
        .await;
    scene
        .tell(
            LOG,
            &json!({ "workerAddress": stub.address, "instanceLogContents": null }),
        )
        .await;
    for (id, wanted) in [(one, vec!["a", "b", "c"]), (other, vec!["d"])] {
        let texts = scene
            .until("the lines are there", async || {
                let page = scene
                    .v1("GET", &format!("/instances/{id}/log"), &Value::Null)
                    .await;
                let lines = page["lines"].as_array()?.clone();
                let texts = lines
                    .iter()
                    .map(|line| line["text"].as_str().map(str::to_owned));
                let texts: Vec<String> = texts.collect::<Option<_>>()?;
                (texts.len() == wanted.len()).then_some(texts)
            })
            .await;
        assert_eq!(texts, wanted);
    }
    stub.stop().await;
}
