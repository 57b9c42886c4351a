//! Replays every recorded answer of the reference's own handlers (`tests/data/vectors`).
//!
//! A line is `same` when we answer exactly as recorded. Every other line must fall into a named
//! class of intended differences; the class is read off the line, never off our answer, and our
//! answer is then compared with an independent model of what we do instead (`model`). The number
//! of lines in each class is asserted, so nothing can hide there.

use chrono_tz::Tz;
use powerjob_common::status::TimeExpressionType;
use powerjob_common::time::UnixMillis;
use powerjob_common::time_expression::{InvalidExpression, Schedule};

use self::line::{Line, RECORDED, Tally, lines};

#[path = "vectors/line.rs"]
mod line;
#[path = "vectors/model.rs"]
mod model;

/// The intended difference that a CRON line falls under, from its text alone.
fn cron_class(line: &Line) -> &'static str {
    let expression = line.expr().to_uppercase();
    let fields: Vec<&str> = expression.split_whitespace().collect();
    if fields.len() < 6 {
        return "not intended";
    }
    let (of_month, of_week) = (fields[3], fields[5]);
    match () {
        () if of_month == "?" && of_week == "?" => "no day field",
        () if of_week.ends_with("#6") || of_week.ends_with("#7") => "sixth weekday",
        () if of_month.split(',').count() > 1 && of_month.contains('?') => "mark in list",
        () if of_month.ends_with("-L") || of_week.ends_with("-L") => "range to L",
        () if model::wraps(&expression) => "wrapped range",
        () if of_month.contains(',') && of_month.contains(['L', 'W']) => "special days in a list",
        () if of_month.ends_with('W') && of_month != "LW" => "nearest weekday",
        () if line.group == "dst-overlap" => "clock goes back",
        () if line.group == "dst-gap" && line.zone() == chrono_tz::Australia::Lord_Howe => {
            "gap of half an hour"
        }
        () => "not intended",
    }
}

/// Asserts what we do instead; returns the class.
fn assert_cron_difference(
    line: &Line,
    base: i64,
    ours: &Result<Vec<i64>, InvalidExpression>,
) -> &'static str {
    let class = cron_class(line);
    let refused_field = match class {
        "no day field" | "sixth weekday" => Some("day-of-week"),
        "mark in list" => Some("day-of-month"),
        "range to L" if line.expr().contains("? *") => Some("day-of-week"),
        "range to L" => Some("day-of-month"),
        _ => None,
    };
    match (refused_field, ours) {
        (Some(field), Err(error)) => assert_eq!(error.field, field, "{}", line.label()),
        (None, Ok(ours)) => {
            let expected = model::cron_runs(line.expr(), line.zone(), base, &line.lifecycle());
            assert_eq!(*ours, expected, "{class}: {}", line.label());
        }
        _ => panic!(
            "{class}: {} gives {ours:?}, recorded {:?}",
            line.label(),
            line.next
        ),
    }
    class
}

#[test]
fn accepted_cron_expressions_fire_as_recorded() {
    let mut tally = Tally::default();
    for mut line in lines("cron.jsonl") {
        // in this file the start is the base
        let base = line.start_ms.take().expect("a base");
        let ours = line.ours(TimeExpressionType::Cron, base);
        if line.is_same(&ours) {
            tally.add("same");
        } else {
            tally.add(assert_cron_difference(&line, base, &ours));
        }
    }
    tally.assert(&[
        ("same", 2461, "as recorded"),
        (
            "wrapped range",
            122,
            "it wraps round the field's end in every field but the year",
        ),
        (
            "clock goes back",
            103,
            "an expression that names its hours fires once per local time",
        ),
        (
            "gap of half an hour",
            7,
            "every local time that exists fires",
        ),
        (
            "nearest weekday",
            15,
            "months without the day are skipped; it never is a Sunday",
        ),
        (
            "special days in a list",
            13,
            "every element of the list counts",
        ),
        (
            "no day field",
            3,
            "'?' in both day fields is refused, for it never fires",
        ),
        (
            "sixth weekday",
            2,
            "'#6' and '#7' are refused, for they never fire",
        ),
        (
            "mark in list",
            2,
            "'?' beside month days is refused; the reference fails later",
        ),
        (
            "range to L",
            2,
            "'x-L' is refused; the reference fails later",
        ),
    ]);
}

/// The model behind the differences agrees with us where the reference does, too.
#[test]
fn model_of_clock_changes_agrees_on_every_line_near_one() {
    let mut checked = 0;
    for mut line in lines("cron.jsonl")
        .into_iter()
        .filter(|line| line.group.starts_with("dst"))
    {
        let base = line.start_ms.take().expect("a base");
        let expected = model::cron_runs(line.expr(), line.zone(), base, &line.lifecycle());
        assert_eq!(
            line.ours(TimeExpressionType::Cron, base),
            Ok(expected),
            "{}",
            line.label()
        );
        checked += 1;
    }
    assert_eq!(checked, 623);
}

#[test]
fn invalid_cron_expressions_are_refused_with_the_field() {
    const FIELDS: [&str; 8] = [
        "second",
        "minute",
        "hour",
        "day-of-month",
        "month",
        "day-of-week",
        "year",
        "timeExpression",
    ];
    let mut tally = Tally::default();
    for line in lines("cron_invalid.jsonl") {
        match Schedule::parse(TimeExpressionType::Cron, line.expr(), Tz::UTC) {
            Err(error) => {
                assert!(
                    FIELDS.contains(&error.field.as_str()),
                    "{}: {error}",
                    line.label()
                );
                assert!(
                    error.reason.to_string().contains("found"),
                    "{}: {error}",
                    line.label()
                );
                tally.add("same");
            }
            Ok(schedule) => {
                assert_eq!(line.expr(), "0 0 0 L-3W * ?");
                assert_eq!(
                    schedule.describe(),
                    "at 00:00 on the Mon to Fri nearest to the day 3 before the last day of the month"
                );
                tally.add("L-nW");
            }
        }
    }
    tally.assert(&[
        ("same", 748, "refused"),
        ("L-nW", 1, "accepted, as Quartz does"),
    ]);
}

/// The intended difference that a daily line falls under.
fn daily_class(line: &Line) -> &'static str {
    let base = line.base_ms.expect("a base");
    let late_start = line.start_ms.filter(|start| base < *start);
    let past_end = |run: &i64| line.end_ms.is_some_and(|end| end < *run);
    match () {
        () if model::daily_hole(line.expr()).is_some() => "hole",
        () if late_start.is_some_and(|start| start <= line.now()) => "start in the past",
        () if line.next.iter().any(past_end) => "past the end",
        () if model::outside_window(line.expr(), line.zone(), &line.next) => "day without midnight",
        () if model::off_the_grid(line.expr(), line.zone(), &line.next) => "off the grid",
        () if model::off_the_grid(line.expr(), line.zone(), &[base]) => "base off the grid",
        () => "not intended",
    }
}

fn assert_daily_difference(
    line: &Line,
    ours: &Result<Vec<i64>, InvalidExpression>,
) -> &'static str {
    let class = daily_class(line);
    match (model::daily_hole(line.expr()), ours) {
        (Some(field), Err(error)) => assert_eq!(error.field, field, "{}", line.label()),
        (None, Ok(ours)) => {
            let base = line.base_ms.expect("a base");
            let expected = model::daily_runs(line.expr(), line.zone(), base, &line.lifecycle());
            assert_eq!(*ours, expected, "{class}: {}", line.label());
        }
        _ => panic!(
            "{class}: {} gives {ours:?}, recorded {:?}",
            line.label(),
            line.next
        ),
    }
    class
}

#[test]
fn accepted_daily_intervals_run_as_recorded_or_anchored() {
    let mut tally = Tally::default();
    for line in lines("daily.jsonl") {
        let ours = line.ours(
            TimeExpressionType::DailyTimeInterval,
            line.base_ms.expect("a base"),
        );
        if line.is_same(&ours) {
            tally.add("same");
        } else {
            tally.add(assert_daily_difference(&line, &ours));
        }
    }
    tally.assert(&[
        ("same", 131, "as recorded"),
        (
            "off the grid",
            67,
            "runs are at the window's start + k x interval, not base + interval",
        ),
        (
            "base off the grid",
            37,
            "the first run is the next one on the grid, not base + interval",
        ),
        (
            "hole",
            15,
            "an interval below 1 ms, an empty unit and days outside 1..7 are refused",
        ),
        (
            "start in the past",
            3,
            "a start counts whenever the search begins before it",
        ),
        (
            "past the end",
            2,
            "the end is checked after a future start, too",
        ),
        (
            "day without midnight",
            2,
            "the day after one without midnight keeps its window",
        ),
    ]);
}

#[test]
fn invalid_daily_intervals_are_refused_with_the_field() {
    const FIELDS: [&str; 6] = [
        "timeExpression",
        "interval",
        "startTimeOfDay",
        "endTimeOfDay",
        "intervalUnit",
        "daysOfWeek",
    ];
    let lines = lines("daily_invalid.jsonl");
    assert_eq!(lines.len(), 50);
    for line in lines {
        let kind = TimeExpressionType::DailyTimeInterval;
        let error = Schedule::parse(kind, line.expr(), Tz::UTC).expect_err(line.expr());
        assert!(
            FIELDS.contains(&error.field.as_str()),
            "{}: {error}",
            line.label()
        );
        assert!(
            error.reason.to_string().contains("found"),
            "{}: {error}",
            line.label()
        );
    }
}

/// The intended difference that a line about one evaluation falls under.
fn run_class(line: &Line, base: i64) -> &'static str {
    let late_start = line.start_ms.filter(|start| base < *start);
    match line.kind() {
        TimeExpressionType::FixedRate if line.expr().starts_with('-') => "no positive interval",
        TimeExpressionType::FixedRate => "end of time",
        TimeExpressionType::DailyTimeInterval => "daily hole",
        _ => match cron_class(line) {
            "not intended" => match late_start {
                Some(start) if start <= line.now() => "start in the past",
                Some(_) => "occurrence at the start",
                None => "not intended",
            },
            class => class,
        },
    }
}

fn assert_run_difference(
    line: &Line,
    base: i64,
    ours: &Result<Vec<i64>, InvalidExpression>,
) -> &'static str {
    let class = run_class(line, base);
    match (class, ours) {
        ("no positive interval", Err(error)) => assert_eq!(error.field, "timeExpression"),
        ("end of time", Ok(runs)) => assert_eq!(*runs, [] as [i64; 0]),
        ("daily hole", Err(error)) => {
            assert_eq!(Some(error.field.as_str()), model::daily_hole(line.expr()));
        }
        ("start in the past" | "occurrence at the start", Ok(ours)) => {
            let expected = model::cron_runs(line.expr(), line.zone(), base, &line.lifecycle());
            assert_eq!(*ours, expected, "{}", line.label());
            assert!(
                line.start_ms.is_some_and(|start| start <= ours[0]),
                "{}",
                line.label()
            );
        }
        _ => {
            assert_cron_difference(line, base, ours);
        }
    }
    class
}

/// The base that an operation of the reference's service begins with, and how many results it
/// records.
fn base_of(line: &Line) -> (i64, usize) {
    match line.op.as_deref() {
        Some("next") => (line.base_ms.expect("a base"), RECORDED),
        Some("first") => (line.now(), 1),
        Some("refresh") => (line.base_ms.expect("a base").max(line.now()), 1),
        other => panic!("unknown operation {other:?}"),
    }
}

#[test]
fn every_kind_within_its_life_cycle_runs_as_recorded() {
    let mut tally = Tally::default();
    let evaluations = |line: &Line| line.op.as_deref() != Some("validate");
    for line in lines("fixed.jsonl").into_iter().filter(evaluations) {
        let (base, recorded) = base_of(&line);
        let ours = line.ours(line.kind(), base);
        let comparable = ours
            .clone()
            .map(|runs| runs.into_iter().take(recorded).collect());
        let out_of_date = line
            .error
            .as_ref()
            .is_some_and(|error| error.contains("out of date"));
        if line.is_same(&comparable) || (out_of_date && ours == Ok(vec![])) {
            tally.add("same");
        } else {
            tally.add(assert_run_difference(&line, base, &ours));
        }
    }
    tally.assert(&[
        (
            "same",
            128,
            "as recorded; none where the reference says out of date",
        ),
        ("wrapped range", 14, "it wraps round the field's end"),
        ("nearest weekday", 12, "months without the day are skipped"),
        (
            "no day field",
            12,
            "'?' in both day fields is refused, for it never fires",
        ),
        (
            "start in the past",
            3,
            "a start counts whenever the search begins before it",
        ),
        (
            "occurrence at the start",
            2,
            "it counts, even if it is the expression's first",
        ),
        (
            "daily hole",
            2,
            "an empty unit and days outside 1..7 are refused",
        ),
        (
            "no positive interval",
            1,
            "refused when parsed; the reference runs backwards",
        ),
        (
            "end of time",
            1,
            "a result beyond 64 bits is none; the reference wraps",
        ),
    ]);
}

#[test]
fn validation_of_every_kind_accepts_and_refuses_as_recorded() {
    let mut tally = Tally::default();
    let validations = |line: &Line| line.op.as_deref() == Some("validate");
    for line in lines("fixed.jsonl").into_iter().filter(validations) {
        let ours = line
            .lifecycle()
            .validate(UnixMillis(line.now()))
            .and_then(|()| Schedule::parse(line.kind(), line.expr(), line.zone()).map(|_| ()));
        let field = ours.as_ref().err().map(|error| error.field.as_str());
        let error = line.error.as_deref();
        if error.is_some_and(|error| error.contains("must be less than")) {
            assert_eq!(ours, Ok(()), "{}", line.label());
            tally.add("long interval");
            continue;
        }
        let expected = match error {
            Some(error) if error.contains("out of date") => Some("lifecycle.end"),
            Some(error) if error.contains("lifecycle is invalid") => Some("lifecycle.start"),
            Some(_) => Some("timeExpression"),
            None => None,
        };
        assert_eq!(field, expected, "{}", line.label());
        assert_eq!(line.ok, Some(expected.is_none()), "{}", line.label());
        tally.add("same");
    }
    tally.assert(&[
        (
            "same",
            103,
            "accepted or refused as recorded, for the same reason",
        ),
        (
            "long interval",
            4,
            "a fixed rate or delay may be as long as one likes",
        ),
    ]);
}
