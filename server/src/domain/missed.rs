//! Which were the last times of a schedule up to an instant? A schedule only knows its next time;
//! this goes backwards without visiting all that lies between.
//!
//! Invariants:
//! 1. The times are on the grid, in order and within the span; between two of them, and between the
//!    last one and the end of the span, lies no other.
//! 2. The work grows with the number of times wanted and with the logarithm of the gaps between
//!    them, not with the length of the span.

use std::ops::RangeInclusive;

use powerjob_common::time::UnixMillis;
use powerjob_common::time_expression::{Lifecycle, Schedule, ScheduleWords};

/// The last `count` times within `span`, oldest first; the span begins with a time of the schedule.
pub fn last_missed(
    schedule: &Schedule,
    lifecycle: &Lifecycle,
    span: RangeInclusive<UnixMillis>,
    count: usize,
) -> Vec<UnixMillis> {
    let (first, end) = span.into_inner();
    let mut until = lifecycle.end.map_or(end, |last| last.min(end));
    let every = match schedule.words() {
        ScheduleWords::FixedRate { every_ms } => Some(every_ms.max(1)),
        _ => None,
    };
    let mut times = Vec::new();
    while times.len() < count && until >= first {
        let time = match every {
            // The grid of a fixed rate hangs on its own past.
            Some(every) => Some(UnixMillis(first.0 + (until.0 - first.0) / every * every)),
            None => last_until(
                |after| schedule.next_after(UnixMillis(after), lifecycle, end),
                first,
                until,
            ),
        };
        let Some(time) = time else { break };
        times.push(time);
        until = UnixMillis(time.0 - 1);
    }
    times.reverse();
    times
}

/// The last time from `first` to `until`; `next_after` gives the time that follows an instant.
fn last_until(
    next_after: impl Fn(i64) -> Option<UnixMillis>,
    first: UnixMillis,
    until: UnixMillis,
) -> Option<UnixMillis> {
    const FIRST_STEP_MS: i64 = 1_000;
    let next = |after: i64| next_after(after).filter(|time| *time <= until);
    // Back in growing steps until a time lies ahead, then halving: `found` is the last one known,
    // and none comes after `nothing_after`.
    let mut nothing_after = until.0;
    let mut step = FIRST_STEP_MS;
    let mut found = loop {
        let after = until.0.saturating_sub(step).max(first.0 - 1);
        match next(after) {
            Some(time) => break time,
            None if after < first.0 => return None,
            None => nothing_after = after,
        }
        step = step.saturating_mul(2);
    };
    while found.0 < nothing_after {
        let middle = found.0 + (nothing_after - found.0) / 2;
        match next(middle) {
            Some(time) => found = time,
            None => nothing_after = middle,
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use powerjob_common::status::TimeExpressionType;
    use proptest::prelude::*;

    use super::*;

    /// Schedules with times close together, far apart and in lumps, also over a change of the clock.
    const SCHEDULES: [(TimeExpressionType, &str); 7] = [
        (TimeExpressionType::Cron, "* * * * * ?"),
        (TimeExpressionType::Cron, "0 30 2 * * ?"),
        (TimeExpressionType::Cron, "0 0/20 1-3 * * ?"),
        (TimeExpressionType::Cron, "0 0 0 29 2 ?"),
        (TimeExpressionType::Cron, "0/5 * 1 1 4 ?"),
        (TimeExpressionType::FixedRate, "70003"),
        (
            TimeExpressionType::DailyTimeInterval,
            r#"{"interval":7,"intervalUnit":"MINUTES","startTimeOfDay":"01:00:00","endTimeOfDay":"03:30:00","daysOfWeek":[1,2,7]}"#,
        ),
    ];

    fn schedule((kind, text): (TimeExpressionType, &str)) -> Schedule {
        Schedule::parse(kind, text, chrono_tz::America::New_York).expect("a valid schedule")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn going_back_finds_what_going_forward_found(
            which in 0..SCHEDULES.len(),
            // From 2024, with leap day and both changes of the clock.
            start in 1_700_000_000_000_i64..1_735_000_000_000,
            steps in 0_usize..3_000,
            count in 0_usize..40,
            beyond in 0_i64..5_000,
        ) {
            let schedule = schedule(SCHEDULES[which]);
            let always = Lifecycle::ALWAYS;
            let forward = schedule.preview(UnixMillis(start), &always, steps + 1);
            prop_assume!(!forward.is_empty());
            let end = UnixMillis(forward[forward.len() - 1].0 + beyond);
            let all: Vec<_> = std::iter::successors(Some(forward[0]), |time| {
                schedule.next_after(*time, &always, end).filter(|next| *next <= end)
            }).collect();
            let expected = &all[all.len().saturating_sub(count)..];
            let found = last_missed(&schedule, &always, forward[0]..=end, count);
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn the_end_of_the_life_cycle_is_the_end() {
        let rate = schedule((TimeExpressionType::FixedRate, "100"));
        let lifecycle = Lifecycle {
            start: None,
            end: Some(UnixMillis(550)),
        };
        let span = UnixMillis(100)..=UnixMillis(10_000);
        let times = last_missed(&rate, &lifecycle, span, 2);
        assert_eq!(times, [UnixMillis(400), UnixMillis(500)]);
    }

    #[test]
    fn a_century_of_seconds_is_no_more_work_than_a_minute() {
        let seconds = schedule((TimeExpressionType::Cron, "* * * * * ?"));
        let span = UnixMillis(0)..=UnixMillis(3_155_760_000_500);
        let times = last_missed(&seconds, &Lifecycle::ALWAYS, span, 2);
        let expected = [3_155_759_999_000, 3_155_760_000_000].map(UnixMillis);
        assert_eq!(times, expected);
    }
}
