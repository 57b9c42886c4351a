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

use crate::real::Server;
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

/// Spec 06 cases 1 and 4, the latter below `/openApi`.
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

/// Spec 06 case 84: a mistake is no missing proof.
#[actix_web::test]
async fn a_refusal_of_a_call_is_no_refusal_of_the_program() {
    let server = TestServer::start().await;
    let (own, token) = app(&server, "own").await;
    let program = Some((own.as_str(), token.as_str()));
    let form = format!("jobId=99999&appId={own}").into();
    let answer = send(&server, program, "/openApi/fetchJob", &form).await;
    assert_eq!(answer.header(AUTH_PASSED.as_str()), "true");
    assert_eq!(
        answer.expect(200),
        json!({
            "success": false, "data": null, "code": null,
            "message": "IllegalArgumentException: can't find job by jobId: 99999",
        })
    );
}

/// Spec 06 case 85.
#[actix_web::test]
async fn a_program_gets_its_token_for_the_right_password() {
    let server = TestServer::start().await;
    app(&server, "own").await;
    let ask = async |body: Value| {
        send(&server, None, "/openApi/authApp", &body)
            .await
            .expect(200)
    };
    let refused = |message: &str, code: &str| {
        json!({
            "success": false, "data": null, "message": message, "code": code,
        })
    };
    let of = |name: &str, password: &str, kind: &str| {
        json!({
            "appName": name, "encryptedPassword": password, "encryptType": kind,
        })
    };
    for (body, message, code) in [
        (of("x", PASSWORD, "none"), "INVALID_APP:x", "-402"),
        (of("own", "wrong", "none"), "INCORRECT_PASSWORD", "-400"),
        (of("own", "wrong", "md5"), "INCORRECT_PASSWORD", "-400"),
        (
            of("own", PASSWORD, "sha1"),
            "INVALID_REQUEST:unknown_encryptType:sha1",
            "-300",
        ),
    ] {
        assert_eq!(ask(body).await, refused(message, code));
    }
    let md5 = "8692a1e8c54caee6b600409e6cbd0c35";
    let upper = md5.to_uppercase();
    for (password, kind) in [
        (PASSWORD, "none"),
        (PASSWORD, ""),
        (md5, "md5"),
        (&upper, "md5"),
    ] {
        let answer = ask(of("own", password, kind)).await;
        assert_eq!(answer["success"], true, "{kind}: {answer}");
        assert!(answer["data"]["appId"].is_i64(), "{answer}");
    }
}

/// Spec 06 case 91, as it is without tokens.
#[actix_web::test]
async fn a_job_of_another_application_is_not_deleted() {
    let config = HttpConfig {
        openapi_auth: false,
        ..HttpConfig::default()
    };
    let server = TestServer::start_with(config).await;
    let (own, other) = (server.app("own").await, server.app("other").await);
    let foreign = server.job(&other, "foreign").await;
    let delete = async |job: &str| {
        let form = format!("jobId={job}&appId={own}").into();
        let answer = send(&server, None, "/openApi/deleteJob", &form).await;
        answer.expect(200)["message"].clone()
    };
    let text = format!("this job is not belong to the app whose appId is {own}");
    assert_eq!(
        delete(&foreign).await,
        format!("IllegalArgumentException: {text}")
    );
    assert_eq!(
        delete("99").await,
        "IllegalArgumentException: can't find job by jobId: 99"
    );
}

/// Spec 06 cases 92 and 94, on real actors: ten calls are ten runs, and a run that waits is called off.
#[actix_web::test]
async fn each_call_is_a_run_and_one_that_waits_is_called_off() {
    let config = HttpConfig {
        openapi_auth: false,
        ..HttpConfig::default()
    };
    let server = Server::start_with(config).await;
    let token = server.sign_in().await;
    let made = server.post(&token, "/v1/apps", json!({"name": "a"})).await;
    let app = made["app"]["id"].as_str().expect("an id").to_owned();
    let job = json!({"name": "j", "processor": "p", "schedule": {"type": "API"}});
    let job = server
        .post(&token, &format!("/v1/apps/{app}/jobs"), job)
        .await;
    let job = job["id"].as_str().expect("an id").to_owned();
    let call = async |path: &str, form: String| {
        let request = TestRequest::post()
            .uri(&format!("/openApi/{path}"))
            .insert_header(("content-type", "application/x-www-form-urlencoded"))
            .set_payload(form);
        server.answer(request).await.expect(200)
    };
    let mut runs = Vec::new();
    for _ in 0..10 {
        let run = call("runJob", format!("jobId={job}&appId={app}&delay=0")).await;
        runs.push(run["data"].as_i64().expect("an id"));
    }
    runs.sort_unstable();
    runs.dedup();
    assert_eq!(runs.len(), 10);

    let later = call("runJob", format!("jobId={job}&appId={app}&delay=60000")).await;
    let instance = format!("instanceId={}&appId={app}", later["data"]);
    assert_eq!(
        call("cancelInstance", instance.clone()).await["success"],
        true
    );
    let info = call("fetchInstanceInfo", instance.clone()).await["data"].clone();
    assert_eq!(
        (&info["status"], &info["result"]),
        (&json!(9), &json!("canceled by user"))
    );
    let again = call("cancelInstance", instance).await;
    assert_eq!(
        again["message"],
        "PowerJobException: instance already up and running"
    );
}
