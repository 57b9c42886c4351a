//! Server-sent events, and the lists for administrators.

use actix_web::App;
use actix_web::body::MessageBody;
use actix_web::dev::ServiceResponse;
use actix_web::test::{TestRequest, call_service, init_service};
use powerjob_common::id::{AppId, JobId};
use powerjob_common::status::InstanceStatus;
use powerjob_server::http::{HttpConfig, configure};
use powerjob_server::live::Event;
use serde_json::json;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use crate::support::{self, NOW, TestServer};

/// A live stream.
pub(crate) struct Stream(Pin<Box<dyn MessageBody<Error = Box<dyn std::error::Error>>>>);

impl Stream {
    async fn open(server: &TestServer, path: &str) -> Self {
        Self::open_as(server, path, Some(&server.admin)).await
    }

    /// With a token, or without one.
    pub(crate) async fn open_as(server: &TestServer, path: &str, token: Option<&str>) -> Self {
        let response = open_as(server, path, token).await;
        assert_eq!(response.status().as_u16(), 200);
        let content_type = response
            .headers()
            .get("content-type")
            .expect("a content type");
        assert_eq!(content_type, "text/event-stream");
        Self(Box::pin(response.into_body()))
    }

    /// The next piece as text, `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<String> {
        let bytes = poll_fn(|context| self.0.as_mut().poll_next(context))
            .await?
            .expect("bytes");
        Some(String::from_utf8(bytes.to_vec()).expect("text"))
    }
}

async fn open(server: &TestServer, path: &str) -> ServiceResponse {
    open_as(server, path, Some(&server.admin)).await
}

async fn open_as(server: &TestServer, path: &str, token: Option<&str>) -> ServiceResponse {
    let state = server.state.clone();
    let app = init_service(App::new().configure(|config| configure(config, state))).await;
    let mut request = TestRequest::get().uri(path);
    if let Some(token) = token {
        request = request.insert_header(("authorization", format!("Bearer {token}")));
    }
    call_service(&app, request.to_request()).await
}

#[actix_web::test]
async fn changes_of_an_application_arrive_as_events() {
    let server = TestServer::start().await;
    let app = server.app("a").await;
    let id = AppId(app.parse().expect("an id"));
    let mut stream = Stream::open(&server, &format!("/v1/apps/{app}/events")).await;
    let hello = format!(
        "event: hello\ndata: {{\"node\":\"server-1\",\"now\":{}}}\n\n",
        NOW.0
    );
    assert_eq!(stream.next().await, Some(hello));
    let events = &server.actors.handles.events;
    events.publish(id, || Event::JobChanged {
        job_id: JobId(7),
        deleted: true,
    });
    let instance = Arc::new(support::instance(&app, "7", 9, InstanceStatus::Running));
    events.publish(id, || Event::InstanceChanged {
        instance,
        job_name: "job".into(),
    });
    let piece = stream.next().await.expect("two events");
    let (first, second) = piece.split_once("\n\n").expect("two events");
    assert_eq!(first, "event: job\ndata: {\"id\":\"7\",\"deleted\":true}");
    assert!(
        second.starts_with(
            "event: instance\ndata: {\"id\":\"9\",\"jobId\":\"7\",\"jobName\":\"job\""
        )
    );
}

#[actix_web::test]
async fn a_slow_client_is_told_what_it_missed() {
    let server = TestServer::start().await;
    let app = server.app("a").await;
    let id = AppId(app.parse().expect("an id"));
    let mut stream = Stream::open(&server, &format!("/v1/apps/{app}/events")).await;
    stream.next().await.expect("hello");
    for number in 0..5_000 {
        let event = || Event::JobChanged {
            job_id: JobId(number),
            deleted: false,
        };
        server.actors.handles.events.publish(id, event);
    }
    let piece = stream.next().await.expect("a piece");
    assert!(
        piece.starts_with("event: lagged\ndata: {\"missed\":904}\n\n"),
        "{piece:.60}"
    );
    assert_eq!(
        piece.matches("event: job").count(),
        99,
        "a piece has a limit"
    );
}

#[actix_web::test]
async fn the_log_of_an_ended_instance_ends() {
    let server = TestServer::start().await;
    let app = server.app("a").await;
    let job = server.job(&app, "job").await;
    server
        .instance(&app, &job, 2, InstanceStatus::Succeed)
        .await;
    let mut stream = Stream::open(&server, "/v1/instances/2/log/stream").await;
    assert!(
        stream
            .next()
            .await
            .is_some_and(|text| text.starts_with("event: hello"))
    );
    assert_eq!(
        stream.next().await.as_deref(),
        Some("event: end\ndata: {}\n\n")
    );
    assert_eq!(stream.next().await, None);
}

#[actix_web::test]
async fn streams_end_at_shutdown_and_none_begins_after_it() {
    let server = TestServer::start().await;
    let app = server.app("a").await;
    let path = format!("/v1/apps/{app}/events");
    let mut stream = Stream::open(&server, &path).await;
    stream.next().await.expect("hello");
    server.shutdown.cancel();
    assert_eq!(stream.next().await, None);
    assert_eq!(open(&server, &path).await.status().as_u16(), 503);
}

#[actix_web::test]
async fn the_number_of_streams_is_limited() {
    let config = HttpConfig {
        max_streams: 2,
        ..HttpConfig::default()
    };
    let server = TestServer::start_with(config).await;
    let app = server.app("a").await;
    let path = format!("/v1/apps/{app}/events");
    let _first = Stream::open(&server, &path).await;
    let second = Stream::open(&server, &path).await;
    let refused = server.get(&path).await;
    assert_eq!(
        (refused.status.as_u16(), refused.problem().as_str()),
        (503, "too-many-streams")
    );
    drop(second);
    Stream::open(&server, &path).await;
}

#[actix_web::test]
async fn administrators_see_the_actors_and_recent_messages() {
    let server = TestServer::start().await;
    let actors = server.get("/v1/actors").await.expect(200);
    assert_eq!(
        actors,
        json!([{"node": "server-1", "role": "server", "actors": []}])
    );
    let path = "/v1/tap/recent?instanceId=5&actor=a&kind=RunInstances&errors=true&bodies=false";
    assert_eq!(server.get(path).await.expect(200), json!([]));
    let wrong = server.get("/v1/tap?errors=some").await;
    assert_eq!(wrong.problem(), "invalid-query errors");
}

#[actix_web::test]
async fn workers_of_an_application_are_listed() {
    let server = TestServer::start().await;
    let app = server.app("a").await;
    assert_eq!(
        server
            .get(&format!("/v1/apps/{app}/workers"))
            .await
            .expect(200),
        json!([])
    );
}
