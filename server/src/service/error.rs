//! Why a service could not do what was asked, in the terms of the person who asked.

use std::time::Duration;

use powerjob_common::actor::{AskError, Refused};
use powerjob_common::reason::Reason;
use powerjob_common::status::Permission;
use powerjob_protocol::api::problem::FieldError;

/// Why a service refused or failed. Both HTTP surfaces translate it, each in its own way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// It does not exist, or the person may not know that it does.
    #[error("no such {0}")]
    NotFound(Thing),
    /// It is visible, but this needs more.
    #[error("this needs the permission {0}")]
    Forbidden(Permission),
    /// Input is wrong; all mistakes are listed.
    #[error("{} fields are wrong", .0.len())]
    Invalid(Vec<FieldError>),
    /// A cursor that this list never gave.
    #[error("the cursor is not one of this list")]
    InvalidCursor,
    /// Someone else changed it meanwhile.
    #[error("revision {present} is not the expected {expected}")]
    RevisionConflict {
        /// What the change was based on.
        expected: i64,
        /// What is stored.
        present: i64,
    },
    /// Its state does not allow the action.
    #[error("{0}")]
    StateConflict(String),
    /// The name is taken.
    #[error("an application named {0} exists")]
    AppNameTaken(String),
    /// The application still has work.
    #[error("{0}")]
    AppInUse(String),
    /// Credentials are wrong or missing.
    #[error(transparent)]
    SignIn(#[from] SignInError),
    /// Another server owns the application; the text is its address, where known.
    #[error("another server looks after this application")]
    NotOwner(Option<String>),
    /// Queues are full: try again.
    #[error("the server is overloaded")]
    Overloaded,
    /// No answer in time: whether it was carried out is unknown.
    #[error("no answer in time")]
    Timeout,
    /// A part of the server is not running.
    #[error("{0}")]
    Unavailable(String),
    /// A defect; the text is for the log, not for the person.
    #[error("{0}")]
    Internal(String),
}

/// What was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing {
    /// An application.
    App,
    /// A job.
    Job,
    /// An instance.
    Instance,
    /// An account.
    Account,
    /// A worker.
    Worker,
}

impl std::fmt::Display for Thing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Thing::App => "application",
            Thing::Job => "job",
            Thing::Instance => "instance",
            Thing::Account => "account",
            Thing::Worker => "worker",
        })
    }
}

/// Why a person is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// Nothing that identifies a person came with the request.
    #[error("not signed in")]
    Missing,
    /// Never issued, or revoked.
    #[error("unknown token")]
    UnknownToken,
    /// Run out.
    #[error("expired token")]
    ExpiredToken,
    /// Used up or too old.
    #[error("used or expired ticket")]
    InvalidTicket,
    /// Unknown account or wrong password; which of them is nobody's business.
    #[error("wrong account or password")]
    WrongCredentials,
    /// Switched off.
    #[error("account is switched off")]
    Disabled,
    /// Too many failures.
    #[error("too many failed attempts")]
    TooMany {
        /// When to try again.
        retry_after: Duration,
    },
}

impl ServiceError {
    /// One wrong field.
    pub fn field(field: impl Into<String>, reason: impl Into<Reason>) -> Self {
        Self::Invalid(vec![FieldError::new(field, reason)])
    }
}

impl From<Refused> for ServiceError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Full => Self::Overloaded,
            Refused::Closed => Self::Unavailable(refused.to_string()),
        }
    }
}

impl From<AskError> for ServiceError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Refused(refused) => refused.into(),
            AskError::Timeout => Self::Timeout,
            AskError::Lost => Self::Unavailable(error.to_string()),
        }
    }
}
