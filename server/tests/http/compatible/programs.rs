//! Programs and their tokens, beyond what was recorded.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use actix_web::http::Method;
use actix_web::test::TestRequest;
use powerjob_common::id::AppId;
use powerjob_common::secret::Secret;
use powerjob_common::status::InstanceStatus;
use powerjob_server::http::exact_name::{AUTH_PASSED, EXACT};
use powerjob_server::http::{HttpConfig, serve};
use powerjob_server::service::app_password;
use powerjob_server::store::reference::app::AppFacts;
use serde_json::{Value, json};

use crate::support::{Answer, TestServer};

pub(crate) const PASSWORD: &str = "secret of the app";

pub(crate) async fn set_password(server: &TestServer, app: &str, password: &str) {
    let password = Secret::new(password.to_owned());
    let facts = AppFacts {
        title: None,
        password: app_password::seal(&password).expect("sealed"),
        tags: None,
        extra: None,
        namespace_id: server
            .store
            .default_namespace()
            .await
            .expect("there is one"),
        modifier: None,
    };
    let id = AppId(app.parse().expect("an id"));
    server.store.set_app_facts(id, facts).await.expect("stored");
}

async fn app(server: &TestServer, name: &str) -> (String, String) {
    let app = server.app(name).await;
    set_password(server, &app, PASSWORD).await;
    let token = token(server, name).await;
    (app, token)
}

pub(crate) async fn token(server: &TestServer, name: &str) -> String {
    let body = json!({"appName": name, "encryptedPassword": PASSWORD, "encryptType": "none"});
    let answer = send(server, None, "/openApi/authApp", &body).await.json();
    answer["data"]["token"]
        .as_str()
        .expect("a token")
        .to_owned()
}

/// A call with the token of an application; a form, or JSON.
async fn send(
    server: &TestServer,
    program: Option<(&str, &str)>,
    path: &str,
    body: &Value,
) -> Answer {
    let mut request = TestRequest::with_uri(path).method(Method::POST);
    if let Some((app, token)) = program {
        request = request
            .insert_header(("X-POWERJOB-APP-ID", app))
            .insert_header(("X-POWERJOB-ACCESS-TOKEN", token));
    }
    request = match body {
        Value::String(form) => request
            .insert_header(("content-type", "application/x-www-form-urlencoded"))
            .set_payload(form.clone()),
        json => request.set_json(json),
    };
    server.call(request).await
}

/// Spec 06 case 93: a program touches nothing of another application, and is told so without having
/// to prove itself again.
#[actix_web::test]
async fn a_token_opens_its_own_application_only() {
    let server = TestServer::start().await;
    let (own, token) = app(&server, "own").await;
    let (other, _) = app(&server, "other").await;
    let (own_job, job) = (
        server.job(&own, "own").await,
        server.job(&other, "foreign").await,
    );
    let instance = server
        .instance(&other, &job, 77, InstanceStatus::Succeed)
        .await;
    let program = Some((own.as_str(), token.as_str()));
    let refused = [
        ("fetchInstanceInfo", format!("instanceId={instance}")),
        (
            "fetchInstanceStatus",
            format!("instanceId={instance}&appId={own}"),
        ),
        ("stopInstance", format!("instanceId={instance}&appId={own}")),
        ("retryInstance", format!("instanceId={instance}")),
        ("fetchAllJob", format!("appId={other}")),
        ("copyJob", format!("jobId={job}")),
        ("copyJob", format!("jobId={job}&appId={own}")),
        ("fetchJob", format!("jobId={job}&appId={own}")),
        ("fetchJob", format!("jobId={job}&appId={other}")),
        ("exportJob", format!("jobId={job}")),
        ("runJob", format!("jobId={job}")),
        ("deleteJob", format!("jobId={job}&appId={other}")),
        ("disableJob", format!("jobId={job}")),
        ("enableJob", format!("jobId={job}")),
        ("fetchJob", format!("jobId={own_job}&appId={other}")),
    ];
    for (path, form) in refused {
        let answer = send(
            &server,
            program,
            &format!("/openApi/{path}"),
            &form.clone().into(),
        )
        .await;
        assert_eq!(answer.header(AUTH_PASSED.as_str()), "true", "{path} {form}");
        assert_eq!(answer.expect(200)["success"], false, "{path} {form}");
    }
    for (path, body) in [
        (
            "queryJob",
            json!({"appIdEq": other.parse::<i64>().expect("an id")}),
        ),
        ("queryInstance", json!({"appIdEq": other})),
        (
            "saveJob",
            json!({
                "id": job, "appId": own, "jobName": "taken over", "processorInfo": "p",
                "executeType": "STANDALONE", "processorType": "BUILT_IN",
                "timeExpressionType": "API",
            }),
        ),
        (
            "addWorkflowNode",
            json!([{"appId": own, "type": 1, "jobId": job, "nodeName": "n"}]),
        ),
    ] {
        let answer = send(&server, program, &format!("/openApi/{path}"), &body).await;
        assert_eq!(answer.header(AUTH_PASSED.as_str()), "true", "{path}");
        assert_eq!(answer.expect(200)["success"], false, "{path}");
    }
    // Without a name, a question is about the token's application.
    let own_jobs = send(&server, program, "/openApi/queryJob", &json!({}))
        .await
        .json();
    assert_eq!(
        own_jobs["data"].as_array().map(Vec::len),
        Some(1),
        "{own_jobs}"
    );
    assert_eq!(own_jobs["data"][0]["jobName"], "own");
}

/// Spec 06 case 86, and that tokens can be taken back: a new password ends them.
#[actix_web::test]
async fn a_new_password_ends_the_tokens_of_the_former_one() {
    let server = TestServer::start().await;
    let (own, token) = app(&server, "own").await;
    let program = Some((own.as_str(), token.as_str()));
    let list = json!({});
    let answer = send(&server, program, "/openApi/queryJob", &list).await;
    assert_eq!(answer.json()["success"], true);
    set_password(&server, &own, "another one").await;
    server.clock.advance(Duration::from_secs(6));
    let answer = send(&server, program, "/openApi/queryJob", &list).await;
    assert_eq!(answer.header(AUTH_PASSED.as_str()), "false");
    assert_eq!(
        answer.json(),
        json!({
            "success": false, "message": "INCORRECT_PASSWORD", "code": "-400",
        })
    );
}

/// Spec 06 case 83.
#[actix_web::test]
async fn a_token_runs_out() {
    let server = TestServer::start().await;
    let (own, token) = app(&server, "own").await;
    server.clock.advance(Duration::from_secs(8 * 24 * 3_600));
    let program = Some((own.as_str(), token.as_str()));
    let answer = send(&server, program, "/openApi/queryJob", &json!({})).await;
    assert_eq!(answer.header(AUTH_PASSED.as_str()), "false");
    assert_eq!(answer.json()["code"], "-403");
}

/// Spec 06 section 16.3: guessing the password of an application is slowed down.
#[actix_web::test]
async fn wrong_passwords_of_an_application_are_slowed_down() {
    let server = TestServer::start().await;
    app(&server, "own").await;
    let guess = json!({"appName": "own", "encryptedPassword": "guess", "encryptType": "none"});
    let mut last = Value::Null;
    for _ in 0..8 {
        last = send(&server, None, "/openApi/authApp", &guess).await.json();
        assert_eq!(last["success"], false);
    }
    let text = last["message"].as_str().expect("a message");
    assert!(text.contains("too many"), "{text}");
    server.clock.advance(Duration::from_secs(600));
    token(&server, "own").await;
}

/// Spec 06 section 9.1: tokens are checked unless somebody decides otherwise.
#[actix_web::test]
async fn tokens_are_checked_by_default() {
    let server = TestServer::start().await;
    let answer = send(&server, None, "/openApi/fetchAllJob", &"appId=1".into()).await;
    assert_eq!(answer.header(AUTH_PASSED.as_str()), "false");
    assert_eq!(
        answer.header("content-type"),
        "application/json;charset=utf-8"
    );
    assert_eq!(
        answer.json(),
        json!({
            "success": false, "message": "INVALID_REQUEST:lack_of_appId_in_header", "code": "-300",
        })
    );
}

/// Spec 06 case 81: the bytes on the socket.
#[actix_web::test]
async fn the_header_of_the_java_client_has_its_exact_letters() {
    let config = HttpConfig {
        openapi_auth: false,
        ..HttpConfig::default()
    };
    let server = TestServer::start_with(config).await;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let running = serve(listener, server.state.clone()).expect("serves");
    let handle = running.handle();
    let serving = actix_web::rt::spawn(running);
    let exchange = move || {
        let mut socket = TcpStream::connect(address).expect("connects");
        let request = b"POST /openApi/fetchAllJob?appId=1 HTTP/1.1\r\nhost: x\r\n\
            content-length: 0\r\nconnection: close\r\n\r\n";
        socket.write_all(request).expect("sends");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("an answer");
        answer
    };
    let answer = tokio::task::spawn_blocking(exchange).await.expect("done");
    handle.stop(true).await;
    serving.await.expect("ended").expect("ended well");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(
        answer.contains(&format!("\r\n{EXACT}: true\r\n")),
        "{answer}"
    );
}

/// Spec 06 case 4 below `/openApi`, and case 1.
#[actix_web::test]
async fn unknown_paths_and_methods_are_told() {
    let config = HttpConfig {
        openapi_auth: false,
        ..HttpConfig::default()
    };
    let server = TestServer::start_with(config).await;
    let answer = send(&server, None, "/openApi/nothing", &json!({})).await;
    assert_eq!(answer.expect(404)["path"], "/openApi/nothing");
    let answer = server.call(TestRequest::get().uri("/openApi/runJob")).await;
    assert_eq!(
        answer.expect(200)["message"],
        "HttpRequestMethodNotSupportedException: Request method 'GET' not supported"
    );
}
