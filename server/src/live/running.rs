//! How many runs of each job are out, and whose turn is next.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use powerjob_common::id::JobId;

/// Counts the runs that are claimed or running, over all shards. Jobs without any are absent.
#[derive(Debug, Clone, Default)]
pub struct RunningCounts {
    jobs: Arc<DashMap<JobId, u32>>,
    turns: Arc<DashMap<JobId, Arc<AtomicU64>>>,
}

impl RunningCounts {
    /// Counts one more run, unless `max` (0 = no limit) are out.
    ///
    /// # Errors
    /// How many are out.
    pub fn enter(&self, job_id: JobId, max: u32) -> Result<(), u32> {
        let mut count = self.jobs.entry(job_id).or_insert(0);
        if max > 0 && *count >= max {
            return Err(*count);
        }
        *count += 1;
        Ok(())
    }

    /// Counts one run less.
    pub fn leave(&self, job_id: JobId) {
        if let Entry::Occupied(mut count) = self.jobs.entry(job_id) {
            match count.get().checked_sub(1) {
                Some(left @ 1..) => *count.get_mut() = left,
                _ => drop(count.remove()),
            }
        }
    }

    /// The counter of a job that gives its workers turns; the same for all shards, from 0 after a
    /// restart.
    pub fn turns(&self, job_id: JobId) -> Arc<AtomicU64> {
        self.turns.entry(job_id).or_default().clone()
    }

    /// How many runs of a job are out.
    pub fn get(&self, job_id: JobId) -> u32 {
        self.jobs.get(&job_id).map_or(0, |count| *count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_holds_and_places_come_back() {
        let counts = RunningCounts::default();
        assert_eq!(counts.enter(JobId(1), 2), Ok(()));
        assert_eq!(counts.enter(JobId(1), 2), Ok(()));
        assert_eq!(counts.enter(JobId(1), 2), Err(2));
        counts.leave(JobId(1));
        assert_eq!(counts.enter(JobId(1), 2), Ok(()));
        counts.leave(JobId(1));
        counts.leave(JobId(1));
        assert_eq!(counts.get(JobId(1)), 0);
        assert!(counts.jobs.is_empty());
    }
}
