//! How long to wait before the next attempt.

use std::time::Duration;

/// Exponential back-off with full jitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Upper bound of the first wait.
    pub first: Duration,
    /// Upper bound of every wait.
    pub max: Duration,
}

impl Backoff {
    /// The wait before attempt `attempt` (0 = the first repetition): between half of and the whole
    /// of `min(max, first x 2^attempt)`, chosen by `random` in 0.0..1.0.
    pub fn wait(self, attempt: u32, random: f64) -> Duration {
        let bound = self
            .first
            .saturating_mul(1_u32.checked_shl(attempt).unwrap_or(u32::MAX));
        bound
            .min(self.max)
            .mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_bound() {
        let backoff = Backoff {
            first: Duration::from_millis(200),
            max: Duration::from_secs(5),
        };
        assert_eq!(backoff.wait(0, 1.0), Duration::from_millis(200));
        assert_eq!(backoff.wait(3, 0.0), Duration::from_millis(800));
        assert_eq!(backoff.wait(60, 1.0), Duration::from_secs(5));
    }
}
