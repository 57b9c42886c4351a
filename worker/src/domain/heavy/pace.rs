//! How fast do tasks end, and when will all have ended?
//!
//! Input: from time to time how many have ended. Output: the rate of the last seconds.

use std::collections::VecDeque;
use std::time::Duration;

/// The rate is that of so many seconds.
const SPAN: Duration = Duration::from_secs(10);
/// Samples are so far apart.
const STEP: Duration = Duration::from_secs(1);
/// A shorter time tells nothing.
const SHORTEST: Duration = Duration::from_millis(200);

/// See the head of the file.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When (monotonic), and how many had ended then; the oldest first.
    samples: VecDeque<(Duration, u64)>,
}

impl Pace {
    /// So many tasks have ended by now.
    pub(super) fn note(&mut self, now: Duration, ended: u64) {
        if self.samples.back().is_some_and(|(at, _)| *at + STEP > now) {
            return;
        }
        while self.samples.len() > 1 && self.samples[1].0 + SPAN <= now {
            self.samples.pop_front();
        }
        self.samples.push_back((now, ended));
    }

    /// How many tasks end in 1,000 seconds, going by the last ten; 0 = none, or not known yet.
    pub(super) fn per_1000_s(&self, now: Duration, ended: u64) -> u64 {
        let Some((since, before)) = self.samples.front().copied() else {
            return 0;
        };
        let passed = now.saturating_sub(since);
        if passed < SHORTEST {
            return 0;
        }
        let count = u128::from(ended.saturating_sub(before));
        let rate = count * 1_000_000_000 / passed.as_micros().max(1);
        u64::try_from(rate).unwrap_or(u64::MAX)
    }
}

/// How long the rest takes at this rate; `None` when nobody knows.
pub(super) fn left_ms(unfinished: u64, per_1000_s: u64) -> Option<u64> {
    unfinished.saturating_mul(1_000_000).checked_div(per_1000_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn the_rate_is_that_of_the_last_ten_seconds() {
        let mut pace = Pace::default();
        assert_eq!(pace.per_1000_s(seconds(1), 5), 0, "nothing is known");
        for second in 1..=30 {
            // 100 a second at first, 10 a second later.
            let ended = match second {
                ..=10 => second * 100,
                _ => 1_000 + (second - 10) * 10,
            };
            pace.note(seconds(second), ended);
            pace.note(seconds(second) + SHORTEST, ended + 1); // too early: not taken
        }
        assert_eq!(pace.per_1000_s(seconds(30), 1_200), 10_000);
        assert!(pace.samples.len() <= 12);
        assert_eq!(left_ms(50, 10_000), Some(5_000));
        assert_eq!(left_ms(50, 0), None);
    }

    #[test]
    fn a_rate_is_known_soon() {
        let mut pace = Pace::default();
        pace.note(seconds(5), 1_000);
        let now = seconds(5) + Duration::from_millis(500);
        assert_eq!(pace.per_1000_s(now, 1_050), 100_000);
        assert_eq!(pace.per_1000_s(seconds(5), 1_050), 0);
    }
}
