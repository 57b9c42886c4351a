//! At which single instant?
//!
//! Accepted: epoch milliseconds; RFC 3339 with an offset; a local date and time of the schedule's
//! zone, `2026-12-24T18:00`, with seconds and fractions if wanted and a blank for the `T`.
//!
//! Invariants:
//! 1. A local time that the zone's clock skips is refused: nobody can mean it.
//! 2. A local time that the clock shows twice means its first passage, as for CRON.

use chrono::{DateTime, LocalResult, NaiveDateTime};
use chrono_tz::Tz;

use super::zone::{instants_of, local_at};
use super::{InvalidExpression, found, number};
use crate::reason::{Reason, ReasonCode};
use crate::time::UnixMillis;

/// Reads the instant of a schedule that runs once.
pub(super) fn parse(expression: &str, zone: Tz) -> Result<UnixMillis, InvalidExpression> {
    if let Some(millis) = number::long(expression) {
        return Ok(UnixMillis(millis));
    }
    if let Ok(instant) = DateTime::parse_from_rfc3339(expression) {
        return Ok(UnixMillis(instant.timestamp_millis()));
    }
    let wrong = |reason: Reason| InvalidExpression::new("timeExpression", reason);
    const SHAPES: [&str; 4] = [
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%dT%H:%M",
        "%Y-%m-%d %H:%M",
    ];
    let local = SHAPES
        .iter()
        .find_map(|shape| NaiveDateTime::parse_from_str(expression, shape).ok())
        .ok_or_else(|| wrong(found(ReasonCode::OnceShape, expression)))?;
    match instants_of(zone, local) {
        LocalResult::Single(second) | LocalResult::Ambiguous(second, _) => {
            let millis = i64::from(local.and_utc().timestamp_subsec_millis());
            Ok(UnixMillis(second * 1_000 + millis))
        }
        LocalResult::None => Err(wrong(
            found(ReasonCode::OnceSkipped, expression).with("zone", zone),
        )),
    }
}

/// The instant as the clock of the zone shows it, to the second.
pub(super) fn in_words(at: UnixMillis, zone: Tz) -> String {
    local_at(zone, at.0.div_euclid(1_000)).map_or_else(
        || at.to_string(),
        |local| local.format("%Y-%m-%d %H:%M:%S").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use chrono_tz::America::New_York;
    use chrono_tz::Europe::Berlin;

    use super::*;

    #[test]
    fn all_spellings_of_an_instant_are_the_same() {
        const EVE: i64 = 1_798_131_600_000; // 2026-12-24 17:00 UTC
        for text in [
            "1798131600000",
            "2026-12-24T17:00:00Z",
            "2026-12-24T18:00:00+01:00",
            "2026-12-24T18:00",
            "2026-12-24 18:00",
            "2026-12-24T18:00:00",
            "2026-12-24 18:00:00.000",
        ] {
            assert_eq!(parse(text, Berlin), Ok(UnixMillis(EVE)), "{text}");
        }
        assert_eq!(in_words(UnixMillis(EVE), Berlin), "2026-12-24 18:00:00");
        let fraction = parse("2026-12-24T18:00:00.250", Berlin);
        assert_eq!(fraction, Ok(UnixMillis(EVE + 250)));
    }

    #[test]
    fn a_time_that_the_clock_shows_twice_is_the_first_and_a_skipped_one_none() {
        let first = parse("2025-11-02T01:30:00-04:00", New_York);
        assert_eq!(parse("2025-11-02T01:30", New_York), first);
        let skipped = parse("2025-03-09T02:30", New_York).expect_err("it is skipped");
        assert!(
            skipped.to_string().contains("America/New_York skips"),
            "{skipped}"
        );
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        for text in ["", "tomorrow", "2026-13-01T00:00", "2026-12-24", "18:00"] {
            let error = parse(text, Berlin).expect_err(text);
            assert_eq!(error.field, "timeExpression");
            assert!(error.to_string().contains("2026-12-24T18:00"), "{error}");
        }
    }
}
