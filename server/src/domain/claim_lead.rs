//! How long before its time may a waiting run be claimed? In: the time of each run, one by one. Out:
//! how much earlier than usual.
//!
//! Invariants:
//! 1. Few runs of a second are not claimed earlier than usual.
//! 2. The store has as long for the claims of a crowd as they take, up to [`MOST`].
//! 3. Early claims leave a quarter of a worker's places to others.

use std::collections::BTreeMap;
use std::time::Duration;

use powerjob_common::time::UnixMillis;

/// What one claim costs the store, about: 12 µs on SQLite, 35 µs on PostgreSQL, and the processors are
/// needed for other things, too.
pub const CLAIM: Duration = Duration::from_micros(30);
/// No place is taken for longer than this before its run begins.
pub const MOST: Duration = Duration::from_secs(2);
/// Less is not worth a second look at a run.
const LEAST: Duration = Duration::from_millis(20);

/// Counts the runs of each second.
#[derive(Debug)]
pub struct ClaimLead {
    by_second: BTreeMap<i64, u32>,
    /// What a claim costs, times the parts that claim at the same time.
    claim: Duration,
}

impl ClaimLead {
    /// One of `parts` that claim side by side and share the store and the runs; a claim takes the store
    /// `claim`, see [`CLAIM`].
    pub fn new(claim: Duration, parts: usize) -> Self {
        let parts = u32::try_from(parts).unwrap_or(u32::MAX);
        Self {
            by_second: BTreeMap::new(),
            claim: claim.saturating_mul(parts),
        }
    }

    /// How much earlier than usual a further run that waits for `start_at` may be claimed; `None`: not
    /// earlier.
    pub fn of(&mut self, start_at: UnixMillis, now: UnixMillis) -> Option<Duration> {
        let second = |at: UnixMillis| at.0.div_euclid(1_000);
        while let Some(first) = self.by_second.first_entry()
            && *first.key() < second(now)
        {
            first.remove();
        }
        let before = self.by_second.entry(second(start_at)).or_default();
        let lead = self.claim.saturating_mul(*before).min(MOST);
        *before = before.saturating_add(1);
        (lead >= LEAST).then_some(lead)
    }
}

/// Whether a worker of so many places, of which so many are `taken`, gives one to a run whose time has
/// not come.
pub fn leaves_room(taken: u32, places: u32) -> bool {
    taken < places - places.div_ceil(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_000_000);
    const NEXT: UnixMillis = UnixMillis(NOW.0 + 1_000);

    #[test]
    fn the_later_ones_of_a_crowd_are_claimed_earlier() {
        let mut lead = ClaimLead::new(CLAIM, 2);
        let leads: Vec<_> = (0..50_000).map(|_| lead.of(NEXT, NOW)).collect();
        assert_eq!(leads[..333], [None; 333]);
        assert_eq!(leads[10_000], Some(Duration::from_millis(600)));
        assert_eq!(leads[49_999], Some(MOST));
    }

    #[test]
    fn seconds_are_counted_apart_and_forgotten() {
        let mut lead = ClaimLead::new(CLAIM, 1);
        for _ in 0..10_000 {
            lead.of(NEXT, NOW);
        }
        let later = NEXT.after(Duration::from_secs(1));
        assert_eq!(lead.of(later, NOW), None);
        assert_eq!(lead.of(later, later.after(Duration::from_secs(5))), None);
        assert_eq!(lead.by_second.len(), 1);
    }
    #[test]
    fn a_quarter_of_the_places_is_left_to_others() {
        assert!(leaves_room(74, 100));
        assert!(!leaves_room(75, 100));
        assert!(!leaves_room(0, 1));
    }
}
