//! Requests about an application that another server owns: handed on to it, unseen by the caller.
//!
//! Invariants:
//! 1. A request is handed on once; who gets it from a peer answers it or says that it is no owner.
//! 2. Only what was certainly not carried out is tried again: by "not the owner", or unsent.
//! 3. Permissions were checked here and are checked again by the owner, for the same session.

use std::time::Duration;

use actix_web::body::{BoxBody, SizedStream};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::Bytes;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse, ResponseError};
use futures_util::{StreamExt, TryStreamExt};
use powerjob_common::id::AppId;
use tokio::time::{Instant, timeout_at};

use super::State;
use super::body::{self, BATCH_LIMIT};
use super::error::{ApiError, Code, NOT_OWNER_HEADER};
use super::guard::{Caller, MARK_HEADER};
use crate::live::ServerInfo;
use crate::service::ServiceError;
use crate::service::peers::{FORWARDED_HEADER, Handed};

/// An owner is waited for so long: a little longer than a take-over lasts.
const PATIENCE: Duration = Duration::from_millis(2_500);
/// Whoever gets a request from a peer waits only until it has loaded what it owns by the database.
const PATIENCE_WITH_PEERS: Duration = Duration::from_millis(1_000);
/// Ownership is looked at again after so long, whatever else is heard.
const PAUSE: Duration = Duration::from_millis(25);

/// Marks a request that came from another server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Forwarded;

/// What any server reads from the database as well as the owner; all the rest goes to the owner.
const ANYWHERE: &[(Method, &str)] = &[
    (Method::PATCH, "/apps/{appId}"),
    (Method::POST, "/apps/{appId}/secret"),
    (Method::POST, "/apps/{appId}/client-password"),
    (Method::GET, "/apps/{appId}/jobs"),
    (Method::GET, "/jobs/{jobId}"),
    (Method::GET, "/jobs/{jobId}/runs"),
];

/// Whether a route of an application's objects is for its owner alone.
pub(super) fn is_for_owner(method: &Method, path: &str) -> bool {
    !ANYWHERE.contains(&(method.clone(), path))
}

/// Whether there may be another owner than this server.
pub(super) fn concerns(state: &State, request: &ServiceRequest) -> bool {
    let is_shared = state.services.handles.cluster.is_shared();
    is_shared || request.extensions().contains::<Forwarded>()
}

/// Answers a request about an application, here or by its owner.
pub(super) async fn serve(
    state: State,
    app_id: AppId,
    request: ServiceRequest,
    next: &Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let (mut head, payload) = request.into_parts();
    let body = match body::read(&head, payload, BATCH_LIMIT).await {
        Ok(body) => body,
        Err(error) => return Ok(answered(head, error.error_response())),
    };
    let is_forwarded = head.extensions().contains::<Forwarded>();
    let patience = if is_forwarded {
        PATIENCE_WITH_PEERS
    } else {
        PATIENCE
    };
    let deadline = Instant::now() + patience;
    let handles = &state.services.handles;
    let mut changes = handles.cluster.changes();
    loop {
        changes.mark_unchanged();
        let mut is_worth_waiting = !is_forwarded;
        if handles.ownership.epoch(app_id).is_some() {
            let payload = Payload::from(body.clone());
            let response = next.call(ServiceRequest::from_parts(head, payload)).await?;
            if !is_no_owner(response.response().headers()) {
                return Ok(response);
            }
            head = response.into_parts().0;
        } else if let Some(owner) = handles.cluster.other_owner(app_id) {
            // One that is late may stand still: its successor is waited for.
            if !owner.is_late
                && !is_forwarded
                && let Some(response) = hand_on(&state, &owner, &head, body.clone()).await
            {
                return Ok(answered(head, response));
            }
        } else {
            // Ours by the database, and about to be loaded; or nobody's.
            is_worth_waiting |= handles.cluster.owner(app_id).is_some();
        }
        let now = Instant::now();
        if !is_worth_waiting || now >= deadline {
            let nobody = ApiError::from(ServiceError::NotOwner(None));
            return Ok(answered(head, nobody.error_response()));
        }
        // Neither the time nor the end of the sender is news: look again.
        timeout_at(deadline.min(now + PAUSE), changes.changed())
            .await
            .ok();
    }
}

fn answered(head: HttpRequest, response: HttpResponse) -> ServiceResponse<BoxBody> {
    ServiceResponse::new(head, response)
}

fn is_no_owner(headers: &HeaderMap) -> bool {
    headers.contains_key(NOT_OWNER_HEADER)
}

/// The owner's answer; `None` when it certainly did not carry the request out.
async fn hand_on(
    state: &State,
    owner: &ServerInfo,
    head: &HttpRequest,
    body: Bytes,
) -> Option<HttpResponse> {
    let address = owner.http_address.as_ref()?;
    let request = prepare(state, address, head, body)?;
    // On the server's own runtime: connections outlive the HTTP thread that first used them.
    let handles = &state.services.handles;
    let sending = handles.runtime.spawn(request.send());
    let stop = sending.abort_handle();
    let response = tokio::select! {
        sent = sending => match sent {
            Ok(Ok(response)) => response,
            Ok(Err(error)) if error.is_connect() => {
                tracing::debug!(%error, server_addr = address, "the owner is not there");
                return None;
            }
            Ok(Err(error)) => return unanswered(head, address, &error.to_string()),
            Err(error) => return unanswered(head, address, &error.to_string()),
        },
        () = handles.cluster.until_silent(owner) => {
            stop.abort();
            return unanswered(head, address, "it does not renew its lease");
        }
    };
    let is_refused = response.headers().contains_key(NOT_OWNER_HEADER);
    (!is_refused).then(|| pass_back(state, response))
}

/// A request that was sent and not answered: reading is repeated, anything else may have happened.
fn unanswered(head: &HttpRequest, address: &str, why: &str) -> Option<HttpResponse> {
    tracing::warn!(
        server_addr = address,
        why,
        "a request handed on was not answered"
    );
    if head.method().is_safe() {
        return None;
    }
    let unknown = ApiError::from(Code::TimedOut).with_detail(
        "the server that looks after the application did not answer: whether it was carried out \
         is not known: look before you repeat it",
    );
    Some(unknown.error_response())
}

/// A request to another server, as the same session asks it.
pub(super) fn prepare(
    state: &State,
    address: &str,
    head: &HttpRequest,
    body: Bytes,
) -> Option<reqwest::RequestBuilder> {
    let services = &state.services;
    let session = head.extensions().get::<Caller>()?.session;
    let path = head.uri().path_and_query()?.as_str();
    let handed = Handed {
        method: head.method().as_str(),
        path,
    };
    let peers = &services.handles.peers;
    let method = reqwest::Method::from_bytes(head.method().as_str().as_bytes()).ok()?;
    let mut request = peers
        .client()
        .request(method, format!("http://{address}{path}"))
        .header(
            FORWARDED_HEADER,
            peers.prove(handed, &session, services.now()),
        )
        .body(body);
    for (name, value) in head.headers() {
        if is_passed_on(name) {
            request = request.header(name.as_str(), value.as_bytes());
        }
    }
    Some(request)
}

/// What belongs to one connection, or proves the person to this server, stays here.
fn is_passed_on(name: &HeaderName) -> bool {
    let stays = [
        header::HOST,
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::TE,
        header::TRAILER,
        header::UPGRADE,
        header::EXPECT,
        header::ACCEPT_ENCODING,
        header::PROXY_AUTHORIZATION,
        header::AUTHORIZATION,
        header::COOKIE,
    ];
    let is_ours = name.as_str() == FORWARDED_HEADER || name.as_str() == MARK_HEADER;
    !is_ours && !stays.contains(name) && name.as_str() != "keep-alive"
}

/// The answer as it comes, live streams included.
fn pass_back(state: &State, response: reqwest::Response) -> HttpResponse {
    let status = StatusCode::from_u16(response.status().as_u16());
    let mut answer = HttpResponse::build(status.unwrap_or(StatusCode::BAD_GATEWAY));
    for (name, value) in response.headers() {
        let name = HeaderName::from_bytes(name.as_str().as_bytes());
        let value = HeaderValue::from_bytes(value.as_bytes());
        if let (Ok(name), Ok(value)) = (name, value)
            && is_passed_on(&name)
        {
            answer.append_header((name, value));
        }
    }
    let length = response.content_length();
    let body = response.bytes_stream().map_err(std::io::Error::other);
    match length {
        Some(length) => answer.body(SizedStream::new(length, body)),
        None => answer.streaming(body.take_until(state.streams.ended())),
    }
}
