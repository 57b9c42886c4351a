//! From when until when may a job run at all?
//!
//! Invariants:
//! 1. Start and end belong to the life cycle: a run at exactly either is allowed.
//! 2. A missing bound does not restrict.

use serde::{Deserialize, Serialize};

use super::InvalidExpression;
use crate::reason::ReasonCode;
use crate::time::UnixMillis;

/// The span in which a job may run; both ends are included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Lifecycle {
    /// First instant at which the job may run.
    pub start: Option<UnixMillis>,
    /// Last instant at which the job may run.
    pub end: Option<UnixMillis>,
}

impl Lifecycle {
    /// No restriction.
    pub const ALWAYS: Self = Self {
        start: None,
        end: None,
    };

    /// Checks a life cycle that a user wants to save at `now`. The end is checked first.
    ///
    /// # Errors
    /// When it is over already, or when it starts after its end. Equal bounds are one instant.
    pub fn validate(&self, now: UnixMillis) -> Result<(), InvalidExpression> {
        let Some(end) = self.end else { return Ok(()) };
        if end <= now {
            return Err(InvalidExpression::new(
                "lifecycle.end",
                ReasonCode::EndInPast,
            ));
        }
        match self.start {
            Some(start) if start > end => Err(InvalidExpression::new(
                "lifecycle.start",
                ReasonCode::EndBeforeStart,
            )),
            _ => Ok(()),
        }
    }

    /// `previous`, or the last instant before the start if that is later: what a search for
    /// "strictly after" has to begin with.
    pub(super) fn not_before_start(&self, previous: UnixMillis) -> UnixMillis {
        match self.start {
            Some(start) => previous.max(UnixMillis(start.0.saturating_sub(1))),
            None => previous,
        }
    }

    pub(super) fn has_ended_by(&self, instant: UnixMillis) -> bool {
        self.end.is_some_and(|end| end < instant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lifecycle(start: Option<i64>, end: Option<i64>) -> Lifecycle {
        Lifecycle {
            start: start.map(UnixMillis),
            end: end.map(UnixMillis),
        }
    }

    #[test]
    fn validation_names_the_bound_at_fault() {
        let fault = |start, end| {
            lifecycle(start, end)
                .validate(UnixMillis(100))
                .err()
                .map(|error| error.field)
        };
        assert_eq!(fault(None, None), None);
        assert_eq!(fault(Some(5), None), None);
        assert_eq!(fault(Some(200), None), None);
        assert_eq!(fault(None, Some(101)), None);
        assert_eq!(fault(Some(150), Some(150)), None);
        assert_eq!(fault(None, Some(100)).as_deref(), Some("lifecycle.end"));
        assert_eq!(
            fault(Some(151), Some(150)).as_deref(),
            Some("lifecycle.start")
        );
        assert_eq!(fault(Some(200), Some(50)).as_deref(), Some("lifecycle.end"));
    }

    #[test]
    fn json_form_tolerates_missing_bounds() {
        let read = |text| serde_json::from_str::<Lifecycle>(text).expect("valid");
        assert_eq!(read("{}"), Lifecycle::ALWAYS);
        assert_eq!(read(r#"{"start":1,"end":null}"#), lifecycle(Some(1), None));
        let written = serde_json::to_string(&lifecycle(Some(1), Some(2))).expect("writes");
        assert_eq!(written, r#"{"start":1,"end":2}"#);
    }
}
