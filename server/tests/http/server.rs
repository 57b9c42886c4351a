//! The server's own page, its metrics, its cleaning.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use powerjob_common::secret::Secret;
use powerjob_common::status::{Role, RoleScope};
use powerjob_server::http::HttpConfig;
use serde_json::{Value, json};

use crate::support::TestServer;

#[actix_web::test]
async fn an_administrator_sees_how_the_server_is() {
    let server = TestServer::start().await;
    server.app("shop").await;
    let status = server
        .send(&server.admin, Method::GET, "/v1/server", Value::Null)
        .await
        .expect(200);
    assert_eq!(status["node"], "server-1");
    assert_eq!(
        status["notReady"],
        "the lease of this server could not be renewed"
    );
    assert_eq!(status["servers"][0]["apps"], 1);
    assert_eq!(status["lateness"]["starts"], 0);
    assert!(status["store"]["commits"].is_u64());
    assert!(status["process"]["residentBytes"].as_u64() > Some(1 << 20));
    let setting = json!({"name": "server.admin_password", "value": "***", "origin": "argument"});
    assert_eq!(status["settings"], json!([setting]));
}

#[actix_web::test]
async fn an_administrator_has_it_cleaned() {
    let server = TestServer::start().await;
    for method in [Method::GET, Method::POST] {
        let cleaning = server
            .send(&server.admin, method, "/v1/server/cleaning", Value::Null)
            .await
            .expect(200);
        assert_eq!(cleaning["isRunning"], false);
        assert_eq!(cleaning["instances"], 0);
    }
}

async fn metrics(server: &TestServer, token: &str) -> (u16, String) {
    let request = TestRequest::get().uri("/metrics");
    let request = match token {
        "" => request,
        token => request.insert_header(("authorization", format!("Bearer {token}"))),
    };
    let answer = server.call(request).await;
    (answer.status.as_u16(), answer.text())
}

#[actix_web::test]
async fn metrics_need_the_token_or_an_administrator() {
    let config = HttpConfig {
        metrics_token: Some(Secret::new("scrape me".to_owned())),
        ..HttpConfig::default()
    };
    let server = TestServer::start_with(config).await;
    let app = server.app("shop").await.parse().expect("an id");
    let qa = server
        .person("qa", Some((RoleScope::App, app, Role::Qa)))
        .await;
    assert_eq!(metrics(&server, "").await.0, 401);
    assert_eq!(metrics(&server, "scrape").await.0, 401);
    assert_eq!(metrics(&server, &qa).await.0, 403);
    assert_eq!(metrics(&server, &server.admin).await.0, 200);
    let (status, page) = metrics(&server, "scrape me").await;
    assert_eq!(status, 200);
    assert!(
        page.contains("powerjob_server_info{node=\"server-1\""),
        "{page}"
    );
}

#[actix_web::test]
async fn without_a_token_nothing_that_is_empty_opens_metrics() {
    let server = TestServer::start().await;
    let request = TestRequest::get()
        .uri("/metrics")
        .insert_header(("authorization", "Bearer "));
    assert_eq!(server.call(request).await.status.as_u16(), 401);
}

#[actix_web::test]
async fn every_metric_is_explained_and_no_other() {
    let server = TestServer::start().await;
    server.app("shop").await;
    let (_, page) = metrics(&server, &server.admin).await;
    let documented = include_str!("../../../docs/metrics.md");
    let mut found: Vec<_> = page
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    // The stand-in owns no application, has no actors and sends no traces.
    found.extend([
        "powerjob_actor_handled_total",
        "powerjob_actor_queue_capacity",
        "powerjob_actor_queue_depth",
        "powerjob_actor_refused_total",
        "powerjob_actor_restarts_total",
        "powerjob_app_epoch",
        "powerjob_traces_total",
    ]);
    found.sort_unstable();
    found.dedup();
    let mut explained: Vec<_> = documented
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split(['`', '{']).next())
        .collect();
    explained.sort_unstable();
    assert_eq!(found, explained);
}
