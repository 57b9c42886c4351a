//! A real server with both of its ports, and a worker that does as it is told.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use powerjob_common::id::InstanceId;
use powerjob_common::secret::Secret;
use powerjob_protocol::json::InstanceDetail;
use powerjob_server::app::{self, Ready, ServerHandles};
use powerjob_server::config::ServerConfig;
use powerjob_server::service::{Services, live_detail};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::support::PASSWORD;

pub(super) const LIMIT: Duration = Duration::from_secs(20);

/// See the head of the file.
pub(super) struct Scene {
    pub(super) client: Client,
    /// `http://host:port` of the web port.
    pub(super) web: String,
    /// The same of the transport.
    pub(super) transport: String,
    handles: ServerHandles,
    pub(super) app: i64,
    token: String,
    stop: CancellationToken,
    thread: Option<std::thread::JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

impl Scene {
    pub(super) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = ServerConfig {
            http_bind: Some("127.0.0.1:0".to_owned()),
            worker_bind: "127.0.0.1:0".to_owned(),
            admin_password: Some(Secret::new(PASSWORD.to_owned())),
            ..ServerConfig::new("java", folder.path())
        };
        let stop = CancellationToken::new();
        let (sender, ready) = oneshot::channel();
        let token = stop.clone();
        let thread = std::thread::spawn(move || {
            let tell = |ready: Ready| drop(sender.send((ready.http_addr, ready.handles)));
            app::run(config, token, tell).expect("the server ends well");
        });
        let (web, handles) = ready.await.expect("the server starts");
        let transport = handles.facts.http_worker_address.clone();
        let mut scene = Self {
            client: Client::builder().no_proxy().build().expect("a client"),
            web: format!("http://{}", web.expect("a web port")),
            transport: format!("http://{}", transport.expect("a transport")),
            handles,
            app: 0,
            token: String::new(),
            stop,
            thread: Some(thread),
            _folder: folder,
        };
        let session = json!({ "account": "ADMIN", "password": PASSWORD });
        let session = scene.v1("POST", "/session", &session).await;
        scene.token = session["token"].as_str().expect("a token").to_owned();
        let app = scene.v1("POST", "/apps", &json!({ "name": "demo" })).await;
        scene.app = app["app"]["id"]
            .as_str()
            .expect("an id")
            .parse()
            .expect("a number");
        scene
    }

    /// A call of our own API that must succeed.
    pub(super) async fn v1(&self, method: &str, path: &str, body: &Value) -> Value {
        let method = method.parse().expect("a method");
        let mut call = self
            .client
            .request(method, format!("{}/v1{path}", self.web));
        call = call.bearer_auth(&self.token);
        if !body.is_null() {
            call = call.json(body);
        }
        let answer = call.send().await.expect("an answer");
        let status = answer.status();
        let text = answer.text().await.expect("a body");
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// What the console of the reference asks, as the administrator.
    pub(super) async fn console(&self, path: &str, body: &Value) -> Value {
        let call = self.client.post(format!("{}{path}", self.web));
        let call = call.header("PowerJwt", &self.token).json(body);
        let answer = call.send().await.expect("an answer");
        answer.json().await.expect("JSON")
    }

    /// What the web port answers to a worker.
    pub(super) async fn get(&self, path: &str) -> Value {
        let answer = self.client.get(format!("{}{path}", self.web)).send().await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
        answer.json().await.expect("JSON")
    }

    /// Sends a message over the transport.
    pub(super) async fn post(&self, route: &str, body: impl Into<String>) -> Response {
        let call = self.client.post(format!("{}{route}", self.transport));
        let call = call
            .header("content-type", "application/json")
            .body(body.into());
        call.send().await.expect("an answer")
    }

    /// A message that is taken; its answer, `Null` for none.
    pub(super) async fn tell(&self, route: &str, message: &Value) -> Value {
        let answer = self.post(route, message.to_string()).await;
        assert_eq!(answer.status(), 200, "{route} {message}");
        let text = answer.text().await.expect("a body");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    pub(super) fn heartbeat(&self, address: &str) -> Value {
        json!({
            "workerAddress": address, "appName": "demo", "appId": self.app,
            "heartbeatTime": 1_733_576_949_000_i64, "containerInfos": [], "version": "5.1.1",
            "protocol": "HTTP", "client": "KingPenguin", "lightTaskTrackerNum": 0,
            "heavyTaskTrackerNum": 0, "overload": false,
            "systemMetrics": {
                "cpuProcessors": 8, "cpuLoad": 1.25, "jvmUsedMemory": 0.0931,
                "jvmMaxMemory": 3.5557, "jvmMemoryUsage": 0.0262, "diskUsed": 100.0,
                "diskTotal": 120.5, "diskUsage": 0.8299, "score": 13
            }
        })
    }

    /// The workers as our API shows them.
    pub(super) async fn workers(&self) -> Vec<Value> {
        let workers = self
            .v1("GET", &format!("/apps/{}/workers", self.app), &Value::Null)
            .await;
        workers.as_array().expect("a list").clone()
    }

    /// Waits until a worker is online.
    pub(super) async fn until_online(&self, address: &str) -> Value {
        self.until(&format!("{address} is online"), async || {
            let workers = self.workers().await.into_iter();
            let mut online = workers.filter(|it| it["state"] == "ONLINE");
            online.find(|it| it["address"] == address)
        })
        .await
    }

    /// Asks again and again until there is an answer.
    pub(super) async fn until<T>(&self, what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
        let asking = async {
            loop {
                if let Some(answer) = ask().await {
                    return answer;
                }
                tokio::time::sleep(Duration::from_millis(10)).await; // allow-sleep: the pace of the asking
            }
        };
        let answer = tokio::time::timeout(LIMIT, asking).await;
        answer.unwrap_or_else(|_| panic!("not in time: {what}"))
    }

    pub(super) async fn job(&self, fields: &Value) -> i64 {
        let mut job = json!({
            "name": "a job", "processor": "tech.example.Demo", "schedule": { "type": "API" },
        });
        let fields = fields.as_object().expect("fields").clone();
        job.as_object_mut().expect("an object").extend(fields);
        let job = self
            .v1("POST", &format!("/apps/{}/jobs", self.app), &job)
            .await;
        job["id"]
            .as_str()
            .expect("an id")
            .parse()
            .expect("a number")
    }

    pub(super) async fn run(&self, job: i64, params: Option<&str>) -> i64 {
        let run = self
            .v1(
                "POST",
                &format!("/jobs/{job}/runs"),
                &json!({ "params": params }),
            )
            .await;
        run["instanceId"]
            .as_str()
            .expect("an id")
            .parse()
            .expect("a number")
    }

    pub(super) async fn instance(&self, id: i64) -> Value {
        self.v1("GET", &format!("/instances/{id}"), &Value::Null)
            .await
    }

    pub(super) async fn until_status(&self, id: i64, status: &str) -> Value {
        self.until(&format!("{id} is {status}"), async || {
            let instance = self.instance(id).await;
            (instance["status"] == status).then_some(instance)
        })
        .await
    }

    /// What the worker of a run says of it.
    pub(super) async fn ask_worker(
        &self,
        id: i64,
        condition: Option<&str>,
    ) -> Option<InstanceDetail> {
        let services = Services::new(self.handles.clone());
        let instance = self
            .handles
            .store
            .instance(InstanceId(id))
            .await
            .expect("the instance");
        live_detail::ask_worker(&services, &instance, condition.map(str::to_owned)).await
    }

    /// A report about a run that began at 1,000 and is told at `time`.
    pub(super) fn report(
        &self,
        (job, id): (i64, i64),
        address: &str,
        status: i32,
        time: i64,
    ) -> Value {
        json!({
            "appId": self.app, "jobId": job, "instanceId": id, "instanceStatus": status,
            "result": "ok", "totalTaskNum": 1, "succeedTaskNum": 1, "failedTaskNum": 0,
            "startTime": 1_000, "endTime": 2_000, "reportTime": time, "sourceAddress": address,
            "needAlert": false
        })
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// What a stub got: path and body.
pub(super) type Got = (String, Value);
/// What it answers: status and body.
type Answers = Arc<Mutex<(u16, String, Duration)>>;

/// A worker that notes what it gets and answers as it is told.
pub(super) struct Stub {
    pub(super) address: String,
    got: mpsc::UnboundedReceiver<Got>,
    answers: Answers,
    server: ServerHandle,
}

impl Stub {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let (sender, got) = mpsc::unbounded_channel();
        let answers: Answers = Arc::new(Mutex::new((200, String::new(), Duration::ZERO)));
        let state = web::Data::new((sender, answers.clone()));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(state.clone())
                .default_service(web::to(note))
        });
        let server = server
            .workers(1)
            .disable_signals()
            .listen(listener)
            .expect("a port")
            .run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Self {
            address,
            got,
            answers,
            server: handle,
        }
    }

    pub(super) fn answers(&self, status: u16, body: &str, after: Duration) {
        *self.answers.lock().expect("no panic") = (status, body.to_owned(), after);
    }

    /// The next request.
    pub(super) async fn next(&mut self) -> Got {
        let got = tokio::time::timeout(LIMIT, self.got.recv()).await;
        got.expect("a request in time").expect("the stub runs")
    }

    /// Comes in and waits until it is online.
    pub(super) async fn enter(&self, scene: &Scene) {
        scene
            .tell("/server/workerHeartbeat", &scene.heartbeat(&self.address))
            .await;
        scene.until_online(&self.address).await;
    }

    pub(super) async fn stop(self) {
        self.server.stop(false).await;
    }
}

type Note = web::Data<(mpsc::UnboundedSender<Got>, Answers)>;

async fn note(note: Note, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    assert!(!request.headers().contains_key("content-encoding"));
    let body = serde_json::from_slice(&body).expect("JSON");
    note.0.send((request.path().to_owned(), body)).ok();
    let (status, body, after) = note.1.lock().expect("no panic").clone();
    tokio::time::sleep(after).await; // allow-sleep: a slow worker
    let status = actix_web::http::StatusCode::from_u16(status).expect("a status");
    HttpResponse::build(status).body(body)
}
