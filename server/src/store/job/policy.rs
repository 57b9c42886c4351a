//! The form in which the rules of a job are kept, in its row and in its history.
//!
//! It is written for ever: a field or variant may be added, none may be renamed.

use serde::{Deserialize, Serialize};

use crate::domain::policy::{BackOff, Misfire, Overlap, RetryPolicy, SchedulePolicy};
use crate::store::Error;

#[derive(Serialize, Deserialize)]
#[serde(remote = "SchedulePolicy")]
pub(super) struct Policy {
    #[serde(with = "MisfireRule")]
    misfire: Misfire,
    #[serde(with = "OverlapRule")]
    overlap: Overlap,
    jitter_ms: u32,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    second_level: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Misfire", rename_all = "snake_case")]
enum MisfireRule {
    Skip,
    Once,
    CatchUp { runs: u32 },
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Overlap", rename_all = "snake_case")]
enum OverlapRule {
    Allow,
    Skip,
    Queue { limit: u32 },
    Replace,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "RetryPolicy")]
pub(super) struct Retry {
    #[serde(with = "Growth")]
    back_off: BackOff,
    jitter: f64,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "BackOff", rename_all = "snake_case")]
enum Growth {
    Fixed {
        delay_ms: u64,
    },
    Exponential {
        first_ms: u64,
        factor: f64,
        limit_ms: u64,
    },
}

#[derive(Serialize, Deserialize)]
struct PolicyColumn(#[serde(with = "Policy")] SchedulePolicy);

#[derive(Serialize, Deserialize)]
struct RetryColumn(#[serde(with = "Retry")] RetryPolicy);

/// `None` for the defaults, which need no place.
pub(super) fn write_policy(policy: SchedulePolicy) -> Option<String> {
    let column = (policy != SchedulePolicy::default()).then_some(PolicyColumn(policy))?;
    serde_json::to_string(&column).ok()
}

/// `None` for the defaults, which need no place.
pub(super) fn write_retry(retry: RetryPolicy) -> Option<String> {
    let column = (retry != RetryPolicy::default()).then_some(RetryColumn(retry))?;
    serde_json::to_string(&column).ok()
}

pub(super) fn read_policy(text: Option<&str>) -> Result<SchedulePolicy, Error> {
    text.map_or_else(
        || Ok(SchedulePolicy::default()),
        |text| read(text).map(|PolicyColumn(policy)| policy),
    )
}

pub(super) fn read_retry(text: Option<&str>) -> Result<RetryPolicy, Error> {
    text.map_or_else(
        || Ok(RetryPolicy::default()),
        |text| read(text).map(|RetryColumn(retry)| retry),
    )
}

fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Error> {
    serde_json::from_str(text)
        .map_err(|error| Error::Damaged(format!("the rules of a job: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_form_stays_as_it_is() {
        let policy = SchedulePolicy {
            misfire: Misfire::CatchUp { runs: 3 },
            overlap: Overlap::Queue { limit: 10 },
            jitter_ms: 5,
            second_level: false,
        };
        let text =
            r#"{"misfire":{"catch_up":{"runs":3}},"overlap":{"queue":{"limit":10}},"jitter_ms":5}"#;
        assert_eq!(write_policy(policy).as_deref(), Some(text));
        assert_eq!(read_policy(Some(text)), Ok(policy));
        let plain = r#"{"misfire":"skip","overlap":"replace","jitter_ms":0}"#;
        let expected = SchedulePolicy {
            misfire: Misfire::Skip,
            overlap: Overlap::Replace,
            jitter_ms: 0,
            second_level: false,
        };
        assert_eq!(read_policy(Some(plain)), Ok(expected));
        let beats = SchedulePolicy {
            second_level: true,
            ..expected
        };
        let text = r#"{"misfire":"skip","overlap":"replace","jitter_ms":0,"second_level":true}"#;
        assert_eq!(write_policy(beats).as_deref(), Some(text));
        assert_eq!(read_policy(Some(text)), Ok(beats));
        let text = r#"{"back_off":{"fixed":{"delay_ms":1}},"jitter":0.5}"#;
        let retry = RetryPolicy {
            back_off: BackOff::Fixed { delay_ms: 1 },
            jitter: 0.5,
        };
        assert_eq!(write_retry(retry).as_deref(), Some(text));
        assert_eq!(read_retry(Some(text)), Ok(retry));
        assert!(matches!(read_retry(Some("{}")), Err(Error::Damaged(_))));
    }

    #[test]
    fn the_defaults_take_no_place_and_the_longest_fits() {
        assert_eq!(write_policy(SchedulePolicy::default()), None);
        assert_eq!(write_retry(RetryPolicy::default()), None);
        let policy = SchedulePolicy {
            misfire: Misfire::CatchUp { runs: u32::MAX },
            overlap: Overlap::Queue { limit: u32::MAX },
            jitter_ms: u32::MAX,
            second_level: true,
        };
        let retry = RetryPolicy {
            back_off: BackOff::Exponential {
                first_ms: u64::MAX,
                factor: 1.0 / 3.0,
                limit_ms: u64::MAX,
            },
            jitter: 1.0 / 3.0,
        };
        for text in [write_policy(policy), write_retry(retry)] {
            assert!(text.is_some_and(|text| text.len() <= 255));
        }
    }
}
