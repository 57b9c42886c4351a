//! Who asks through the reference's routes, what about, and may they? Runs before every handler.
//!
//! Invariants:
//! 1. The permission is checked on the application that the named object belongs to; the header
//!    `AppId` of the console decides nothing, and one that names another application is refused.
//! 2. A program acts on its own application only.
//! 3. The reply of a token check that passed says so, whatever the handler answers.

use std::sync::Arc;

use actix_web::body::BoxBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Bytes;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse};

use super::call::{BODY_LIMIT, Call, header_text};
use super::context::Context;
use super::failure::{ErrorCode, Failure, of_problem};
use super::route::{Entry, Needs, Place};
use super::{AUTH_PASSED, subject};
use crate::http::guard::{Caller, peer_address};
use crate::http::{State, body, forward};
use crate::service::access::Person;
use crate::service::peers::{FORWARDED_HEADER, Handed};
use crate::service::sessions::Fingerprint;
use crate::service::{ServiceError, Services, programs};
use crate::store::app::App;

/// Carries the token of a program, and the application it says it is of.
const PROGRAM_TOKEN: &str = "x-powerjob-access-token";
const PROGRAM_APP: &str = "x-powerjob-app-id";
/// A hop between servers proves itself; the person or program is checked again by its own token.
const NO_SESSION: Fingerprint = Fingerprint([0; 32]);

/// Who asks.
pub(super) enum Asker {
    Nobody,
    Person(Arc<Person>),
    /// A program; of this application, when tokens are checked.
    Program(Option<Arc<App>>),
}

/// Lets a request through to its handler, or answers it.
pub(super) async fn admit(
    entry: Entry,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let has_origin = request.headers().contains_key(header::ORIGIN);
    let (passed, mut response) = match request.app_data::<State>().cloned() {
        Some(state) => Box::pin(answer(state, entry, request, &next)).await?,
        None => (None, request.into_response(Failure::denied().response())),
    };
    if let Some(passed) = passed {
        let value = HeaderValue::from_static(if passed { "true" } else { "false" });
        response.headers_mut().insert(AUTH_PASSED.clone(), value);
    }
    if has_origin {
        let everybody = HeaderValue::from_static("*");
        let name = header::ACCESS_CONTROL_ALLOW_ORIGIN;
        response.headers_mut().insert(name, everybody);
    }
    Ok(response)
}

/// The answer, and what became of the check of a program's token, if there was one.
async fn answer(
    state: State,
    entry: Entry,
    request: ServiceRequest,
    next: &Next<BoxBody>,
) -> Result<(Option<bool>, ServiceResponse<BoxBody>), Error> {
    let (head, payload) = request.into_parts();
    check_hop(&state.services, &head);
    let is_program = matches!(entry.needs, Needs::Program(_) | Needs::ProgramEntrance);
    let asker = match authenticate(&state, entry.needs, &head).await {
        Ok(asker) => asker,
        Err(failure) => {
            let response = ServiceResponse::new(head, failure.response());
            return Ok((is_program.then_some(false), response));
        }
    };
    let passed = is_program.then_some(true);
    let bytes = match body::read(&head, payload, BODY_LIMIT).await {
        Ok(bytes) => bytes,
        Err(error) => {
            let why = error.detail.unwrap_or_else(|| error.code.name().to_owned());
            let failure = Failure::unreadable(why);
            return Ok((passed, ServiceResponse::new(head, failure.response())));
        }
    };
    let context = match prepare(&state, entry, &head, &bytes, asker).await {
        Ok(context) => context,
        Err(failure) => return Ok((passed, ServiceResponse::new(head, failure.response()))),
    };
    let app_id = context.subject.app_id;
    head.extensions_mut().insert(Caller {
        person: context.person.clone(),
        session: NO_SESSION,
    });
    head.extensions_mut().insert(context);
    let request = ServiceRequest::from_parts(head, Payload::from(bytes));
    let response = match app_id.filter(|_| entry.place == Place::Owner) {
        Some(app_id) if forward::concerns(&state, &request) => {
            forward::serve(state, app_id, request, next).await?
        }
        _ => next.call(request).await?,
    };
    Ok((passed, in_reference_form(response)))
}

/// What the way to the owner says in our own form is said in the reference's.
fn in_reference_form(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let content_type = response.headers().get(header::CONTENT_TYPE);
    let is_problem = content_type.is_some_and(|it| it == crate::http::error::PROBLEM_JSON);
    if !is_problem {
        return response;
    }
    let status = response.status();
    let failure = of_problem(
        status.as_u16(),
        status.canonical_reason().unwrap_or_default(),
    );
    response.into_response(failure.response())
}

/// Marks what another server has handed on, so that it goes no further.
fn check_hop(services: &Services, request: &HttpRequest) {
    let Some(proof) = request.headers().get(FORWARDED_HEADER) else {
        return;
    };
    let path = request.uri().path_and_query().map(|path| path.as_str());
    let handed = Handed {
        method: request.method().as_str(),
        path: path.unwrap_or_default(),
    };
    let proof = proof.to_str().unwrap_or_default();
    let peers = &services.handles.peers;
    if peers.check(handed, proof, services.now()).is_some() {
        request.extensions_mut().insert(forward::Forwarded);
    }
}

async fn authenticate(
    state: &State,
    needs: Needs,
    request: &HttpRequest,
) -> Result<Asker, Failure> {
    let services = &state.services;
    match needs {
        Needs::Nothing | Needs::Signature => Ok(Asker::Nobody),
        Needs::ProgramEntrance => Ok(Asker::Program(None)),
        Needs::Program(_) if !state.config.openapi_auth => Ok(Asker::Program(None)),
        Needs::Program(_) => {
            let app = check_token(services, request).await?;
            Ok(Asker::Program(Some(app)))
        }
        Needs::MaybeSignedIn => {
            let person = super::token::signed_in(services, request).await?;
            Ok(person.map_or(Asker::Nobody, Asker::Person))
        }
        Needs::SignedIn | Needs::Global(_) | Needs::Person(..) => {
            let person = super::token::signed_in(services, request).await?;
            let person = person.ok_or_else(|| Failure::auth(ErrorCode::NotSignedIn, ""))?;
            Ok(Asker::Person(person))
        }
    }
}

/// The application of a program's token; its refusals are in the form of the reference's own check.
pub(super) async fn check_token(
    services: &Services,
    request: &HttpRequest,
) -> Result<Arc<App>, Failure> {
    let text = |name: &str| {
        let value = request.headers().get(name)?.to_str().ok()?;
        (!value.is_empty()).then_some(value)
    };
    let stated = text(PROGRAM_APP);
    let lack = || Failure::bare(ErrorCode::InvalidRequest, "lack_of_appId_in_header");
    let stated = stated.ok_or_else(lack)?;
    let lack = || Failure::bare(ErrorCode::OpenApiAuthFailed, "token_is_empty");
    let token = text(PROGRAM_TOKEN).ok_or_else(lack)?;
    let checked = programs::check(services, token, stated).await;
    checked.map_err(|error| match error {
        programs::ProgramError::WrongPassword => Failure::bare(ErrorCode::IncorrectPassword, ""),
        programs::ProgramError::Service(error) => {
            tracing::warn!(%error, "the token of a program could not be checked");
            Failure::bare(ErrorCode::InvalidToken, "it could not be checked now")
        }
        error => error.into(),
    })
}

/// Reads the request, finds what it is about, and checks the permission on it.
async fn prepare(
    state: &State,
    entry: Entry,
    head: &HttpRequest,
    bytes: &Bytes,
    asker: Asker,
) -> Result<Context, Failure> {
    let services = &state.services;
    let call = Call::read(head, entry.input, bytes)?;
    let subject = match entry.needs {
        Needs::Global(permission) => match &asker {
            Asker::Person(person) if person.may_everywhere(permission) => Default::default(),
            _ => return Err(ServiceError::Forbidden(permission).into()),
        },
        Needs::Person(permission, about) => {
            let header = header_text(head, "AppId");
            subject::of_person(services, (permission, about), &call, &asker, header).await?
        }
        Needs::Program(about) => subject::of_program(services, about, &call, &asker).await?,
        Needs::Signature => {
            let instance = super::instance::of_signature(services, &call).await?;
            super::context::Subject::of(instance)
        }
        Needs::Nothing | Needs::MaybeSignedIn | Needs::SignedIn | Needs::ProgramEntrance => {
            Default::default()
        }
    };
    let person = match asker {
        Asker::Person(person) => person,
        Asker::Program(Some(app)) => Arc::new(Person::program(&app.name)),
        Asker::Program(None) | Asker::Nobody => Arc::new(Person::program("nobody")),
    };
    let connection = head.connection_info();
    Ok(Context {
        state: state.clone(),
        call: Arc::new(call),
        person,
        address: peer_address(head),
        origin: format!("{}://{}", connection.scheme(), connection.host()),
        subject,
    })
}

/// A method that a known path does not take.
pub(super) async fn wrong_method(request: HttpRequest) -> HttpResponse {
    let text = format!("Request method '{}' not supported", request.method());
    Failure::exception("HttpRequestMethodNotSupportedException", text).response()
}

/// What a browser asks before it sends a request of another page. Nothing is given away: tokens
/// travel in headers that only a page which knows them can send.
pub(super) async fn preflight(request: HttpRequest) -> HttpResponse {
    const METHODS: &str = "HEAD,GET,PUT,POST,DELETE,PATCH";
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, METHODS))
        .insert_header((header::ACCESS_CONTROL_MAX_AGE, "1800"))
        .insert_header((header::ALLOW, METHODS));
    let asked = request
        .headers()
        .get(header::ACCESS_CONTROL_REQUEST_HEADERS);
    if let Some(asked) = asked {
        response.insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone()));
    }
    response.finish()
}

/// What is below `/openApi` and no route: as in the reference, the token is checked first.
pub(super) async fn unknown_path(state: State, request: HttpRequest) -> HttpResponse {
    let checked = if state.config.openapi_auth {
        check_token(&state.services, &request).await.map(drop)
    } else {
        Ok(())
    };
    let (passed, mut response) = match checked {
        Ok(()) => ("true", not_found(&state, request.path())),
        Err(failure) => ("false", failure.response()),
    };
    let value = HeaderValue::from_static(passed);
    response.headers_mut().insert(AUTH_PASSED.clone(), value);
    response
}

/// What the reference says of a path that it does not have.
pub(in crate::http) fn not_found(state: &State, path: &str) -> HttpResponse {
    HttpResponse::NotFound().json(serde_json::json!({
        "timestamp": super::render::date(state.services.now()),
        "status": 404,
        "error": "Not Found",
        "path": path,
    }))
}
