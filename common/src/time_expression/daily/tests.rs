//! Daily windows in ordinary time and around changes of the clock.

use chrono::{DateTime, TimeZone};
use chrono_tz::America::New_York;
use chrono_tz::Asia::{Beirut, Shanghai};
use chrono_tz::Pacific::Apia;

use super::*;

fn daily(interval: &str, window: (&str, &str), days: &str, zone: Tz) -> DailyInterval {
    let (count, unit) = interval.split_once(' ').expect("count and unit");
    let (from, to) = window;
    let expression = format!(
        r#"{{"interval":{count},"intervalUnit":"{unit}","startTimeOfDay":"{from}","endTimeOfDay":"{to}","daysOfWeek":{days}}}"#
    );
    DailyInterval::parse(&expression, zone).expect("valid")
}

fn millis(zone: Tz, text: &str) -> UnixMillis {
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").expect("a time");
    UnixMillis(
        zone.from_local_datetime(&local)
            .earliest()
            .expect("exists")
            .timestamp_millis(),
    )
}

/// The runs after a local time, as local times.
fn runs(daily: &DailyInterval, after: &str, count: usize) -> Vec<String> {
    let next = |previous: &UnixMillis| daily.next_after(*previous, None);
    let first = next(&millis(daily.zone, after));
    let shown = |run: UnixMillis| {
        let instant = DateTime::from_timestamp_millis(run.0).expect("inside the calendar");
        instant
            .with_timezone(&daily.zone)
            .format("%a %d %H:%M:%S%.f %z")
            .to_string()
    };
    std::iter::successors(first, next)
        .take(count)
        .map(shown)
        .collect()
}

#[test]
fn runs_are_anchored_at_the_window_s_start() {
    let hourly = daily("1 HOURS", ("12:33:33", "15:34:33"), "[1,4]", Shanghai);
    assert_eq!(
        runs(&hourly, "2023-02-13 13:00:00.874", 5),
        [
            "Mon 13 13:33:33 +0800",
            "Mon 13 14:33:33 +0800",
            "Mon 13 15:33:33 +0800",
            "Thu 16 12:33:33 +0800",
            "Thu 16 13:33:33 +0800",
        ]
    );
}

#[test]
fn both_ends_of_the_window_run_and_the_day_ends_with_it() {
    let daily = daily("90 MINUTES", ("09:00:00", "12:00:00"), "[]", Shanghai);
    assert_eq!(
        runs(&daily, "2024-03-04 08:59:59.999", 4),
        [
            "Mon 04 09:00:00 +0800",
            "Mon 04 10:30:00 +0800",
            "Mon 04 12:00:00 +0800",
            "Tue 05 09:00:00 +0800",
        ]
    );
    assert_eq!(
        runs(&daily, "2024-03-04 12:00:00", 1),
        ["Tue 05 09:00:00 +0800"]
    );
}

#[test]
fn an_interval_longer_than_the_window_runs_once_a_day() {
    let daily = daily("20 HOURS", ("09:00:00", "12:00:00"), "[]", Shanghai);
    let expected = ["Tue 05 09:00:00 +0800", "Wed 06 09:00:00 +0800"];
    assert_eq!(runs(&daily, "2024-03-04 10:00:00", 2), expected);
}

#[test]
fn intervals_of_days_rest_whole_days_after_a_run() {
    let two_days = daily("2 DAYS", ("09:00:00", "12:00:00"), "[]", Shanghai);
    assert_eq!(
        runs(&two_days, "2024-03-04 08:00:00", 3),
        [
            "Mon 04 09:00:00 +0800",
            "Wed 06 09:00:00 +0800",
            "Fri 08 09:00:00 +0800"
        ]
    );
    // a loop that is late by a moment gets the same answer
    assert_eq!(
        runs(&two_days, "2024-03-04 09:00:00.005", 1),
        ["Wed 06 09:00:00 +0800"]
    );
    let day_and_hour = daily("25 HOURS", ("09:00:00", "17:30:00"), "[1]", Shanghai);
    assert_eq!(
        runs(&day_and_hour, "2024-03-04 09:00:00", 1),
        ["Mon 11 09:00:00 +0800"]
    );
    let endless = daily(
        "9223372036854775807 DAYS",
        ("09:00:00", "12:00:00"),
        "[]",
        Shanghai,
    );
    assert_eq!(
        runs(&endless, "2024-03-04 08:00:00", 2),
        ["Mon 04 09:00:00 +0800"]
    );
}

#[test]
fn a_start_moves_the_first_run_and_may_be_it() {
    let daily = daily("30 MINUTES", ("09:00:00", "12:00:00"), "[]", Shanghai);
    let previous = millis(Shanghai, "2024-03-04 08:00:00");
    let next = |start| daily.next_after(previous, Some(millis(Shanghai, start)));
    let expected = |run| Some(millis(Shanghai, run));
    assert_eq!(next("2024-03-05 10:30:00"), expected("2024-03-05 10:30:00"));
    assert_eq!(
        next("2024-03-05 10:30:00.001"),
        expected("2024-03-05 11:00:00")
    );
    assert_eq!(next("2024-03-01 10:30:00"), expected("2024-03-04 09:00:00"));
}

#[test]
fn a_skipped_start_moves_on_by_the_gap() {
    let daily_window = daily("20 MINUTES", ("02:30:00", "03:10:00"), "[]", New_York);
    assert_eq!(
        runs(&daily_window, "2025-03-09 00:00:00", 2),
        ["Sun 09 03:30:00 -0400", "Mon 10 02:30:00 -0400"]
    );
    let midnight = daily("6 HOURS", ("00:00:00", "00:10:00"), "[7,1]", Beirut);
    assert_eq!(
        runs(&midnight, "2025-03-29 12:00:00", 2),
        ["Sun 30 01:00:00 +0300", "Mon 31 00:00:00 +0300"]
    );
}

#[test]
fn a_repeated_start_counts_the_second_time() {
    let daily_window = daily("20 MINUTES", ("01:30:00", "02:10:00"), "[]", New_York);
    assert_eq!(
        runs(&daily_window, "2025-11-02 00:00:00", 4),
        [
            "Sun 02 01:30:00 -0500",
            "Sun 02 01:50:00 -0500",
            "Sun 02 02:10:00 -0500",
            "Mon 03 01:30:00 -0500",
        ]
    );
}

#[test]
fn time_elapses_through_a_window_with_a_change() {
    let hourly = daily("1 HOURS", ("00:00:00", "03:00:00"), "[7]", New_York);
    assert_eq!(
        runs(&hourly, "2025-11-01 12:00:00", 5),
        [
            "Sun 02 00:00:00 -0400",
            "Sun 02 01:00:00 -0400",
            "Sun 02 01:00:00 -0500",
            "Sun 02 02:00:00 -0500",
            "Sun 02 03:00:00 -0500",
        ]
    );
}

#[test]
fn a_day_that_does_not_exist_has_no_runs() {
    let daily = daily("1 HOURS", ("09:00:00", "09:30:00"), "[]", Apia);
    assert_eq!(
        runs(&daily, "2011-12-29 08:00:00", 2),
        ["Thu 29 09:00:00 -1000", "Sat 31 09:00:00 +1400"]
    );
}

#[test]
fn the_far_ends_of_time_are_none_or_early() {
    let daily = daily("1 HOURS", ("09:00:00", "09:30:00"), "[]", New_York);
    assert_eq!(daily.next_after(UnixMillis(i64::MAX), None), None);
    assert_eq!(daily.next_after(UnixMillis(i64::MAX - 1), None), None);
    let first = daily
        .next_after(UnixMillis(i64::MIN), None)
        .expect("the calendar has a beginning");
    assert_eq!(Some(first), daily.next_after(UnixMillis(first.0 - 1), None));
}
