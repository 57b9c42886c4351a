//! How long is a fixed rate or a fixed delay?
//!
//! Invariants:
//! 1. An interval is at least one millisecond; there is no upper limit.
//! 2. An instant past the end of time is "none", never an overflow.

use super::{InvalidExpression, found, number};
use crate::reason::ReasonCode;
use crate::time::UnixMillis;

/// The interval of FIXED_RATE and FIXED_DELAY in whole milliseconds, 1 or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Interval(i64);

impl Interval {
    pub(super) fn parse(expression: &str) -> Result<Self, InvalidExpression> {
        match number::long(expression) {
            Some(millis) if millis >= 1 => Ok(Self(millis)),
            _ => Err(InvalidExpression::new(
                "timeExpression",
                found(ReasonCode::IntervalMillis, expression),
            )),
        }
    }

    pub(super) fn millis(self) -> i64 {
        self.0
    }

    pub(super) fn after(self, previous: UnixMillis) -> Option<UnixMillis> {
        previous.0.checked_add(self.0).map(UnixMillis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_length_from_one_millisecond_is_accepted() {
        for (text, expected) in [
            ("1", 1),
            ("120001", 120_001),
            ("+00100", 100),
            ("9223372036854775807", i64::MAX),
        ] {
            assert_eq!(Interval::parse(text), Ok(Interval(expected)), "{text}");
        }
        for text in [
            "0",
            "-1",
            "",
            " 5",
            "5 ",
            "1e3",
            "null",
            "9223372036854775808",
        ] {
            let error = Interval::parse(text).expect_err(text);
            assert_eq!(error.field, "timeExpression");
            assert!(error.to_string().contains("1 or more"), "{error}");
        }
    }

    #[test]
    fn the_end_of_time_is_none() {
        assert_eq!(
            Interval(5).after(UnixMillis(i64::MAX - 5)),
            Some(UnixMillis(i64::MAX))
        );
        assert_eq!(Interval(6).after(UnixMillis(i64::MAX - 5)), None);
    }
}
