//! Which occurrences of a scheduled job are to be made now? In: its schedule, its next nominal time,
//! the present and how far to look ahead. Out: the occurrences and the next nominal time after them.
//!
//! Invariants:
//! 1. Nominal times grow strictly and lie on the schedule's grid.
//! 2. However long the outage, one occurrence catches up: the first that was missed. The grid goes
//!    on after the present.
//! 3. The next nominal time is later than every occurrence made.

use std::time::Duration;

use powerjob_common::time::UnixMillis;
use powerjob_common::time_expression::{Lifecycle, Schedule, ScheduleWords};

/// Occurrences of one job that are made at once.
const MAX_AT_ONCE: usize = 2_000;

/// What to make.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    pub occurrences: Vec<Occurrence>,
    /// `None`: the schedule has ended, or goes on when this run has ended (fixed delay).
    pub next: Option<UnixMillis>,
}

/// One occurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occurrence {
    /// The time on the schedule's grid.
    pub nominal: UnixMillis,
    /// When to start: the nominal time, or now if that is over.
    pub start_at: UnixMillis,
}

/// Plans the occurrences from `next` until `now` + `look_ahead`.
pub fn plan(
    schedule: &Schedule,
    lifecycle: &Lifecycle,
    next: UnixMillis,
    now: UnixMillis,
    look_ahead: Duration,
) -> Plan {
    let mut plan = Plan::default();
    let mut cursor = Some(next);
    if next <= now {
        plan.occurrences.push(Occurrence {
            nominal: next,
            start_at: now,
        });
        cursor = first_after_outage(schedule, lifecycle, next, now);
    }
    let horizon = now.after(look_ahead);
    while let Some(nominal) = cursor
        && nominal <= horizon
        && plan.occurrences.len() < MAX_AT_ONCE
    {
        plan.occurrences.push(Occurrence {
            nominal,
            start_at: nominal,
        });
        cursor = schedule.next_after(nominal, lifecycle, now);
    }
    plan.next = cursor;
    plan
}

/// The first time of a job that was saved or switched on at `now`; `None`: its schedule has none.
pub fn first_trigger(
    schedule: &Schedule,
    lifecycle: &Lifecycle,
    now: UnixMillis,
) -> Option<UnixMillis> {
    match schedule.words() {
        // A loop begins at once, or where its life begins.
        ScheduleWords::FixedDelay { .. } | ScheduleWords::FixedRate { .. } => {
            let first = lifecycle.start.unwrap_or(now).max(now);
            lifecycle
                .end
                .is_none_or(|end| first <= end)
                .then_some(first)
        }
        _ => schedule.next_after(now, lifecycle, now),
    }
}

/// The next time of a fixed-delay job whose run ended at `ended_at`.
pub fn after_run(
    schedule: &Schedule,
    lifecycle: &Lifecycle,
    ended_at: UnixMillis,
) -> Option<UnixMillis> {
    let ScheduleWords::FixedDelay { every_ms } = schedule.words() else {
        return None;
    };
    let next = ended_at.after(Duration::from_millis(
        u64::try_from(every_ms).unwrap_or(u64::MAX),
    ));
    lifecycle.end.is_none_or(|end| next <= end).then_some(next)
}

/// The next time of a job that was changed at `now`, when its schedule stays as it was and `known`
/// is its next time by now: the grid goes on, occurrences made ahead are made again.
pub fn resume(
    schedule: &Schedule,
    lifecycle: &Lifecycle,
    known: Option<UnixMillis>,
    now: UnixMillis,
) -> Option<UnixMillis> {
    match (schedule.words(), known) {
        (ScheduleWords::FixedRate { every_ms }, Some(known)) => {
            let every = every_ms.max(1);
            let steps_back = (known.0 - now.0 - 1).max(0) / every;
            Some(UnixMillis(known.0 - steps_back * every))
        }
        (ScheduleWords::FixedRate { .. } | ScheduleWords::FixedDelay { .. }, known) => known,
        _ => schedule.next_after(now, lifecycle, now),
    }
}

/// The first time on the grid after `now`, when `missed` was the last one used.
fn first_after_outage(
    schedule: &Schedule,
    lifecycle: &Lifecycle,
    missed: UnixMillis,
    now: UnixMillis,
) -> Option<UnixMillis> {
    let previous = match schedule.words() {
        // The grid of a fixed rate hangs on its own past: jump along it.
        ScheduleWords::FixedRate { every_ms } => {
            let every = every_ms.max(1);
            UnixMillis(missed.0 + (now.0 - missed.0) / every * every)
        }
        _ => now,
    };
    schedule.next_after(previous, lifecycle, now)
}

#[cfg(test)]
mod tests {
    use chrono_tz::UTC;
    use powerjob_common::status::TimeExpressionType;
    use proptest::prelude::*;

    use super::*;

    const LOOK_AHEAD: Duration = Duration::from_secs(1);

    fn schedule(kind: TimeExpressionType, text: &str) -> Schedule {
        Schedule::parse(kind, text, UTC).expect("a valid schedule")
    }

    fn check(
        kind: TimeExpressionType,
        text: &str,
        (next, now): (i64, i64),
        expected: &[(i64, i64)],
        expected_next: Option<i64>,
    ) {
        let plan = plan(
            &schedule(kind, text),
            &Lifecycle::ALWAYS,
            UnixMillis(next),
            UnixMillis(now),
            LOOK_AHEAD,
        );
        let found: Vec<_> = plan
            .occurrences
            .iter()
            .map(|occurrence| (occurrence.nominal.0, occurrence.start_at.0))
            .collect();
        assert_eq!(found, expected, "{text}");
        assert_eq!(plan.next, expected_next.map(UnixMillis), "{text}");
    }

    #[test]
    fn what_lies_within_the_look_ahead_is_made() {
        use TimeExpressionType::Cron;
        check(
            Cron,
            "* * * * * ?",
            (5_000, 4_000),
            &[(5_000, 5_000)],
            Some(6_000),
        );
        check(Cron, "* * * * * ?", (5_000, 3_999), &[], Some(5_000));
    }

    #[test]
    fn an_outage_is_caught_up_by_one_run() {
        use TimeExpressionType::{Cron, FixedRate};
        check(
            Cron,
            "* * * * * ?",
            (5_000, 65_300),
            &[(5_000, 65_300), (66_000, 66_000)],
            Some(67_000),
        );
        check(
            FixedRate,
            "400",
            (5_100, 86_400_300),
            &[
                (5_100, 86_400_300),
                (86_400_700, 86_400_700),
                (86_401_100, 86_401_100),
            ],
            Some(86_401_500),
        );
    }

    #[test]
    fn an_edit_keeps_the_grid_and_repeats_what_was_called_off() {
        use TimeExpressionType::{Cron, FixedDelay, FixedRate};
        for (kind, text, known, now, expected) in [
            (FixedRate, "400", Some(6_300), 5_200, Some(5_500)),
            (FixedRate, "400", Some(5_300), 5_300, Some(5_300)),
            (FixedDelay, "400", None, 5_200, None),
            (Cron, "* * * * * ?", Some(7_000), 5_200, Some(6_000)),
        ] {
            let known = known.map(UnixMillis);
            let next = resume(
                &schedule(kind, text),
                &Lifecycle::ALWAYS,
                known,
                UnixMillis(now),
            );
            assert_eq!(next, expected.map(UnixMillis), "{text}");
        }
    }

    #[test]
    fn a_fixed_delay_goes_on_only_after_its_run() {
        use TimeExpressionType::FixedDelay;
        check(FixedDelay, "700", (5_000, 5_000), &[(5_000, 5_000)], None);
        let delay = schedule(FixedDelay, "700");
        let next = after_run(&delay, &Lifecycle::ALWAYS, UnixMillis(9_000));
        assert_eq!(next, Some(UnixMillis(9_700)));
    }

    proptest! {
        #[test]
        fn times_grow_strictly_whatever_the_outage(
            every in 1_i64..5_000,
            next in 0_i64..1_000_000,
            late in -2_000_i64..100_000_000,
        ) {
            let rate = schedule(TimeExpressionType::FixedRate, &every.to_string());
            let now = UnixMillis(next + late);
            let plan = plan(&rate, &Lifecycle::ALWAYS, UnixMillis(next), now, LOOK_AHEAD);
            let mut times: Vec<_> = plan.occurrences.iter().map(|made| made.nominal.0).collect();
            times.extend(plan.next.map(|next| next.0));
            prop_assert!(times.is_sorted_by(|a, b| a < b));
            prop_assert!(times.iter().all(|time| (time - next) % every == 0));
            let missed = plan.occurrences.iter().filter(|made| made.nominal <= now).count();
            prop_assert!(missed <= 1);
        }
    }
}
