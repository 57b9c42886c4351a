//! When does a job run next? Pure functions over time expressions.
//!
//! In: an expression as the user wrote it, a zone, the previous run and the job's life cycle.
//! Out: the next run. There is no clock, no I/O and no state behind any of it.
//!
//! Invariants:
//! 1. A result is strictly later than `previous`, not before the life cycle's start and not after
//!    its end (both inclusive).
//! 2. A result depends on the expression, the zone, `previous` and the life cycle only. It never
//!    depends on when the question was asked, so a late loop and a second server agree.
//! 3. Forms that no calendar can satisfy (`?` twice, `#6`, no weekday) are refused when parsed. A
//!    refusal names the field, what was found there and what is accepted.
//! 4. No text and no instant makes this module panic or search without end.

mod cron;
mod daily;
mod describe;
mod fixed;
mod lifecycle;
mod number;
mod once;
mod words;
mod zone;

use std::sync::Arc;

use chrono_tz::Tz;
use thiserror::Error;

use self::cron::CronSchedule;
use self::daily::DailyInterval;
use self::fixed::Interval;
use crate::reason::{Reason, ReasonCode};
use crate::status::TimeExpressionType;
use crate::time::UnixMillis;

pub use self::lifecycle::Lifecycle;
pub use self::words::{CronWords, DayRule, DaysWords, ScheduleWords, ValuesWords};

/// Names the part of an expression that is wrong, and says what is right.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{field}: {reason}")]
pub struct InvalidExpression {
    /// The field at fault: `second`, `day-of-month`, `interval`; `timeExpression` for the whole.
    pub field: String,
    /// What was found there and what is accepted.
    pub reason: Reason,
}

impl InvalidExpression {
    /// Builds the error of one field.
    pub fn new(field: impl Into<String>, reason: impl Into<Reason>) -> Self {
        Self {
            field: field.into(),
            reason: reason.into(),
        }
    }
}

/// What was found in a part of an expression, which its words name.
fn found(code: ReasonCode, found: &str) -> Reason {
    Reason::new(code, "found", quoted(found))
}

/// What was found, in quotes for a message: unprintable characters escaped, long texts cut.
fn quoted(found: &str) -> String {
    const LONGEST: usize = 40;
    let shown: String = found.chars().take(LONGEST).collect();
    let more = if shown.len() < found.len() { "..." } else { "" };
    format!("'{}{more}'", shown.escape_debug())
}

/// A time expression that was understood; parse once, ask often.
///
/// Cloning is cheap: the parsed form is shared.
#[derive(Debug, Clone)]
pub struct Schedule {
    rule: Rule,
}

#[derive(Debug, Clone)]
enum Rule {
    Api,
    Workflow,
    FixedRate(Interval),
    FixedDelay(Interval),
    Cron(Arc<CronSchedule>),
    Daily(Arc<DailyInterval>),
    Once(UnixMillis, Tz),
}

impl Schedule {
    /// Reads an expression of one kind; local times in it are those of `zone`.
    ///
    /// For API and WORKFLOW the text is not looked at.
    ///
    /// # Errors
    /// When the text is not an expression of this kind, or one that can be seen to never run.
    pub fn parse(
        kind: TimeExpressionType,
        expression: &str,
        zone: Tz,
    ) -> Result<Self, InvalidExpression> {
        let rule = match kind {
            TimeExpressionType::Api => Rule::Api,
            TimeExpressionType::Workflow => Rule::Workflow,
            TimeExpressionType::FixedRate => Rule::FixedRate(Interval::parse(expression)?),
            TimeExpressionType::FixedDelay => Rule::FixedDelay(Interval::parse(expression)?),
            TimeExpressionType::Cron => {
                Rule::Cron(Arc::new(CronSchedule::parse(expression, zone)?))
            }
            TimeExpressionType::DailyTimeInterval => {
                Rule::Daily(Arc::new(DailyInterval::parse(expression, zone)?))
            }
            TimeExpressionType::Once => Rule::Once(once::parse(expression, zone)?, zone),
        };
        Ok(Self { rule })
    }

    /// The kind of expression this came from.
    pub fn kind(&self) -> TimeExpressionType {
        match self.rule {
            Rule::Api => TimeExpressionType::Api,
            Rule::Workflow => TimeExpressionType::Workflow,
            Rule::FixedRate(_) => TimeExpressionType::FixedRate,
            Rule::FixedDelay(_) => TimeExpressionType::FixedDelay,
            Rule::Cron(_) => TimeExpressionType::Cron,
            Rule::Daily(_) => TimeExpressionType::DailyTimeInterval,
            Rule::Once(..) => TimeExpressionType::Once,
        }
    }

    /// The first run strictly after `previous` that lies within `lifecycle`.
    ///
    /// `None` when there is no further run: always for API, WORKFLOW and FIXED_DELAY, whose runs
    /// do not come from a calendar; past the life cycle's end; and for CRON past the year 2099 or
    /// more than 100 years ahead. A fixed rate whose life cycle starts later begins at that start.
    ///
    /// `_now` is the instant of the decision. By invariant 2 nothing depends on it; callers hand
    /// it in so that no rule will ever have a reason to ask a clock.
    pub fn next_after(
        &self,
        previous: UnixMillis,
        lifecycle: &Lifecycle,
        _now: UnixMillis,
    ) -> Option<UnixMillis> {
        let next = match &self.rule {
            Rule::Api | Rule::Workflow | Rule::FixedDelay(_) => None,
            Rule::FixedRate(interval) => match lifecycle.start {
                Some(start) if start > previous => Some(start),
                _ => interval.after(previous),
            },
            Rule::Cron(cron) => cron.next_after(lifecycle.not_before_start(previous)),
            Rule::Daily(daily) => daily.next_after(previous, lifecycle.start),
            Rule::Once(at, _) => {
                let is_within = lifecycle.start.is_none_or(|start| start <= *at);
                (*at > previous && is_within).then_some(*at)
            }
        }?;
        (!lifecycle.has_ended_by(next)).then_some(next)
    }

    /// Up to `count` runs after `from`, in order.
    pub fn preview(
        &self,
        from: UnixMillis,
        lifecycle: &Lifecycle,
        count: usize,
    ) -> Vec<UnixMillis> {
        let next = |previous: &UnixMillis| self.next_after(*previous, lifecycle, from);
        std::iter::successors(next(&from), next)
            .take(count)
            .collect()
    }

    /// The schedule as structured words, for rendering in any language.
    pub fn words(&self) -> ScheduleWords {
        match &self.rule {
            Rule::Api => ScheduleWords::OnRequest,
            Rule::Workflow => ScheduleWords::InWorkflow,
            Rule::FixedRate(interval) => ScheduleWords::FixedRate {
                every_ms: interval.millis(),
            },
            Rule::FixedDelay(interval) => ScheduleWords::FixedDelay {
                every_ms: interval.millis(),
            },
            Rule::Cron(cron) => ScheduleWords::Cron {
                alternatives: cron.words(),
            },
            Rule::Daily(daily) => daily.words(),
            Rule::Once(at, zone) => ScheduleWords::Once {
                at: *at,
                local: once::in_words(*at, *zone),
            },
        }
    }

    /// The schedule in plain English, for instance "at 03:00 every day".
    pub fn describe(&self) -> String {
        describe::sentence(&self.words())
    }
}

#[cfg(test)]
mod tests;
