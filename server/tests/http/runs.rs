//! Runs on demand.

use serde_json::{Value, json};

use crate::support::{NOW, TestServer};

#[actix_web::test]
async fn a_run_call_answers_with_its_instance() {
    let server = TestServer::start().await;
    let app = server.app("a").await;
    let job = server.job(&app, "job").await;
    let body = json!({"params": "now", "delayMs": 1_500});
    let accepted = server
        .post(&format!("/v1/jobs/{job}/runs"), body)
        .await
        .expect(201);
    let id = accepted["instanceId"].as_str().expect("an id");
    let instance = server.get(&format!("/v1/instances/{id}")).await.expect(200);
    assert_eq!(instance["instanceParams"], "now");
    assert_eq!(instance["expectedAt"], NOW.0 + 1_500);
    server
        .post(&format!("/v1/jobs/{job}/runs"), Value::Null)
        .await
        .expect(201);
}

#[actix_web::test]
async fn a_batch_answers_in_the_order_of_its_runs() {
    let server = TestServer::start().await;
    let app = server.app("a").await;
    let job = server.job(&app, "job").await;
    let runs: Vec<_> = (0..5)
        .map(|number| json!({"params": number.to_string()}))
        .collect();
    let path = format!("/v1/jobs/{job}/runs:batch");
    let accepted = server.post(&path, json!({"runs": runs})).await.expect(201);
    for (number, id) in accepted["instanceIds"]
        .as_array()
        .expect("ids")
        .iter()
        .enumerate()
    {
        let id = id.as_str().expect("an id");
        let instance = server.get(&format!("/v1/instances/{id}")).await.expect(200);
        assert_eq!(instance["instanceParams"], number.to_string());
    }
}

#[actix_web::test]
async fn batches_have_limits() {
    let server = TestServer::start().await;
    let app = server.app("a").await;
    let job = server.job(&app, "job").await;
    let path = format!("/v1/jobs/{job}/runs:batch");
    let check = async |body: Value, expected: &str| {
        assert_eq!(server.post(&path, body).await.problem(), expected);
    };
    check(json!({"runs": []}), "validation-failed runs").await;
    check(
        json!({"runs": vec![json!({}); 10_001]}),
        "validation-failed runs",
    )
    .await;
    let long = "x".repeat((1 << 20) + 1);
    let mixed = json!({"runs": [{}, {"params": long}, {"delayMs": u64::MAX}]});
    check(mixed, "validation-failed runs[1].params runs[2].delayMs").await;
    let workers = json!({"runs": [{"worker": "w1"}, {"worker": " "}, {"worker": "w".repeat(256)}]});
    check(workers, "validation-failed runs[1].worker runs[2].worker").await;
    check(
        json!({"runs": [{"param": "typo"}]}),
        "validation-failed runs[0].param",
    )
    .await;
}

#[actix_web::test]
async fn parameters_of_a_mebibyte_fit() {
    let server = TestServer::start().await;
    let app = server.app("a").await;
    let job = server.job(&app, "job").await;
    let body = json!({"params": "x".repeat(1 << 20)});
    server
        .post(&format!("/v1/jobs/{job}/runs"), body)
        .await
        .expect(201);
}

#[actix_web::test]
async fn a_full_queue_asks_to_come_back() {
    let server = TestServer::start().await;
    let app = server.app("a").await;
    let job = server.job(&app, "job").await;
    let _places = server.actors.fill_starts(job.parse().expect("an id")).await;
    let refused = server
        .post(&format!("/v1/jobs/{job}/runs"), json!({}))
        .await;
    assert_eq!(
        (refused.status.as_u16(), refused.problem().as_str()),
        (503, "overloaded")
    );
    assert_eq!(refused.header("retry-after"), "1");
}
