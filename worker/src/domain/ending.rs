//! How does a run end, given what its processor said and what was asked of it?
//!
//! # Invariants
//! 1. A run that was asked to end never succeeds, whatever its processor said afterwards.
//! 2. Only a stop asked for by a person or a program, or by the job's own policy, ends as stopped; all
//!    other causes are failures.

use powerjob_common::status::InstanceStatus;
use serde::Serialize;

/// Why a run was asked to end before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum CancelReason {
    /// Its time limit passed.
    Timeout,
    /// A person or a program stopped it.
    UserStop,
    /// Another attempt of the same instance took its place.
    Superseded,
    /// The worker shuts down.
    WorkerShutdown,
    /// The next beat of a second-level job took its place.
    Replaced,
}

impl CancelReason {
    /// The number kept in an atomic cell; 0 is "not cancelled".
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Timeout => 1,
            Self::UserStop => 2,
            Self::Superseded => 3,
            Self::WorkerShutdown => 4,
            Self::Replaced => 5,
        }
    }

    /// The reason of a number.
    pub(crate) const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Timeout),
            2 => Some(Self::UserStop),
            3 => Some(Self::Superseded),
            4 => Some(Self::WorkerShutdown),
            5 => Some(Self::Replaced),
            _ => None,
        }
    }
}

/// The state and text with which a run ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Ending {
    pub(crate) status: InstanceStatus,
    pub(crate) text: String,
}

/// Judges a run whose processor came back with `result` (text or cause of failure).
pub(crate) fn conclude(result: Result<String, String>, asked: Option<CancelReason>) -> Ending {
    match (asked, result) {
        (Some(reason), _) => interrupted(reason),
        (None, Ok(text)) => Ending {
            status: InstanceStatus::Succeed,
            text,
        },
        (None, Err(text)) => Ending {
            status: InstanceStatus::Failed,
            text,
        },
    }
}

/// The end of a run that obeyed when asked to end (texts of spec 04 section 25.2).
pub(crate) fn interrupted(reason: CancelReason) -> Ending {
    ending_of(reason, "interrupted success")
}

/// The end of a run that did not obey within its grace time.
pub(crate) fn abandoned(reason: CancelReason) -> Ending {
    ending_of(reason, "force stop success")
}

/// The end of a master's part in an instance with which another worker goes on.
pub(crate) fn handed_on() -> Ending {
    Ending {
        status: InstanceStatus::WaitingDispatch,
        text: "worker shutdown,handed on to another worker".to_owned(),
    }
}

/// The end of an instance of which a journal is kept: when its worker shuts down, another one goes on.
pub(crate) fn interrupted_master(reason: CancelReason) -> Ending {
    match reason {
        CancelReason::WorkerShutdown => handed_on(),
        other => interrupted(other),
    }
}

fn ending_of(reason: CancelReason, how: &str) -> Ending {
    let (status, what) = match reason {
        CancelReason::Timeout => (InstanceStatus::Failed, "instance execute timeout"),
        CancelReason::UserStop => (InstanceStatus::Stopped, "user stop instance"),
        CancelReason::Superseded => (InstanceStatus::Failed, "superseded by another attempt"),
        CancelReason::WorkerShutdown => (InstanceStatus::Failed, "worker shutdown"),
        CancelReason::Replaced => (InstanceStatus::Stopped, "replaced by the next beat"),
    };
    Ending {
        status,
        text: format!("{what},{how}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn success_after_the_time_limit_is_a_failure() {
        let ending = conclude(Ok("done".into()), Some(CancelReason::Timeout));
        assert_eq!(ending.status, InstanceStatus::Failed);
        assert_eq!(ending.text, "instance execute timeout,interrupted success");
    }

    #[test]
    fn a_stop_by_a_person_ends_as_stopped() {
        let ending = abandoned(CancelReason::UserStop);
        assert_eq!(ending.status, InstanceStatus::Stopped);
        assert_eq!(ending.text, "user stop instance,force stop success");
    }

    #[test]
    fn reasons_survive_their_code() {
        for code in 1..=5 {
            assert_eq!(
                CancelReason::from_code(code).map(CancelReason::code),
                Some(code)
            );
        }
        assert_eq!(CancelReason::from_code(0), None);
    }
}
