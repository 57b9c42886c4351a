//! The dialect and the rules for clock changes, as tables of local times.

use chrono::{DateTime, TimeZone};
use chrono_tz::America::{New_York, Sao_Paulo};
use chrono_tz::Australia::Lord_Howe;
use chrono_tz::Pacific::Apia;

use super::*;

fn millis(zone: Tz, text: &str) -> UnixMillis {
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").expect("a time");
    UnixMillis(
        zone.from_local_datetime(&local)
            .earliest()
            .expect("exists")
            .timestamp_millis(),
    )
}

fn shown(zone: Tz, run: UnixMillis) -> String {
    let instant = DateTime::from_timestamp_millis(run.0).expect("inside the calendar");
    instant
        .with_timezone(&zone)
        .format("%Y-%m-%d %H:%M:%S %z")
        .to_string()
}

/// Checks the runs after a local time; the offsets are in the expected texts.
fn check(expression: &str, zone: Tz, after: &str, expected: &[&str]) {
    let cron = CronSchedule::parse(expression, zone).expect(expression);
    let next = |previous: &UnixMillis| cron.next_after(*previous);
    let runs = std::iter::successors(next(&millis(zone, after)), next);
    let runs: Vec<String> = runs
        .take(expected.len())
        .map(|run| shown(zone, run))
        .collect();
    assert_eq!(runs, expected, "{expression} after {after} in {zone}");
}

fn check_days(expression: &str, after: &str, expected: &[&str]) {
    let times: Vec<String> = expected
        .iter()
        .map(|day| format!("{day} 00:00:00 +0000"))
        .collect();
    let times: Vec<&str> = times.iter().map(String::as_str).collect();
    check(expression, Tz::UTC, &format!("{after} 00:00:00"), &times);
}

#[test]
fn special_days_fall_where_quartz_puts_them() {
    check_days(
        "0 0 0 L * ?",
        "2024-01-31",
        &["2024-02-29", "2024-03-31", "2024-04-30"],
    );
    check_days(
        "0 0 0 L-30 * ?",
        "2024-01-01",
        &["2024-03-01", "2024-05-01"],
    );
    check_days(
        "0 0 0 LW * ?",
        "2024-03-01",
        &["2024-03-29", "2024-04-30", "2024-05-31"],
    );
    check_days(
        "0 0 0 L-3W * ?",
        "2024-03-01",
        &["2024-03-28", "2024-04-26", "2024-05-28"],
    );
    check_days(
        "0 0 0 31W * ?",
        "2024-03-01",
        &["2024-03-29", "2024-05-31", "2024-07-31"],
    );
    check_days(
        "0 0 0 29W 2 ?",
        "2024-03-01",
        &["2028-02-29", "2032-02-27", "2036-02-29"],
    );
    check_days("0 0 0 1W * ?", "2024-05-31", &["2024-06-03", "2024-07-01"]);
    check_days("0 0 0 ? * 6L", "2024-03-01", &["2024-03-29", "2024-04-26"]);
    check_days(
        "0 0 0 ? * FRI#5",
        "2024-03-01",
        &["2024-03-29", "2024-05-31"],
    );
    check_days("0 0 0 ? * L", "2024-03-01", &["2024-03-02", "2024-03-09"]);
}

#[test]
fn lists_honour_each_special_day() {
    check_days(
        "0 0 0 15,L * ?",
        "2024-02-01",
        &["2024-02-15", "2024-02-29", "2024-03-15"],
    );
    check_days(
        "0 0 0 1W,15W * ?",
        "2024-06-01",
        &["2024-06-03", "2024-06-14", "2024-07-01"],
    );
    check_days(
        "0 0 0 ? * 2#1,6#3",
        "2024-03-01",
        &["2024-03-04", "2024-03-15", "2024-04-01"],
    );
    check_days(
        "0 0 0 ? * 6L,2L",
        "2024-03-01",
        &["2024-03-25", "2024-03-29", "2024-04-26"],
    );
    check_days(
        "0 0 0 ? * L,2",
        "2024-03-01",
        &["2024-03-02", "2024-03-04", "2024-03-09"],
    );
}

#[test]
fn wrapped_ranges_go_round_the_end() {
    check_days(
        "0 0 0 30-2 * ?",
        "2024-02-02",
        &["2024-03-01", "2024-03-02", "2024-03-30"],
    );
    check_days(
        "0 0 0 1 NOV-FEB ?",
        "2024-02-01",
        &["2024-11-01", "2024-12-01", "2025-01-01"],
    );
    check_days(
        "0 0 0 ? * FRI-MON/2",
        "2024-03-04",
        &["2024-03-08", "2024-03-10", "2024-03-15"],
    );
    let expected = ["2024-03-04 22:00:00 +0000", "2024-03-05 00:00:00 +0000"];
    check(
        "0 0 22-2/2 * * ?",
        Tz::UTC,
        "2024-03-04 02:00:00",
        &expected,
    );
}

#[test]
fn given_day_fields_must_both_match() {
    check_days(
        "0 0 0 13 * FRI",
        "2026-01-01",
        &["2026-02-13", "2026-03-13", "2026-11-13"],
    );
    check_days(
        "0 0 0 LW * FRI",
        "2024-01-01",
        &["2024-03-29", "2024-05-31", "2024-06-28"],
    );
}

#[test]
fn composites_are_unions() {
    let expected = [
        "2024-03-04 10:00:00 +0000",
        "2024-03-04 12:30:00 +0000",
        "2024-03-05 10:00:00 +0000",
    ];
    check(
        "0 0|30 10|12 * * ?",
        Tz::UTC,
        "2024-03-04 00:00:00",
        &expected,
    );
    check(
        "0 0 10 * * ?||0 30 12 * * ?",
        Tz::UTC,
        "2024-03-04 00:00:00",
        &expected,
    );
    // an occurrence of both parts is one
    check(
        "0 0 10 * * ?||0 0 10,11 * * ?",
        Tz::UTC,
        "2024-03-04 00:00:00",
        &["2024-03-04 10:00:00 +0000", "2024-03-04 11:00:00 +0000"],
    );
}

#[test]
fn skipped_local_times_do_not_fire() {
    check(
        "0 30 2 * * ?",
        New_York,
        "2025-03-08 03:00:00",
        &["2025-03-10 02:30:00 -0400"],
    );
    check(
        "0 0/30 * * * ?",
        New_York,
        "2025-03-09 01:00:00",
        &["2025-03-09 01:30:00 -0500", "2025-03-09 03:00:00 -0400"],
    );
    check(
        "* * 2 * * ?",
        New_York,
        "2025-03-09 01:59:59",
        &["2025-03-10 02:00:00 -0400"],
    );
    check(
        "0 0 12 * * ?",
        Apia,
        "2011-12-29 12:00:00",
        &["2011-12-31 12:00:00 +1400"],
    );
}

#[test]
fn existing_times_of_a_shortened_hour_fire() {
    check(
        "0 30 2 * * ?",
        Lord_Howe,
        "2024-10-05 12:00:00",
        &["2024-10-06 02:30:00 +1100"],
    );
    check(
        "0 0/20 2 * * ?",
        Lord_Howe,
        "2024-10-05 12:00:00",
        &["2024-10-06 02:40:00 +1100", "2024-10-07 02:00:00 +1100"],
    );
}

#[test]
fn named_hours_fire_in_the_first_passage_only() {
    check(
        "0 30 1 * * ?",
        New_York,
        "2025-11-01 12:00:00",
        &["2025-11-02 01:30:00 -0400", "2025-11-03 01:30:00 -0500"],
    );
    check(
        "0 0/20 1 * * ?",
        New_York,
        "2025-11-02 01:10:00",
        &[
            "2025-11-02 01:20:00 -0400",
            "2025-11-02 01:40:00 -0400",
            "2025-11-03 01:00:00 -0500",
        ],
    );
    check(
        "0 30 23 * * ?",
        Sao_Paulo,
        "2018-02-17 12:00:00",
        &["2018-02-17 23:30:00 -0200", "2018-02-18 23:30:00 -0300"],
    );
}

#[test]
fn a_late_question_does_not_fire_again() {
    let cron = CronSchedule::parse("0 30 1 * * ?", New_York).expect("valid");
    let first = millis(New_York, "2025-11-02 01:30:00");
    let tomorrow = Some(millis(New_York, "2025-11-03 01:30:00"));
    // up to and through the second passage, which begins half an hour after the run
    for late in (0..90 * 60 * 1000).step_by(60_000) {
        assert_eq!(
            cron.next_after(UnixMillis(first.0 + late)),
            tomorrow,
            "{late}"
        );
    }
}

#[test]
fn every_hour_fires_in_both_passages() {
    check(
        "0 30 * * * ?",
        New_York,
        "2025-11-02 00:30:00",
        &[
            "2025-11-02 01:30:00 -0400",
            "2025-11-02 01:30:00 -0500",
            "2025-11-02 02:30:00 -0500",
        ],
    );
    check(
        "0 0/20 * * * ?",
        Lord_Howe,
        "2024-04-07 01:40:00",
        &["2024-04-07 01:40:00 +1030", "2024-04-07 02:00:00 +1030"],
    );
    // the first passage has no later match, the second one has an earlier local time
    check(
        "0 35 * * * ?",
        Lord_Howe,
        "2024-04-07 01:40:00",
        &["2024-04-07 01:35:00 +1030", "2024-04-07 02:35:00 +1030"],
    );
    check(
        "0 15 * 17 2 ?",
        Sao_Paulo,
        "2018-02-17 23:10:00",
        &[
            "2018-02-17 23:15:00 -0200",
            "2018-02-17 23:15:00 -0300",
            "2019-02-17 00:15:00 -0300",
        ],
    );
}

#[test]
fn sub_second_instants_round_to_the_next_second() {
    check(
        "0 0 12 * * ?",
        Tz::UTC,
        "2024-03-04 11:59:59.999",
        &["2024-03-04 12:00:00 +0000"],
    );
    check(
        "0 0 12 * * ?",
        Tz::UTC,
        "2024-03-04 12:00:00.001",
        &["2024-03-05 12:00:00 +0000"],
    );
}

#[test]
fn nothing_fires_before_1970_after_2099_or_beyond_100_years() {
    let next = |expression: &str, after: &str| {
        let cron = CronSchedule::parse(expression, Tz::UTC).expect("valid");
        cron.next_after(millis(Tz::UTC, after))
            .map(|run| shown(Tz::UTC, run))
    };
    let first = Some("1970-01-01 00:00:00 +0000".to_owned());
    assert_eq!(next("0 0 0 1 1 ?", "1950-06-01 00:00:00"), first);
    assert_eq!(next("0 0 0 1 1 ?", "1869-12-31 00:00:00"), None);
    assert_eq!(next("* * * * * ?", "2099-12-31 23:59:59.5"), None);
    assert_eq!(next("0 0 0 1 1 ? 2099", "1970-01-01 00:00:00"), None);
    let last = Some("2099-01-01 00:00:00 +0000".to_owned());
    assert_eq!(next("0 0 0 1 1 ? 2099", "1999-01-01 00:00:00"), last);
}

#[test]
fn the_far_ends_of_time_are_none() {
    let cron = CronSchedule::parse("* * * * * ?", New_York).expect("valid");
    for instant in [i64::MIN, i64::MAX, -62_135_596_800_001, 253_402_214_401_000] {
        assert_eq!(cron.next_after(UnixMillis(instant)), None, "{instant}");
    }
}
