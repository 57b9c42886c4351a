//! What goes wrong before a service is asked.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use serde_json::Value;

use crate::support::TestServer;

async fn check_body(server: &TestServer, path: &str, body: &str, expected: (u16, &str)) {
    let request = TestRequest::post()
        .uri(path)
        .insert_header(("authorization", format!("Bearer {}", server.admin)))
        .insert_header(("content-type", "application/json"))
        .set_payload(body.to_owned());
    let answer = server.call(request).await;
    assert_eq!(
        (answer.status.as_u16(), answer.problem().as_str()),
        expected,
        "{body:.80}"
    );
}

#[actix_web::test]
async fn bodies_are_told_what_is_wrong_with_them() {
    let server = TestServer::start().await;
    let app = server.app("a").await;
    let jobs = format!("/v1/apps/{app}/jobs");
    let check = async |body: &str, expected| check_body(&server, &jobs, body, expected).await;
    check("{", (400, "invalid-json")).await;
    check("[1]", (422, "validation-failed ")).await;
    check(r#"{"name": 5}"#, (422, "validation-failed name")).await;
    check(r#"{"nome": "x"}"#, (422, "validation-failed nome")).await;
    check("", (422, "validation-failed name")).await;
    check(
        r#"{"name":"x","processor":"p","schedule":{"type":"SOMETIMES"}}"#,
        (422, "validation-failed schedule.type"),
    )
    .await;
    check(
        r#"{"name":"","processor":"p","concurrency":0,"schedule":{"type":"CRON","expression":"x","zone":"Moon"}}"#,
        (422, "validation-failed name concurrency schedule.zone schedule.expression"),
    )
    .await;
}

#[actix_web::test]
async fn too_large_bodies_name_the_limit() {
    let server = TestServer::start().await;
    let large = format!(r#"{{"name":"{}"}}"#, "x".repeat(3 << 20));
    check_body(&server, "/v1/apps", &large, (413, "body-too-large")).await;
    let request = TestRequest::post()
        .uri("/v1/apps")
        .insert_header(("authorization", format!("Bearer {}", server.admin)))
        .set_payload(large);
    assert!(server.call(request).await.text().contains("2097152"));
}

#[actix_web::test]
async fn only_json_is_taken() {
    let server = TestServer::start().await;
    for (name, value) in [("content-type", "text/plain"), ("content-encoding", "gzip")] {
        let request = TestRequest::post()
            .uri("/v1/apps")
            .insert_header(("authorization", format!("Bearer {}", server.admin)))
            .insert_header((name, value))
            .set_payload(r#"{"name":"a"}"#);
        let answer = server.call(request).await;
        let expected = (415, "unsupported-media-type");
        assert_eq!(
            (answer.status.as_u16(), answer.problem().as_str()),
            expected,
            "{value}"
        );
    }
}

#[actix_web::test]
async fn unknown_paths_and_methods_are_told_apart() {
    let server = TestServer::start().await;
    for (method, path, expected) in [
        (Method::GET, "/v1/nothing", (404, "path-not-found")),
        (Method::GET, "/v1", (404, "path-not-found")),
        (Method::DELETE, "/v1/apps", (405, "method-not-allowed")),
        (Method::PUT, "/v1/session", (405, "method-not-allowed")),
        (
            Method::GET,
            "/v1/jobs/5/enable",
            (405, "method-not-allowed"),
        ),
    ] {
        let answer = server.send(&server.admin, method, path, Value::Null).await;
        assert_eq!(
            (answer.status.as_u16(), answer.problem().as_str()),
            expected,
            "{path}"
        );
    }
}

#[actix_web::test]
async fn unknown_ids_are_not_found_whatever_they_look_like() {
    let server = TestServer::start().await;
    for (path, code) in [
        ("/v1/apps/999", "app-not-found"),
        ("/v1/apps/abc", "app-not-found"),
        ("/v1/apps/99999999999999999999", "app-not-found"),
        ("/v1/apps/-1/jobs", "app-not-found"),
        ("/v1/jobs/999", "job-not-found"),
        ("/v1/jobs/1.5", "job-not-found"),
        ("/v1/instances/999", "instance-not-found"),
        ("/v1/instances/x/log", "instance-not-found"),
    ] {
        let answer = server.get(path).await;
        assert_eq!(
            (answer.status.as_u16(), answer.problem().as_str()),
            (404, code),
            "{path}"
        );
    }
}

#[actix_web::test]
async fn query_parameters_are_checked_all_at_once() {
    let server = TestServer::start().await;
    let app = server.app("a").await;
    for (query, expected) in [
        ("jobs?limit=0", "invalid-query limit"),
        ("jobs?limit=501", "invalid-query limit"),
        (
            "jobs?sort=up&enabled=perhaps&x=1",
            "invalid-query enabled sort x",
        ),
        (
            "instances?status=FAILED,LOST&from=now",
            "invalid-query status from",
        ),
        ("instances?jobId=x", "invalid-query jobId"),
        ("jobs?limit=1&limit=2", "invalid-query limit"),
    ] {
        let answer = server.get(&format!("/v1/apps/{app}/{query}")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.problem().as_str()),
            (400, expected),
            "{query}"
        );
    }
}

#[actix_web::test]
async fn cursors_of_other_making_are_refused() {
    let server = TestServer::start().await;
    let app = server.app("a").await;
    server.job(&app, "one").await;
    server.job(&app, "two").await;
    let page = server
        .get(&format!("/v1/apps/{app}/jobs?limit=1&sort=name"))
        .await
        .expect(200);
    let cursor = page["nextCursor"].as_str().expect("a second page");
    for path in [
        "/v1/apps?cursor=zzz".to_owned(),
        format!("/v1/apps/{app}/jobs?cursor=!"),
        format!("/v1/apps/{app}/jobs?sort=-name&cursor={cursor}"),
        format!("/v1/apps/{app}/instances?cursor=zzz"),
    ] {
        let answer = server.get(&path).await;
        assert_eq!(
            (answer.status.as_u16(), answer.problem().as_str()),
            (400, "invalid-cursor")
        );
    }
}

#[test]
fn all_codes_have_advice() {
    let page = include_str!("../../../docs/errors.md");
    for code in powerjob_server::http::error::Code::ALL {
        let row = format!("| `{}` | {} |", code.name(), code.status().as_u16());
        assert!(page.contains(&row), "docs/errors.md lacks the row {row}");
    }
}
