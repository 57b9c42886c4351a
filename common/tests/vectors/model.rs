//! A second, slow and simple model of the schedules, for comparison.
//!
//! It shares nothing with the code under test but the evaluation of plain field values, which the
//! recorded answers check: wrapped ranges are written out as lists, special days are found by
//! looking at every day of the month, local times are mapped to instants one by one, and daily
//! windows are written out run by run.

use chrono::{
    DateTime, Datelike, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone,
};
use chrono_tz::Tz;
use powerjob_common::status::TimeExpressionType;
use powerjob_common::time::UnixMillis;
use powerjob_common::time_expression::{Lifecycle, Schedule, ScheduleWords, ValuesWords};
use serde_json::Value;

use super::line::RECORDED;

const NAMES: [&[&str]; 7] = [
    &[],
    &[],
    &[],
    &[],
    &[
        "", "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
    ],
    &["", "SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
    &[],
];
const BOUNDS: [(u32, u32); 7] = [
    (0, 59),
    (0, 59),
    (0, 23),
    (1, 31),
    (1, 12),
    (1, 7),
    (1970, 2099),
];

/// Longer than any overlap in the vectors.
const SLACK: TimeDelta = TimeDelta::hours(2);

/// `a-b` or `a-b/n` with b before a, as (a, b, n).
fn wrapped(field: usize, element: &str) -> Option<(u32, u32, u32)> {
    let number = |text: &str| {
        let named = NAMES[field]
            .iter()
            .position(|name| *name == text && !name.is_empty());
        named
            .and_then(|index| u32::try_from(index).ok())
            .or_else(|| text.parse().ok())
    };
    let (from, rest) = element.split_once('-')?;
    let (to, step) = rest.split_once('/').unwrap_or((rest, "1"));
    let (from, to, step) = (number(from)?, number(to)?, number(step)?);
    (from > to).then_some((from, to, step))
}

/// Whether any field of an upper-case expression has a range that wraps.
pub(crate) fn wraps(expression: &str) -> bool {
    expression.split("||").any(|part| {
        let mut fields = part.split_whitespace().enumerate();
        fields.any(|(field, text)| {
            text.split(',')
                .any(|element| wrapped(field, element).is_some())
        })
    })
}

fn written_out(field: usize, text: &str) -> String {
    let (first, last) = BOUNDS[field];
    let size = last - first + 1;
    let element = |element: &str| match wrapped(field, element) {
        None => element.to_owned(),
        Some((from, to, step)) => {
            let values = (from..=to + size).step_by(step as usize);
            let values = values.map(|value| if value > last { value - size } else { value });
            values
                .map(|value| value.to_string())
                .collect::<Vec<_>>()
                .join(",")
        }
    };
    text.split(',').map(element).collect::<Vec<_>>().join(",")
}

/// Whether a day is one that an element of the day-of-month field means.
fn is_meant(element: &str, date: NaiveDate) -> bool {
    let length = u32::from(date.num_days_in_month());
    let nearest_to = |target: u32| {
        let works = |day: &u32| {
            date.with_day(*day)
                .is_some_and(|day| day.weekday() as u8 <= 4)
        };
        let exists = (1..=length).contains(&target);
        exists
            .then(|| {
                (1..=length)
                    .filter(works)
                    .min_by_key(|day| day.abs_diff(target))
            })
            .flatten()
    };
    let meant = match element {
        "L" => Some(length),
        "LW" => nearest_to(length),
        _ => match (element.strip_prefix("L-"), element.strip_suffix('W')) {
            (Some(count), _) => length.checked_sub(count.parse().expect("a count")),
            (None, Some(day)) => nearest_to(day.parse().expect("a day")),
            (None, None) => Some(element.parse().expect("a plain day")),
        },
    };
    meant == Some(date.day())
}

/// The next runs of a CRON expression: local times one after the other, each turned into its
/// instants.
pub(crate) fn cron_runs(expression: &str, zone: Tz, base: i64, lifecycle: &Lifecycle) -> Vec<i64> {
    let after = lifecycle.start.map_or(base, |start| base.max(start.0 - 1));
    let parts = expression.split("||").filter(|part| !part.is_empty());
    let mut runs: Vec<i64> = parts
        .flat_map(|part| part_runs(part, zone, after))
        .collect();
    runs.sort_unstable();
    runs.dedup();
    runs.retain(|run| lifecycle.end.is_none_or(|end| *run <= end.0));
    runs.truncate(RECORDED);
    runs
}

fn part_runs(part: &str, zone: Tz, after: i64) -> Vec<i64> {
    let mut fields: Vec<String> = part
        .to_uppercase()
        .split_whitespace()
        .enumerate()
        .map(|(field, text)| written_out(field, text))
        .collect();
    let special = fields[3].contains('W') || (fields[3].contains(',') && fields[3].contains('L'));
    let elements: Vec<String> = fields[3].split(',').map(str::to_owned).collect();
    if special {
        fields[3] = "*".to_owned();
    }
    let floating = Schedule::parse(TimeExpressionType::Cron, &fields.join(" "), Tz::UTC)
        .expect("plain fields are accepted");
    let meant = |local: &NaiveDateTime| {
        !special
            || elements
                .iter()
                .any(|element| is_meant(element, local.date()))
    };
    runs_of_local_times(&floating, zone, after, meant)
}

fn runs_of_local_times(
    floating: &Schedule,
    zone: Tz,
    after: i64,
    meant: impl Fn(&NaiveDateTime) -> bool,
) -> Vec<i64> {
    let every_hour = matches!(
        floating.words(),
        ScheduleWords::Cron { alternatives } if alternatives[0].hours == ValuesWords::All
    );
    let begin = DateTime::from_timestamp_millis(after).expect("in the calendar");
    let mut clock = begin.with_timezone(&zone).naive_local() - SLACK;
    let mut runs = Vec::new();
    let mut enough = NaiveDateTime::MAX;
    loop {
        let previous = UnixMillis(clock.and_utc().timestamp_millis());
        let next = floating.next_after(previous, &Lifecycle::ALWAYS, previous);
        let Some(next) = next.and_then(|next| DateTime::from_timestamp_millis(next.0)) else {
            break;
        };
        clock = next.naive_utc();
        if clock > enough {
            break;
        }
        if !meant(&clock) {
            continue;
        }
        let instants = match zone.from_local_datetime(&clock) {
            LocalResult::None => vec![],
            LocalResult::Single(instant) => vec![instant],
            LocalResult::Ambiguous(first, second) if every_hour => vec![first, second],
            LocalResult::Ambiguous(first, _) => vec![first],
        };
        let instants = instants.iter().map(DateTime::timestamp_millis);
        runs.extend(instants.filter(|instant| *instant > after));
        if runs.len() >= RECORDED && enough == NaiveDateTime::MAX {
            enough = clock + SLACK;
        }
    }
    runs
}

/// A daily expression in its plainest spelling.
struct Daily {
    every_ms: i128,
    from: NaiveTime,
    to: NaiveTime,
    days: Vec<i64>,
}

fn daily(expression: &str) -> Daily {
    let ascii = expression
        .replace('０', "0")
        .replace('６', "6")
        .replace('\'', "\"");
    let mut values = serde_json::Deserializer::from_str(&ascii).into_iter::<Value>();
    let value = values.next().expect("something").expect("JSON");
    let number = |value: &Value| match value {
        Value::String(text) => text.trim().parse().ok(),
        value => value
            .as_i64()
            .or_else(|| value.as_f64().map(|value| value as i64)),
    };
    let micros: i128 = match value["intervalUnit"].as_str() {
        Some("MICROSECONDS") => 1,
        Some("MILLISECONDS") => 1000,
        Some("MINUTES") => 60_000_000,
        Some("HOURS") => 3_600_000_000,
        Some("DAYS") => 86_400_000_000,
        // one is a thousandth of a microsecond, and all counts in the vectors are below that
        Some("NANOSECONDS") => 0,
        _ => 1_000_000,
    };
    let time = |key: &str| {
        let text = value[key].as_str().expect("a text");
        let parts = text.split(':').filter(|part| !part.is_empty());
        let parts: Vec<u32> = parts
            .map(|part| part.trim_start_matches(['+', '-']).parse().expect("digits"))
            .collect();
        NaiveTime::from_hms_opt(parts[0], parts[1], parts[2]).expect("a time")
    };
    let days = value["daysOfWeek"].as_array().cloned().unwrap_or_default();
    Daily {
        every_ms: i128::from(number(&value["interval"]).unwrap_or(0)) * micros / 1000,
        from: time("startTimeOfDay"),
        to: time("endTimeOfDay"),
        days: days.iter().map(|day| number(day).unwrap_or(0)).collect(),
    }
}

/// The field at which an expression is one that the reference accepts without sense.
pub(crate) fn daily_hole(expression: &str) -> Option<&'static str> {
    let daily = daily(expression);
    match () {
        () if expression.contains(r#""intervalUnit":"""#) => Some("intervalUnit"),
        () if daily.every_ms < 1 => Some("interval"),
        () if daily.days.iter().any(|day| !(1..=7).contains(day)) => Some("daysOfWeek"),
        () => None,
    }
}

/// The runs of one day, all of them up to a limit.
fn day_runs(daily: &Daily, zone: Tz, date: NaiveDate) -> Vec<i64> {
    let weekday = i64::from(date.weekday().number_from_monday());
    if !daily.days.is_empty() && !daily.days.contains(&weekday) {
        return vec![];
    }
    let resolve = |time: NaiveTime| {
        let local = date.and_time(time);
        (0..48 * 60)
            .find_map(|minutes| {
                // in a gap: as long after the last local time before it as `local` is
                let earlier = zone.from_local_datetime(&(local - TimeDelta::minutes(minutes)));
                let instant = earlier.latest()? + TimeDelta::minutes(minutes);
                Some(instant.timestamp_millis())
            })
            .expect("a local time within two days")
    };
    let (start, end) = (resolve(daily.from), resolve(daily.to));
    let mut runs = vec![start];
    while runs.len() < 100_000 {
        let next = i128::from(runs[runs.len() - 1]) + daily.every_ms;
        match i64::try_from(next) {
            Ok(next) if next <= end && daily.every_ms < 86_400_000 => runs.push(next),
            _ => break,
        }
    }
    runs
}

fn date_at(zone: Tz, instant: i64) -> NaiveDate {
    let instant = DateTime::from_timestamp_millis(instant).expect("in the calendar");
    instant.with_timezone(&zone).date_naive()
}

/// The next runs of a daily interval, day by day.
pub(crate) fn daily_runs(expression: &str, zone: Tz, base: i64, lifecycle: &Lifecycle) -> Vec<i64> {
    let daily = daily(expression);
    let after = lifecycle.start.map_or(base, |start| base.max(start.0 - 1));
    let mut runs: Vec<i64> = Vec::new();
    let mut rested = NaiveDate::MIN;
    let rest = |date: NaiveDate| {
        let days = (daily.every_ms + 86_399_999) / 86_400_000;
        let days = if daily.every_ms < 86_400_000 {
            0
        } else {
            u64::try_from(days).unwrap_or(0)
        };
        date.checked_add_days(chrono::Days::new(days))
            .unwrap_or(NaiveDate::MAX)
    };
    if day_runs(&daily, zone, date_at(zone, base))
        .first()
        .is_some_and(|first| *first <= base)
    {
        rested = rest(date_at(zone, base));
    }
    let mut date = date_at(zone, after).pred_opt().expect("in the calendar");
    while runs.len() < RECORDED && date.year() < 2400 {
        let today = if date < rested {
            vec![]
        } else {
            day_runs(&daily, zone, date)
        };
        let today: Vec<i64> = today.into_iter().filter(|run| *run > after).collect();
        if !today.is_empty() {
            rested = rest(date);
        }
        runs.extend(today);
        date = date.succ_opt().expect("in the calendar");
    }
    runs.retain(|run| lifecycle.end.is_none_or(|end| *run <= end.0));
    runs.truncate(RECORDED);
    runs
}

/// Whether any of the recorded runs is not a window's start plus a multiple of the interval.
pub(crate) fn off_the_grid(expression: &str, zone: Tz, recorded: &[i64]) -> bool {
    let daily = daily(expression);
    let on_grid = |run: &i64| {
        // an overflow of the reference may lie anywhere
        let in_calendar = DateTime::from_timestamp_millis(*run).is_some();
        in_calendar && day_runs(&daily, zone, date_at(zone, *run)).contains(run)
    };
    !recorded.iter().all(on_grid)
}

/// Whether any of the recorded runs has a time of day outside the window.
pub(crate) fn outside_window(expression: &str, zone: Tz, recorded: &[i64]) -> bool {
    let daily = daily(expression);
    let instants = recorded
        .iter()
        .filter_map(|run| DateTime::from_timestamp_millis(*run));
    let mut times = instants.map(|instant| instant.with_timezone(&zone).time());
    times.any(|time| !(daily.from..=daily.to).contains(&time))
}
