//! How a command ends: outcomes, failures, exit codes, and what to do next.

use std::io;
use std::process::ExitCode;

use powerjob_client::Error;
use powerjob_common::status::InstanceStatus;

/// How a command ended that did what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Done; a run that was waited for succeeded.
    Done,
    /// The run failed, or what was checked is wrong.
    Failed,
    /// The run was stopped or canceled.
    Stopped,
    /// The run had not ended when the time was up.
    TimedOut,
}

impl Outcome {
    /// The outcome of a finished run.
    pub(crate) const fn of(status: InstanceStatus) -> Self {
        match status {
            InstanceStatus::Succeed => Self::Done,
            InstanceStatus::Stopped | InstanceStatus::Canceled => Self::Stopped,
            InstanceStatus::Failed
            | InstanceStatus::WaitingDispatch
            | InstanceStatus::WaitingWorkerReceive
            | InstanceStatus::Running => Self::Failed,
        }
    }

    const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Stopped => 3,
            Self::TimedOut => 4,
        }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        outcome.code().into()
    }
}

/// Why a command could not do what it should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The arguments do not make sense.
    #[error("{0}")]
    Usage(String),
    /// The server refused or could not be reached.
    #[error(transparent)]
    Api(#[from] Error),
    /// Something on this machine is in the way.
    #[error("{0}")]
    Local(String),
    /// Whoever read our output has gone; nothing is wrong.
    #[error("the reader of the output has gone")]
    OutputClosed,
}

impl Failure {
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::Usage(text.into())
    }

    pub(crate) fn local(text: impl Into<String>) -> Self {
        Self::Local(text.into())
    }

    /// For `map_err`: names what was tried.
    pub(crate) fn io(what: impl std::fmt::Display) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Local(format!("{what}: {error}"))
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::OutputClosed => 0,
            Self::Usage(_) => 2,
            Self::Api(_) | Self::Local(_) => 1,
        }
        .into()
    }

    /// What the person can do about it.
    pub(crate) fn advice(&self) -> Option<String> {
        let Self::Api(error) = self else { return None };
        Some(match error {
            Error::NotSignedIn(_) => "run `powerjob login`".to_owned(),
            Error::Forbidden(_) => {
                "ask an administrator for the permission, or sign in as somebody else with \
                 `powerjob login`"
                    .to_owned()
            }
            Error::Conflict(_) => "look at its present state and decide again".to_owned(),
            Error::TooMany { retry_after, .. } => match retry_after {
                Some(wait) => format!("repeat it in {} s", wait.as_secs().max(1)),
                None => "repeat it later".to_owned(),
            },
            Error::Unavailable {
                may_have_happened: true,
                ..
            } => "it may have been carried out: look before you repeat it".to_owned(),
            Error::Unavailable { server, .. } => format!(
                "is a server running at {server}? start one with `powerjob standalone`, or name \
                 another with --server or POWERJOB_URL"
            ),
            Error::Unexpected { .. } => "is the address that of a PowerJob server?".to_owned(),
            Error::Setup(_) => "check --server and POWERJOB_URL".to_owned(),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_those_that_scripts_rely_on() {
        let codes = [
            (InstanceStatus::Succeed, 0),
            (InstanceStatus::Failed, 1),
            (InstanceStatus::Stopped, 3),
            (InstanceStatus::Canceled, 3),
        ];
        for (status, code) in codes {
            assert_eq!(Outcome::of(status).code(), code, "{status}");
        }
        assert_eq!(Outcome::TimedOut.code(), 4);
    }

    #[test]
    fn a_lost_server_comes_with_advice() {
        let failure = Failure::from(Error::Unavailable {
            server: "http://a".to_owned(),
            reason: "connection refused".to_owned(),
            may_have_happened: false,
        });
        assert!(
            failure
                .advice()
                .expect("advice")
                .contains("powerjob standalone")
        );
    }
}
