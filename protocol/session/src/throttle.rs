//! Log lines that a stranger can trigger are rare.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Lets one event in ten seconds through, each cause only once in ten minutes, and counts the
/// others.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    state: Mutex<State>,
}

/// What happened, and to whom; `None` = not to a single peer.
pub(crate) type Cause = (Option<IpAddr>, String);

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    suppressed: u64,
    told: HashMap<Cause, Instant>,
}

const INTERVAL: Duration = Duration::from_secs(10);
/// A peer that tries again and again for the same reason is reported so often.
const SAME_CAUSE_INTERVAL: Duration = Duration::from_secs(600);
/// Causes that are remembered; beyond it only [`INTERVAL`] counts.
const MAX_CAUSES: usize = 1_024;

impl Throttle {
    /// Whether this event may pass; with the number of those that could not since the last one.
    pub(crate) fn admit(&self, cause: Cause, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let since = |earlier: Instant| now.saturating_duration_since(earlier);
        let is_known = state
            .told
            .get(&cause)
            .is_some_and(|told| since(*told) < SAME_CAUSE_INTERVAL);
        if is_known || state.last.is_some_and(|last| since(last) < INTERVAL) {
            state.suppressed += 1;
            return None;
        }
        if state.told.len() >= MAX_CAUSES {
            state
                .told
                .retain(|_, told| since(*told) < SAME_CAUSE_INTERVAL);
        }
        if state.told.len() < MAX_CAUSES {
            state.told.insert(cause, now);
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(host: u8, reason: &str) -> Cause {
        (Some(IpAddr::from([10, 0, 0, host])), reason.to_owned())
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn one_in_ten_seconds_passes_and_the_others_are_counted() {
        let throttle = Throttle::default();
        let start = Instant::now();
        assert_eq!(throttle.admit(cause(1, "a"), start), Some(0));
        assert_eq!(throttle.admit(cause(2, "a"), start + seconds(1)), None);
        assert_eq!(throttle.admit(cause(3, "a"), start + seconds(9)), None);
        assert_eq!(throttle.admit(cause(4, "a"), start + seconds(10)), Some(2));
    }

    #[test]
    fn the_same_cause_is_told_again_after_ten_minutes_another_at_once() {
        let throttle = Throttle::default();
        let start = Instant::now();
        assert_eq!(throttle.admit(cause(1, "a"), start), Some(0));
        assert_eq!(throttle.admit(cause(1, "a"), start + seconds(60)), None);
        assert_eq!(throttle.admit(cause(1, "b"), start + seconds(70)), Some(1));
        assert_eq!(throttle.admit(cause(1, "a"), start + seconds(599)), None);
        assert_eq!(throttle.admit(cause(1, "a"), start + seconds(600)), Some(1));
    }

    #[test]
    fn what_was_not_told_for_lack_of_room_is_told_later() {
        let throttle = Throttle::default();
        let start = Instant::now();
        assert_eq!(throttle.admit(cause(1, "a"), start), Some(0));
        assert_eq!(throttle.admit(cause(2, "b"), start + seconds(1)), None);
        assert_eq!(throttle.admit(cause(2, "b"), start + seconds(11)), Some(1));
    }
}
