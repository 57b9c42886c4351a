//! How the reference says no: HTTP 200 with `success: false`, in four forms (spec 06 section 3).

use std::fmt::Display;

use actix_web::HttpResponse;
use actix_web::http::header::HeaderName;
use serde_json::{Value, json};
use tracing::error;

use crate::http::error::NOT_OWNER_HEADER;
use crate::service::programs::ProgramError;
use crate::service::workflows::{NO_ENGINE, WorkflowError};
use crate::service::{ServiceError, SignInError};

/// What a handler answers: the `data` of the reply.
pub(super) type Answer = Result<Value, Failure>;

/// Codes of the reference (spec 06 section 3.2); `NO_PERMISSION` it has and never sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ErrorCode {
    NotSignedIn,
    UserAuthFailed,
    UserDisabled,
    NoPermission,
    InvalidRequest,
    IncorrectPassword,
    InvalidToken,
    InvalidApp,
    TokenExpired,
    UnknownError,
    IllegalArguments,
    OpenApiAuthFailed,
}

impl ErrorCode {
    const fn code(self) -> &'static str {
        match self {
            Self::NotSignedIn => "-100",
            Self::UserAuthFailed => "-102",
            Self::UserDisabled => "-103",
            Self::NoPermission => "-200",
            Self::InvalidRequest => "-300",
            Self::IncorrectPassword => "-400",
            Self::InvalidToken => "-401",
            Self::InvalidApp => "-402",
            Self::TokenExpired => "-403",
            Self::UnknownError => "-500",
            Self::IllegalArguments => "-501",
            Self::OpenApiAuthFailed => "-1002",
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::NotSignedIn => "UserNotLoggedIn",
            Self::UserAuthFailed => "UserAuthFailed",
            Self::UserDisabled => "UserDisabled",
            Self::NoPermission => "Permission denied!",
            Self::InvalidRequest => "INVALID_REQUEST",
            Self::IncorrectPassword => "INCORRECT_PASSWORD",
            Self::InvalidToken => "INVALID_TOKEN",
            Self::InvalidApp => "INVALID_APP",
            Self::TokenExpired => "TOKEN_EXPIRED",
            Self::UnknownError => "SYS_UNKNOWN_ERROR",
            Self::IllegalArguments => "ILLEGAL_ARGS_ERROR",
            Self::OpenApiAuthFailed => "OPEN_API_AUTH_FAILED",
        }
    }
}

/// Which keys a refusal has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// An exception: `<class>: <text>` and `code`.
    Exception(&'static str),
    /// The text alone, without `code`.
    Plain,
    /// The text alone, with `code`.
    Coded,
    /// Of the token check: the text and `code`, no `data`.
    Bare,
}

/// Why a request was not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    form: Form,
    text: String,
    code: Option<ErrorCode>,
    is_no_owner: bool,
}

impl Failure {
    fn of(form: Form, text: impl Into<String>, code: Option<ErrorCode>) -> Self {
        Self {
            form,
            text: text.into(),
            code,
            is_no_owner: false,
        }
    }

    /// An exception of a class of Java.
    pub(super) fn exception(class: &'static str, text: impl Into<String>) -> Self {
        Self::of(Form::Exception(class), text, None)
    }

    /// A rule of the product is broken.
    pub(super) fn power(text: impl Into<String>) -> Self {
        Self::exception("PowerJobException", text)
    }

    /// An argument makes no sense.
    pub(super) fn argument(text: impl Into<String>) -> Self {
        Self::exception("IllegalArgumentException", text)
    }

    /// The body is not what is expected.
    pub(super) fn unreadable(why: impl Display) -> Self {
        let text = format!("JSON parse error: {why}");
        Self::exception("HttpMessageNotReadableException", text)
    }

    /// Something necessary is missing; the reference stumbles over it.
    pub(super) fn missing(name: &str) -> Self {
        let text = format!("Cannot go on because \"{name}\" is null");
        Self::exception("NullPointerException", text)
    }

    /// A text without class and code.
    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self::of(Form::Plain, text, None)
    }

    /// An exception with one of the codes, and more about it.
    pub(super) fn coded(code: ErrorCode, extra: &str) -> Self {
        Self::of(
            Form::Exception("PowerJobException"),
            coded_text(code, extra),
            Some(code),
        )
    }

    /// The same, about people.
    pub(super) fn auth(code: ErrorCode, extra: &str) -> Self {
        Self::of(
            Form::Exception("PowerJobAuthException"),
            coded_text(code, extra),
            Some(code),
        )
    }

    /// The token check's own.
    pub(super) fn bare(code: ErrorCode, extra: &str) -> Self {
        Self::of(Form::Bare, coded_text(code, extra), Some(code))
    }

    /// The person may not do it.
    pub(super) fn denied() -> Self {
        Self::coded(ErrorCode::NoPermission, "")
    }

    /// Workflows do not run here yet.
    pub(super) fn no_workflow_engine() -> Self {
        Self::power(NO_ENGINE)
    }

    /// The same without the class before the text, as `/authApp` answers.
    pub(super) fn without_class(self) -> Self {
        match self.code {
            None => Self::of(Form::Coded, self.message(), Some(ErrorCode::UnknownError)),
            code => Self::of(Form::Coded, self.text, code),
        }
    }

    /// What the reply says.
    pub(super) fn message(&self) -> String {
        match self.form {
            Form::Exception(class) => format!("{class}: {}", self.text),
            Form::Plain | Form::Coded | Form::Bare => self.text.clone(),
        }
    }

    /// The text without class and code, as the sign-in answers.
    pub(super) fn into_plain(self) -> Self {
        Self::plain(self.text)
    }

    pub(super) fn response(&self) -> HttpResponse {
        let code = self.code.map(ErrorCode::code);
        let text = self.message();
        let body = match self.form {
            Form::Exception(_) | Form::Coded => {
                json!({"success": false, "data": null, "message": text, "code": code})
            }
            Form::Plain => json!({"success": false, "data": null, "message": text}),
            Form::Bare => json!({"success": false, "message": text, "code": code}),
        };
        let mut response = HttpResponse::Ok();
        if self.is_no_owner {
            response.insert_header((HeaderName::from_static(NOT_OWNER_HEADER), "1"));
        }
        if self.form == Form::Bare {
            response.content_type("application/json;charset=utf-8");
        }
        response.json(body)
    }
}

fn coded_text(code: ErrorCode, extra: &str) -> String {
    match extra {
        "" => code.text().to_owned(),
        extra => format!("{}:{extra}", code.text()),
    }
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::NotFound(thing) => Self::argument(format!("can't find {thing}")),
            ServiceError::Forbidden(_) => Self::denied(),
            ServiceError::Invalid(errors) => {
                let errors: Vec<_> = errors
                    .iter()
                    .map(|error| format!("{} {}", error.field, error.reason))
                    .collect();
                Self::coded(ErrorCode::IllegalArguments, &errors.join("; "))
            }
            ServiceError::SignIn(error) => error.into(),
            ServiceError::NotOwner(_) => Self {
                is_no_owner: true,
                ..Self::power("remote process failed: no server looks after this application now")
            },
            ServiceError::Overloaded | ServiceError::Timeout | ServiceError::Unavailable(_) => {
                Self::power(format!("remote process failed: {error}"))
            }
            ServiceError::Internal(why) => {
                error!(error = why, "a request failed inside the server");
                Self::coded(ErrorCode::UnknownError, "")
            }
            ServiceError::AppNameTaken(name) => Self::coded(
                ErrorCode::IllegalArguments,
                &format!("App[{name}] already exists"),
            ),
            ServiceError::InvalidCursor
            | ServiceError::RevisionConflict { .. }
            | ServiceError::StateConflict(_)
            | ServiceError::AppInUse(_) => Self::power(error.to_string()),
        }
    }
}

impl From<SignInError> for Failure {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Missing
            | SignInError::UnknownToken
            | SignInError::ExpiredToken
            | SignInError::InvalidTicket => Self::auth(ErrorCode::NotSignedIn, ""),
            SignInError::Disabled => Self::auth(ErrorCode::UserDisabled, ""),
            SignInError::WrongCredentials => Self::argument("password is incorrect"),
            SignInError::TooMany { retry_after } => Self::argument(format!(
                "too many failed attempts; try again in {} s",
                retry_after.as_secs() + 1
            )),
        }
    }
}

impl From<crate::store::Error> for Failure {
    fn from(error: crate::store::Error) -> Self {
        ServiceError::from(error).into()
    }
}

impl From<WorkflowError> for Failure {
    fn from(error: WorkflowError) -> Self {
        match error {
            WorkflowError::Refused(text) => Self::power(text),
            WorkflowError::Unknown(_) | WorkflowError::UnknownKind(_) => {
                Self::argument(error.to_string())
            }
            WorkflowError::Service(error) => error.into(),
        }
    }
}

impl From<ProgramError> for Failure {
    fn from(error: ProgramError) -> Self {
        match error {
            ProgramError::NoApp => Self::coded(ErrorCode::InvalidApp, ""),
            ProgramError::UnknownApp(name) => Self::coded(ErrorCode::InvalidApp, &name),
            ProgramError::WrongPassword => Self::coded(ErrorCode::IncorrectPassword, ""),
            ProgramError::UnknownEncryption(name) => Self::coded(
                ErrorCode::InvalidRequest,
                &format!("unknown_encryptType:{name}"),
            ),
            ProgramError::TooMany { .. } => {
                Self::coded(ErrorCode::IncorrectPassword, &error.to_string())
            }
            ProgramError::Expired => Self::bare(ErrorCode::TokenExpired, &error.to_string()),
            ProgramError::Invalid => Self::bare(ErrorCode::InvalidToken, &error.to_string()),
            ProgramError::OtherApp => Self::bare(
                ErrorCode::InvalidRequest,
                "Inconsistent_appId_from_token_and_header",
            ),
            ProgramError::AppGone => Self::bare(ErrorCode::InvalidApp, "can_not_find_app"),
            ProgramError::Service(error) => error.into(),
        }
    }
}

/// Words a problem of our own interface in the reference's way.
pub(super) fn of_problem(status: u16, code: &str) -> Failure {
    Failure::power(format!("remote process failed: {code} ({status})"))
}
