//! How runs fare, in numbers since the start.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use powerjob_common::actor::Histogram;
use powerjob_common::status::InstanceStatus;
use powerjob_common::time::UnixMillis;

use crate::domain::instance::{Instance, Trigger};

#[derive(Debug, Default)]
struct Counts {
    open: AtomicI64,
    sent: AtomicU64,
    succeeded: AtomicU64,
    failed: AtomicU64,
    canceled: AtomicU64,
    stopped: AtomicU64,
    sending: Histogram,
    starting: Histogram,
    running: Histogram,
}

/// Counts runs; the instance managers write, all may read. Each call costs a few relaxed additions.
#[derive(Debug, Clone, Default)]
pub struct RunStats(Arc<Counts>);

impl RunStats {
    /// An instance manager holds so many open runs more, or less.
    pub(crate) fn opened(&self, change: i64) {
        self.0.open.fetch_add(change, Relaxed);
    }

    /// A run goes to its worker at `now`, the first time for this attempt.
    pub(crate) fn sent(&self, attempt: u32, nominal: UnixMillis, now: UnixMillis) {
        self.0.sent.fetch_add(1, Relaxed);
        if attempt == 1 {
            self.0.sending.record(span(nominal, now));
        }
    }

    /// The processor of an instance began; counts only its first attempt, because later ones are
    /// late on purpose.
    pub(crate) fn started(&self, instance: &Instance, started_at: UnixMillis) {
        if instance.state.attempt == 1 {
            self.0
                .starting
                .record(span(nominal_of(instance), started_at));
        }
    }

    /// An instance has ended and that is stored.
    pub(crate) fn ended(&self, instance: &Instance) {
        let state = &instance.state;
        let counter = match state.status {
            InstanceStatus::Succeed => &self.0.succeeded,
            InstanceStatus::Failed => &self.0.failed,
            InstanceStatus::Canceled => &self.0.canceled,
            InstanceStatus::Stopped => &self.0.stopped,
            InstanceStatus::WaitingDispatch
            | InstanceStatus::WaitingWorkerReceive
            | InstanceStatus::Running => return,
        };
        counter.fetch_add(1, Relaxed);
        if let (Some(from), Some(until)) = (state.started_at, state.finished_at) {
            self.0.running.record(span(from, until));
        }
    }

    /// Open runs of this server.
    pub fn open(&self) -> u64 {
        u64::try_from(self.0.open.load(Relaxed)).unwrap_or(0)
    }

    /// Runs sent to workers, repetitions included.
    pub fn sent_count(&self) -> u64 {
        self.0.sent.load(Relaxed)
    }

    /// Ended runs by their final status.
    pub fn ended_counts(&self) -> [(InstanceStatus, u64); 4] {
        [
            (InstanceStatus::Succeed, self.0.succeeded.load(Relaxed)),
            (InstanceStatus::Failed, self.0.failed.load(Relaxed)),
            (InstanceStatus::Canceled, self.0.canceled.load(Relaxed)),
            (InstanceStatus::Stopped, self.0.stopped.load(Relaxed)),
        ]
    }

    /// From the nominal time to the sending.
    pub fn sending(&self) -> &Histogram {
        &self.0.sending
    }

    /// From the nominal time to the start of the processor: the lateness.
    pub fn starting(&self) -> &Histogram {
        &self.0.starting
    }

    /// From the start to the end of the processor.
    pub fn running(&self) -> &Histogram {
        &self.0.running
    }
}

/// When an instance was meant to start.
pub(crate) fn nominal_of(instance: &Instance) -> UnixMillis {
    match instance.trigger {
        Trigger::Schedule { nominal } => nominal,
        Trigger::Api | Trigger::Workflow { .. } => instance.state.expected_at,
    }
}

/// Clocks of two machines may differ: nothing is early.
fn span(from: UnixMillis, until: UnixMillis) -> Duration {
    Duration::from_millis(u64::try_from(until.0.saturating_sub(from.0)).unwrap_or(0))
}
