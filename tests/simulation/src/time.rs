//! Virtual time: one true time, and the clocks of nodes, which may be wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use powerjob_common::time::{Clock, UnixMillis};

/// The true time at the beginning of every run: 2026-01-15T08:00:00Z.
pub(crate) const START: UnixMillis = UnixMillis(1_768_464_000_000);

/// Microseconds since the beginning of the run.
pub(crate) type Micros = u64;

/// A span in microseconds.
pub(crate) const fn ms(count: u64) -> Micros {
    count * 1_000
}

/// The true time; only the world moves it.
#[derive(Debug, Clone, Default)]
pub(crate) struct TrueTime(Arc<AtomicU64>);

impl TrueTime {
    /// Microseconds since the beginning.
    pub(crate) fn now(&self) -> Micros {
        self.0.load(Relaxed)
    }

    /// Goes on to `at`.
    pub(crate) fn advance_to(&self, at: Micros) {
        self.0.store(at, Relaxed);
    }

    /// As wall time.
    pub(crate) fn wall(&self) -> UnixMillis {
        UnixMillis(START.0 + (self.now() / 1_000).cast_signed())
    }
}

/// The clock of a node: its wall time may be off and may be set, its monotonic time is true.
#[derive(Debug, Clone)]
pub(crate) struct NodeClock {
    time: TrueTime,
    off_by_ms: Arc<AtomicI64>,
}

impl NodeClock {
    /// A clock that is right.
    pub(crate) fn new(time: TrueTime) -> Self {
        Self {
            time,
            off_by_ms: Arc::default(),
        }
    }

    /// Sets the wall time ahead (or, negative, back) of the true time.
    pub(crate) fn set_off_by(&self, ms: i64) {
        self.off_by_ms.store(ms, Relaxed);
    }

    /// How much the wall time is ahead of the true time, in milliseconds.
    pub(crate) fn off_by(&self) -> i64 {
        self.off_by_ms.load(Relaxed)
    }
}

impl Clock for NodeClock {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.time.wall().0 + self.off_by())
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.time.now())
    }
}
