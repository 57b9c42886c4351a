//! How long may the holder of a lease act, and when does it look late to others?
//!
//! Invariants:
//! 1. The holder stops before its lease can have ended by the database's clock: the database begins
//!    to count when it has received what the holder sent earlier, and the margin covers what the
//!    rates of the clocks differ and what the holder needs to stop.
//! 2. Who looks late is not dead yet.

use std::time::Duration;

/// So much before the end of its lease a server stops acting.
const MARGIN: Duration = Duration::from_millis(200);

/// How long after it was sent a renewal of a lease of this length counts.
pub fn counts_for(ttl: Duration) -> Duration {
    ttl.saturating_sub(MARGIN)
}

/// A lease with so little left, or less, should have been renewed several times meanwhile, in
/// milliseconds.
pub fn late_ms(ttl: Duration) -> i64 {
    i64::try_from(ttl.as_millis() * 2 / 5).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_stops_before_the_end_and_looks_late_before_it_is_dead() {
        for ttl_ms in [500, 1_500, 60_000] {
            let ttl = Duration::from_millis(ttl_ms);
            assert!(counts_for(ttl) < ttl && counts_for(ttl) > ttl / 2);
            assert!(late_ms(ttl) > 0 && late_ms(ttl) < ttl_ms as i64 / 2);
        }
    }
}
