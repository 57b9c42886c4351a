//! Who asks, and may they? Runs before every handler.
//!
//! Invariants:
//! 1. The permission is checked on the application that the object in the path belongs to.
//! 2. Whoever may not even read it gets the same answer as for what does not exist.
//! 3. A changing request by cookie needs a header that a foreign page cannot send.
//! 4. What another server hands on counts only with the proof of the cluster's key.

use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::body::BoxBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::{Method, header};
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, ResponseError, web};
use powerjob_common::id::{AppId, InstanceId, JobId};
use powerjob_common::status::Permission;

use super::State;
use super::error::{ApiError, Code};
use super::forward::{self, Forwarded};
use super::java_worker;
use super::route::Needs;
use crate::domain::instance::Instance;
use crate::domain::job::JobDefinition;
use crate::service::access::Person;
use crate::service::peers::{FORWARDED_HEADER, Handed};
use crate::service::sessions::Fingerprint;
use crate::service::{ServiceError, Services, SignInError, Thing, apps, instances, jobs};
use crate::store::app::App;

/// Name of the cookie that carries the token of a browser.
pub(super) const SESSION_COOKIE: &str = "pj_session";
/// The header that marks a request as made by a program of ours, and its value.
pub(super) const MARK_HEADER: &str = "x-requested-with";
const MARK: &str = "powerjob";

/// Who asks.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// The person.
    pub person: Arc<Person>,
    /// The session they use.
    pub session: Fingerprint,
}

/// The application of the path, which the caller may use.
#[derive(Debug, Clone)]
pub(super) struct ForApp(pub Arc<App>);

/// The job of the path, which the caller may use.
#[derive(Debug, Clone)]
pub(super) struct ForJob(pub Arc<JobDefinition>);

/// The instance of the path, which the caller may use.
#[derive(Debug, Clone)]
pub(super) struct ForInstance(pub Arc<Instance>);

/// Lets a request through to its handler, or answers it. What is for the owner of an application
/// goes there.
pub(super) async fn admit(
    needs: Needs,
    is_for_owner: bool,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if needs == Needs::WorkerAddress {
        return match java_worker::refuse(request.request()) {
            Some(answer) => Ok(request.into_response(answer)),
            None => next.call(request).await,
        };
    }
    match check(needs, request.request()).await {
        Ok(Some((state, app_id))) if is_for_owner && forward::concerns(&state, &request) => {
            Box::pin(forward::serve(state, app_id, request, &next)).await
        }
        Ok(_) => next.call(request).await,
        Err(error) => Ok(request.into_response(error.error_response())),
    }
}

/// The application that the request is about, if it is about one.
async fn check(needs: Needs, request: &HttpRequest) -> Result<Option<(State, AppId)>, ApiError> {
    if needs == Needs::Nothing {
        return Ok(None);
    }
    let state = request.app_data::<State>().ok_or_else(|| {
        ServiceError::Internal("the state of the HTTP edge is missing".to_owned())
    })?;
    let services = &state.services;
    let caller = authenticate(services, request).await?;
    let app_id = authorize(needs, services, &caller.person, request).await?;
    request.extensions_mut().insert(caller);
    Ok(app_id.map(|app_id| (state.clone(), app_id)))
}

async fn authorize(
    needs: Needs,
    services: &Services,
    person: &Person,
    request: &HttpRequest,
) -> Result<Option<AppId>, ApiError> {
    match needs {
        Needs::Nothing | Needs::SignedIn | Needs::WorkerAddress => Ok(None),
        Needs::Global(permission) if person.may_everywhere(permission) => Ok(None),
        Needs::Global(permission) => Err(ServiceError::Forbidden(permission).into()),
        Needs::App(permission) => {
            let app = apps::find(services, AppId(path_id(request, "appId", Thing::App)?)).await?;
            allow(person, &app, permission, Thing::App)?;
            let app_id = app.id;
            request.extensions_mut().insert(ForApp(app));
            Ok(Some(app_id))
        }
        Needs::Job(permission) => {
            let job = jobs::find(services, JobId(path_id(request, "jobId", Thing::Job)?)).await?;
            allow_in(services, person, job.app_id, permission, Thing::Job).await?;
            let app_id = job.app_id;
            request.extensions_mut().insert(ForJob(job));
            Ok(Some(app_id))
        }
        Needs::Instance(permission) => {
            let id = InstanceId(path_id(request, "instanceId", Thing::Instance)?);
            let instance = instances::find(services, id).await?;
            allow_in(
                services,
                person,
                instance.app_id,
                permission,
                Thing::Instance,
            )
            .await?;
            let app_id = instance.app_id;
            request.extensions_mut().insert(ForInstance(instance));
            Ok(Some(app_id))
        }
    }
}

/// What is not a number is not the id of anything.
fn path_id(request: &HttpRequest, name: &str, thing: Thing) -> Result<i64, ServiceError> {
    let text = request.match_info().get(name).unwrap_or_default();
    text.parse().map_err(|_| ServiceError::NotFound(thing))
}

async fn allow_in(
    services: &Services,
    person: &Person,
    app_id: AppId,
    permission: Permission,
    thing: Thing,
) -> Result<(), ServiceError> {
    if person.is_administrator() {
        return Ok(());
    }
    let app = apps::find(services, app_id)
        .await
        .map_err(|error| match error {
            ServiceError::NotFound(_) => ServiceError::NotFound(thing),
            error => error,
        })?;
    allow(person, &app, permission, thing)
}

fn allow(
    person: &Person,
    app: &App,
    permission: Permission,
    thing: Thing,
) -> Result<(), ServiceError> {
    if person.may(app, permission) {
        Ok(())
    } else if person.may(app, Permission::Read) {
        Err(ServiceError::Forbidden(permission))
    } else {
        Err(ServiceError::NotFound(thing))
    }
}

/// Who sends a request, by its token, ticket or cookie.
pub(super) async fn authenticate(
    services: &Services,
    request: &HttpRequest,
) -> Result<Caller, ApiError> {
    let now = services.now();
    if let Some(proof) = request.headers().get(FORWARDED_HEADER) {
        let session = handed_on(services, request, proof).ok_or(SignInError::UnknownToken)?;
        let person = services.sessions.person(services, session, None).await?;
        request.extensions_mut().insert(Forwarded);
        return Ok(Caller { person, session });
    }
    if let Some(token) = bearer(request)? {
        let session = Fingerprint::of(token);
        let person = services
            .sessions
            .person(services, session, Some(token))
            .await?;
        return Ok(Caller { person, session });
    }
    if let Some(ticket) = ticket(request) {
        let session = services.sessions.redeem(&ticket, now)?;
        let person = services.sessions.person(services, session, None).await?;
        return Ok(Caller { person, session });
    }
    let token = cookie(request).ok_or(SignInError::Missing)?;
    if !request.method().is_safe() && !is_marked(request) {
        return Err(ApiError::from(Code::CrossSiteRequest)
            .with_detail(format!("send the header {MARK_HEADER}: {MARK}")));
    }
    let session = Fingerprint::of(token);
    let person = services
        .sessions
        .person(services, session, Some(token))
        .await?;
    Ok(Caller { person, session })
}

/// The session of a request that another server has handed on, if its proof is right.
fn handed_on(
    services: &Services,
    request: &HttpRequest,
    proof: &header::HeaderValue,
) -> Option<Fingerprint> {
    let handed = Handed {
        method: request.method().as_str(),
        path: request.uri().path_and_query()?.as_str(),
    };
    let peers = &services.handles.peers;
    peers.check(handed, proof.to_str().ok()?, services.now())
}

/// The token in the head of a request.
pub(super) fn bearer(request: &HttpRequest) -> Result<Option<&str>, SignInError> {
    let Some(value) = request.headers().get(header::AUTHORIZATION) else {
        return Ok(None);
    };
    let (scheme, token) = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .ok_or(SignInError::UnknownToken)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok(Some(token.trim()))
    } else {
        Err(SignInError::UnknownToken)
    }
}

/// A ticket opens reading requests only: it may stand in the log of a proxy.
fn ticket(request: &HttpRequest) -> Option<String> {
    if request.method() != Method::GET {
        return None;
    }
    let pairs = web::Query::<Vec<(String, String)>>::from_query(request.query_string()).ok()?;
    pairs
        .into_inner()
        .into_iter()
        .find(|(name, _)| name == "ticket")
        .map(|(_, ticket)| ticket)
}

fn cookie(request: &HttpRequest) -> Option<&str> {
    let cookies = request
        .headers()
        .get_all(header::COOKIE)
        .filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, value)| *name == SESSION_COOKIE && !value.is_empty())
        .map(|(_, value)| value)
}

fn is_marked(request: &HttpRequest) -> bool {
    request
        .headers()
        .get(MARK_HEADER)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.eq_ignore_ascii_case(MARK))
}

/// The address that failures are counted for: that of the connection, which nobody can make up.
pub(super) fn peer_address(request: &HttpRequest) -> String {
    request
        .peer_addr()
        .map_or_else(|| "unknown".to_owned(), |address| address.ip().to_string())
}

macro_rules! from_extensions {
    ($($name:ident),+) => {
        $(impl FromRequest for $name {
            type Error = ApiError;
            type Future = Ready<Result<Self, ApiError>>;

            fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
                let found = request.extensions().get::<Self>().cloned();
                ready(found.ok_or_else(|| {
                    let what = concat!("the route does not provide ", stringify!($name));
                    ServiceError::Internal(what.to_owned()).into()
                }))
            }
        })+
    };
}

from_extensions!(Caller, ForApp, ForJob, ForInstance);
