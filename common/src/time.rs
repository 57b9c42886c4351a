//! Instants and clocks. The only file that may ask the machine what time it is.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00Z, the only form of wall time on the wire and in SQL.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct UnixMillis(pub i64);

impl UnixMillis {
    /// The instant `span` later; stays at the end of time instead of overflowing.
    pub fn after(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// The instant `span` before this one, rounded towards it to whole milliseconds.
    pub fn before(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// The time since `earlier`, zero if that lies ahead.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for UnixMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where actors get the time from.
///
/// Schedules use wall time; time limits and liveness use monotonic time, which no one can set.
pub trait Clock: Send + Sync + fmt::Debug + 'static {
    /// Wall time.
    fn now(&self) -> UnixMillis;

    /// Time since some fixed moment of this process; never goes back.
    fn monotonic(&self) -> Duration;
}

/// The machine's clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the clock"
    )]
    fn now(&self) -> UnixMillis {
        let since_epoch = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        UnixMillis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        monotonic_now()
    }
}

/// Monotonic time of this process, for statistics that must cost nothing.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the clock"
)]
pub fn monotonic_now() -> Duration {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed()
}

/// A clock that stands still until a test moves it.
#[cfg(any(test, feature = "test-util"))]
#[derive(Debug)]
pub struct ManualClock {
    start_ms: i64,
    elapsed_ms: std::sync::atomic::AtomicI64,
    off_by_ms: std::sync::atomic::AtomicI64,
}

#[cfg(any(test, feature = "test-util"))]
impl ManualClock {
    /// A clock that shows `start`.
    pub fn at(start: UnixMillis) -> Self {
        Self {
            start_ms: start.0,
            elapsed_ms: std::sync::atomic::AtomicI64::new(0),
            off_by_ms: std::sync::atomic::AtomicI64::new(0),
        }
    }

    /// Moves wall and monotonic time on.
    pub fn advance(&self, span: Duration) {
        let span_ms = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        self.elapsed_ms
            .fetch_add(span_ms, std::sync::atomic::Ordering::SeqCst);
    }

    /// Sets the wall clock: it is off by so many milliseconds from now on.
    pub fn set_off_by(&self, ms: i64) {
        self.off_by_ms
            .store(ms, std::sync::atomic::Ordering::SeqCst);
    }
}

#[cfg(any(test, feature = "test-util"))]
impl Clock for ManualClock {
    fn now(&self) -> UnixMillis {
        let passed = [&self.elapsed_ms, &self.off_by_ms]
            .map(|part| part.load(std::sync::atomic::Ordering::SeqCst));
        UnixMillis(self.start_ms + passed.iter().sum::<i64>())
    }

    fn monotonic(&self) -> Duration {
        let elapsed = self.elapsed_ms.load(std::sync::atomic::Ordering::SeqCst);
        Duration::from_millis(u64::try_from(elapsed).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_stays_inside_its_range() {
        assert_eq!(
            UnixMillis(i64::MAX).after(Duration::from_secs(1)),
            UnixMillis(i64::MAX)
        );
        assert_eq!(UnixMillis(5).since(UnixMillis(9)), Duration::ZERO);
        assert_eq!(
            UnixMillis(1_009).since(UnixMillis(9)),
            Duration::from_secs(1)
        );
    }

    #[test]
    fn a_manual_clock_moves_only_by_hand() {
        let clock = ManualClock::at(UnixMillis(1_000));
        clock.advance(Duration::from_millis(250));
        assert_eq!(clock.now(), UnixMillis(1_250));
        assert_eq!(clock.monotonic(), Duration::from_millis(250));
    }
}
