//! Instants for people: local time with how long ago or how soon.

use std::time::Duration;

use chrono::{DateTime, Local, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};
use powerjob_common::time::{Clock, SystemClock, UnixMillis};

use super::span;

/// The present instant.
pub(crate) fn now() -> UnixMillis {
    SystemClock.now()
}

/// For lists: the time of day, with the date unless it is today, and the distance.
pub(crate) fn brief(at: i64) -> String {
    brief_in(&Local, at, now())
}

/// For lists, with `-` for what has not happened.
pub(crate) fn brief_or_dash(at: Option<i64>) -> String {
    at.map_or_else(|| "-".to_owned(), brief)
}

/// For details: date, time with milliseconds, offset, and the distance.
pub(crate) fn full(at: i64) -> String {
    match local(&Local, at) {
        Some(time) => format!(
            "{} ({})",
            time.format("%Y-%m-%d %H:%M:%S%.3f %:z"),
            distance(at, now())
        ),
        None => at.to_string(),
    }
}

/// For the times of a schedule: as [`full`], in a zone by its name; in local time if it has none
/// that is known.
pub(crate) fn full_in(zone: &str, at: i64) -> String {
    let zoned = zone.parse::<chrono_tz::Tz>().ok();
    let zoned = zoned.and_then(|zone| local(&zone, at));
    zoned.map_or_else(
        || full(at),
        |time| {
            let time = time.format("%a %Y-%m-%d %H:%M:%S%.3f %:z");
            format!("{time} ({})", distance(at, now()))
        },
    )
}

/// Only the time of day with milliseconds, for lines of a log or tap.
pub(crate) fn clock_time(at: i64) -> String {
    local(&Local, at).map_or_else(
        || at.to_string(),
        |time| time.format("%H:%M:%S%.3f").to_string(),
    )
}

/// Reads an instant: RFC 3339, `2025-11-21 14:00[:05]` or `14:00[:05]` in local time, `now`, or a
/// span ago such as `2h`.
pub(crate) fn parse(text: &str) -> Result<i64, String> {
    parse_in(&Local, text, now())
}

fn brief_in<Z: TimeZone>(zone: &Z, at: i64, now: UnixMillis) -> String
where
    Z::Offset: std::fmt::Display,
{
    let (Some(time), Some(today)) = (local(zone, at), local(zone, now.0)) else {
        return at.to_string();
    };
    let format = if time.date_naive() == today.date_naive() {
        "%H:%M:%S"
    } else {
        "%Y-%m-%d %H:%M:%S"
    };
    format!("{} ({})", time.format(format), distance(at, now))
}

fn distance(at: i64, now: UnixMillis) -> String {
    let gap = Duration::from_millis(at.abs_diff(now.0));
    let is_now = gap < Duration::from_millis(500);
    match (is_now, at > now.0) {
        (true, _) => "now".to_owned(),
        (_, true) => format!("in {}", span::rough(gap)),
        (_, false) => format!("{} ago", span::rough(gap)),
    }
}

fn parse_in<Z: TimeZone>(zone: &Z, text: &str, now: UnixMillis) -> Result<i64, String> {
    let text = text.trim();
    if text == "now" {
        return Ok(now.0);
    }
    if let Ok(ago_ms) = span::parse_ms(text) {
        return Ok(now.0.saturating_sub_unsigned(ago_ms));
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.timestamp_millis());
    }
    let wrong = || {
        format!(
            "`{text}` is no instant: write e.g. 2h (ago), 14:00, \"2025-11-21 14:00\", \
             2025-11-21T14:00:00Z, now"
        )
    };
    let today = local(zone, now.0).ok_or_else(wrong)?.date_naive();
    let naive = naive(text, today).ok_or_else(wrong)?;
    let time = zone.from_local_datetime(&naive).earliest();
    let time = time.ok_or_else(|| format!("`{text}` does not exist in this time zone"))?;
    Ok(time.timestamp_millis())
}

fn naive(text: &str, today: NaiveDate) -> Option<NaiveDateTime> {
    let time_of_day = |text: &str| {
        ["%H:%M:%S%.f", "%H:%M"]
            .iter()
            .find_map(|format| NaiveTime::parse_from_str(text, format).ok())
    };
    if let Some(time) = time_of_day(text) {
        return Some(today.and_time(time));
    }
    let (date, time) = text.split_once([' ', 'T']).unwrap_or((text, "00:00"));
    let date = NaiveDate::parse_from_str(date, "%Y-%m-%d").ok()?;
    Some(date.and_time(time_of_day(time.trim())?))
}

fn local<Z: TimeZone>(zone: &Z, at: i64) -> Option<DateTime<Z>> {
    zone.timestamp_millis_opt(at).earliest()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::FixedOffset;

    /// 2025-11-21 12:00:00 +01:00
    const NOW: UnixMillis = UnixMillis(1_763_722_800_000);

    fn zone() -> FixedOffset {
        FixedOffset::east_opt(3_600).expect("zone")
    }

    #[test]
    fn today_needs_no_date() {
        assert_eq!(
            brief_in(&zone(), NOW.0 - 65_000, NOW),
            "11:58:55 (65 s ago)"
        );
        assert_eq!(brief_in(&zone(), NOW.0 + 3_000, NOW), "12:00:03 (in 3.0 s)");
        assert_eq!(
            brief_in(&zone(), NOW.0 - 86_400_000, NOW),
            "2025-11-20 12:00:00 (24 h ago)"
        );
        assert_eq!(brief_in(&zone(), NOW.0 + 10, NOW), "12:00:00 (now)");
    }

    #[test]
    fn schedules_show_the_time_of_their_zone() {
        assert!(full_in("Asia/Tokyo", NOW.0).starts_with("Fri 2025-11-21 20:00:00.000 +09:00 ("));
        assert_eq!(full_in("nowhere", NOW.0), full(NOW.0));
    }

    #[test]
    fn instants_are_read_in_many_forms() {
        let cases = [
            ("now", NOW.0),
            ("2h", NOW.0 - 7_200_000),
            ("11:59", NOW.0 - 60_000),
            ("2025-11-21", NOW.0 - 43_200_000),
            ("2025-11-21 12:00:01", NOW.0 + 1_000),
            ("2025-11-21T11:00:00Z", NOW.0),
        ];
        for (text, at) in cases {
            assert_eq!(parse_in(&zone(), text, NOW), Ok(at), "{text}");
        }
        for text in ["", "yesterday", "25:00", "2025-13-01", "12"] {
            assert!(parse_in(&zone(), text, NOW).is_err(), "{text}");
        }
    }
}
