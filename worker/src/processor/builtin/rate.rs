//! How many lines of a script's output go into the log of its run?
//!
//! # Invariants
//! 1. Over any time, at most `burst + rate x time` lines pass.
//! 2. Every line that does not pass is counted in the next summary.

use std::time::Duration;

/// Lines a second, and lines at once.
const RATE: f64 = 2_000.0;
const BURST: f64 = 10_000.0;

/// A bucket that fills with time and empties with lines.
#[derive(Debug)]
pub(crate) struct LineRate {
    tokens: f64,
    last: Duration,
    skipped: u64,
}

impl LineRate {
    pub(crate) fn new(now: Duration) -> Self {
        Self {
            tokens: BURST,
            last: now,
            skipped: 0,
        }
    }

    /// Whether a line passes at the monotonic time `now`.
    pub(crate) fn admit(&mut self, now: Duration) -> bool {
        let gained = now.saturating_sub(self.last).as_secs_f64() * RATE;
        self.tokens = (self.tokens + gained).min(BURST);
        self.last = now;
        if self.tokens < 1.0 {
            self.skipped += 1;
            return false;
        }
        self.tokens -= 1.0;
        true
    }

    /// Lines that did not pass since the last call.
    pub(crate) fn take_skipped(&mut self) -> u64 {
        std::mem::take(&mut self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_then_the_rate_counts() {
        let mut rate = LineRate::new(Duration::ZERO);
        let passed = (0..12_000).filter(|_| rate.admit(Duration::ZERO)).count();
        assert_eq!((passed, rate.take_skipped()), (10_000, 2_000));
        let passed = (0..12_000)
            .filter(|_| rate.admit(Duration::from_secs(1)))
            .count();
        assert_eq!((passed, rate.take_skipped()), (2_000, 10_000));
    }
}
