//! Errors as problem details; the one place where an error becomes an answer.

use std::time::Duration;

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, ResponseError, http::StatusCode};
use powerjob_common::actor::{AskError, Refused};
use powerjob_protocol::api::problem::{FieldError, Problem};
use tracing::error;

pub use super::code::Code;
use crate::service::{ServiceError, SignInError, Thing};

/// Content type of every error.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Marks an answer that says: not carried out, because another server owns the application.
pub(super) const NOT_OWNER_HEADER: &str = "x-powerjob-not-owner";

/// When to come back after an overload.
const RETRY_SOON: Duration = Duration::from_secs(1);

/// Why a request was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .code.name())]
pub struct ApiError {
    /// What kind of problem it is.
    pub code: Code,
    /// More about it.
    pub detail: Option<String>,
    /// All fields that are wrong.
    pub errors: Vec<FieldError>,
    /// When to try again.
    pub retry_after: Option<Duration>,
}

impl From<Code> for ApiError {
    fn from(code: Code) -> Self {
        Self {
            code,
            detail: None,
            errors: Vec::new(),
            retry_after: None,
        }
    }
}

impl ApiError {
    /// The same error with more about it.
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The same error with the fields that are wrong.
    pub fn with_fields(mut self, errors: Vec<FieldError>) -> Self {
        self.errors = errors;
        self
    }

    fn with_retry(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    fn problem(&self) -> Problem {
        Problem {
            code: self.code.name().to_owned(),
            status: self.code.status().as_u16(),
            title: self.code.title().to_owned(),
            detail: self.detail.clone(),
            errors: self.errors.clone(),
        }
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        if let Some(after) = self.retry_after {
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            response.insert_header((header::RETRY_AFTER, seconds.max(1)));
        }
        if self.code == Code::NotOwner {
            response.insert_header((NOT_OWNER_HEADER, "1"));
        }
        if self.status_code() == StatusCode::UNAUTHORIZED {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        let mut response = response.json(self.problem());
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        response
    }
}

impl From<ServiceError> for ApiError {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::NotFound(thing) => not_found(thing).into(),
            ServiceError::Forbidden(needed) => Self::from(Code::PermissionDenied)
                .with_detail(format!("this needs the permission {needed}")),
            ServiceError::Invalid(errors) => Self::from(Code::ValidationFailed).with_fields(errors),
            ServiceError::InvalidCursor => Code::InvalidCursor.into(),
            ServiceError::RevisionConflict { expected, present } => {
                Self::from(Code::RevisionConflict).with_detail(format!(
                    "the change is based on revision {expected}, the present one is {present}"
                ))
            }
            ServiceError::StateConflict(why) => Self::from(Code::StateConflict).with_detail(why),
            ServiceError::AppNameTaken(name) => {
                Self::from(Code::AppNameTaken).with_detail(format!("{name} is taken"))
            }
            ServiceError::AppInUse(why) => Self::from(Code::AppInUse).with_detail(why),
            ServiceError::SignIn(error) => error.into(),
            ServiceError::NotOwner(owner) => {
                let error = Self::from(Code::NotOwner).with_retry(RETRY_SOON);
                match owner {
                    Some(owner) => error.with_detail(format!("ask {owner}")),
                    None => error,
                }
            }
            ServiceError::Overloaded => Refused::Full.into(),
            ServiceError::Timeout => AskError::Timeout.into(),
            ServiceError::Unavailable(why) => Self::from(Code::Unavailable)
                .with_detail(why)
                .with_retry(RETRY_SOON),
            ServiceError::Internal(why) => {
                error!(error = why, "a request failed inside the server");
                Code::Internal.into()
            }
        }
    }
}

fn not_found(thing: Thing) -> Code {
    match thing {
        Thing::App => Code::AppNotFound,
        Thing::Job => Code::JobNotFound,
        Thing::Instance => Code::InstanceNotFound,
        Thing::Worker => Code::WorkerNotFound,
        Thing::Account => Code::AccountNotFound,
    }
}

impl From<SignInError> for ApiError {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Missing => Code::NotSignedIn.into(),
            SignInError::UnknownToken => Code::TokenUnknown.into(),
            SignInError::ExpiredToken => Code::TokenExpired.into(),
            SignInError::InvalidTicket => Code::TicketInvalid.into(),
            SignInError::WrongCredentials => Code::WrongCredentials.into(),
            SignInError::Disabled => Code::AccountDisabled.into(),
            SignInError::TooMany { retry_after } => {
                Self::from(Code::TooManyAttempts).with_retry(retry_after)
            }
        }
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Full => Self::from(Code::Overloaded).with_retry(RETRY_SOON),
            Refused::Closed => Self::from(Code::Unavailable).with_retry(RETRY_SOON),
        }
    }
}

impl From<AskError> for ApiError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Refused(refused) => refused.into(),
            AskError::Timeout => Self::from(Code::TimedOut)
                .with_detail("whether it was carried out is not known: look before you repeat it"),
            AskError::Lost => Refused::Closed.into(),
        }
    }
}

/// Answers every path under `/v1` that no route takes.
pub async fn unknown_path(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    Err(ApiError::from(Code::PathNotFound).with_detail(request.path().to_owned()))
}

/// Answers every method that a known path does not take.
pub async fn unknown_method(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    Err(ApiError::from(Code::MethodNotAllowed).with_detail(format!(
        "{} {}",
        request.method(),
        request.path()
    )))
}
