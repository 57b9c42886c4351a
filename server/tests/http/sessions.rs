//! Signing in and out.

use std::time::Duration;

use actix_web::http::Method;
use actix_web::test::TestRequest;
use serde_json::{Value, json};

use crate::support::{NOW, PASSWORD, TestServer};

const WEEK: Duration = Duration::from_secs(7 * 24 * 3_600);

async fn try_sign_in(server: &TestServer, account: &str, password: &str) -> (u16, String) {
    let body = json!({"account": account, "password": password});
    let answer = server.send("", Method::POST, "/v1/session", body).await;
    let code = if answer.status.is_success() {
        String::new()
    } else {
        answer.problem()
    };
    (answer.status.as_u16(), code)
}

#[actix_web::test]
async fn a_token_lets_in_until_it_is_given_back() {
    let server = TestServer::start().await;
    let me = server.get("/v1/session").await.expect(200);
    assert_eq!(me["user"]["account"], "ADMIN");
    assert_eq!(me["user"]["isAdministrator"], true);
    assert_eq!(me["server"]["node"], "server-1");
    assert_eq!(me["server"]["now"], NOW.0);
    server.delete("/v1/session").await.expect(204);
    assert_eq!(server.get("/v1/session").await.problem(), "token-unknown");
}

#[actix_web::test]
async fn what_is_wrong_with_a_token_is_told() {
    let server = TestServer::start().await;
    let check = async |token: &str, expected: &str| {
        let answer = server
            .send(token, Method::GET, "/v1/session", Value::Null)
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.problem().as_str()),
            (401, expected)
        );
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    };
    check("", "not-signed-in").await;
    check("made-up", "token-unknown").await;
    server.clock.advance(WEEK);
    check(&server.admin, "token-expired").await;
}

#[actix_web::test]
async fn a_known_session_costs_no_look_into_the_store() {
    let server = TestServer::start().await;
    server.get("/v1/session").await.expect(200);
    let fingerprint = powerjob_server::service::sessions::Fingerprint::of(&server.admin);
    server
        .store
        .delete_session(fingerprint.0)
        .await
        .expect("deleted behind the back");
    server.get("/v1/session").await.expect(200);
    server.clock.advance(Duration::from_secs(6));
    assert_eq!(server.get("/v1/session").await.problem(), "token-unknown");
}

#[actix_web::test]
async fn unknown_accounts_and_wrong_passwords_look_the_same() {
    let server = TestServer::start().await;
    let expected = (401, "wrong-credentials".to_owned());
    assert_eq!(try_sign_in(&server, "ADMIN", "wrong").await, expected);
    assert_eq!(try_sign_in(&server, "nobody", "wrong").await, expected);
    assert_eq!(
        try_sign_in(&server, "nobody", &"x".repeat(5_000)).await,
        expected
    );
}

#[actix_web::test]
async fn guessing_is_slowed_down_for_account_and_address() {
    let server = TestServer::start().await;
    for _ in 0..5 {
        assert_eq!(try_sign_in(&server, "victim", "guess").await.0, 401);
    }
    let body = json!({"account": "victim", "password": "guess"});
    let answer = server.send("", Method::POST, "/v1/session", body).await;
    assert_eq!(
        (answer.status.as_u16(), answer.problem().as_str()),
        (429, "too-many-attempts")
    );
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(
        try_sign_in(&server, "ADMIN", PASSWORD).await.0,
        429,
        "the address waits, too"
    );
    let elsewhere = TestRequest::post()
        .uri("/v1/session")
        .set_json(json!({"account": "ADMIN", "password": PASSWORD}));
    assert_eq!(
        server
            .call_from("198.51.100.7:1", elsewhere)
            .await
            .status
            .as_u16(),
        200
    );
    server.clock.advance(Duration::from_secs(1));
    assert_eq!(try_sign_in(&server, "ADMIN", PASSWORD).await.0, 200);
}

#[actix_web::test]
async fn a_browser_gets_a_cookie_that_scripts_and_other_pages_cannot_use() {
    let server = TestServer::start().await;
    let body = json!({"account": "ADMIN", "password": PASSWORD});
    let answer = server.send("", Method::POST, "/v1/session", body).await;
    let cookie = answer.header("set-cookie").to_owned();
    assert!(cookie.starts_with("pj_session="));
    assert!(
        cookie.ends_with("; Path=/; Max-Age=604800; HttpOnly; SameSite=Strict"),
        "{cookie}"
    );
    assert_eq!(answer.header("cache-control"), "no-store");

    let pair = cookie.split(';').next().expect("a pair").to_owned();
    let read = TestRequest::get()
        .uri("/v1/session")
        .insert_header(("cookie", pair.clone()));
    assert_eq!(server.call(read).await.status.as_u16(), 200);
    let write = |marked: bool| {
        let request = TestRequest::post()
            .uri("/v1/apps")
            .insert_header(("cookie", format!("other=1; {pair}")))
            .set_json(json!({"name": "a"}));
        if marked {
            request.insert_header(("x-requested-with", "powerjob"))
        } else {
            request
        }
    };
    let refused = server.call(write(false)).await;
    assert_eq!(
        (refused.status.as_u16(), refused.problem().as_str()),
        (403, "cross-site-request")
    );
    assert_eq!(server.call(write(true)).await.status.as_u16(), 201);
}

#[actix_web::test]
async fn behind_https_the_cookie_stays_on_https() {
    let config = powerjob_server::http::HttpConfig {
        behind_https: true,
        ..Default::default()
    };
    let server = TestServer::start_with(config).await;
    let body = json!({"account": "ADMIN", "password": PASSWORD});
    let answer = server.send("", Method::POST, "/v1/session", body).await;
    assert!(answer.header("set-cookie").ends_with("; Secure"));
}

#[actix_web::test]
async fn a_ticket_opens_one_reading_request() {
    let server = TestServer::start().await;
    let ticket = async || {
        let ticket = server
            .post("/v1/session/tickets", Value::Null)
            .await
            .expect(201);
        assert_eq!(ticket["expiresAt"], NOW.0 + 60_000);
        ticket["ticket"].as_str().expect("a ticket").to_owned()
    };
    let path = format!("/v1/session?ticket={}", ticket().await);
    server
        .send("", Method::GET, &path, Value::Null)
        .await
        .expect(200);
    let again = server.send("", Method::GET, &path, Value::Null).await;
    assert_eq!(
        (again.status.as_u16(), again.problem().as_str()),
        (401, "ticket-invalid")
    );

    let path = format!("/v1/apps?ticket={}", ticket().await);
    let write = server
        .send("", Method::POST, &path, json!({"name": "a"}))
        .await;
    assert_eq!(write.problem(), "not-signed-in");

    let path = format!("/v1/session?ticket={}", ticket().await);
    server.clock.advance(Duration::from_secs(60));
    assert_eq!(
        server
            .send("", Method::GET, &path, Value::Null)
            .await
            .problem(),
        "ticket-invalid"
    );
}

#[actix_web::test]
async fn a_new_password_ends_the_sessions() {
    let server = TestServer::start().await;
    let token = server.person("alice", None).await;
    let generated =
        powerjob_server::service::accounts::reset_password(&server.store, "alice", None)
            .await
            .expect("a known account")
            .expect("a generated password");
    assert_eq!(generated.password.expose().len(), 24);
    server.clock.advance(Duration::from_secs(6));
    let answer = server
        .send(&token, Method::GET, "/v1/session", Value::Null)
        .await;
    assert_eq!(answer.problem(), "token-unknown");
    server.sign_in("alice", generated.password.expose()).await;
}

#[actix_web::test]
async fn a_locked_account_is_told_so_only_with_its_password() {
    let server = TestServer::start().await;
    let id = server.account("bob").await;
    server
        .store
        .set_account_enabled(id, false)
        .await
        .expect("locked");
    assert_eq!(
        try_sign_in(&server, "bob", "wrong").await,
        (401, "wrong-credentials".to_owned())
    );
    assert_eq!(
        try_sign_in(&server, "bob", PASSWORD).await,
        (403, "account-disabled".to_owned())
    );
}

#[actix_web::test]
async fn the_first_administrator_is_made_once() {
    use powerjob_server::service::accounts::ensure_administrator;
    let server = TestServer::start().await;
    assert!(
        ensure_administrator(&server.store, None)
            .await
            .expect("known")
            .is_none()
    );
    server.sign_in("ADMIN", PASSWORD).await;
}
