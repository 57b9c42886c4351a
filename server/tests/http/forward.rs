//! Two servers over one database: any of them answers, whoever owns the application.

use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::test::TestRequest;
use powerjob_common::id::{AppId, NodeRef};
use powerjob_common::secret::Secret;
use powerjob_common::status::{Role, RoleScope};
use powerjob_common::system_metrics::SystemMetrics;
use powerjob_server::app::{ServerFacts, ServerHandles};
use powerjob_server::domain::worker::{Worker, WorkerState};
use powerjob_server::http::exact_name::AUTH_PASSED;
use powerjob_server::http::{HttpConfig, HttpState, serve};
use powerjob_server::live::{ClusterView, ServerInfo};
use powerjob_server::service::Services;
use powerjob_server::service::peers::{FORWARDED_HEADER, Handed, Peers};
use powerjob_server::service::sessions::Fingerprint;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::compatible::programs;
use crate::stand_in::StandIn;
use crate::support::{NOW, TestServer};

/// The server that owns everything, behind a socket.
struct Owner {
    handles: ServerHandles,
    info: Arc<ServerInfo>,
    _folder: tempfile::TempDir,
}

impl Owner {
    async fn start(asked: &TestServer) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut handles = StandIn::beside(&asked.actors, folder.path());
        handles.facts = Arc::new(ServerFacts {
            node: "server-2".to_owned(),
            ..ServerFacts::clone(&handles.facts)
        });
        handles.ownership.extend(Duration::MAX);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let state = HttpState::new(
            Services::new(handles.clone()),
            HttpConfig::default(),
            Arc::new(|| Ok(())),
            CancellationToken::new(),
        );
        actix_web::rt::spawn(serve(listener, state).expect("a server"));
        let info = Arc::new(ServerInfo {
            node_id: "server-2".to_owned(),
            epoch: 2,
            worker_address: "127.0.0.1:2".to_owned(),
            http_address: Some(address),
            http_worker_address: None,
            is_leaving: false,
            is_late: false,
        });
        Self {
            handles,
            info,
            _folder: folder,
        }
    }

    /// Owns an application, and the other server knows.
    fn takes(&self, asked: &TestServer, app: &str) {
        self.handles.ownership.enter(app_id(app), 1);
        self.is_said_to_own(asked, app);
    }

    fn is_said_to_own(&self, asked: &TestServer, app: &str) {
        let view = ClusterView {
            servers: vec![self.info.clone()],
            owners: HashMap::from([(app_id(app), self.info.clone())]),
        };
        asked.actors.handles.cluster.put(view);
    }
}

fn app_id(app: &str) -> AppId {
    AppId(app.parse().expect("an id"))
}

fn worker_of(app_id: AppId) -> Worker {
    Worker {
        node: NodeRef {
            node_id: "w1".to_owned(),
            incarnation: 1,
        },
        app_id,
        address: "10.0.0.7:1".to_owned(),
        peer_address: String::new(),
        tags: Vec::new(),
        software: "test".to_owned(),
        state: WorkerState::Online,
        connected_at: NOW,
        last_seen_at: NOW,
        metrics: SystemMetrics::default(),
        running: 0,
        capacity: 1,
        processors: Some(Vec::new()),
        order: None,
    }
}

/// A server that owns nothing, the owner, and an application with a job.
async fn two_servers() -> (TestServer, Owner, String, String) {
    let asked = TestServer::start().await;
    let owner = Owner::start(&asked).await;
    let app = asked.app("shop").await;
    let job = asked.job(&app, "nightly").await;
    (asked, owner, app, job)
}

#[actix_web::test]
async fn runs_changes_and_reads_are_answered_by_the_owner() {
    let (asked, owner, app, job) = two_servers().await;
    owner.takes(&asked, &app);
    let run = format!("/v1/jobs/{job}/runs");
    let run = asked.post(&run, json!({"params": "x"})).await.expect(201);
    assert!(run["instanceId"].is_string(), "{run}");
    let batch = json!({"runs": [{}, {}]});
    let batch = asked
        .post(&format!("/v1/jobs/{job}/runs:batch"), batch)
        .await;
    assert_eq!(
        batch.expect(201)["instanceIds"].as_array().map(Vec::len),
        Some(2)
    );
    let disabled = asked
        .post(&format!("/v1/jobs/{job}/disable"), Value::Null)
        .await;
    assert_eq!(disabled.expect(200)["enabled"], false);
    assert!(
        owner
            .handles
            .jobs
            .get(powerjob_common::id::JobId(job.parse().unwrap()))
            .is_some(),
        "the owner's actor saved it"
    );
    let wrong = asked
        .put(&format!("/v1/jobs/{job}"), json!({"name": ""}))
        .await;
    assert_eq!(wrong.status.as_u16(), 422, "{}", wrong.text());
    assert!(
        wrong.problem().starts_with("validation-failed "),
        "{}",
        wrong.text()
    );
    let list = asked.get(&format!("/v1/apps/{app}/instances")).await;
    assert_eq!(list.expect(200)["items"].as_array().map(Vec::len), Some(3));
}

#[actix_web::test]
async fn live_events_and_tickets_reach_the_owner() {
    let (asked, owner, app, _job) = two_servers().await;
    owner.takes(&asked, &app);
    let ticket = asked
        .post("/v1/session/tickets", Value::Null)
        .await
        .expect(201);
    let ticket = ticket["ticket"].as_str().expect("a ticket");
    let path = format!("/v1/apps/{app}/events?ticket={ticket}");
    let mut stream = crate::streams::Stream::open_as(&asked, &path, None).await;
    let hello = stream.next().await.expect("an event");
    assert!(hello.contains("server-2"), "{hello}");
    while !owner.handles.events.is_watched() {
        tokio::task::yield_now().await;
    }
    owner
        .handles
        .events
        .publish(app_id(&app), || powerjob_server::live::Event::JobChanged {
            job_id: powerjob_common::id::JobId(5),
            deleted: true,
        });
    let event = stream.next().await.expect("an event");
    assert!(
        event.contains("event: job") && event.contains("\"5\""),
        "{event}"
    );
}

#[actix_web::test]
async fn what_each_server_knows_is_shown_together() {
    let (asked, owner, app, _job) = two_servers().await;
    owner.takes(&asked, &app);
    let worker = worker_of(app_id(&app));
    owner.handles.workers.put(Arc::new(worker), None);
    let list = asked.get("/v1/apps").await.expect(200);
    assert_eq!(list["items"][0]["health"]["workersOnline"], 1, "{list}");
    let shown = asked.get(&format!("/v1/apps/{app}")).await.expect(200);
    assert_eq!(shown["health"]["workersOnline"], 1);
    let nodes = asked.get("/v1/actors").await.expect(200);
    assert_eq!(nodes.as_array().map(Vec::len), Some(2), "{nodes}");
}

#[actix_web::test]
async fn who_may_not_is_refused_before_anything_is_handed_on() {
    let (asked, owner, app, job) = two_servers().await;
    owner.takes(&asked, &app);
    let id = app.parse().expect("an id");
    let reader = Some((RoleScope::App, id, Role::Observer));
    let token = asked.person("reader", reader).await;
    let run = format!("/v1/jobs/{job}/runs");
    let answer = asked.send(&token, Method::POST, &run, json!({})).await;
    assert_eq!(answer.problem(), "permission-denied");
    let workers = format!("/v1/apps/{app}/workers");
    asked
        .send(&token, Method::GET, &workers, Value::Null)
        .await
        .expect(200);
    let answer = asked.send("", Method::POST, &run, json!({})).await;
    assert_eq!(answer.problem(), "not-signed-in");
}

#[actix_web::test]
async fn a_proof_that_is_not_of_the_cluster_lets_nobody_in() {
    let (asked, _owner, app, _job) = two_servers().await;
    let path = format!("/v1/apps/{app}/jobs");
    let handed = Handed {
        method: "GET",
        path: &path,
    };
    let session = Fingerprint::of(&asked.admin);
    let ask = async |key: &str| {
        let peers = Peers::new(Secret::new(key.to_owned()));
        let proof = peers.prove(handed, &session, NOW);
        let request = TestRequest::get().uri(&path);
        asked
            .call(request.insert_header((FORWARDED_HEADER, proof)))
            .await
    };
    ask("key of the cluster").await.expect(200);
    assert_eq!(ask("another key").await.problem(), "token-unknown");
}

#[actix_web::test]
async fn what_a_peer_handed_on_is_not_handed_on_again() {
    let (asked, owner, app, job) = two_servers().await;
    owner.takes(&asked, &app);
    let path = format!("/v1/jobs/{job}/runs");
    let handed = Handed {
        method: "POST",
        path: &path,
    };
    let peers = &asked.actors.handles.peers;
    let proof = peers.prove(handed, &Fingerprint::of(&asked.admin), NOW);
    let request = TestRequest::post().uri(&path);
    let answer = asked
        .call(request.insert_header((FORWARDED_HEADER, proof)))
        .await;
    assert_eq!(answer.problem(), "not-owner");
    assert_eq!(answer.header("retry-after"), "1");
}

#[actix_web::test]
async fn an_owner_that_is_not_there_for_a_moment_is_waited_for() {
    let (asked, owner, app, job) = two_servers().await;
    owner.is_said_to_own(&asked, &app); // it has not loaded it yet
    let ownership = owner.handles.ownership.clone();
    let id = app_id(&app);
    let loading = actix_web::rt::spawn(async move {
        tokio::time::sleep(Duration::from_millis(200)).await; // allow-sleep: what is waited for
        ownership.enter(id, 1);
    });
    let run = format!("/v1/jobs/{job}/runs");
    asked.post(&run, json!({})).await.expect(201);
    loading.await.expect("loaded");
    owner.handles.ownership.leave(id);
    let answer = asked.post(&run, json!({})).await;
    assert_eq!(answer.problem(), "not-owner");
    assert_eq!(answer.header("retry-after"), "1");
}

/// Spec 06 case 86: a token of one server counts on the other, and so does one of a person.
#[actix_web::test]
async fn calls_of_the_java_client_and_console_are_answered_by_the_owner() {
    let (asked, owner, app, job) = two_servers().await;
    programs::set_password(&asked, &app, programs::PASSWORD).await;
    let token = programs::token(&asked, "shop").await;
    owner.takes(&asked, &app);
    let run = || {
        TestRequest::post()
            .uri(&format!("/openApi/runJob?jobId={job}&appId={app}&delay=0"))
            .insert_header(("X-POWERJOB-APP-ID", app.as_str()))
    };
    let token = ("X-POWERJOB-ACCESS-TOKEN", token.as_str());
    let answer = asked.call(run().insert_header(token)).await;
    assert_eq!(answer.header(AUTH_PASSED.as_str()), "true");
    let run_id = &answer.expect(200)["data"];
    assert!(run_id.is_i64(), "{run_id}");
    let refused = asked.call(run()).await;
    assert_eq!(refused.header(AUTH_PASSED.as_str()), "false");

    let console = |path: String| {
        TestRequest::get()
            .uri(&path)
            .insert_header(("PowerJwt", asked.admin.as_str()))
            .insert_header(("AppId", app.as_str()))
    };
    let disabled = asked
        .call(console(format!("/job/disable?jobId={job}")))
        .await;
    assert_eq!(disabled.expect(200)["success"], true);
    let job_id = powerjob_common::id::JobId(job.parse().unwrap());
    assert!(
        owner.handles.jobs.get(job_id).is_some(),
        "the owner's actor saved it"
    );

    // Nobody looks after it: said in the reference's form, not in ours.
    asked.actors.handles.cluster.put(ClusterView::default());
    let answer = asked.call(run().insert_header(token)).await.expect(200);
    assert_eq!(answer["success"], false);
    let message = answer["message"].as_str().expect("a message");
    assert!(
        message.starts_with("PowerJobException: remote process failed"),
        "{message}"
    );
}
