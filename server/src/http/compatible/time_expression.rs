//! When something runs, checked in the reference's order and words (spec 06 section 6.2).

use chrono_tz::Tz;
use powerjob_common::status::TimeExpressionType;
use powerjob_common::time::UnixMillis;
use powerjob_common::time_expression::Lifecycle;
use powerjob_protocol::api::schedule::ScheduleInput;
use serde_json::Value;

use super::call::Fields;
use super::failure::Failure;
use crate::service::schedules;

/// The longest beat that the reference takes; under `/v1` there is no limit.
const MAX_INTERVAL_MS: i64 = 120_000;

/// What a request says about time.
#[derive(Debug, Clone)]
pub(super) struct TimeExpression {
    pub(super) kind: TimeExpressionType,
    pub(super) expression: String,
    pub(super) lifecycle: Lifecycle,
}

/// A kind that the reference knows.
pub(super) fn kind_of(name: &str) -> Option<TimeExpressionType> {
    TimeExpressionType::from_name(name).filter(|kind| *kind == kind.known_to_reference())
}

/// The span of the field `lifeCycle`.
pub(super) fn lifecycle(fields: Fields<'_>) -> Result<Option<Lifecycle>, Failure> {
    let Some(span) = fields.object("lifeCycle")? else {
        return Ok(None);
    };
    Ok(Some(Lifecycle {
        start: span.long("start")?.map(UnixMillis),
        end: span.long("end")?.map(UnixMillis),
    }))
}

impl TimeExpression {
    /// Checks it; the next time, where a calendar decides.
    pub(super) fn check(&self, zone: Tz, now: UnixMillis) -> Result<Option<UnixMillis>, Failure> {
        let times = self.upcoming(zone, now, 1)?;
        let has_calendar = matches!(
            self.kind,
            TimeExpressionType::Cron | TimeExpressionType::DailyTimeInterval
        );
        if has_calendar && times.is_empty() {
            let text = format!("time expression is out of date: {}", self.expression);
            return Err(Failure::power(text));
        }
        Ok(times.first().copied().filter(|_| has_calendar))
    }

    /// Up to `count` of the next times.
    pub(super) fn upcoming(
        &self,
        zone: Tz,
        now: UnixMillis,
        count: usize,
    ) -> Result<Vec<UnixMillis>, Failure> {
        let span = self.lifecycle;
        if span.end.is_some_and(|end| end < now) {
            return Err(Failure::power("lifecycle is out of date!"));
        }
        if let (Some(start), Some(end)) = (span.start, span.end)
            && start > end
        {
            let text = "lifecycle is invalid! start time must earlier then end time.";
            return Err(Failure::power(text));
        }
        self.check_form()?;
        let input = ScheduleInput {
            kind: self.kind,
            expression: self.expression.clone(),
            zone: None,
            start_at: span.start.map(|at| at.0),
            end_at: span.end.map(|at| at.0),
        };
        let parsed = schedules::parse(&input, zone, "").map_err(|errors| {
            let reasons: Vec<_> = errors.into_iter().map(|error| error.reason).collect();
            Failure::argument(reasons.join("; "))
        })?;
        Ok(parsed.schedule.preview(now, &span, count))
    }

    /// What the reference words in its own way.
    fn check_form(&self) -> Result<(), Failure> {
        match self.kind {
            TimeExpressionType::FixedRate => check_interval(&self.expression, "rate"),
            TimeExpressionType::FixedDelay => check_interval(&self.expression, "delay"),
            TimeExpressionType::Cron => {
                let parts = self.expression.split_whitespace().count();
                if (6..=7).contains(&parts) {
                    return Ok(());
                }
                Err(Failure::argument(format!(
                    "Cron expression contains {parts} parts but we expect one of [6, 7]"
                )))
            }
            TimeExpressionType::DailyTimeInterval => check_daily(&self.expression),
            TimeExpressionType::Api | TimeExpressionType::Workflow | TimeExpressionType::Once => {
                Ok(())
            }
        }
    }
}

fn check_interval(text: &str, name: &str) -> Result<(), Failure> {
    let Ok(millis) = text.trim().parse::<i64>() else {
        return Err(Failure::power("invalid timeExpression!"));
    };
    if millis > MAX_INTERVAL_MS {
        let text = format!("the {name} must be less than {MAX_INTERVAL_MS}ms");
        return Err(Failure::power(text));
    }
    if millis <= 0 {
        return Err(Failure::power(format!(
            "the {name} must be greater than 0 ms"
        )));
    }
    Ok(())
}

fn check_daily(text: &str) -> Result<(), Failure> {
    let Ok(daily) = serde_json::from_str::<Value>(text) else {
        return Err(Failure::power("invalid timeExpression!"));
    };
    for name in ["interval", "startTimeOfDay", "endTimeOfDay"] {
        let is_given = match &daily[name] {
            Value::Null => false,
            Value::String(text) => !text.is_empty(),
            _ => true,
        };
        if !is_given {
            return Err(Failure::power(format!(
                "{name} can't be null or empty in DailyTimeIntervalExpress"
            )));
        }
    }
    match (
        daily["startTimeOfDay"].as_str(),
        daily["endTimeOfDay"].as_str(),
    ) {
        (Some(start), Some(end)) if start >= end => {
            Err(Failure::argument("endTime should after startTime!"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_793_000_000_000);

    fn check(kind: TimeExpressionType, expression: &str, span: (i64, i64)) -> String {
        let at = |millis: i64| (millis != 0).then_some(UnixMillis(millis));
        let expression = TimeExpression {
            kind,
            expression: expression.to_owned(),
            lifecycle: Lifecycle {
                start: at(span.0),
                end: at(span.1),
            },
        };
        match expression.check(Tz::UTC, NOW) {
            Ok(next) => format!("{next:?}"),
            Err(failure) => format!("{failure:?}"),
        }
    }

    /// Spec 06 case 60, section 6.2.
    #[test]
    fn mistakes_are_worded_as_in_the_reference() {
        use TimeExpressionType::*;
        let cases = [
            (FixedRate, "120001", "the rate must be less than 120000ms"),
            (FixedRate, "0", "the rate must be greater than 0 ms"),
            (FixedDelay, "x", "invalid timeExpression!"),
            (
                Cron,
                "a b c",
                "Cron expression contains 3 parts but we expect one of [6, 7]",
            ),
            (
                Cron,
                "0 0 0 1 1 ? 2020",
                "time expression is out of date: 0 0 0 1 1 ? 2020",
            ),
            (
                DailyTimeInterval,
                r#"{"interval":60}"#,
                "startTimeOfDay can't be null or empty in DailyTimeIntervalExpress",
            ),
        ];
        for (kind, expression, text) in cases {
            let found = check(kind, expression, (0, 0));
            assert!(found.contains(text), "{found}");
        }
        assert!(check(Api, "", (0, 1)).contains("lifecycle is out of date!"));
        let ahead = (NOW.0 + 2, NOW.0 + 1);
        assert!(check(Api, "", ahead).contains("start time must earlier"));
        assert_eq!(check(Api, "", (0, 0)), "None");
        assert_eq!(check(FixedRate, "5000", (0, 0)), "None");
        assert!(check(Cron, "0 0 2 * * ?", (0, 0)).starts_with("Some"));
    }
}
