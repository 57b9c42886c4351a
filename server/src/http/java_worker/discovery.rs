//! `/server/...` on the web port: which application, which server, which network interface
//! (spec 05 section 2). Answers are always 200, as the official worker wants them.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use powerjob_common::id::AppId;
use powerjob_protocol::json::ResultDto;
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::super::State;
use super::door::caller;
use crate::rpc::java::{WANTS_HTTP, is_own};
use crate::service::{ServiceError, apps};
use crate::store;

/// The worker reads for 5 s; the store may be away for some time of it.
const STORE_LIMIT: Duration = Duration::from_secs(4);
const STORE_PAUSE: Duration = Duration::from_millis(200);
/// A little longer than a take-over lasts.
const OWNER_LIMIT: Duration = Duration::from_millis(2_500);
const OWNER_PAUSE: Duration = Duration::from_millis(25);
/// A worker that is asked for a sign of life on its own port.
const CONNECT_LIMIT: Duration = Duration::from_millis(1_500);
const PROBE_LIMIT: Duration = Duration::from_secs(3);
const MAX_SIGN_BYTES: usize = 64;

/// The id of the application of this name.
pub(super) async fn assert(state: State, request: HttpRequest) -> HttpResponse {
    let name = parameter(&request, "appName");
    match find_app(&state, name.as_deref()).await {
        Ok(app_id) => done(app_id.0),
        Err(answer) => answer,
    }
}

/// As [`assert`], in an object.
pub(super) async fn assert_v2(state: State, request: HttpRequest) -> HttpResponse {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Found {
        app_id: i64,
    }
    let name = parameter(&request, "appName");
    match find_app(&state, name.as_deref()).await {
        Ok(app_id) => done(Found { app_id: app_id.0 }),
        Err(answer) => answer,
    }
}

/// The address, on the transport of workers, of the server that owns an application.
pub(super) async fn acquire(state: State, request: HttpRequest) -> HttpResponse {
    let app_id = match parameter(&request, "appId") {
        None => {
            let text = "InvalidDataAccessApiUsageException: The given id must not be null!";
            return refused(text);
        }
        Some(text) => match text.parse() {
            Ok(id) => AppId(id),
            Err(_) => {
                return refused(format!(
                    "BindException: `{text}` is no id of an application"
                ));
            }
        },
    };
    let protocol = parameter(&request, "protocol").unwrap_or_else(|| "AKKA".to_owned());
    if !protocol.eq_ignore_ascii_case("HTTP") {
        tracing::warn!(%app_id, protocol, answer = WANTS_HTTP, "a worker asks for another transport");
        return refused(WANTS_HTTP);
    }
    match apps::find(&state.services, app_id).await {
        Ok(_) => {}
        Err(ServiceError::NotFound(_)) => {
            return refused(format!("PowerJobException: {app_id} is not registered!"));
        }
        Err(error) => return refused(format!("PowerJobException: {error}")),
    }
    match owner_address(&state, app_id).await {
        Some(address) => done(address),
        None => refused(format!(
            "PowerJobException: server elect failed for app {app_id}"
        )),
    }
}

/// Whether the server reaches a worker that is about to start at an address of its machine.
pub(super) async fn check_connectivity(state: State, request: HttpRequest) -> HttpResponse {
    let ip = parameter(&request, "targetIp").unwrap_or_default();
    let port = parameter(&request, "targetPort").unwrap_or_default();
    let Some(caller) = caller(&request) else {
        return done(false);
    };
    let rules = &state.services.handles.facts.worker_rules;
    let Ok(target) = rules.check_address(caller, &format!("{ip}:{port}"), is_own) else {
        return done(false);
    };
    let says_pong = async {
        let mut stream = timeout(CONNECT_LIMIT, TcpStream::connect(target))
            .await
            .ok()?
            .ok()?;
        stream.write_all(b"ping").await.ok()?;
        let mut sign = Vec::new();
        while !sign.contains(&b'\n') && sign.len() < MAX_SIGN_BYTES {
            if stream.read_buf(&mut sign).await.ok()? == 0 {
                break;
            }
        }
        let sign = String::from_utf8_lossy(&sign);
        sign.trim_end().eq_ignore_ascii_case("pong").then_some(())
    };
    done(matches!(
        timeout(PROBE_LIMIT, says_pong).await,
        Ok(Some(()))
    ))
}

/// A database that is away must not stop a worker's start: it is waited for.
async fn find_app(state: &State, name: Option<&str>) -> Result<AppId, HttpResponse> {
    let unknown = || {
        let name = name.unwrap_or("null");
        refused(format!(
            "app({name}) is not registered! Please register the app in oms-console first."
        ))
    };
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        return Err(unknown());
    };
    let deadline = Instant::now() + STORE_LIMIT;
    loop {
        match state.services.store.app_by_name(name.to_owned()).await {
            Ok(app) => return Ok(app.id),
            Err(store::Error::NotFound { .. }) => return Err(unknown()),
            Err(error) if Instant::now() >= deadline => {
                tracing::warn!(%error, "a worker could not be told the id of its application");
                return Err(HttpResponse::ServiceUnavailable().finish());
            }
            Err(_) => tokio::time::sleep(STORE_PAUSE).await,
        }
    }
}

/// The owner's address; one that is about to be found is waited for.
async fn owner_address(state: &State, app_id: AppId) -> Option<String> {
    let handles = &state.services.handles;
    let deadline = Instant::now() + OWNER_LIMIT;
    let mut changes = handles.cluster.changes();
    loop {
        if handles.ownership.epoch(app_id).is_some() {
            return handles.facts.http_worker_address.clone();
        }
        let owner = handles.cluster.other_owner(app_id);
        if let Some(address) = owner
            .filter(|owner| !owner.is_late)
            .and_then(|owner| owner.http_worker_address.clone())
        {
            return Some(address);
        }
        let now = Instant::now();
        if now >= deadline {
            return None;
        }
        // Neither the time nor the end of the sender is news: look again.
        timeout(OWNER_PAUSE, changes.changed()).await.ok();
    }
}

fn parameter(request: &HttpRequest, name: &str) -> Option<String> {
    let pairs = web::Query::<Vec<(String, String)>>::from_query(request.query_string()).ok()?;
    pairs
        .into_inner()
        .into_iter()
        .find(|(known, _)| known == name)
        .map(|(_, value)| value)
}

fn done<T: Serialize>(data: T) -> HttpResponse {
    HttpResponse::Ok().json(ResultDto::done(data))
}

fn refused(message: impl Into<String>) -> HttpResponse {
    HttpResponse::Ok().json(ResultDto::<()>::refused(message))
}
