//! Everything that is not the API: the console, and the two probes.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use serde_json::Value;

use crate::support::TestServer;

#[actix_web::test]
async fn probes_are_open_to_everybody() {
    let server = TestServer::start().await;
    for (path, text) in [
        ("/health", r#"{"status":"ok"}"#),
        ("/ready", r#"{"status":"ready"}"#),
    ] {
        let answer = server.send("", Method::GET, path, Value::Null).await;
        assert_eq!(
            (answer.status.as_u16(), answer.text().as_str()),
            (200, text)
        );
    }
}

#[actix_web::test]
async fn unknown_paths_outside_of_the_api_are_pages_of_the_console() {
    let server = TestServer::start().await;
    let answer = server
        .send("", Method::GET, "/apps/5/jobs", Value::Null)
        .await;
    match powerjob_console::index() {
        Some(page) => {
            assert_eq!(answer.status.as_u16(), 200);
            assert_eq!(answer.bytes, page.bytes);
            assert_eq!(answer.header("cache-control"), "no-cache");
        }
        None => {
            assert_eq!(answer.status.as_u16(), 404);
            assert!(answer.text().contains(powerjob_console::MISSING_HINT));
        }
    }
    assert!(
        answer
            .header("content-security-policy")
            .contains("default-src 'self'")
    );
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("x-frame-options"), "DENY");
    assert_eq!(answer.header("referrer-policy"), "same-origin");
}

#[actix_web::test]
async fn a_known_page_is_not_sent_again() {
    let server = TestServer::start().await;
    let Some(page) = powerjob_console::index() else {
        return;
    };
    let known = TestRequest::get()
        .uri("/")
        .insert_header(("if-none-match", page.etag));
    let answer = server.call(known).await;
    assert_eq!(answer.status.as_u16(), 304);
    assert!(answer.bytes.is_empty());
    assert_eq!(answer.header("etag"), page.etag);
}

#[actix_web::test]
async fn compressed_files_go_to_those_who_take_them() {
    let server = TestServer::start().await;
    let Some(page) = powerjob_console::index().filter(|page| page.gzip.is_some()) else {
        return;
    };
    let request = TestRequest::get()
        .uri("/")
        .insert_header(("accept-encoding", "br, gzip"));
    let answer = server.call(request).await;
    assert_eq!(answer.header("content-encoding"), "gzip");
    assert_eq!(Some(answer.bytes.as_ref()), page.gzip);
    let refused = TestRequest::get()
        .uri("/")
        .insert_header(("accept-encoding", "gzip;q=0"));
    assert_eq!(server.call(refused).await.bytes, page.bytes);
}

#[actix_web::test]
async fn the_console_takes_no_changes_and_has_no_made_up_scripts() {
    let server = TestServer::start().await;
    let answer = server.send("", Method::POST, "/apps", Value::Null).await;
    assert_eq!(
        (answer.status.as_u16(), answer.problem().as_str()),
        (405, "method-not-allowed")
    );
    let answer = server
        .send("", Method::GET, "/assets/gone-1.js", Value::Null)
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.problem().as_str()),
        (404, "path-not-found")
    );
}
