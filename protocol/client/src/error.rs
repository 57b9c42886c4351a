//! What can go wrong with a call, by what the caller can do about it.

use std::fmt;
use std::time::Duration;

use powerjob_protocol::api::problem::{FieldError, Problem};

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No token, or one that has ended: sign in and repeat the call.
    #[error("not signed in")]
    NotSignedIn(Box<Problem>),
    /// Signed in, but without the permission: ask an administrator.
    #[error("not allowed: {}", said(.0))]
    Forbidden(Box<Problem>),
    /// The object does not exist (any more).
    #[error("not found: {}", said(.0))]
    NotFound(Box<Problem>),
    /// The request is wrong; [`Error::field_errors`] lists every wrong field.
    #[error("{}{}", said(.0), Fields(&.0.errors))]
    Invalid(Box<Problem>),
    /// The object changed in the meantime, or its state does not allow the operation: load it
    /// anew and decide again.
    #[error("conflict: {}", said(.0))]
    Conflict(Box<Problem>),
    /// Too many calls: wait and repeat.
    #[error("too many requests: {}", said(.problem))]
    TooMany {
        /// What the server said.
        problem: Box<Problem>,
        /// How long to wait, if the server said so.
        retry_after: Option<Duration>,
    },
    /// No server could be reached, or it cannot serve now. Whether a call that changes something
    /// took effect is unknown when [`Error::may_have_happened`] says so.
    #[error("{server} is not available: {reason}")]
    Unavailable {
        /// The address that was tried last.
        server: String,
        /// Why, in words.
        reason: String,
        /// Whether the request may have been carried out all the same.
        may_have_happened: bool,
    },
    /// An answer that does not fit the API: probably another program or version answers there.
    #[error("unexpected answer of {server}: {reason}")]
    Unexpected {
        /// The address that answered.
        server: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The client itself was set up wrongly, e.g. with an address that is no URL.
    #[error("{0}")]
    Setup(String),
}

impl Error {
    /// What the server said, if it answered in the form of the API.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::NotSignedIn(problem)
            | Self::Forbidden(problem)
            | Self::NotFound(problem)
            | Self::Invalid(problem)
            | Self::Conflict(problem)
            | Self::TooMany { problem, .. } => Some(problem),
            Self::Unavailable { .. } | Self::Unexpected { .. } | Self::Setup(_) => None,
        }
    }

    /// The wrong fields of the request; empty when the error is of another kind.
    pub fn field_errors(&self) -> &[FieldError] {
        self.problem()
            .map_or(&[], |problem| problem.errors.as_slice())
    }

    /// Whether the server may have carried out the request although no good answer came.
    pub fn may_have_happened(&self) -> bool {
        matches!(
            self,
            Self::Unavailable {
                may_have_happened: true,
                ..
            }
        )
    }

    /// The error of an answer that is not a success.
    pub(crate) fn from_answer(
        server: &str,
        status: u16,
        retry_after: Option<Duration>,
        body: &[u8],
    ) -> Self {
        let problem = Box::new(problem_of(status, body));
        match status {
            401 => Self::NotSignedIn(problem),
            403 => Self::Forbidden(problem),
            404 | 410 => Self::NotFound(problem),
            400 | 413 | 415 | 422 => Self::Invalid(problem),
            409 | 412 => Self::Conflict(problem),
            429 => Self::TooMany {
                problem,
                retry_after,
            },
            502..=504 => Self::Unavailable {
                server: server.to_owned(),
                reason: said(&problem),
                may_have_happened: status != 503,
            },
            _ => Self::Unexpected {
                server: server.to_owned(),
                reason: format!("HTTP {status}: {}", said(&problem)),
            },
        }
    }
}

/// Reads a problem; an answer in another form (a proxy's page) becomes one.
fn problem_of(status: u16, body: &[u8]) -> Problem {
    serde_json::from_slice(body).unwrap_or_else(|_| Problem {
        code: format!("http-{status}"),
        status,
        title: match status {
            401 => "not signed in".to_owned(),
            403 => "the permission is missing".to_owned(),
            404 => "no such object or path".to_owned(),
            _ => format!("HTTP status {status}"),
        },
        detail: short_text(body),
        errors: Vec::new(),
    })
}

/// A line that is no page: what `/ready` says, for instance.
fn short_text(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?.trim();
    let is_line = !text.is_empty() && text.len() <= 200 && !text.contains(['<', '\n', '{']);
    is_line.then(|| text.to_owned())
}

fn said(problem: &Problem) -> String {
    match &problem.detail {
        Some(detail) if *detail != problem.title => format!("{} ({detail})", problem.title),
        _ => problem.title.clone(),
    }
}

struct Fields<'a>(&'a [FieldError]);

impl fmt::Display for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for error in self.0 {
            write!(f, "\n  {}: {}", error.field, error.reason)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(status: u16, body: &str) -> Error {
        Error::from_answer("http://a", status, None, body.as_bytes())
    }

    #[test]
    fn each_status_becomes_what_the_caller_can_do() {
        assert!(matches!(error_of(401, ""), Error::NotSignedIn(_)));
        assert!(matches!(error_of(403, ""), Error::Forbidden(_)));
        assert!(matches!(error_of(404, ""), Error::NotFound(_)));
        assert!(matches!(error_of(422, ""), Error::Invalid(_)));
        assert!(matches!(error_of(409, ""), Error::Conflict(_)));
        assert!(matches!(error_of(429, ""), Error::TooMany { .. }));
        assert!(matches!(error_of(503, ""), Error::Unavailable { .. }));
        assert!(matches!(error_of(500, ""), Error::Unexpected { .. }));
    }

    #[test]
    fn a_refusal_is_certain_and_a_broken_gateway_is_not() {
        assert!(!error_of(503, "").may_have_happened());
        assert!(error_of(504, "").may_have_happened());
    }

    #[test]
    fn every_wrong_field_is_shown() {
        let error = error_of(
            422,
            r#"{"code":"invalid","status":422,"title":"the job cannot be saved",
                "errors":[{"field":"name","reason":"is empty"},
                          {"field":"schedule.expression","reason":"needs 6 fields"}]}"#,
        );
        assert_eq!(error.field_errors().len(), 2);
        assert_eq!(
            error.to_string(),
            "the job cannot be saved\n  name: is empty\n  schedule.expression: needs 6 fields"
        );
    }

    #[test]
    fn a_page_of_a_proxy_is_no_reason_to_panic() {
        assert_eq!(
            error_of(404, "<html>nginx</html>").to_string(),
            "not found: no such object or path"
        );
        assert_eq!(
            error_of(503, "the lease is lost\n").to_string(),
            "http://a is not available: HTTP status 503 (the lease is lost)"
        );
    }
}
