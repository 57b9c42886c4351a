//! The HTTP edge in front of real actors: what the stand-in cannot show.

use std::sync::Arc;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::web::Data;
use actix_web::{App, test};
use powerjob_common::secret::Secret;
use powerjob_server::app::{self, Ready, ServerHandles};
use powerjob_server::config::ServerConfig;
use powerjob_server::http::{HttpConfig, HttpState, configure};
use powerjob_server::service::{Services, accounts};
use serde_json::{Value, json};
use std::future::poll_fn;
use std::pin::Pin;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::support::{Answer, PASSWORD};

/// A server with its actors; it ends with this value.
pub(crate) struct Server {
    pub(crate) state: Data<HttpState>,
    pub(crate) handles: ServerHandles,
    stop: CancellationToken,
    thread: Option<std::thread::JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

impl Server {
    async fn start() -> Self {
        Self::start_with(HttpConfig::default()).await
    }

    pub(crate) async fn start_with(http: HttpConfig) -> Self {
        Self::start_on(None, http).await
    }

    /// On the database at this address, or else on a file.
    pub(crate) async fn start_on(database: Option<String>, http: HttpConfig) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = ServerConfig {
            database_url: database.map(Secret::new),
            http_bind: None,
            worker_bind: "127.0.0.1:0".to_owned(),
            ..ServerConfig::new("real", folder.path())
        };
        let stop = CancellationToken::new();
        let (sender, ready) = oneshot::channel();
        let token = stop.clone();
        let thread = std::thread::spawn(move || {
            let tell = |ready: Ready| drop(sender.send(ready.handles));
            app::run(config, token, tell).expect("the server ends well");
        });
        let handles = ready.await.expect("the server starts");
        let password = Some(Secret::new(PASSWORD.to_owned()));
        accounts::ensure_administrator(&handles.store, password)
            .await
            .expect("an administrator");
        let services = Services::new(handles.clone());
        let state = HttpState::new(services, http, Arc::new(|| Ok(())), stop.clone());
        Self {
            state,
            handles,
            stop,
            thread: Some(thread),
            _folder: folder,
        }
    }

    pub(crate) async fn sign_in(&self) -> String {
        let body = json!({"account": "ADMIN", "password": PASSWORD});
        let signed_in = self
            .call("", TestRequest::post().uri("/v1/session").set_json(body))
            .await;
        signed_in["token"].as_str().expect("a token").to_owned()
    }

    async fn call(&self, token: &str, request: TestRequest) -> Value {
        let state = self.state.clone();
        let app = init_service(App::new().configure(|config| configure(config, state))).await;
        let request = request.insert_header(("authorization", format!("Bearer {token}")));
        let response = call_service(&app, request.to_request()).await;
        let status = response.status();
        let bytes = test::read_body(response).await;
        assert!(status.is_success(), "{status} {bytes:?}");
        serde_json::from_slice(&bytes).unwrap_or(Value::Null)
    }

    pub(crate) async fn answer(&self, request: TestRequest) -> Answer {
        let state = self.state.clone();
        let app = init_service(App::new().configure(|config| configure(config, state))).await;
        let peer = "192.0.2.1:1000".parse().expect("an address");
        let response = call_service(&app, request.peer_addr(peer).to_request()).await;
        Answer {
            status: response.status(),
            headers: response.headers().clone(),
            bytes: test::read_body(response).await,
        }
    }

    pub(crate) async fn post(&self, token: &str, path: &str, body: Value) -> Value {
        self.call(token, TestRequest::post().uri(path).set_json(body))
            .await
    }

    async fn get(&self, token: &str, path: &str) -> Value {
        self.call(token, TestRequest::get().uri(path)).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

#[actix_web::test]
async fn an_application_can_be_used_the_moment_it_is_there() {
    let server = Server::start().await;
    let token = server.sign_in().await;
    let app = server
        .post(&token, "/v1/apps", json!({"name": "shop"}))
        .await;
    let app = app["app"]["id"].as_str().expect("an id").to_owned();
    let jobs = format!("/v1/apps/{app}/jobs");
    let definition = json!({"name": "job", "processor": "demo", "schedule": {"type": "API"}});
    let job = server.post(&token, &jobs, definition).await;
    let job = job["id"].as_str().expect("an id").to_owned();

    let runs = server
        .post(
            &token,
            &format!("/v1/jobs/{job}/runs"),
            json!({"params": "x"}),
        )
        .await;
    let instance = format!(
        "/v1/instances/{}",
        runs["instanceId"].as_str().expect("an id")
    );
    let shown = server.get(&token, &instance).await;
    assert_eq!(shown["status"], "WAITING_DISPATCH");
    assert!(
        shown["waitingFor"]["text"]
            .as_str()
            .is_some_and(|why| !why.is_empty()),
        "{shown}"
    );
    let canceled = server
        .post(&token, &format!("{instance}/cancel"), Value::Null)
        .await;
    assert_eq!(canceled["status"], "CANCELED");
    let stored = server
        .get(&token, &format!("/v1/apps/{app}/instances?status=CANCELED"))
        .await;
    assert_eq!(stored["items"][0]["jobName"], "job");

    let batch = json!({"runs": vec![json!({}); 100]});
    let batch = server
        .post(&token, &format!("/v1/jobs/{job}/runs:batch"), batch)
        .await;
    assert_eq!(batch["instanceIds"].as_array().map(Vec::len), Some(100));
    let diagnosis = server
        .get(&token, &format!("/v1/jobs/{job}/diagnosis"))
        .await;
    assert_eq!(diagnosis["canRun"], false);
}

#[actix_web::test]
async fn administrators_see_the_real_actors_and_their_messages() {
    let server = Server::start().await;
    let token = server.sign_in().await;
    let nodes = server.get(&token, "/v1/actors").await;
    assert_eq!(
        (&nodes[0]["node"], &nodes[0]["role"]),
        (&json!("real"), &json!("server"))
    );
    assert!(
        nodes[0]["actors"]
            .as_array()
            .is_some_and(|actors| !actors.is_empty())
    );

    let state = server.state.clone();
    let app = init_service(App::new().configure(|config| configure(config, state))).await;
    let request = TestRequest::get()
        .uri("/v1/tap?kind=ClaimApps")
        .insert_header(("authorization", format!("Bearer {token}")));
    let response = call_service(&app, request.to_request()).await;
    let mut body = Box::pin(response.into_body());
    assert!(next(&mut body).await.starts_with("event: hello"));
    let reply = |reply| powerjob_server::actor::elector::ClaimApps { reply };
    server
        .handles
        .claim_apps
        .ask(Duration::from_secs(10), reply)
        .await
        .expect("an answer");
    let message = next(&mut body).await;
    assert!(message.starts_with("event: message\ndata: {"), "{message}");
    assert!(message.contains("\"kind\":\"ClaimApps\""), "{message}");
}

async fn next<B: MessageBody>(body: &mut Pin<Box<B>>) -> String {
    let bytes = poll_fn(|context| body.as_mut().poll_next(context)).await;
    let bytes = bytes.and_then(Result::ok).expect("bytes");
    String::from_utf8(bytes.to_vec()).expect("text")
}
