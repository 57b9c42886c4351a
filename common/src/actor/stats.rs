//! Counters of one actor; cheap enough to be always on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

const SUB_BUCKET_BITS: u32 = 2;
const BUCKETS: usize = 64 << SUB_BUCKET_BITS;

/// A histogram of durations with four buckets for each power of two of nanoseconds: a quantile is
/// wrong by at most a fifth.
#[derive(Debug)]
pub struct Histogram {
    buckets: Box<[AtomicU64]>,
    sum_ns: AtomicU64,
}

/// What a histogram holds at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistogramReading {
    /// For each power of two of nanoseconds, ascending: how many durations were shorter.
    pub shorter_than: Vec<(Duration, u64)>,
    /// How many there are.
    pub count: u64,
    /// All together; wraps after 584 years.
    pub sum: Duration,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
            sum_ns: AtomicU64::new(0),
        }
    }
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&self, span: Duration) {
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        self.buckets[bucket_of(nanos)].fetch_add(1, Relaxed);
        self.sum_ns.fetch_add(nanos, Relaxed);
    }

    /// The counts below each power of two from `2^first` to `2^last` nanoseconds (at most 2^63).
    pub fn reading(&self, first: u32, last: u32) -> HistogramReading {
        let counts: Vec<u64> = self
            .buckets
            .iter()
            .map(|bucket| bucket.load(Relaxed))
            .collect();
        let below =
            |power: u32| -> u64 { counts[..(power << SUB_BUCKET_BITS) as usize].iter().sum() };
        let powers = first..=last.min(u64::BITS - 1);
        HistogramReading {
            shorter_than: powers
                .map(|power| (Duration::from_nanos(1 << power), below(power)))
                .collect(),
            count: counts.iter().sum(),
            sum: Duration::from_nanos(self.sum_ns.load(Relaxed)),
        }
    }

    /// The duration below which the share `quantile` (0.0..=1.0) of all lies; zero without any.
    pub fn quantile(&self, quantile: f64) -> Duration {
        let counts: Vec<u64> = self
            .buckets
            .iter()
            .map(|bucket| bucket.load(Relaxed))
            .collect();
        let total: u64 = counts.iter().sum();
        if total == 0 {
            return Duration::ZERO;
        }
        let wanted = (total as f64 * quantile.clamp(0.0, 1.0)).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (bucket, count) in counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return Duration::from_nanos(upper_bound(bucket));
            }
        }
        Duration::ZERO
    }
}

fn bucket_of(nanos: u64) -> usize {
    let nanos = nanos.max(1 << SUB_BUCKET_BITS);
    let power = 63 - nanos.leading_zeros();
    let sub = (nanos >> (power - SUB_BUCKET_BITS)) & ((1 << SUB_BUCKET_BITS) - 1);
    ((power << SUB_BUCKET_BITS) | sub as u32) as usize
}

fn upper_bound(bucket: usize) -> u64 {
    let power = (bucket >> SUB_BUCKET_BITS) as u32;
    let sub = (bucket & ((1 << SUB_BUCKET_BITS) - 1)) as u64;
    let step = 1_u64 << power.saturating_sub(SUB_BUCKET_BITS);
    (1_u64 << power).saturating_add(step.saturating_mul(sub + 1))
}

/// The numbers of one actor, shared by its ports, its mail and the inspector.
#[derive(Debug)]
pub struct ActorStats {
    /// Where the actor stands in the tree, e.g. `server/instances/0`.
    pub path: Arc<str>,
    /// Places in its queue.
    pub capacity: usize,
    pub(super) taken: AtomicUsize,
    pub(super) handled: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) restarts: AtomicU32,
    pub(super) handling: Histogram,
}

impl ActorStats {
    pub(super) fn new(path: &str, capacity: usize) -> Arc<Self> {
        Arc::new(Self {
            path: path.into(),
            capacity,
            taken: AtomicUsize::new(0),
            handled: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            restarts: AtomicU32::new(0),
            handling: Histogram::default(),
        })
    }

    /// Takes `weight` places; `false` when there is no room. A letter heavier than the whole queue
    /// still fits into an empty one.
    pub(super) fn take(&self, weight: usize) -> bool {
        let before = self.taken.fetch_add(weight, Relaxed);
        if before == 0 || before + weight <= self.capacity {
            return true;
        }
        self.taken.fetch_sub(weight, Relaxed);
        self.refused.fetch_add(1, Relaxed);
        false
    }

    pub(super) fn give_back(&self, weight: usize) {
        self.taken.fetch_sub(weight, Relaxed);
    }

    /// Queued plus running work, in places.
    pub fn depth(&self) -> usize {
        self.taken.load(Relaxed)
    }

    /// Letters handled since the start of the process.
    pub fn handled(&self) -> u64 {
        self.handled.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_wrong_by_at_most_a_quarter() {
        let histogram = Histogram::default();
        for micros in 1..=1_000 {
            histogram.record(Duration::from_micros(micros));
        }
        for (quantile, exact_us) in [(0.5, 500.0), (0.99, 990.0)] {
            let found_us = histogram.quantile(quantile).as_secs_f64() * 1e6;
            assert!(
                (found_us / exact_us - 1.0).abs() <= 0.25,
                "{quantile}: {found_us}"
            );
        }
    }

    #[test]
    fn a_reading_counts_what_is_shorter() {
        let histogram = Histogram::default();
        for nanos in [1_000, 1_023, 1_024, 5_000] {
            histogram.record(Duration::from_nanos(nanos));
        }
        let reading = histogram.reading(9, 13);
        let counts: Vec<_> = reading
            .shorter_than
            .iter()
            .map(|(_, count)| *count)
            .collect();
        assert_eq!(counts, [0, 2, 3, 3, 4]);
        assert_eq!(reading.shorter_than[1].0, Duration::from_nanos(1_024));
        assert_eq!(
            (reading.count, reading.sum),
            (4, Duration::from_nanos(8_047))
        );
        assert_eq!(histogram.reading(60, 99).shorter_than.len(), 4);
    }

    #[test]
    fn an_empty_histogram_answers_zero() {
        assert_eq!(Histogram::default().quantile(0.99), Duration::ZERO);
    }

    #[test]
    fn extreme_durations_have_a_bucket() {
        let histogram = Histogram::default();
        histogram.record(Duration::ZERO);
        histogram.record(Duration::MAX);
        assert!(histogram.quantile(1.0) > Duration::from_secs(1 << 33));
    }

    #[test]
    fn places_are_refused_at_capacity_and_given_back() {
        let stats = ActorStats::new("a", 3);
        assert!(stats.take(2));
        assert!(!stats.take(2));
        stats.give_back(2);
        assert!(stats.take(10), "a heavy letter fits into an empty queue");
        assert_eq!(stats.refused.load(Relaxed), 1);
    }
}
