//! A server without actors: a real store in a temporary folder, and a stand-in that answers what the
//! actors would.

use std::sync::Arc;

use actix_web::App;
use actix_web::body::to_bytes;
use actix_web::http::header::HeaderMap;
use actix_web::http::{Method, StatusCode};
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::web::{Bytes, Data};
use powerjob_common::id::{AppId, InstanceId, JobId, NodeRef, UserId};
use powerjob_common::secret::Secret;
use powerjob_common::status::{InstanceStatus, LogLevel, Role, RoleScope};
use powerjob_common::time::{ManualClock, UnixMillis};
use powerjob_protocol::wire::worker_to_server::{LogChunk, LogLine};
use powerjob_server::domain::instance::{Instance, InstanceState, Trigger};
use powerjob_server::http::{HttpConfig, HttpState, configure};
use powerjob_server::log_store::{LogBatch, LogStore, LogStoreConfig};
use powerjob_server::service::{Services, accounts, password};
use powerjob_server::store::account::{Grant, NewAccount};
use powerjob_server::store::lease::LeaseRequest;
use powerjob_server::store::{Store, StoreConfig};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::stand_in::{self, StandIn};

/// A Wednesday in 2026.
pub(crate) const NOW: UnixMillis = UnixMillis(1_793_000_000_000);
pub(crate) const PASSWORD: &str = "correct horse battery";

pub(crate) struct TestServer {
    pub(crate) state: Data<HttpState>,
    pub(crate) store: Store,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) actors: StandIn,
    pub(crate) shutdown: CancellationToken,
    /// Token of the administrator.
    pub(crate) admin: String,
    _folder: tempfile::TempDir,
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or(Value::Null)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// Code and wrong fields of a problem, e.g. `validation-failed name schedule.zone`.
    pub(crate) fn problem(&self) -> String {
        let problem = self.json();
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(problem["status"], self.status.as_u16());
        let fields = problem["errors"].as_array().cloned().unwrap_or_default();
        let fields = fields.iter().filter_map(|error| error["field"].as_str());
        let code = problem["code"].as_str().unwrap_or_default();
        std::iter::once(code)
            .chain(fields)
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self.json()
    }
}

impl TestServer {
    pub(crate) async fn start() -> Self {
        Self::start_with(HttpConfig::default()).await
    }

    pub(crate) async fn start_with(config: HttpConfig) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Arc::new(ManualClock::at(NOW));
        let runtime = tokio::runtime::Handle::current();
        let store_config = StoreConfig::sqlite(folder.path().join("test.db"));
        let store = Store::open(store_config, runtime.clone(), clock.clone())
            .await
            .expect("a store");
        let password = Secret::new(PASSWORD.to_owned());
        accounts::ensure_administrator(&store, Some(password))
            .await
            .expect("an administrator");
        let lease = store.acquire_lease(lease_request()).await.expect("a lease");
        let logs = LogStore::open(&folder.path().join("logs"), LogStoreConfig::default());
        let actors = StandIn::start(&store, &lease, clock.clone(), logs.expect("logs"));
        let shutdown = CancellationToken::new();
        let services = Services::new(actors.handles.clone());
        let state = HttpState::new(services, config, Arc::new(|| Ok(())), shutdown.clone());
        let admin = String::new();
        let _folder = folder;
        let mut server = Self {
            state,
            store,
            clock,
            actors,
            shutdown,
            admin,
            _folder,
        };
        server.admin = server.sign_in("ADMIN", PASSWORD).await;
        server
    }

    pub(crate) async fn call(&self, request: TestRequest) -> Answer {
        self.call_from("192.0.2.1:1000", request).await
    }

    pub(crate) async fn call_from(&self, peer: &str, request: TestRequest) -> Answer {
        let state = self.state.clone();
        let app = init_service(App::new().configure(|config| configure(config, state))).await;
        let peer = peer.parse().expect("an address");
        let response = call_service(&app, request.peer_addr(peer).to_request()).await;
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = to_bytes(response.into_body()).await.expect("a body");
        Answer {
            status,
            headers,
            bytes,
        }
    }

    /// A request with a token and, unless it is null, a JSON body.
    pub(crate) async fn send(
        &self,
        token: &str,
        method: Method,
        path: &str,
        body: Value,
    ) -> Answer {
        let mut request = TestRequest::with_uri(path).method(method);
        if !token.is_empty() {
            request = request.insert_header(("authorization", format!("Bearer {token}")));
        }
        if !body.is_null() {
            request = request.set_json(body);
        }
        self.call(request).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(&self.admin, Method::GET, path, Value::Null).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(&self.admin, Method::POST, path, body).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(&self.admin, Method::PUT, path, body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(&self.admin, Method::DELETE, path, Value::Null)
            .await
    }

    pub(crate) async fn sign_in(&self, account: &str, password: &str) -> String {
        let body = json!({"account": account, "password": password});
        let signed_in = self
            .send("", Method::POST, "/v1/session", body)
            .await
            .expect(200);
        signed_in["token"].as_str().expect("a token").to_owned()
    }

    /// A new account with one role on an application, and its token.
    pub(crate) async fn person(&self, name: &str, grant: Option<(RoleScope, i64, Role)>) -> String {
        let id = self.account(name).await;
        if let Some((scope, target, role)) = grant {
            let grant = Grant {
                user_id: id,
                scope,
                target,
                role,
            };
            self.store.add_grant(grant).await.expect("a grant");
        }
        self.sign_in(name, PASSWORD).await
    }

    pub(crate) async fn account(&self, name: &str) -> UserId {
        let hash = password::hash(Secret::new(PASSWORD.to_owned()));
        let new = NewAccount {
            name: name.to_owned(),
            nick: name.to_owned(),
            email: None,
            phone: None,
            password: hash.await.expect("a hash"),
        };
        self.store.create_account(new).await.expect("an account").id
    }

    pub(crate) async fn app(&self, name: &str) -> String {
        let app = self
            .post("/v1/apps", json!({"name": name}))
            .await
            .expect(201);
        app["app"]["id"].as_str().expect("an id").to_owned()
    }

    pub(crate) async fn job(&self, app: &str, name: &str) -> String {
        let body = json!({"name": name, "processor": "demo", "schedule": {"type": "API"}});
        let job = self
            .post(&format!("/v1/apps/{app}/jobs"), body)
            .await
            .expect(201);
        job["id"].as_str().expect("an id").to_owned()
    }

    /// An instance as an actor would have stored it.
    pub(crate) async fn instance(
        &self,
        app: &str,
        job: &str,
        id: i64,
        status: InstanceStatus,
    ) -> String {
        let instance = instance(app, job, id, status);
        stand_in::insert(&self.store, instance).await;
        id.to_string()
    }

    /// Lines of an instance's log, as a worker sends them.
    pub(crate) async fn write_log(&self, app: &str, instance: i64, texts: &[&str]) {
        let line = |text: &&str| LogLine {
            at_ms: NOW.0,
            level: LogLevel::Info.code() as u8,
            text: (*text).to_owned(),
        };
        let chunk = LogChunk {
            instance_id: instance,
            attempt: 1,
            first_sequence: 0,
            lost_before: 0,
            lines: texts.iter().map(line).collect(),
        };
        let batch = LogBatch {
            app_id: AppId(app.parse().expect("an id")),
            worker: lease_request().node,
            chunks: vec![chunk],
        };
        let (done, is_stored) = tokio::sync::oneshot::channel();
        let logs = &self.actors.handles.logs;
        logs.append(batch, |is_stored| {
            done.send(is_stored).expect("a test that waits")
        });
        assert_eq!(is_stored.await, Ok(true));
    }
}

fn lease_request() -> LeaseRequest {
    LeaseRequest {
        node: NodeRef {
            node_id: "server-1".to_owned(),
            incarnation: 1,
        },
        address: "127.0.0.1:1".to_owned(),
        ttl: std::time::Duration::from_secs(3_600),
        server_ids: 1,
    }
}

pub(crate) fn instance(app: &str, job: &str, id: i64, status: InstanceStatus) -> Instance {
    Instance {
        instance_id: InstanceId(id),
        job_id: JobId(job.parse().expect("an id")),
        app_id: AppId(app.parse().expect("an id")),
        job_revision: 1,
        trigger: Trigger::Api,
        job_params: None,
        instance_params: Some("given".to_owned()),
        chosen_worker: Some("w1".to_owned()),
        created_at: NOW,
        state: InstanceState {
            status,
            attempt: u32::from(status != InstanceStatus::WaitingDispatch),
            running_times: u32::from(status != InstanceStatus::WaitingDispatch),
            unconfirmed_claims: 0,
            expected_at: NOW,
            dispatched_at: None,
            received_at: None,
            started_at: None,
            finished_at: status.is_finished().then_some(NOW),
            recorded_at: status.is_finished().then_some(NOW),
            tracker: None,
            result: status.is_finished().then(|| "done".to_owned()),
        },
    }
}
