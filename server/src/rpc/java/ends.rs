//! Ends that were stored lately, so that a worker that repeats one changes nothing by it, also when
//! the instance waits for its next attempt or runs again on the same worker (spec 05 section 3.2).
//!
//! An attempt on a worker is known by when the worker made its tracker: reports name no attempt.

use std::collections::{HashSet, VecDeque};

use powerjob_common::id::InstanceId;

/// Remembered ends; a worker repeats one for a minute and a half at most.
const MAX_ENDS: usize = 100_000;

/// One attempt on one worker: the run, the worker's address, when it made the tracker.
pub(super) type OnWorker = (InstanceId, String, i64);

/// The last ends.
#[derive(Debug, Default)]
pub(super) struct RecentEnds {
    known: HashSet<OnWorker>,
    by_age: VecDeque<OnWorker>,
}

impl RecentEnds {
    pub(super) fn contains(&self, end: &OnWorker) -> bool {
        self.known.contains(end)
    }

    pub(super) fn insert(&mut self, end: OnWorker) {
        if !self.known.insert(end.clone()) {
            return;
        }
        self.by_age.push_back(end);
        if self.by_age.len() > MAX_ENDS
            && let Some(oldest) = self.by_age.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_ends_are_forgotten() {
        let mut ends = RecentEnds::default();
        let end = |id| (InstanceId(id), "a:1".to_owned(), 5);
        for id in 0..=MAX_ENDS as i64 {
            ends.insert(end(id));
            ends.insert(end(id));
        }
        assert!(!ends.contains(&end(0)));
        assert!(ends.contains(&end(1)) && ends.contains(&end(MAX_ENDS as i64)));
        assert_eq!(ends.known.len(), ends.by_age.len());
    }
}
