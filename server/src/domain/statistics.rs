//! How did the runs of an application fare? In: its runs of a span, in any order. Out: counts for
//! each hour, how late they began, and the jobs that fail most and take longest.
//!
//! Invariants:
//! 1. Every run counts in the hour it was meant for; the hours have no gaps.
//! 2. Only first attempts are late: a repetition waits on purpose.
//! 3. A run that has not ended has no duration.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use powerjob_common::id::JobId;
use powerjob_common::status::InstanceStatus;
use powerjob_common::time::UnixMillis;

/// An hour.
pub const HOUR_MS: i64 = 3_600_000;

/// What counts of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunFigures {
    pub job_id: JobId,
    pub status: InstanceStatus,
    pub attempt: u32,
    /// When it should (next) start.
    pub expected_at: UnixMillis,
    /// The time of its schedule that it stands for.
    pub nominal_at: Option<UnixMillis>,
    pub started_at: Option<UnixMillis>,
    pub finished_at: Option<UnixMillis>,
}

/// The runs of an hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HourCounts {
    pub from: UnixMillis,
    pub succeeded: u64,
    pub failed: u64,
}

/// Median, 99 % quantile and maximum of some spans of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    pub count: usize,
    pub p50_ms: i64,
    pub p99_ms: i64,
    pub max_ms: i64,
}

/// The runs of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobFigures {
    pub job_id: JobId,
    /// Runs that succeeded or failed.
    pub ended: u64,
    pub failed: u64,
    /// How long they took; `None` when none of them has run.
    pub durations: Option<Spread>,
}

/// The runs of an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statistics {
    /// One for each hour, oldest first.
    pub hours: Vec<HourCounts>,
    pub lateness: Option<Spread>,
    /// Jobs with failures, most first.
    pub failing: Vec<JobFigures>,
    /// Jobs by the median of their durations, longest first.
    pub slowest: Vec<JobFigures>,
}

/// The start of the first of `hours` hours, the last of which is the present one.
pub fn first_hour(now: UnixMillis, hours: u32) -> UnixMillis {
    let present = now.0.div_euclid(HOUR_MS) * HOUR_MS;
    UnixMillis(present - (i64::from(hours) - 1) * HOUR_MS)
}

/// Sums up the runs of `hours` hours from `from` on; at most `jobs` jobs of each kind.
pub fn sum_up(runs: &[RunFigures], from: UnixMillis, hours: u32, jobs: usize) -> Statistics {
    let mut of_jobs: BTreeMap<JobId, Vec<&RunFigures>> = BTreeMap::new();
    for run in runs {
        of_jobs.entry(run.job_id).or_default().push(run);
    }
    let figures: Vec<_> = of_jobs
        .iter()
        .map(|(id, runs)| job_figures(*id, runs))
        .collect();
    let mut failing: Vec<_> = figures
        .iter()
        .filter(|job| job.failed > 0)
        .copied()
        .collect();
    failing.sort_by_key(|job| (Reverse(job.failed), job.job_id));
    failing.truncate(jobs);
    let mut slowest: Vec<_> = figures
        .into_iter()
        .filter(|job| job.durations.is_some())
        .collect();
    slowest.sort_by_key(|job| {
        (
            Reverse(job.durations.map(|spread| spread.p50_ms)),
            job.job_id,
        )
    });
    slowest.truncate(jobs);
    Statistics {
        hours: hour_counts(runs, from, hours),
        lateness: spread(runs.iter().filter_map(lateness_ms).collect()),
        failing,
        slowest,
    }
}

fn hour_counts(runs: &[RunFigures], from: UnixMillis, hours: u32) -> Vec<HourCounts> {
    let mut counts: Vec<_> = (0..i64::from(hours))
        .map(|hour| HourCounts {
            from: UnixMillis(from.0 + hour * HOUR_MS),
            ..HourCounts::default()
        })
        .collect();
    for run in runs {
        let hour = (run.expected_at.0 - from.0).div_euclid(HOUR_MS);
        let hour = usize::try_from(hour)
            .ok()
            .and_then(|hour| counts.get_mut(hour));
        match (hour, run.status) {
            (Some(hour), InstanceStatus::Succeed) => hour.succeeded += 1,
            (Some(hour), InstanceStatus::Failed) => hour.failed += 1,
            _ => {}
        }
    }
    counts
}

fn job_figures(job_id: JobId, runs: &[&RunFigures]) -> JobFigures {
    let count = |status| runs.iter().filter(|run| run.status == status).count() as u64;
    let failed = count(InstanceStatus::Failed);
    JobFigures {
        job_id,
        ended: count(InstanceStatus::Succeed) + failed,
        failed,
        durations: spread(runs.iter().filter_map(|run| duration_ms(run)).collect()),
    }
}

fn lateness_ms(run: &RunFigures) -> Option<i64> {
    let started_at = run.started_at.filter(|_| run.attempt == 1)?;
    // clocks of two machines may differ: nothing is early
    Some((started_at.0 - run.nominal_at.unwrap_or(run.expected_at).0).max(0))
}

fn duration_ms(run: &RunFigures) -> Option<i64> {
    let finished_at = run.finished_at.filter(|_| run.status.is_finished())?;
    Some((finished_at.0 - run.started_at?.0).max(0))
}

/// By the nearest rank.
fn spread(mut spans: Vec<i64>) -> Option<Spread> {
    spans.sort_unstable();
    let rank = |percent: usize| spans.get((spans.len() * percent).div_ceil(100).max(1) - 1);
    Some(Spread {
        count: spans.len(),
        p50_ms: *rank(50)?,
        p99_ms: *rank(99)?,
        max_ms: *spans.last()?,
    })
}

#[cfg(test)]
mod tests {
    use InstanceStatus::{Failed, Running, Succeed};

    use super::*;

    const FROM: UnixMillis = UnixMillis(10 * HOUR_MS);

    fn run(job: i64, status: InstanceStatus, after_ms: i64, took_ms: i64) -> RunFigures {
        let expected_at = UnixMillis(FROM.0 + after_ms);
        RunFigures {
            job_id: JobId(job),
            status,
            attempt: 1,
            expected_at,
            nominal_at: None,
            started_at: Some(UnixMillis(expected_at.0 + 5)),
            finished_at: Some(UnixMillis(expected_at.0 + 5 + took_ms)),
        }
    }

    #[test]
    fn the_present_hour_is_the_last_one() {
        assert_eq!(first_hour(UnixMillis(33 * HOUR_MS + 1), 24), FROM);
        assert_eq!(first_hour(UnixMillis(33 * HOUR_MS), 24), FROM);
    }

    #[test]
    fn hours_have_no_gaps_and_count_ends() {
        let runs = [
            run(1, Succeed, 0, 1),
            run(1, Failed, HOUR_MS - 1, 1),
            run(1, Succeed, 2 * HOUR_MS, 1),
            run(1, Running, 0, 1),
            run(1, Succeed, -1, 1),
            run(1, Succeed, 3 * HOUR_MS, 1),
        ];
        let counts: Vec<_> = sum_up(&runs, FROM, 3, 9)
            .hours
            .iter()
            .map(|hour| (hour.from.0 - FROM.0, hour.succeeded, hour.failed))
            .collect();
        assert_eq!(counts, [(0, 1, 1), (HOUR_MS, 0, 0), (2 * HOUR_MS, 1, 0)]);
    }

    #[test]
    fn repetitions_are_not_late() {
        let late = RunFigures {
            nominal_at: Some(UnixMillis(FROM.0 - 95)),
            ..run(1, Succeed, 0, 1)
        };
        let again = RunFigures {
            attempt: 2,
            nominal_at: Some(UnixMillis(0)),
            ..run(1, Succeed, 0, 1)
        };
        let early = RunFigures {
            started_at: Some(UnixMillis(0)),
            ..run(1, Succeed, 0, 1)
        };
        let found = sum_up(&[late, again, early], FROM, 1, 9).lateness;
        let expected = Spread {
            count: 2,
            p50_ms: 0,
            p99_ms: 100,
            max_ms: 100,
        };
        assert_eq!(found, Some(expected));
        assert_eq!(sum_up(&[again], FROM, 1, 9).lateness, None);
    }

    #[test]
    fn the_worst_jobs_come_first_and_no_more_than_wanted() {
        let runs = [
            run(1, Succeed, 0, 10),
            run(2, Failed, 0, 500),
            run(2, Succeed, 0, 700),
            run(3, Failed, 0, 20),
            run(3, Failed, 0, 40),
            run(4, Running, 0, 9_000),
        ];
        let found = sum_up(&runs, FROM, 1, 2);
        let ids = |jobs: &[JobFigures]| jobs.iter().map(|job| job.job_id.0).collect::<Vec<_>>();
        assert_eq!(ids(&found.failing), [3, 2]);
        assert_eq!(ids(&found.slowest), [2, 3]);
        assert_eq!((found.failing[1].ended, found.failing[1].failed), (2, 1));
        assert_eq!(
            found.slowest[0].durations.map(|spread| spread.max_ms),
            Some(700)
        );
    }
}
