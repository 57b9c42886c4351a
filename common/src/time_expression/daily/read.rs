//! What does the JSON text of a daily time interval say?
//!
//! The reading is as tolerant as users know it: single quotes, numbers as text, fractions (cut
//! off), unknown keys, of equal keys the last, text after the object.
//!
//! Invariants:
//! 1. The interval is at least one millisecond; one too long for the clock counts as the longest.
//! 2. The window's end is not before its start.
//! 3. At least one day is selected, and every listed day is a day of the week.

use chrono::NaiveTime;
use serde_json::{Map, Value};

use super::super::{InvalidExpression, number, quoted};
use crate::reason::{Reason, ReasonCode};

/// What the expression says, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) every_ms: i64,
    pub(super) from: NaiveTime,
    pub(super) to: NaiveTime,
    /// One bit for each selected day, Monday is bit 0.
    pub(super) days: u8,
}

const EVERY_DAY: u8 = 0b0111_1111;

const EXAMPLE: &str = r#"{"interval":60,"startTimeOfDay":"08:00:00","endTimeOfDay":"18:00:00","intervalUnit":"SECONDS","daysOfWeek":[1,5]}"#;

/// Reads and checks an expression.
pub(super) fn fields(expression: &str) -> Result<Fields, InvalidExpression> {
    let object = object(expression)?;
    let every_ms = interval(&object)?;
    let from = time_of_day(&object, "startTimeOfDay")?;
    let to = time_of_day(&object, "endTimeOfDay")?;
    if to < from {
        let reason = Reason::new(ReasonCode::DailyEnd, "found", to).with("start", from);
        return Err(InvalidExpression::new("endTimeOfDay", reason));
    }
    Ok(Fields {
        every_ms,
        from,
        to,
        days: days(&object)?,
    })
}

fn object(expression: &str) -> Result<Map<String, Value>, InvalidExpression> {
    let text = with_double_quotes(expression);
    let mut values = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
    let invalid = |found: String| {
        let reason = Reason::new(ReasonCode::DailyShape, "found", found).with("example", EXAMPLE);
        InvalidExpression::new("timeExpression", reason)
    };
    match values.next() {
        Some(Ok(Value::Object(object))) => Ok(object),
        Some(Ok(other)) => Err(invalid(kind_of(&other).to_owned())),
        Some(Err(error)) => Err(invalid(format!("text that is not JSON ({error})"))),
        None => Err(invalid("nothing".to_owned())),
    }
}

/// Rewrites texts in single quotes to double quotes.
fn with_double_quotes(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    let mut quote = None;
    let mut escaped = false;
    for character in json.chars() {
        match (quote, character) {
            (Some('\''), '\'') if escaped => {
                text.pop(); // JSON knows no escaped single quote
                text.push('\'');
            }
            (Some('\''), '"') if !escaped => text.push_str("\\\""),
            (Some(open), _) if open == character && !escaped => {
                quote = None;
                text.push('"');
            }
            (None, '"' | '\'') => {
                quote = Some(character);
                text.push('"');
            }
            _ => text.push(character),
        }
        escaped = quote.is_some() && character == '\\' && !escaped;
    }
    text
}

fn interval(object: &Map<String, Value>) -> Result<i64, InvalidExpression> {
    let found = object.get("interval").unwrap_or(&Value::Null);
    let invalid =
        |code| InvalidExpression::new("interval", Reason::new(code, "found", shown(found)));
    let Some(count) = whole_number(found).filter(|count| *count >= 1) else {
        return Err(invalid(ReasonCode::DailyInterval));
    };
    let millis = match unit(object)? {
        Unit::Longer(millis) => count.saturating_mul(millis),
        Unit::Shorter(per_milli) => count / per_milli,
    };
    if millis < 1 {
        return Err(invalid(ReasonCode::DailyTooShort));
    }
    Ok(millis)
}

/// A unit of time, in milliseconds or as a part of one.
enum Unit {
    Longer(i64),
    Shorter(i64),
}

fn unit(object: &Map<String, Value>) -> Result<Unit, InvalidExpression> {
    match object.get("intervalUnit").unwrap_or(&Value::Null) {
        Value::Null => Ok(Unit::Longer(1000)),
        Value::String(name) => match name.as_str() {
            "NANOSECONDS" => Ok(Unit::Shorter(1_000_000)),
            "MICROSECONDS" => Ok(Unit::Shorter(1000)),
            "MILLISECONDS" => Ok(Unit::Longer(1)),
            "SECONDS" => Ok(Unit::Longer(1000)),
            "MINUTES" => Ok(Unit::Longer(60_000)),
            "HOURS" => Ok(Unit::Longer(3_600_000)),
            "DAYS" => Ok(Unit::Longer(86_400_000)),
            _ => Err(unknown_unit(&quoted(name))),
        },
        other => Err(unknown_unit(&shown(other))),
    }
}

fn unknown_unit(found: &str) -> InvalidExpression {
    InvalidExpression::new(
        "intervalUnit",
        Reason::new(ReasonCode::DailyUnit, "found", found),
    )
}

fn time_of_day(object: &Map<String, Value>, key: &str) -> Result<NaiveTime, InvalidExpression> {
    let found = object.get(key).unwrap_or(&Value::Null);
    let time = match found {
        Value::String(text) => parse_time_of_day(text),
        _ => None,
    };
    time.ok_or_else(|| {
        let reason = Reason::new(ReasonCode::DailyTime, "found", shown(found));
        InvalidExpression::new(key, reason)
    })
}

/// `H:m:s`; signs, missing or further leading zeros and colons at the end do no harm.
fn parse_time_of_day(text: &str) -> Option<NaiveTime> {
    let parts: Vec<&str> = text.trim_end_matches(':').split(':').collect();
    let [hour, minute, second] = parts[..] else {
        return None;
    };
    let part = |text| number::int(text).and_then(|value| u32::try_from(value).ok());
    NaiveTime::from_hms_opt(part(hour)?, part(minute)?, part(second)?)
}

fn days(object: &Map<String, Value>) -> Result<u8, InvalidExpression> {
    let found = object.get("daysOfWeek").unwrap_or(&Value::Null);
    let invalid = |value: &Value| {
        let reason = Reason::new(ReasonCode::DailyDays, "found", shown(value));
        InvalidExpression::new("daysOfWeek", reason)
    };
    let list = match found {
        Value::Null => return Ok(EVERY_DAY),
        Value::Array(list) if list.is_empty() => return Ok(EVERY_DAY),
        Value::Array(list) => list,
        other => return Err(invalid(other)),
    };
    list.iter()
        .try_fold(0, |days, value| match whole_number(value) {
            Some(day @ 1..=7) => Ok(days | 1 << (day - 1)),
            _ => Err(invalid(value)),
        })
}

/// A number, its fraction cut off, or a whole number as text.
fn whole_number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| {
            let number = number.as_f64()?.trunc();
            // both bounds are exact in binary; the upper one itself does not fit
            let fits =
                (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number);
            fits.then_some(number as i64)
        }),
        Value::String(text) => number::long(text.trim_matches(|character| character <= ' ')),
        _ => None,
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) => quoted(text),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        Value::Array(_) | Value::Object(_) => kind_of(value).to_owned(),
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(interval: &str, more: &str) -> Result<Fields, InvalidExpression> {
        fields(&format!(
            r#"{{"interval":{interval},"startTimeOfDay":"06:00:00","endTimeOfDay":"20:00:00"{more}}}"#
        ))
    }

    #[test]
    fn tolerated_spellings_mean_the_same() {
        let expected = with("60", "").expect("valid");
        assert_eq!(expected.every_ms, 60_000);
        assert_eq!(expected.days, EVERY_DAY);
        for expression in [
            r#"{"interval":" 60 ","startTimeOfDay":"6:0:0","endTimeOfDay":"20:00:00::"}"#,
            r#"{"interval":60.9,"startTimeOfDay":"+006:-0:00","endTimeOfDay":"20:00:00"}"#,
            r#"{"interval":6e1,"startTimeOfDay":"０６:00:00","endTimeOfDay":"20:00:00"}"#,
            r#"{'interval':60,'startTimeOfDay':'06:00:00','endTimeOfDay':'20:00:00','a':'\'"'}"#,
            r#"{"interval":1,"interval":60,"startTimeOfDay":"06:00:00","endTimeOfDay":"20:00:00"}x"#,
            r#" {"interval":60,"startTimeOfDay":"06:00:00","endTimeOfDay":"20:00:00","daysOfWeek":null,"intervalUnit":null} "#,
        ] {
            assert_eq!(fields(expression), Ok(expected.clone()), "{expression}");
        }
    }

    #[test]
    fn units_give_milliseconds() {
        for (interval, unit, expected) in [
            ("86400000000", "NANOSECONDS", 86_400),
            ("1999", "MICROSECONDS", 1),
            ("5", "MILLISECONDS", 5),
            ("5", "MINUTES", 300_000),
            ("5", "HOURS", 18_000_000),
            ("2", "DAYS", 172_800_000),
            ("9223372036854775807", "DAYS", i64::MAX),
        ] {
            let fields = with(interval, &format!(r#","intervalUnit":"{unit}""#)).expect("valid");
            assert_eq!(fields.every_ms, expected, "{interval} {unit}");
        }
    }

    #[test]
    fn days_are_listed_in_any_form() {
        let days =
            |list: &str| with("1", &format!(r#","daysOfWeek":{list}"#)).map(|read| read.days);
        assert_eq!(days("[]"), Ok(EVERY_DAY));
        assert_eq!(days("[1]"), Ok(0b1));
        assert_eq!(days(r#"[7,"1",7,2.9]"#), Ok(0b100_0011));
    }

    #[test]
    fn refusals_name_the_field() {
        let fault = |result: Result<Fields, InvalidExpression>| result.expect_err("refused").field;
        for interval in [
            "0", "-5", "0.9", "null", "true", "[60]", r#""""#, r#""6x""#, "1e30",
        ] {
            assert_eq!(fault(with(interval, "")), "interval", "{interval}");
        }
        assert_eq!(
            fault(with("999", r#","intervalUnit":"MICROSECONDS""#)),
            "interval"
        );
        for unit in [r#""""#, r#""MINUTE""#, r#""Seconds""#, "5"] {
            assert_eq!(
                fault(with("1", &format!(r#","intervalUnit":{unit}"#))),
                "intervalUnit"
            );
        }
        for days in ["[8]", "[0,1]", "[null]", "{}", "5", r#"["MON"]"#, "[true]"] {
            assert_eq!(
                fault(with("1", &format!(r#","daysOfWeek":{days}"#))),
                "daysOfWeek",
                "{days}"
            );
        }
        for time in [
            "", "06", "24:00:00", "06:60:00", "06:00:60", "-1:0:0", " 6:0:0", "6:0:0:0",
        ] {
            let text =
                format!(r#"{{"interval":1,"startTimeOfDay":"{time}","endTimeOfDay":"7:0:0"}}"#);
            assert_eq!(fault(fields(&text)), "startTimeOfDay", "{time}");
        }
        let backwards = r#"{"interval":1,"startTimeOfDay":"07:00:01","endTimeOfDay":"7:0:0"}"#;
        assert_eq!(fault(fields(backwards)), "endTimeOfDay");
        for text in [
            "",
            "null",
            "[]",
            "1000",
            "{",
            "}",
            "not json",
            "{interval:60}",
            "{'a",
        ] {
            assert_eq!(fault(fields(text)), "timeExpression", "{text}");
        }
    }
}
