//! Which jobs are due next? In: the next time of each job. Out: those due by an instant, in order.
//!
//! Invariants:
//! 1. A job is in the index at most once.
//! 2. Jobs come out in the order of their times, equal times in the order of their ids.
//!
//! Two numbers a job in a tree and two in a map: about 60 bytes, a million jobs fit into 60 MB.

use std::collections::{BTreeSet, HashMap};

use powerjob_common::id::JobId;
use powerjob_common::time::UnixMillis;

/// The next times of jobs.
#[derive(Debug, Default)]
pub struct DueIndex {
    by_time: BTreeSet<(UnixMillis, JobId)>,
    times: HashMap<JobId, UnixMillis>,
}

impl DueIndex {
    /// Sets, moves or (with `None`) takes out the next time of a job.
    pub fn set(&mut self, job: JobId, next: Option<UnixMillis>) {
        let former = match next {
            Some(next) => self.times.insert(job, next),
            None => self.times.remove(&job),
        };
        if let Some(former) = former {
            self.by_time.remove(&(former, job));
        }
        if let Some(next) = next {
            self.by_time.insert((next, job));
        }
    }

    /// The next time of a job.
    pub fn get(&self, job: JobId) -> Option<UnixMillis> {
        self.times.get(&job).copied()
    }

    /// The earliest time of all.
    pub fn first(&self) -> Option<UnixMillis> {
        self.by_time.first().map(|(time, _)| *time)
    }

    /// The time of the job that is due after `others` other ones; looks at as many.
    pub fn time_of(&self, others: usize) -> Option<UnixMillis> {
        if self.by_time.len() <= others {
            return None;
        }
        self.by_time.iter().nth(others).map(|(time, _)| *time)
    }

    /// Takes out at most `limit` jobs that are due at `until` or before.
    pub fn take_due(&mut self, until: UnixMillis, limit: usize) -> Vec<(JobId, UnixMillis)> {
        let mut due = Vec::new();
        while due.len() < limit
            && let Some((time, job)) = self.by_time.first().copied()
            && time <= until
        {
            self.by_time.pop_first();
            self.times.remove(&job);
            due.push((job, time));
        }
        due
    }

    /// How many jobs have a next time.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether no job has a next time.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn due_jobs_come_out_in_order_and_once() {
        let mut index = DueIndex::default();
        for (job, time) in [(1, 30), (2, 10), (3, 10), (4, 99)] {
            index.set(JobId(job), Some(UnixMillis(time)));
        }
        index.set(JobId(1), Some(UnixMillis(20)));
        let due = index.take_due(UnixMillis(20), 10);
        let jobs: Vec<_> = due.iter().map(|(job, _)| job.0).collect();
        assert_eq!(jobs, [2, 3, 1]);
        assert_eq!(index.first(), Some(UnixMillis(99)));
        assert_eq!(index.take_due(UnixMillis(20), 10), []);
    }

    proptest! {
        #[test]
        fn the_index_agrees_with_a_map(
            sets in prop::collection::vec((0..20_i64, prop::option::of(0..50_i64)), 0..100),
            until in 0..50_i64,
        ) {
            let mut index = DueIndex::default();
            let mut model = BTreeMap::new();
            for (job, time) in sets {
                index.set(JobId(job), time.map(UnixMillis));
                match time {
                    Some(time) => model.insert(job, time),
                    None => model.remove(&job),
                };
            }
            let mut expected: Vec<_> = model.iter()
                .filter(|(_, time)| **time <= until)
                .map(|(job, time)| (*time, *job))
                .collect();
            expected.sort_unstable();
            let due = index.take_due(UnixMillis(until), usize::MAX);
            let found: Vec<_> = due.iter().map(|(job, time)| (time.0, job.0)).collect();
            prop_assert_eq!(&found, &expected);
            prop_assert_eq!(index.len(), model.len() - expected.len());
        }
    }
}
