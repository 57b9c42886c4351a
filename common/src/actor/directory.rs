//! The live actors of a node and their numbers.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use dashmap::DashMap;
use serde::Serialize;

use super::stats::ActorStats;
use crate::time::monotonic_now;

/// What the inspector shows of one actor.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ActorReading {
    /// Place in the tree, e.g. `server/instances/0`.
    pub path: String,
    /// Queued plus running work.
    pub depth: usize,
    /// Places in the queue.
    pub capacity: usize,
    /// Letters handled since the start.
    pub handled: u64,
    /// Letters refused because the queue was full.
    pub refused: u64,
    /// Letters a second, over the time between the last two readings.
    pub rate: f64,
    /// Half of all letters were handled within this time, in microseconds.
    pub p50_us: u64,
    /// 99 % of all letters were handled within this time, in microseconds.
    pub p99_us: u64,
    /// How often the guardian rebuilt the actor.
    pub restarts: u32,
}

#[derive(Debug)]
struct Entry {
    stats: Arc<ActorStats>,
    last: Mutex<Sample>,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Duration,
    handled: u64,
    rate: f64,
}

/// Readings closer together than this share one rate, so that two readers do not disturb each other.
const RATE_WINDOW: Duration = Duration::from_millis(500);

/// The live actors of a node by path.
#[derive(Debug, Default)]
pub struct Directory {
    entries: DashMap<Arc<str>, Arc<Entry>>,
}

impl Directory {
    pub(super) fn enter(&self, stats: Arc<ActorStats>) {
        let last = Mutex::new(Sample {
            at: monotonic_now(),
            handled: 0,
            rate: 0.0,
        });
        self.entries
            .insert(stats.path.clone(), Arc::new(Entry { stats, last }));
    }

    pub(super) fn leave(&self, path: &str) {
        self.entries.remove(path);
    }

    /// All live actors, sorted by path.
    pub fn readings(&self) -> Vec<ActorReading> {
        let entries: Vec<_> = self
            .entries
            .iter()
            .map(|entry| entry.value().clone())
            .collect();
        let mut readings: Vec<_> = entries.iter().map(|entry| entry.reading()).collect();
        readings.sort_by(|a, b| a.path.cmp(&b.path));
        readings
    }
}

impl Entry {
    fn reading(&self) -> ActorReading {
        let stats = &self.stats;
        let handled = stats.handled();
        ActorReading {
            path: stats.path.to_string(),
            depth: stats.depth(),
            capacity: stats.capacity,
            handled,
            refused: stats.refused.load(Relaxed),
            rate: self.rate(handled),
            p50_us: micros(stats.handling.quantile(0.5)),
            p99_us: micros(stats.handling.quantile(0.99)),
            restarts: stats.restarts.load(Relaxed),
        }
    }

    fn rate(&self, handled: u64) -> f64 {
        let mut last = self
            .last
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let now = monotonic_now();
        let elapsed = now.saturating_sub(last.at);
        if elapsed >= RATE_WINDOW {
            let rate = handled.saturating_sub(last.handled) as f64 / elapsed.as_secs_f64();
            *last = Sample {
                at: now,
                handled,
                rate,
            };
        }
        last.rate
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
