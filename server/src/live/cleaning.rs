//! What the cleaner has done since the start.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use powerjob_common::time::UnixMillis;

/// What was deleted, by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Ended instances.
    pub instances: u64,
    /// Former definitions of jobs.
    pub job_revisions: u64,
    /// Jobs that people had deleted.
    pub jobs: u64,
    /// Sessions that had ended.
    pub sessions: u64,
    /// Bytes of logs of runs.
    pub log_bytes: u64,
}

/// The cleaner's numbers at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CleaningReading {
    /// Whether a round is under way.
    pub is_running: bool,
    /// Rounds that ended, failed ones included.
    pub rounds: u64,
    /// Rounds in which something could not be deleted.
    pub failures: u64,
    /// When the last round ended.
    pub ended_at: Option<UnixMillis>,
    /// How long it took.
    pub took: Duration,
    /// Since the start of the server, the round under way included.
    pub total: Cleaned,
}

#[derive(Debug, Default)]
struct Counts {
    is_running: AtomicBool,
    rounds: AtomicU64,
    failures: AtomicU64,
    ended_at_ms: AtomicI64,
    took_ms: AtomicU64,
    instances: AtomicU64,
    job_revisions: AtomicU64,
    jobs: AtomicU64,
    sessions: AtomicU64,
    log_bytes: AtomicU64,
}

/// Counts what the cleaner does; the cleaner writes, all may read.
#[derive(Debug, Clone, Default)]
pub struct CleaningCounts(Arc<Counts>);

impl CleaningCounts {
    /// A round has begun.
    pub(crate) fn begin(&self) {
        self.0.is_running.store(true, Relaxed);
    }

    /// A round has ended at `now`.
    pub(crate) fn end(&self, now: UnixMillis, took: Duration, is_good: bool) {
        let counts = &self.0;
        counts.rounds.fetch_add(1, Relaxed);
        counts.failures.fetch_add(u64::from(!is_good), Relaxed);
        counts.ended_at_ms.store(now.0, Relaxed);
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        counts.took_ms.store(took_ms, Relaxed);
        counts.is_running.store(false, Relaxed);
    }

    /// Something was deleted.
    pub(crate) fn add(&self, cleaned: Cleaned) {
        let counts = &self.0;
        for (counter, count) in [
            (&counts.instances, cleaned.instances),
            (&counts.job_revisions, cleaned.job_revisions),
            (&counts.jobs, cleaned.jobs),
            (&counts.sessions, cleaned.sessions),
            (&counts.log_bytes, cleaned.log_bytes),
        ] {
            counter.fetch_add(count, Relaxed);
        }
    }

    /// The numbers now.
    pub fn reading(&self) -> CleaningReading {
        let counts = &self.0;
        let rounds = counts.rounds.load(Relaxed);
        CleaningReading {
            is_running: counts.is_running.load(Relaxed),
            rounds,
            failures: counts.failures.load(Relaxed),
            ended_at: (rounds > 0).then(|| UnixMillis(counts.ended_at_ms.load(Relaxed))),
            took: Duration::from_millis(counts.took_ms.load(Relaxed)),
            total: Cleaned {
                instances: counts.instances.load(Relaxed),
                job_revisions: counts.job_revisions.load(Relaxed),
                jobs: counts.jobs.load(Relaxed),
                sessions: counts.sessions.load(Relaxed),
                log_bytes: counts.log_bytes.load(Relaxed),
            },
        }
    }
}
