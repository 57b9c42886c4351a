//! How far ahead are occurrences made? In: the due index, the usual look-ahead. Out: up to which time
//! jobs are planned now, and when to look again.
//!
//! Invariants:
//! 1. Never less than the usual look-ahead.
//! 2. A crowd, jobs that are due so close together that making them takes longer than that, is begun
//!    with [`CROWD_AHEAD`] before its time; other jobs are not made earlier for it, unless they are due
//!    before it.

use std::time::Duration;

use powerjob_common::time::UnixMillis;

use super::due_index::DueIndex;

/// So many jobs are a crowd, if they are due within [`CROWD_AHEAD`].
const CROWD: usize = 5_000;
/// How long before its time a crowd is begun with.
const CROWD_AHEAD: Duration = Duration::from_secs(5);

/// Jobs that are due up to this time are planned now.
pub fn horizon(index: &DueIndex, usual: Duration, now: UnixMillis) -> UnixMillis {
    let of_crowd = now.after(CROWD_AHEAD);
    let is_crowd = index
        .time_of(CROWD - 1)
        .is_some_and(|time| time <= of_crowd);
    if is_crowd { of_crowd } else { now }.max(now.after(usual))
}

/// When something is to be planned next; `None` when nothing is due at any time.
pub fn wake_at(index: &DueIndex, usual: Duration) -> Option<UnixMillis> {
    let first = index.first()?.before(usual);
    let crowd = index
        .time_of(CROWD - 1)
        .map(|time| time.before(CROWD_AHEAD));
    Some(crowd.map_or(first, |crowd| crowd.min(first)))
}

#[cfg(test)]
mod tests {
    use powerjob_common::id::JobId;

    use super::*;

    const USUAL: Duration = Duration::from_secs(1);
    const NOW: UnixMillis = UnixMillis(1_000_000);

    fn index_of(jobs: usize, due: UnixMillis) -> DueIndex {
        let mut index = DueIndex::default();
        for id in 0..jobs {
            index.set(JobId(id as i64), Some(due));
        }
        index
    }

    #[test]
    fn few_jobs_are_planned_a_second_ahead() {
        let index = index_of(CROWD - 1, UnixMillis(NOW.0 + 4_000));
        assert_eq!(horizon(&index, USUAL, NOW), UnixMillis(NOW.0 + 1_000));
        assert_eq!(wake_at(&index, USUAL), Some(UnixMillis(NOW.0 + 3_000)));
        assert_eq!(wake_at(&DueIndex::default(), USUAL), None);
    }

    #[test]
    fn a_crowd_is_begun_with_earlier() {
        let index = index_of(CROWD, UnixMillis(NOW.0 + 4_000));
        assert_eq!(horizon(&index, USUAL, NOW), UnixMillis(NOW.0 + 5_000));
        assert_eq!(wake_at(&index, USUAL), Some(UnixMillis(NOW.0 - 1_000)));
        let later = index_of(CROWD, UnixMillis(NOW.0 + 9_000));
        assert_eq!(horizon(&later, USUAL, NOW), UnixMillis(NOW.0 + 1_000));
        assert_eq!(wake_at(&later, USUAL), Some(UnixMillis(NOW.0 + 4_000)));
    }

    #[test]
    fn a_longer_look_ahead_stays() {
        let index = index_of(CROWD, UnixMillis(NOW.0 + 4_000));
        let usual = Duration::from_secs(30);
        assert_eq!(horizon(&index, usual, NOW), UnixMillis(NOW.0 + 30_000));
    }
}
