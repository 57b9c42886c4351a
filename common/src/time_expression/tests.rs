//! The schedule as its users see it, and properties that hold for all expressions.

use std::str::FromStr;

use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::TZ_VARIANTS;
use proptest::prelude::*;

use super::*;
use crate::time::{Clock, SystemClock};

const KINDS: [TimeExpressionType; 6] = [
    TimeExpressionType::Api,
    TimeExpressionType::Cron,
    TimeExpressionType::FixedRate,
    TimeExpressionType::FixedDelay,
    TimeExpressionType::Workflow,
    TimeExpressionType::DailyTimeInterval,
];

const DAILY: &str = r#"{"interval":40,"startTimeOfDay":"01:00:00","endTimeOfDay":"5:0:0","intervalUnit":"MINUTES"}"#;

fn cron(expression: &str, zone: Tz) -> Schedule {
    Schedule::parse(TimeExpressionType::Cron, expression, zone).expect(expression)
}

fn lifecycle(start: Option<i64>, end: Option<i64>) -> Lifecycle {
    Lifecycle {
        start: start.map(UnixMillis),
        end: end.map(UnixMillis),
    }
}

fn next(schedule: &Schedule, previous: i64, lifecycle: &Lifecycle) -> Option<i64> {
    schedule
        .next_after(UnixMillis(previous), lifecycle, UnixMillis(0))
        .map(|run| run.0)
}

fn local(zone: Tz, instant: i64) -> NaiveDateTime {
    let instant = DateTime::from_timestamp_millis(instant).expect("in the calendar");
    instant.with_timezone(&zone).naive_local()
}

#[test]
fn schedules_can_be_shared_between_threads() {
    fn shared<T: Clone + Send + Sync + std::fmt::Debug>() {}
    shared::<Schedule>();
}

#[test]
fn kinds_without_a_calendar_have_no_next_run() {
    for (kind, expression) in [
        (TimeExpressionType::Api, "anything"),
        (TimeExpressionType::Workflow, ""),
        (TimeExpressionType::FixedDelay, "5"),
    ] {
        let schedule = Schedule::parse(kind, expression, Tz::UTC).expect("valid");
        assert_eq!(schedule.kind(), kind);
        assert_eq!(next(&schedule, 5, &lifecycle(Some(10), None)), None);
    }
}

#[test]
fn fixed_rate_begins_at_a_later_start_and_ends_with_the_end() {
    let schedule = Schedule::parse(TimeExpressionType::FixedRate, "10", Tz::UTC).expect("valid");
    assert_eq!(next(&schedule, 5, &Lifecycle::ALWAYS), Some(15));
    assert_eq!(next(&schedule, 5, &lifecycle(Some(6), None)), Some(6));
    assert_eq!(next(&schedule, 5, &lifecycle(Some(5), None)), Some(15));
    assert_eq!(next(&schedule, 5, &lifecycle(None, Some(15))), Some(15));
    assert_eq!(next(&schedule, 5, &lifecycle(None, Some(14))), None);
    let preview = schedule.preview(UnixMillis(0), &lifecycle(Some(3), Some(25)), 5);
    assert_eq!(preview, [UnixMillis(3), UnixMillis(13), UnixMillis(23)]);
}

#[test]
fn a_run_at_the_start_or_the_end_of_the_life_cycle_counts() {
    let yearly = cron("0 0 0 1 1 ? 2031", Tz::UTC);
    let run = 1_924_992_000_000;
    assert_eq!(
        next(&yearly, 0, &lifecycle(Some(run), Some(run))),
        Some(run)
    );
    assert_eq!(next(&yearly, 0, &lifecycle(Some(run - 1), None)), Some(run));
    assert_eq!(next(&yearly, 0, &lifecycle(Some(run + 1), None)), None);
    assert_eq!(next(&yearly, 0, &lifecycle(None, Some(run - 1))), None);
    assert_eq!(next(&yearly, run, &lifecycle(Some(run), None)), None);
}

#[test]
fn a_schedule_for_once_has_one_time() {
    let once = Schedule::parse(TimeExpressionType::Once, "1970-01-01T00:00:01", Tz::UTC);
    let once = once.expect("valid");
    assert_eq!(next(&once, 0, &Lifecycle::ALWAYS), Some(1_000));
    assert_eq!(next(&once, 999, &Lifecycle::ALWAYS), Some(1_000));
    assert_eq!(next(&once, 1_000, &Lifecycle::ALWAYS), None);
    assert_eq!(next(&once, 0, &lifecycle(Some(1_001), None)), None);
    assert_eq!(next(&once, 0, &lifecycle(None, Some(999))), None);
    assert_eq!(once.describe(), "once at 1970-01-01 00:00:01");
    assert_eq!(
        TimeExpressionType::Once.known_to_reference(),
        TimeExpressionType::Api
    );
}

#[test]
fn error_text_is_field_and_reason() {
    let error = Schedule::parse(TimeExpressionType::Cron, "0 61 0 * * ?", Tz::UTC);
    assert_eq!(
        error.expect_err("refused").to_string(),
        "minute: found '61'; accepted are 0 to 59"
    );
}

/// Not a benchmark: the limit is a hundred times what the machine needs, and only a search that
/// walks time step by step would miss it.
#[test]
fn searches_that_find_nothing_and_awkward_moments_end_quickly() {
    let clock = SystemClock;
    let begin = clock.monotonic();
    let new_york = chrono_tz::America::New_York;
    let never = cron("* * * 30 2 ?", new_york);
    let second_passage = cron("* * 1 * * ?", new_york);
    let missing_day = cron("* * 1-22 * * ?", chrono_tz::Pacific::Apia);
    for round in 0..200 {
        assert_eq!(next(&never, round, &Lifecycle::ALWAYS), None);
        // 2025-11-02 01:00 -05:00 and 2011-12-29 23:00 -10:00
        let passage = 1_762_063_200_000 + round;
        assert_eq!(
            next(&second_passage, passage, &Lifecycle::ALWAYS),
            Some(1_762_149_600_000)
        );
        let eve = 1_325_235_600_000 + round;
        assert_eq!(
            next(&missing_day, eve, &Lifecycle::ALWAYS),
            Some(1_325_242_800_000)
        );
    }
    let spent = clock.monotonic() - begin;
    assert!(spent < std::time::Duration::from_secs(5), "{spent:?}");
}

fn zone() -> impl Strategy<Value = Tz> {
    prop_oneof![
        3 => proptest::sample::select(TZ_VARIANTS.to_vec()),
        1 => proptest::sample::select(vec![
            chrono_tz::America::New_York,
            chrono_tz::Australia::Lord_Howe,
            chrono_tz::America::Sao_Paulo,
            chrono_tz::Antarctica::Troll,
        ]),
    ]
}

/// Instants from 1970 to 2060.
fn instant() -> impl Strategy<Value = i64> {
    0..2_840_000_000_000_i64
}

/// Plain elements in the grammar that we share with the `cron` crate.
fn plain_field(first: u32, last: u32) -> impl Strategy<Value = String> {
    let element = prop_oneof![
        Just("*".to_owned()),
        (first..=last).prop_map(|value| value.to_string()),
        (first..=last, first..=last).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))),
        (first..=last, 1..=last.min(9)).prop_map(|(a, step)| format!("{a}/{step}")),
        (1..=last.min(9)).prop_map(|step| format!("*/{step}")),
    ];
    proptest::collection::vec(element, 1..3).prop_map(|elements| elements.join(","))
}

fn plain_cron() -> impl Strategy<Value = String> {
    let day_fields = prop_oneof![
        plain_field(1, 31).prop_map(|days| (days, "?".to_owned())),
        plain_field(1, 7).prop_map(|days| ("?".to_owned(), days)),
        (plain_field(1, 31), plain_field(1, 7)),
    ];
    let times = (plain_field(0, 59), plain_field(0, 59), plain_field(0, 23));
    (times, day_fields, plain_field(1, 12)).prop_map(|(times, (month_day, week_day), month)| {
        let (second, minute, hour) = times;
        format!("{second} {minute} {hour} {month_day} {month} {week_day}")
    })
}

fn special_cron() -> impl Strategy<Value = String> {
    let month_day = proptest::sample::select(vec![
        "L", "LW", "L-3", "L-5W", "15W", "1W,31W", "15,L", "25-5", "31-5/2", "*",
    ]);
    let week_day = proptest::sample::select(vec![
        "?", "6L", "FRIL", "2#1,6#5", "FRI-MON", "6-2/2", "L,2",
    ]);
    let hour = proptest::sample::select(vec!["*", "22-2", "0,1,2", "0/2", "1", "23-1/2"]);
    (plain_field(0, 59), hour, month_day, week_day).prop_map(
        |(minute, hour, month_day, week_day)| format!("0 {minute} {hour} {month_day} * {week_day}"),
    )
}

/// An expression that has a calendar, with its zone.
fn schedule() -> impl Strategy<Value = Schedule> {
    let crons = prop_oneof![
        plain_cron(),
        special_cron(),
        (special_cron(), plain_cron()).prop_map(|(a, b)| format!("{a}||{b}")),
    ];
    prop_oneof![
        4 => (crons, zone()).prop_map(|(expression, zone)| cron(&expression, zone)),
        1 => zone().prop_map(|zone| {
            Schedule::parse(TimeExpressionType::DailyTimeInterval, DAILY, zone).expect("valid")
        }),
    ]
}

/// Text that looks enough like an expression to get past the first checks.
fn nearly_cron() -> impl Strategy<Value = String> {
    proptest::collection::vec("[-0-9*?/,#LW|@+A-Za-zı\u{0}٥ ]{1,6}", 5..8)
        .prop_map(|fields| fields.join(" "))
}

fn nearly_daily() -> impl Strategy<Value = String> {
    let value = r#"("?-?[0-9:.e]{0,20}"?|\[[0-9,"]{0,6}\]|null|\{|'[^']{0,3})"#;
    let pair = (
        r#"["']?(interval|startTimeOfDay|endTimeOfDay|intervalUnit|daysOfWeek)["']?"#,
        value,
    );
    proptest::collection::vec(pair, 0..6).prop_map(|pairs| {
        let pairs = pairs.iter().map(|(key, value)| format!("{key}:{value}"));
        format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
    })
}

proptest! {
    #[test]
    fn no_text_and_no_instant_panics(
        text in prop_oneof![any::<String>(), nearly_cron(), nearly_daily()],
        previous in any::<i64>(),
        start in any::<Option<i64>>(),
        zone in zone(),
    ) {
        for kind in KINDS {
            if let Ok(schedule) = Schedule::parse(kind, &text, zone) {
                let runs = schedule.preview(UnixMillis(previous), &lifecycle(start, None), 3);
                prop_assert!(runs.is_sorted());
                prop_assert!(!schedule.describe().is_empty());
            }
        }
    }

    #[test]
    fn runs_are_strictly_later_and_within_the_life_cycle(
        schedule in schedule(),
        previous in prop_oneof![any::<i64>(), 0..4_000_000_000_000_i64],
        start in proptest::option::of(instant()),
        length in 0..100_000_000_000_i64,
    ) {
        let end = start.map(|start| start + length);
        for run in schedule.preview(UnixMillis(previous), &lifecycle(start, end), 5) {
            prop_assert!(run.0 > previous);
            prop_assert!(start.is_none_or(|start| run.0 >= start));
            prop_assert!(end.is_none_or(|end| run.0 <= end));
        }
    }

    #[test]
    fn a_late_question_gets_the_same_answer(
        schedule in schedule(),
        previous in instant(),
        share in 0.0..1.0_f64,
        now in any::<i64>(),
    ) {
        if let Some(run) = next(&schedule, previous, &Lifecycle::ALWAYS) {
            let late = previous + ((run - 1 - previous) as f64 * share) as i64;
            let answer = schedule.next_after(UnixMillis(late), &Lifecycle::ALWAYS, UnixMillis(now));
            prop_assert_eq!(answer, Some(UnixMillis(run)));
        }
    }

    #[test]
    fn plain_expressions_agree_with_the_cron_crate(
        expression in plain_cron(),
        previous in instant(),
    ) {
        let ours = cron(&expression, Tz::UTC).preview(UnixMillis(previous), &Lifecycle::ALWAYS, 4);
        let theirs = ::cron::Schedule::from_str(&expression).expect("the shared grammar");
        let after: DateTime<Utc> = DateTime::from_timestamp_millis(previous).expect("in range");
        let limit = local(Tz::UTC, previous) + chrono::Months::new(1200);
        let theirs: Vec<i64> = theirs
            .after(&after)
            .take(4)
            .filter(|run| run.naive_utc() <= limit && run.timestamp() < 4_102_444_800)
            .map(|run| run.timestamp_millis())
            .collect();
        prop_assert_eq!(ours.iter().map(|run| run.0).collect::<Vec<_>>(), theirs);
    }

    #[test]
    fn named_hours_fire_once_per_local_time(
        minute in plain_field(0, 59),
        hours in proptest::sample::subsequence((0..24).collect::<Vec<u32>>(), 1..24),
        zone in zone(),
        previous in instant(),
    ) {
        let hours = hours.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        let schedule = cron(&format!("0 {minute} {hours} * * ?"), zone);
        let runs = schedule.preview(UnixMillis(previous), &Lifecycle::ALWAYS, 50);
        let locals: Vec<_> = runs.iter().map(|run| local(zone, run.0)).collect();
        prop_assert!(locals.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", locals);
    }

    #[test]
    fn every_second_fires_every_second_through_all_clock_changes(
        zone in zone(),
        previous in instant(),
    ) {
        let schedule = cron("* * * * * ?", zone);
        let expected = previous.div_euclid(1000) * 1000 + 1000;
        prop_assert_eq!(next(&schedule, previous, &Lifecycle::ALWAYS), Some(expected));
    }
}

/// Through a whole year with a change each way: the hourly schedule never pauses for more or less
/// than an hour of elapsed time.
#[test]
fn hourly_runs_are_an_hour_apart_all_year() {
    let berlin = cron("0 0 * * * ?", chrono_tz::Europe::Berlin);
    let year = berlin.preview(UnixMillis(1_735_686_000_000), &Lifecycle::ALWAYS, 365 * 24);
    assert!(
        year.windows(2)
            .all(|pair| pair[1].0 - pair[0].0 == 3_600_000)
    );
    assert_eq!(
        year.last(),
        Some(&UnixMillis(1_735_686_000_000 + 365 * 24 * 3_600_000))
    );
}
