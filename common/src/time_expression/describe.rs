//! How does a schedule read in English?
//!
//! Invariants:
//! 1. Common shapes read as a person would say them; everything else becomes a sentence that goes
//!    through the fields, so every schedule has a text.
//! 2. The text names every restriction that the words hold.

use super::words::{CronWords, DayRule, DaysWords, ScheduleWords, ValuesWords};

const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// More times of day than this read better by fields.
const MOST_TIMES: usize = 6;

/// The schedule in one English sentence, without a full stop.
pub(super) fn sentence(words: &ScheduleWords) -> String {
    match words {
        ScheduleWords::OnRequest => "on request".to_owned(),
        ScheduleWords::Once { local, .. } => format!("once at {local}"),
        ScheduleWords::InWorkflow => "as part of a workflow".to_owned(),
        ScheduleWords::FixedRate { every_ms } => format!("every {}", span(*every_ms)),
        ScheduleWords::FixedDelay { every_ms } => {
            format!(
                "{} after the previous run has ended",
                counted_span(*every_ms)
            )
        }
        ScheduleWords::DailyInterval {
            every_ms,
            from,
            to,
            days,
        } => {
            let days = daily_days(days);
            format!("every {} from {from} to {to} {days}", span(*every_ms))
        }
        ScheduleWords::Cron { alternatives } => alternatives
            .iter()
            .map(cron)
            .collect::<Vec<_>>()
            .join("; and "),
    }
}

fn cron(words: &CronWords) -> String {
    let (time, at_times) = time_of_day(words);
    let mut parts = vec![time];
    let days = days(words);
    if days.is_empty() && at_times {
        parts.push("every day".to_owned());
    }
    parts.extend(days);
    if let Some(months) = restricted(&words.months, &|month| name(&MONTHS, month)) {
        parts.push(format!("in {months}"));
    }
    if let Some(years) = restricted(&words.years, &|year| year.to_string()) {
        parts.push(format!("in {years}"));
    }
    parts.join(" ")
}

/// The time of day, and whether it is a list of single times.
fn time_of_day(words: &CronWords) -> (String, bool) {
    use ValuesWords::{All, Every};
    let CronWords {
        seconds,
        minutes,
        hours,
        ..
    } = words;
    let second = only(seconds);
    let text = match (seconds, minutes, hours) {
        (All, All, All) => "every second".to_owned(),
        (Every { step }, All, All) => format!("every {step} seconds"),
        (_, All, All) if second.is_some() => format!("every minute{}", at_second(second)),
        (_, Every { step }, All) if second.is_some() => {
            format!("every {step} minutes{}", at_second(second))
        }
        (_, Every { step }, hours) if second.is_some() => {
            let hours = match hours {
                Every { step } => format!("one hour in {step}"),
                hours => format!("hours {}", list(hours, &plain)),
            };
            format!("every {step} minutes{}, {hours}", at_second(second))
        }
        _ => match (only(minutes), second) {
            (Some(minute), Some(second)) if *hours == All => hourly("hour", minute, second),
            (Some(minute), Some(second)) if matches!(hours, Every { .. }) => {
                let Every { step } = hours else {
                    return by_fields(words);
                };
                hourly(&format!("{step} hours"), minute, second)
            }
            _ => match single_times(words) {
                Some(times) => return (format!("at {times}"), true),
                None => return by_fields(words),
            },
        },
    };
    (text, false)
}

fn hourly(unit: &str, minute: u32, second: u32) -> String {
    match (minute, second) {
        (0, 0) => format!("every {unit}"),
        (minute, 0) => format!("every {unit} at minute {minute}"),
        (minute, second) => format!("every {unit} at minute {minute}, second {second}"),
    }
}

fn at_second(second: Option<u32>) -> String {
    match second {
        None | Some(0) => String::new(),
        Some(second) => format!(" at second {second}"),
    }
}

/// `03:00, 15:30` if there are few times, none in steps.
fn single_times(words: &CronWords) -> Option<String> {
    let (seconds, minutes, hours) = (
        values(&words.seconds)?,
        values(&words.minutes)?,
        values(&words.hours)?,
    );
    if seconds.len() * minutes.len() * hours.len() > MOST_TIMES {
        return None;
    }
    let with_seconds = seconds != [0];
    let mut times = Vec::new();
    for hour in &hours {
        for minute in &minutes {
            for second in &seconds {
                times.push(match with_seconds {
                    true => format!("{hour:02}:{minute:02}:{second:02}"),
                    false => format!("{hour:02}:{minute:02}"),
                });
            }
        }
    }
    Some(times.join(", "))
}

fn by_fields(words: &CronWords) -> (String, bool) {
    let field = |name: &str, values: &ValuesWords| match values {
        ValuesWords::All => format!("every {name}"),
        ValuesWords::Every { step } => format!("every {step} {name}s"),
        values => format!("{name} {}", list(values, &plain)),
    };
    let text = format!(
        "at {} of {} of {}",
        field("second", &words.seconds),
        field("minute", &words.minutes),
        field("hour", &words.hours)
    );
    (text, false)
}

fn days(words: &CronWords) -> Vec<String> {
    let weekday = |weekday| name(&WEEKDAYS, weekday);
    let of_month = words
        .month_days
        .as_ref()
        .map(|days| format!("on {} of the month", day_list("day ", days, &plain)));
    let of_week = words
        .week_days
        .as_ref()
        .map(|days| format!("on {}", day_list("", days, &weekday)));
    match (of_month, of_week) {
        (Some(of_month), Some(of_week)) => vec![of_month, format!("if that is also {of_week}")],
        (of_month, of_week) => of_month.into_iter().chain(of_week).collect(),
    }
}

/// Plain days, introduced by `prefix`, and then the rules.
fn day_list(prefix: &str, days: &DaysWords, single: &dyn Fn(u32) -> String) -> String {
    let plain = list(&days.values, single);
    let plain = (!plain.is_empty()).then(|| format!("{prefix}{plain}"));
    let parts: Vec<String> = plain
        .into_iter()
        .chain(days.rules.iter().map(rule))
        .collect();
    parts.join(" and ")
}

fn rule(rule: &DayRule) -> String {
    match *rule {
        DayRule::Last { before: 0 } => "the last day".to_owned(),
        DayRule::Last { before: 1 } => "the day before the last day".to_owned(),
        DayRule::Last { before } => format!("the day {before} days before the last day"),
        DayRule::WeekdayNear { day } => format!("the Mon to Fri nearest to day {day}"),
        DayRule::WeekdayNearLast { before: 0 } => "the last Mon to Fri".to_owned(),
        DayRule::WeekdayNearLast { before } => {
            format!("the Mon to Fri nearest to the day {before} before the last day")
        }
        DayRule::LastWeekdayOf { weekday } => {
            format!("the last {} of the month", name(&WEEKDAYS, weekday))
        }
        DayRule::NthWeekdayOf { weekday, nth } => {
            let ordinal = ["first", "second", "third", "fourth", "fifth"];
            format!(
                "the {} {} of the month",
                name(&ordinal, nth),
                name(&WEEKDAYS, weekday)
            )
        }
    }
}

fn daily_days(days: &[u8]) -> String {
    if days.len() == 7 {
        return "every day".to_owned();
    }
    // here Monday is 1 and Sunday 7
    let names: Vec<&str> = days
        .iter()
        .map(|day| WEEKDAYS[usize::from(*day) % 7])
        .collect();
    format!("on {}", names.join(", "))
}

/// The values of a restricting field.
fn restricted(words: &ValuesWords, single: &dyn Fn(u32) -> String) -> Option<String> {
    (*words != ValuesWords::All).then(|| list(words, single))
}

fn list(words: &ValuesWords, single: &dyn Fn(u32) -> String) -> String {
    match words {
        ValuesWords::All => "all".to_owned(),
        ValuesWords::Every { step } => format!("every {step}"),
        ValuesWords::Span { from, to, step: 1 } => format!("{} to {}", single(*from), single(*to)),
        ValuesWords::Span { from, to, step } => {
            format!("{} to {} in steps of {step}", single(*from), single(*to))
        }
        ValuesWords::List { values } => values
            .iter()
            .map(|value| single(*value))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

/// The values one by one, if they do not fill the field.
fn values(words: &ValuesWords) -> Option<Vec<u32>> {
    match words {
        ValuesWords::All | ValuesWords::Every { .. } => None,
        ValuesWords::Span { from, to, step } => {
            Some((*from..=*to).step_by(*step as usize).collect())
        }
        ValuesWords::List { values } => Some(values.clone()),
    }
}

fn only(words: &ValuesWords) -> Option<u32> {
    match words {
        ValuesWords::List { values } => match values[..] {
            [value] => Some(value),
            _ => None,
        },
        _ => None,
    }
}

fn plain(value: u32) -> String {
    value.to_string()
}

/// The name of a value that counts from 1.
fn name(names: &[&str], value: u32) -> String {
    let index = (value as usize).checked_sub(1);
    match index.and_then(|index| names.get(index)) {
        Some(name) => (*name).to_owned(),
        None => value.to_string(),
    }
}

/// `10 minutes`, `day`, `1.5 seconds` is `1500 milliseconds`: the largest unit that fits whole.
fn span(millis: i64) -> String {
    match in_units(millis) {
        (1, unit) => unit.to_owned(),
        _ => counted_span(millis),
    }
}

fn counted_span(millis: i64) -> String {
    let (count, unit) = in_units(millis);
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

fn in_units(millis: i64) -> (i64, &'static str) {
    let units = [
        (86_400_000, "day"),
        (3_600_000, "hour"),
        (60_000, "minute"),
        (1000, "second"),
    ];
    let fitting = units.iter().find(|(length, _)| millis % length == 0);
    fitting.map_or((millis, "millisecond"), |(length, unit)| {
        (millis / length, *unit)
    })
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::super::Schedule;
    use crate::status::TimeExpressionType;

    fn describe(kind: TimeExpressionType, expression: &str) -> String {
        Schedule::parse(kind, expression, Tz::UTC)
            .expect(expression)
            .describe()
    }

    #[test]
    fn cron_shapes_read_naturally() {
        for (expression, expected) in [
            ("* * * * * ?", "every second"),
            ("0/5 * * * * ?", "every 5 seconds"),
            ("0 * * * * ?", "every minute"),
            ("30 * * * * ?", "every minute at second 30"),
            ("0 */10 * * * ?", "every 10 minutes"),
            ("0 0/10 8-17 * * ?", "every 10 minutes, hours 8 to 17"),
            ("0 0/10 0/2 * * ?", "every 10 minutes, one hour in 2"),
            ("0 0 * * * ?", "every hour"),
            ("0 0 0 ? * MON,WED,FRI", "at 00:00 on Mon, Wed, Fri"),
            (
                "0 0 0 1 */3 ? */60",
                "at 00:00 on day 1 of the month in Jan, Apr, Jul, Oct in 1970, 2030, 2090",
            ),
            ("0 15 * * * ?", "every hour at minute 15"),
            ("5 15 */2 * * ?", "every 2 hours at minute 15, second 5"),
            ("0 0 3 * * ?", "at 03:00 every day"),
            ("0 30 9,18 * * ?", "at 09:30, 18:30 every day"),
            ("15 30 9 * * ?", "at 09:30:15 every day"),
            ("0 0 3 ? * MON-FRI", "at 03:00 on Mon to Fri"),
            ("0 0 3 ? * 1,7", "at 03:00 on Sun, Sat"),
            ("0 0 3 1,15 * ?", "at 03:00 on day 1, 15 of the month"),
            ("0 0 3 L * ?", "at 03:00 on the last day of the month"),
            (
                "0 0 3 15,L * ?",
                "at 03:00 on day 15 and the last day of the month",
            ),
            (
                "0 0 3 L-3W * ?",
                "at 03:00 on the Mon to Fri nearest to the day 3 before the last day of the month",
            ),
            ("0 0 3 ? * FRI#3", "at 03:00 on the third Fri of the month"),
            ("0 0 3 ? * 6L", "at 03:00 on the last Fri of the month"),
            (
                "0 0 0 13 * FRI",
                "at 00:00 on day 13 of the month if that is also on Fri",
            ),
            (
                "0 0 0 1 JAN,JUL ? 2030-2033",
                "at 00:00 on day 1 of the month in Jan, Jul in 2030 to 2033",
            ),
            (
                "0 0 1 * * ?||0 0 2 * * ?",
                "at 01:00 every day; and at 02:00 every day",
            ),
        ] {
            assert_eq!(
                describe(TimeExpressionType::Cron, expression),
                expected,
                "{expression}"
            );
        }
    }

    #[test]
    fn irregular_shapes_go_through_the_fields() {
        assert_eq!(
            describe(TimeExpressionType::Cron, "1-30/7 5,6 1-9/2 * * ?"),
            "at second 1 to 29 in steps of 7 of minute 5, 6 of hour 1 to 9 in steps of 2"
        );
        assert_eq!(
            describe(TimeExpressionType::Cron, "* 0 0 * * ?"),
            "at every second of minute 0 of hour 0"
        );
    }

    #[test]
    fn other_kinds() {
        use TimeExpressionType::{Api, DailyTimeInterval, FixedDelay, FixedRate, Workflow};
        let window = |more: &str| {
            format!(
                r#"{{"interval":10,"intervalUnit":"MINUTES","startTimeOfDay":"8:0:0","endTimeOfDay":"17:0:0"{more}}}"#
            )
        };
        for (kind, expression, expected) in [
            (Api, "", "on request"),
            (Workflow, "", "as part of a workflow"),
            (FixedRate, "1000", "every second"),
            (FixedRate, "90000", "every 90 seconds"),
            (FixedRate, "1500", "every 1500 milliseconds"),
            (
                FixedDelay,
                "3600000",
                "1 hour after the previous run has ended",
            ),
            (
                FixedDelay,
                "172800000",
                "2 days after the previous run has ended",
            ),
        ] {
            assert_eq!(describe(kind, expression), expected);
        }
        assert_eq!(
            describe(DailyTimeInterval, &window(r#","daysOfWeek":[1,2]"#)),
            "every 10 minutes from 08:00:00 to 17:00:00 on Mon, Tue"
        );
        assert_eq!(
            describe(DailyTimeInterval, &window(r#","daysOfWeek":[7]"#)),
            "every 10 minutes from 08:00:00 to 17:00:00 on Sun"
        );
        assert_eq!(
            describe(DailyTimeInterval, &window("")),
            "every 10 minutes from 08:00:00 to 17:00:00 every day"
        );
    }
}
