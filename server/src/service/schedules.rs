//! Schedules as people write them.

use chrono_tz::Tz;
use powerjob_common::reason::{Reason, ReasonCode};
use powerjob_common::status::TimeExpressionType;
use powerjob_common::time::UnixMillis;
use powerjob_common::time_expression::{InvalidExpression, Lifecycle, Schedule};
use powerjob_protocol::api::problem::FieldError;
use powerjob_protocol::api::schedule::{ScheduleCheck, ScheduleChecked, ScheduleInput};

use super::mistakes::out_of_range;
use super::{ServiceError, Services};
use crate::domain::job::ScheduleSpec;

/// Trigger times shown at most.
const MAX_PREVIEW: u32 = 100;
/// Longest expression.
const MAX_EXPRESSION: usize = 4_096;

/// A schedule that was understood.
#[derive(Debug, Clone)]
pub struct ParsedSchedule {
    /// Its parsed form.
    pub schedule: Schedule,
    /// The form that is stored.
    pub spec: ScheduleSpec,
    /// The zone in force.
    pub zone: Tz,
}

/// Understands a schedule; `path` goes before the names of fields.
///
/// # Errors
/// All mistakes.
pub fn parse(
    input: &ScheduleInput,
    server_zone: Tz,
    path: &str,
) -> Result<ParsedSchedule, Vec<FieldError>> {
    let mut errors = Vec::new();
    let mut wrong = |field: &str, reason: Reason| {
        errors.push(FieldError::new(format!("{path}{field}"), reason));
    };
    let zone = match input.zone.as_deref().map(str::parse::<Tz>) {
        None => server_zone,
        Some(Ok(zone)) => zone,
        Some(Err(_)) => {
            wrong("zone", ReasonCode::UnknownZone.into());
            server_zone
        }
    };
    let expression = input.expression.trim();
    let parsed = if expression.len() > MAX_EXPRESSION {
        let reason = Reason::new(ReasonCode::TooManyBytes, "most", MAX_EXPRESSION);
        Err(InvalidExpression::new("timeExpression", reason))
    } else {
        Schedule::parse(input.kind, expression, zone)
    };
    if let Err(error) = &parsed {
        wrong("expression", with_part(error));
    }
    if let (Some(start), Some(end)) = (input.start_at, input.end_at)
        && start > end
    {
        wrong("endAt", ReasonCode::EndBeforeStart.into());
    }
    match parsed {
        Ok(schedule) if errors.is_empty() => {
            let spec = ScheduleSpec {
                kind: input.kind,
                expression: expression.to_owned(),
                zone: input.zone.clone(),
                lifecycle: Lifecycle {
                    start: input.start_at.map(UnixMillis),
                    end: input.end_at.map(UnixMillis),
                },
            };
            Ok(ParsedSchedule {
                schedule,
                spec,
                zone,
            })
        }
        _ => Err(errors),
    }
}

fn with_part(error: &InvalidExpression) -> Reason {
    if error.field == "timeExpression" {
        return error.reason.clone();
    }
    Reason::new(ReasonCode::InPart, "part", &error.field).of([error.reason.clone()])
}

/// Says when a schedule can never trigger any more although it should.
pub(super) fn check_future(
    parsed: &ParsedSchedule,
    now: UnixMillis,
    path: &str,
) -> Result<(), FieldError> {
    let wrong = |field: &str, code: ReasonCode| FieldError::new(format!("{path}{field}"), code);
    if parsed.spec.lifecycle.end.is_some_and(|end| end <= now) {
        return Err(wrong("endAt", ReasonCode::EndInPast));
    }
    let never = parsed
        .schedule
        .next_after(now, &parsed.spec.lifecycle, now)
        .is_none();
    if has_calendar(parsed.spec.kind) && never {
        return Err(wrong("expression", ReasonCode::NoTriggerLeft));
    }
    Ok(())
}

/// Whether the trigger times of such a schedule can be told ahead.
pub(super) fn has_calendar(kind: TimeExpressionType) -> bool {
    matches!(
        kind,
        TimeExpressionType::Cron
            | TimeExpressionType::FixedRate
            | TimeExpressionType::DailyTimeInterval
            | TimeExpressionType::Once
    )
}

/// Says what a schedule means and when it triggers next.
///
/// # Errors
/// Only for a wrong `count`: a wrong schedule is a normal answer.
pub fn check(services: &Services, input: &ScheduleCheck) -> Result<ScheduleChecked, ServiceError> {
    if !(1..=MAX_PREVIEW).contains(&input.count) {
        return Err(ServiceError::field(
            "count",
            out_of_range(input.count, 1, MAX_PREVIEW),
        ));
    }
    let server_zone = services.handles.facts.zone;
    let now = services.now();
    let parsed = match parse(&input.schedule, server_zone, "schedule.") {
        Ok(parsed) => parsed,
        Err(errors) => {
            let zone = input
                .schedule
                .zone
                .clone()
                .unwrap_or_else(|| server_zone.name().to_owned());
            return Ok(ScheduleChecked {
                valid: false,
                text: String::new(),
                next: Vec::new(),
                zone,
                errors,
            });
        }
    };
    let errors: Vec<_> = check_future(&parsed, now, "schedule.")
        .err()
        .into_iter()
        .collect();
    let count = input.count as usize;
    let next = parsed.schedule.preview(now, &parsed.spec.lifecycle, count);
    Ok(ScheduleChecked {
        valid: errors.is_empty(),
        text: parsed.schedule.describe(),
        next: next.into_iter().map(|at| at.0).collect(),
        zone: parsed.zone.name().to_owned(),
        errors,
    })
}

/// The schedule of a stored job in words; its own text when it is not understood any more.
pub(super) fn in_plain_words(spec: &ScheduleSpec, server_zone: Tz) -> String {
    match of_job(spec, server_zone) {
        Ok(schedule) => schedule.describe(),
        Err(_) => spec.expression.clone(),
    }
}

/// The schedule of a stored job, parsed; a zone that is not known any more is the server's.
pub(super) fn of_job(spec: &ScheduleSpec, server_zone: Tz) -> Result<Schedule, InvalidExpression> {
    let zone = spec.zone.as_deref().and_then(|zone| zone.parse().ok());
    Schedule::parse(spec.kind, &spec.expression, zone.unwrap_or(server_zone))
}
