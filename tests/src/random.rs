//! Moments and choices that nobody chose.

use std::time::Duration;

/// Pseudo-random numbers (xorshift), different in each process.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// Begins with something that no other run of the tests has.
    #[expect(clippy::new_without_default, reason = "two of them are never equal")]
    pub fn new() -> Self {
        let time = crate::bench::clock::wall_us().unsigned_abs();
        Self((time << 16) ^ u64::from(std::process::id()) | 1)
    }

    fn advance(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A span from `least` milliseconds up to `most`.
    pub fn span_ms(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(least + self.advance() % (most - least))
    }
}
