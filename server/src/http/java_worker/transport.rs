//! The transport of workers of the reference: `POST` with one JSON object, answered as its own server
//! does (spec 05 sections 1.6 and 3).

use std::net::{IpAddr, TcpListener};
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::http::header;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use powerjob_protocol::json::{self, AskResponse};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::super::route::{Needs, Routes};
use super::door::{Door, caller};
use crate::domain::address_rules::AddressRules;
use crate::rpc::java::{JavaPeers, Outcome, Refusal};

/// The official worker keeps a connection for 75 s without use; it must not be closed before.
const KEEP_ALIVE: Duration = Duration::from_secs(300);
const HEAD_LIMIT: Duration = Duration::from_secs(10);
/// Results may be long, and lists of log lines.
const MAX_BODY_BYTES: usize = 64 << 20;
const THREADS: usize = 2;
const SHUTDOWN_LIMIT_S: u64 = 1;

type Peers = web::Data<JavaPeers>;

/// The routes of the transport.
pub fn transport_routes() -> Routes {
    let mut routes = Routes::default();
    let needs = Needs::WorkerAddress;
    routes.post("/server/workerHeartbeat", needs, heartbeat);
    routes.post("/server/reportInstanceStatus", needs, report);
    routes.post("/server/reportLog", needs, logs);
    routes.post("/server/queryJobCluster", needs, query_cluster);
    routes.post("/server/queryContainer", needs, query_container);
    routes.post("/friend/ping", needs, ping);
    routes
}

/// Serves workers on a bound socket until the returned server is stopped.
///
/// # Errors
/// When the socket cannot be used.
pub(crate) fn serve(
    listener: TcpListener,
    peers: JavaPeers,
    rules: std::sync::Arc<AddressRules>,
) -> std::io::Result<Server> {
    let (peers, door) = (web::Data::new(peers), web::Data::new(Door(rules)));
    let server = HttpServer::new(move || {
        let app = App::new()
            .app_data(peers.clone())
            .app_data(door.clone())
            .app_data(web::PayloadConfig::new(MAX_BODY_BYTES))
            .default_service(web::to(unknown_path));
        let resources = transport_routes().into_resources();
        let post_only =
            |resource: actix_web::Resource| resource.default_service(web::to(post_only));
        resources.into_iter().map(post_only).fold(app, App::service)
    })
    .workers(THREADS)
    .keep_alive(KEEP_ALIVE)
    .client_request_timeout(HEAD_LIMIT)
    .shutdown_timeout(SHUTDOWN_LIMIT_S)
    .disable_signals()
    .listen(listener)?
    .run();
    Ok(server)
}

async fn heartbeat(peers: Peers, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let told = read(&request, &body);
    answer(told.map(|(caller, heartbeat)| peers.heartbeat(caller, heartbeat)))
}

async fn report(peers: Peers, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let Some((caller, report)) = read(&request, &body) else {
        return answer(None);
    };
    answer(Some(peers.report(caller, report).await))
}

async fn logs(peers: Peers, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let told = read(&request, &body);
    answer(told.map(|(caller, report)| peers.logs(caller, report)))
}

async fn query_cluster(peers: Peers, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let told = read(&request, &body);
    answer(told.map(|(_, query)| Ok(peers.query_cluster(&query))))
}

/// There are no containers yet.
async fn query_container(request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let told = read::<json::QueryContainer>(&request, &body);
    answer(told.map(|(_, query)| {
        let id = query
            .container_id
            .map_or_else(|| "null".to_owned(), |id| id.to_string());
        let text = format!("can't find container by id: {id}");
        Ok(Outcome::Answer(AskResponse::refused(text)))
    }))
}

async fn ping(peers: Peers, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let told = read::<json::Ping>(&request, &body);
    answer(told.map(|_| {
        let address = peers.address();
        let http = json!({ "protocol": "HTTP", "address": address, "externalAddress": address });
        Ok(Outcome::Answer(AskResponse::with(&json!({ "HTTP": http }))))
    }))
}

fn read<M: DeserializeOwned>(request: &HttpRequest, body: &[u8]) -> Option<(IpAddr, M)> {
    match json::decode(body) {
        Ok(message) => Some((caller(request)?, message)),
        Err(error) => {
            tracing::warn!(path = request.path(), %error, "a message of a worker was not understood");
            None
        }
    }
}

fn answer(outcome: Option<Result<Outcome, Refusal>>) -> HttpResponse {
    match outcome {
        Some(Ok(Outcome::Taken)) => HttpResponse::Ok().finish(),
        Some(Ok(Outcome::Answer(answer))) => HttpResponse::Ok().json(answer),
        Some(Ok(Outcome::Senseless)) | None => {
            HttpResponse::InternalServerError().body("Internal Server Error")
        }
        Some(Err(refusal)) => {
            tracing::warn!(%refusal, "a message of a worker was refused");
            HttpResponse::Forbidden().body(refusal.to_string())
        }
    }
}

async fn unknown_path() -> HttpResponse {
    HttpResponse::NotFound()
        .content_type("text/html; charset=utf-8")
        .body("<html><body><h1>Resource not found</h1></body></html>")
}

async fn post_only() -> HttpResponse {
    HttpResponse::MethodNotAllowed()
        .insert_header((header::ALLOW, "POST"))
        .finish()
}
