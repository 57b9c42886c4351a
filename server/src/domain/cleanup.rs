//! What may be forgotten, and how fast? In: the ages of stored rows, a policy, the time. Out: which
//! rows go, where to look next, and how large and how soon the next slice is.
//!
//! Invariants:
//! 1. Only final rows that ended before the horizon go (spec 01 case 63, spec 03 case 34).
//! 2. Without an age in the policy nothing goes.
//! 3. A look ends at the first row that is too young to have ended before the horizon.
//! 4. Cleaning uses at most a fifth of the time of whom it disturbs.

use std::collections::HashSet;
use std::time::Duration;

use powerjob_common::id::{InstanceId, JobId};
use powerjob_common::time::UnixMillis;
use serde::Serialize;

/// How long things are kept; `None` keeps them for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RetentionPolicy {
    /// Ended instances with their attempts, counted from their end.
    pub instances: Option<Duration>,
    /// Definitions of jobs, counted from the moment when the next one replaced them.
    pub job_history: Option<Duration>,
    /// Lines that runs wrote, counted from when they were stored.
    pub logs: Option<Duration>,
    /// Bytes of logs of one application, above which its oldest go.
    pub log_bytes_per_app: Option<u64>,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Default for RetentionPolicy {
    fn default() -> Self {
        Self {
            instances: Some(DAY * 30),
            job_history: Some(DAY * 365),
            logs: Some(DAY * 30),
            log_bytes_per_app: Some(10 << 30),
        }
    }
}

/// The instant before which things of this age are too old.
pub fn horizon(now: UnixMillis, age: Duration) -> UnixMillis {
    let age_ms = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    UnixMillis(now.0.saturating_sub(age_ms))
}

/// What decides about one instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstanceAge {
    /// Its place in the order in which instances were made.
    pub row: i64,
    pub instance_id: InstanceId,
    pub is_final: bool,
    pub created_at: UnixMillis,
    /// When its end was recorded, as far as that is known.
    pub ended_at: Option<UnixMillis>,
}

/// What a look at some instances led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    pub due: Vec<InstanceId>,
    /// The row to go on after; `None` when no later one can be due.
    pub next: Option<i64>,
}

/// Selects those of `looked_at`, in the order of their rows, that ended before `horizon`. A look
/// that found fewer than `limit` rows was the last.
pub fn select_due(
    looked_at: &[InstanceAge],
    limit: usize,
    horizon: UnixMillis,
    now: UnixMillis,
) -> Selection {
    // A row from the future is the work of a clock that went wrong: it says nothing about others.
    let is_young = |age: &InstanceAge| age.created_at >= horizon && age.created_at <= now;
    let is_due =
        |age: &InstanceAge| age.is_final && age.ended_at.unwrap_or(age.created_at) < horizon;
    let end = looked_at
        .iter()
        .position(is_young)
        .unwrap_or(looked_at.len());
    let is_last = end < looked_at.len() || looked_at.len() < limit;
    Selection {
        due: looked_at[..end]
            .iter()
            .filter(|age| is_due(age))
            .map(|age| age.instance_id)
            .collect(),
        next: looked_at.last().filter(|_| !is_last).map(|age| age.row),
    }
}

/// A stored definition of a job that a later one replaced long ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OldRevision {
    pub row: i64,
    pub job_id: JobId,
    pub revision: i64,
}

/// Selects the rows of revisions that no open run needs; `used` are those of the open runs.
pub fn select_revisions(old: &[OldRevision], used: &HashSet<(JobId, i64)>) -> Vec<i64> {
    old.iter()
        .filter(|old| !used.contains(&(old.job_id, old.revision)))
        .map(|old| old.row)
        .collect()
}

/// How cleaning proceeds: so many rows in one transaction, and so long a pause after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    pub rows: usize,
    pub pause: Duration,
}

/// A slice should hold up other writes for no longer than this.
const SLICE_TARGET: Duration = Duration::from_millis(2);
/// Smaller slices would cost more for their commits than for their rows.
const LEAST_ROWS: usize = 50;
const MOST_ROWS: usize = 1_000;
/// The pause is so many times as long as the slice before it.
const PAUSE_RATIO: u32 = 4;
/// Something else is wrong when a slice takes longer; waiting for long does not mend it.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

impl Pace {
    /// The pace of the first slice.
    pub const START: Self = Self {
        rows: 100,
        pause: Duration::ZERO,
    };

    /// The pace after a slice that took `took`, the wait for the writer included: a busy store makes
    /// slices smaller and pauses longer.
    pub fn after(self, took: Duration) -> Self {
        let rows = if took <= SLICE_TARGET {
            self.rows + self.rows / 4
        } else {
            self.rows / 2
        };
        Self {
            rows: rows.clamp(LEAST_ROWS, MOST_ROWS),
            pause: (took * PAUSE_RATIO).min(LONGEST_PAUSE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(10_000);
    const HORIZON: UnixMillis = UnixMillis(5_000);

    fn age(row: i64, created_ms: i64, ended_ms: Option<i64>) -> InstanceAge {
        InstanceAge {
            row,
            instance_id: InstanceId(100 + row),
            is_final: ended_ms.is_some(),
            created_at: UnixMillis(created_ms),
            ended_at: ended_ms.map(UnixMillis),
        }
    }

    fn check(ages: &[InstanceAge], limit: usize, due: &[i64], next: Option<i64>) {
        let selection = select_due(ages, limit, HORIZON, NOW);
        let rows: Vec<_> = selection.due.iter().map(|id| id.0 - 100).collect();
        assert_eq!((rows.as_slice(), selection.next), (due, next), "{ages:?}");
    }

    #[test]
    fn only_final_rows_older_than_the_horizon_go() {
        check(&[], 3, &[], None);
        let ended = age(1, 1_000, Some(4_999));
        let late = age(2, 1_000, Some(5_000));
        let open = age(3, 1_000, None);
        check(&[ended, late, open], 3, &[1], Some(3));
        check(&[ended, late, open], 4, &[1], None);
    }

    #[test]
    fn an_end_of_unknown_time_counts_from_the_beginning() {
        let adopted = InstanceAge {
            is_final: true,
            ..age(1, 4_999, None)
        };
        check(&[adopted], 9, &[1], None);
    }

    #[test]
    fn a_young_row_ends_the_look_but_one_of_the_future_does_not() {
        let old = age(7, 1, Some(2));
        check(&[age(1, 5_000, Some(5_001)), old], 2, &[], None);
        check(&[age(1, 10_001, None), old], 2, &[7], Some(7));
    }

    #[test]
    fn definitions_that_open_runs_need_stay() {
        let old = |row, revision| OldRevision {
            row,
            job_id: JobId(7),
            revision,
        };
        let used = HashSet::from([(JobId(7), 2), (JobId(8), 1)]);
        assert_eq!(select_revisions(&[old(1, 1), old(2, 2)], &used), [1]);
    }

    #[test]
    fn a_busy_store_is_left_alone() {
        let mut pace = Pace::START;
        for _ in 0..20 {
            pace = pace.after(Duration::from_micros(500));
        }
        assert_eq!(pace.rows, MOST_ROWS);
        assert_eq!(pace.pause, Duration::from_millis(2));
        for _ in 0..20 {
            pace = pace.after(Duration::from_millis(20));
        }
        assert_eq!(pace.rows, LEAST_ROWS);
        assert_eq!(pace.pause, Duration::from_millis(80));
        assert_eq!(pace.after(Duration::from_secs(60)).pause, LONGEST_PAUSE);
    }

    #[test]
    fn an_age_of_centuries_reaches_back_before_all_times() {
        assert!(horizon(NOW, Duration::MAX).0 < 0);
    }
}
