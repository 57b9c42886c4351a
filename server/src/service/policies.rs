//! The rules of a job as people write them, and back.

use powerjob_common::reason::{Reason, ReasonCode};
use powerjob_common::status::{BackOffKind, MisfirePolicy, OverlapPolicy, TimeExpressionType};
use powerjob_protocol::api::policy::{PolicyInput, RetryInput};

use super::mistakes::Mistakes;
use crate::domain::job::{JobDefinition, ScheduleSpec};
use crate::domain::policy::{BackOff, Misfire, Overlap, RetryPolicy, SchedulePolicy};

const SECOND_MS: i64 = 1_000;
const MAX_CATCH_UP: u32 = 1_000;
const MAX_QUEUE: u32 = 10_000;
const DEFAULT_QUEUE: u32 = 100;
const MAX_JITTER_MS: u32 = 24 * 3_600 * 1_000;
const MAX_WAIT_MS: u64 = 30 * 24 * 3_600 * 1_000;
const MAX_FACTOR: f64 = 100.0;
const DEFAULT_FACTOR: f64 = 2.0;
const DEFAULT_LIMIT_MS: u64 = 3_600 * 1_000;

/// Understands the rules of a schedule; what is wrong is replaced by something near.
pub(super) fn read_policy(input: &PolicyInput, mistakes: &mut Mistakes) -> SchedulePolicy {
    let is_catch_up = input.misfire == MisfirePolicy::CatchUp;
    mistakes.unless(
        is_catch_up == input.catch_up.is_some(),
        "policy.catchUp",
        || Reason::new(ReasonCode::NeededWith, "choice", "CATCH_UP"),
    );
    let is_queue = input.overlap == OverlapPolicy::Queue;
    mistakes.unless(
        is_queue || input.queue_limit.is_none(),
        "policy.queueLimit",
        || Reason::new(ReasonCode::OnlyWith, "choice", "QUEUE"),
    );
    let runs = input.catch_up.unwrap_or(1);
    let limit = input.queue_limit.unwrap_or(DEFAULT_QUEUE);
    mistakes.within(runs.into(), 1, MAX_CATCH_UP.into(), "policy.catchUp");
    mistakes.within(limit.into(), 1, MAX_QUEUE.into(), "policy.queueLimit");
    let jitter = input.jitter_ms;
    mistakes.within(jitter.into(), 0, MAX_JITTER_MS.into(), "policy.jitterMs");
    SchedulePolicy {
        misfire: match input.misfire {
            MisfirePolicy::Skip => Misfire::Skip,
            MisfirePolicy::Once => Misfire::Once,
            MisfirePolicy::CatchUp => Misfire::CatchUp { runs },
        },
        overlap: match input.overlap {
            OverlapPolicy::Allow => Overlap::Allow,
            OverlapPolicy::Skip => Overlap::Skip,
            OverlapPolicy::Queue => Overlap::Queue { limit },
            OverlapPolicy::Replace => Overlap::Replace,
        },
        jitter_ms: jitter,
        second_level: input.second_level.unwrap_or(false),
    }
}

/// Whether one instance makes all beats of a fixed rate or delay, when nobody says so: with shorter
/// intervals a row for each beat would be a burden.
pub(super) fn is_second_level_by_default(schedule: &ScheduleSpec) -> bool {
    let is_fixed = matches!(
        schedule.kind,
        TimeExpressionType::FixedRate | TimeExpressionType::FixedDelay
    );
    let every_ms = schedule.expression.trim().parse::<i64>();
    is_fixed && every_ms.is_ok_and(|every_ms| every_ms < SECOND_MS)
}

/// Understands how failed runs are repeated; what is wrong is replaced by something near.
pub(super) fn read_retry(input: &RetryInput, mistakes: &mut Mistakes) -> RetryPolicy {
    let is_exponential = input.back_off == BackOffKind::Exponential;
    let only_exponential = || Reason::new(ReasonCode::OnlyWith, "choice", "EXPONENTIAL");
    let has_factor = input.factor.is_some();
    mistakes.unless(
        is_exponential || !has_factor,
        "retry.factor",
        only_exponential,
    );
    let has_limit = input.limit_ms.is_some();
    mistakes.unless(
        is_exponential || !has_limit,
        "retry.limitMs",
        only_exponential,
    );
    mistakes.within(input.delay_ms, 0, MAX_WAIT_MS, "retry.delayMs");
    mistakes.share(input.jitter, "retry.jitter");
    let factor = input.factor.unwrap_or(DEFAULT_FACTOR);
    mistakes.number(factor, (1.0, MAX_FACTOR), "retry.factor");
    let limit_ms = input
        .limit_ms
        .unwrap_or_else(|| DEFAULT_LIMIT_MS.max(input.delay_ms));
    if is_exponential {
        mistakes.within(limit_ms, 0, MAX_WAIT_MS, "retry.limitMs");
    }
    mistakes.unless(
        limit_ms >= input.delay_ms || !is_exponential,
        "retry.limitMs",
        || ReasonCode::ShorterThanFirst,
    );
    let back_off = match input.back_off {
        BackOffKind::Fixed => BackOff::Fixed {
            delay_ms: input.delay_ms,
        },
        BackOffKind::Exponential => BackOff::Exponential {
            first_ms: input.delay_ms,
            factor,
            limit_ms,
        },
    };
    RetryPolicy {
        back_off,
        jitter: input.jitter,
    }
}

/// The rules of a schedule as a person would write them.
pub(super) fn show_policy(job: &JobDefinition) -> PolicyInput {
    let policy = job.policy;
    let is_fixed = matches!(
        job.schedule.kind,
        TimeExpressionType::FixedRate | TimeExpressionType::FixedDelay
    );
    let (misfire, catch_up) = match policy.misfire {
        Misfire::Skip => (MisfirePolicy::Skip, None),
        Misfire::Once => (MisfirePolicy::Once, None),
        Misfire::CatchUp { runs } => (MisfirePolicy::CatchUp, Some(runs)),
    };
    let (overlap, queue_limit) = match policy.overlap {
        Overlap::Allow => (OverlapPolicy::Allow, None),
        Overlap::Skip => (OverlapPolicy::Skip, None),
        Overlap::Queue { limit } => (OverlapPolicy::Queue, Some(limit)),
        Overlap::Replace => (OverlapPolicy::Replace, None),
    };
    PolicyInput {
        misfire,
        catch_up,
        overlap,
        queue_limit,
        jitter_ms: policy.jitter_ms,
        second_level: is_fixed.then_some(policy.second_level),
    }
}

/// How failed runs are repeated, as a person would write it.
pub(super) fn show_retry(retry: RetryPolicy) -> RetryInput {
    let (back_off, delay_ms, factor, limit_ms) = match retry.back_off {
        BackOff::Fixed { delay_ms } => (BackOffKind::Fixed, delay_ms, None, None),
        BackOff::Exponential {
            first_ms,
            factor,
            limit_ms,
        } => (
            BackOffKind::Exponential,
            first_ms,
            Some(factor),
            Some(limit_ms),
        ),
    };
    RetryInput {
        back_off,
        delay_ms,
        factor,
        limit_ms,
        jitter: retry.jitter,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::worker_filter::tests::job;

    fn policy(value: serde_json::Value) -> (SchedulePolicy, Vec<String>) {
        let input = serde_json::from_value(value).expect("rules");
        let mut mistakes = Mistakes::default();
        (read_policy(&input, &mut mistakes), fields(mistakes))
    }

    fn retry(value: serde_json::Value) -> (RetryPolicy, Vec<String>) {
        let input = serde_json::from_value(value).expect("rules");
        let mut mistakes = Mistakes::default();
        (read_retry(&input, &mut mistakes), fields(mistakes))
    }

    fn fields(mistakes: Mistakes) -> Vec<String> {
        mistakes.0.into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn what_is_shown_is_read_as_the_same() {
        for value in [
            json!({}),
            json!({"misfire": "SKIP", "overlap": "REPLACE", "jitterMs": 86_400_000}),
            json!({"misfire": "CATCH_UP", "catchUp": 1_000, "overlap": "QUEUE", "queueLimit": 1}),
            json!({"overlap": "QUEUE"}),
        ] {
            let (read, mistakes) = policy(value.clone());
            assert_eq!(mistakes, [""; 0], "{value}");
            let mut again = Mistakes::default();
            let job = JobDefinition {
                policy: read,
                ..job()
            };
            assert_eq!(read_policy(&show_policy(&job), &mut again), read);
            assert_eq!(fields(again), [""; 0], "{value}");
        }
        assert_eq!(policy(json!({})).0, SchedulePolicy::default());
        for value in [
            json!({}),
            json!({"delayMs": 0, "jitter": 1.0}),
            json!({"backOff": "EXPONENTIAL", "delayMs": 500, "factor": 1.5, "limitMs": 500}),
            json!({"backOff": "EXPONENTIAL", "delayMs": 86_400_000}),
        ] {
            let (read, mistakes) = retry(value.clone());
            assert_eq!(mistakes, [""; 0], "{value}");
            let mut again = Mistakes::default();
            assert_eq!(read_retry(&show_retry(read), &mut again), read);
            assert_eq!(fields(again), [""; 0], "{value}");
        }
        assert_eq!(retry(json!({})).0, RetryPolicy::default());
    }

    #[test]
    fn short_intervals_are_second_level_unless_somebody_says_otherwise() {
        for (kind, expression, expected) in [
            (TimeExpressionType::FixedRate, "999", true),
            (TimeExpressionType::FixedDelay, " 1 ", true),
            (TimeExpressionType::FixedRate, "1000", false),
            (TimeExpressionType::Cron, "1", false),
        ] {
            let schedule = ScheduleSpec {
                kind,
                expression: expression.to_owned(),
                ..job().schedule
            };
            assert_eq!(is_second_level_by_default(&schedule), expected, "{kind:?}");
        }
        let (read, _) = policy(json!({"secondLevel": true}));
        let mut job = JobDefinition {
            policy: read,
            ..job()
        };
        job.schedule.kind = TimeExpressionType::FixedDelay;
        assert_eq!(show_policy(&job).second_level, Some(true));
        job.schedule.kind = TimeExpressionType::Cron;
        assert_eq!(show_policy(&job).second_level, None);
    }

    #[test]
    fn mistakes_name_their_field() {
        for (value, field) in [
            (json!({"misfire": "CATCH_UP"}), "policy.catchUp"),
            (json!({"catchUp": 3}), "policy.catchUp"),
            (
                json!({"misfire": "CATCH_UP", "catchUp": 0}),
                "policy.catchUp",
            ),
            (
                json!({"misfire": "CATCH_UP", "catchUp": 1_001}),
                "policy.catchUp",
            ),
            (json!({"queueLimit": 3}), "policy.queueLimit"),
            (
                json!({"overlap": "QUEUE", "queueLimit": 0}),
                "policy.queueLimit",
            ),
            (json!({"jitterMs": 86_400_001}), "policy.jitterMs"),
        ] {
            assert_eq!(policy(value.clone()).1, [field], "{value}");
        }
        for (value, field) in [
            (json!({"delayMs": 2_592_000_001_u64}), "retry.delayMs"),
            (json!({"factor": 2.0}), "retry.factor"),
            (json!({"limitMs": 5}), "retry.limitMs"),
            (
                json!({"backOff": "EXPONENTIAL", "factor": 0.5}),
                "retry.factor",
            ),
            (
                json!({"backOff": "EXPONENTIAL", "limitMs": 5}),
                "retry.limitMs",
            ),
            (json!({"jitter": 1.5}), "retry.jitter"),
        ] {
            assert_eq!(retry(value.clone()).1, [field], "{value}");
        }
    }
}
