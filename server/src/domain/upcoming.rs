//! When will a job be due? In: the job with its next time as stored, its schedule, a span. Out: the
//! nominal times that no instance has yet.
//!
//! Invariants:
//! 1. They are those that `trigger` will make if nothing is changed and no outage comes.
//! 2. A job that is switched off has none.
//! 3. A second-level job has at most one: the beats of its instance are no instances.

use powerjob_common::status::SwitchableStatus;
use powerjob_common::time::UnixMillis;
use powerjob_common::time_expression::Schedule;

use super::job::JobDefinition;
use super::trigger::{Timetable, go_on_after};

/// The first `count` times after `now` and at most at `until`.
pub fn upcoming(
    job: &JobDefinition,
    schedule: &Schedule,
    (now, until): (UnixMillis, UnixMillis),
    count: usize,
) -> Vec<UnixMillis> {
    let Some(next) = job.next_trigger_at else {
        return Vec::new();
    };
    if job.status != SwitchableStatus::Enable {
        return Vec::new();
    }
    let table = Timetable::of(job, schedule);
    let first = if next > now {
        Some(next)
    } else {
        go_on_after(&table, next, now)
    };
    std::iter::successors(first, |time| {
        schedule.next_after(*time, &job.schedule.lifecycle, now)
    })
    .take_while(|time| *time <= until)
    .take(if job.is_second_level() { 1 } else { count })
    .collect()
}

#[cfg(test)]
mod tests {
    use powerjob_common::status::TimeExpressionType;

    use super::super::worker_filter::tests::job;
    use super::*;

    fn check(kind: TimeExpressionType, text: &str, next: Option<i64>, expected: &[i64]) {
        let schedule = Schedule::parse(kind, text, chrono_tz::UTC).expect("valid");
        let mut job = job();
        job.next_trigger_at = next.map(UnixMillis);
        let span = (UnixMillis(10_000), UnixMillis(12_500));
        let found = upcoming(&job, &schedule, span, 3);
        assert_eq!(
            found,
            expected.iter().copied().map(UnixMillis).collect::<Vec<_>>(),
            "{text}"
        );
        job.policy.second_level = true;
        let beats = upcoming(&job, &schedule, span, 3);
        assert!(beats.len() <= 1 || !job.is_second_level(), "{text}");
        job.status = SwitchableStatus::Disable;
        assert_eq!(upcoming(&job, &schedule, span, 3), []);
    }

    #[test]
    fn the_grid_hangs_on_the_next_time_of_the_job() {
        use TimeExpressionType::{Api, Cron, FixedDelay, FixedRate};
        check(FixedRate, "700", Some(10_300), &[10_300, 11_000, 11_700]);
        check(FixedRate, "700", Some(300), &[10_100, 10_800, 11_500]);
        check(Cron, "* * * * * ?", Some(11_000), &[11_000, 12_000]);
        check(Cron, "* * * * * ?", Some(5_000), &[11_000, 12_000]);
        check(FixedDelay, "100", Some(11_000), &[11_000]);
        check(FixedDelay, "100", None, &[]);
        check(Api, "", None, &[]);
    }
}
