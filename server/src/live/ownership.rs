//! Which applications this server owns, and whether it may act at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use dashmap::DashMap;
use powerjob_common::id::AppId;
use powerjob_common::time::Clock;

/// Owned applications with their epochs. The elector writes, all may read.
#[derive(Debug, Clone)]
pub struct Ownership {
    apps: Arc<DashMap<AppId, i64>>,
    acts_until_ms: Arc<AtomicU64>,
    is_settled: Arc<AtomicBool>,
    generation: Arc<AtomicU64>,
    clock: Arc<dyn Clock>,
}

impl Ownership {
    /// Owns nothing and may not act.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            apps: Arc::default(),
            acts_until_ms: Arc::default(),
            is_settled: Arc::default(),
            generation: Arc::default(),
            clock,
        }
    }

    /// The epoch of an application whose open instances are loaded; `None` when it is not ours, or
    /// not yet, or when the lease could not be renewed in time.
    pub fn epoch(&self, app_id: AppId) -> Option<i64> {
        if !self.may_act() {
            return None;
        }
        self.apps.get(&app_id).map(|epoch| *epoch)
    }

    /// Whether the lease is safely ours.
    pub fn may_act(&self) -> bool {
        self.clock.monotonic().as_millis() < u128::from(self.acts_until_ms.load(Relaxed))
    }

    /// Whether this server does its full work: the lease is ours, and of the applications that were
    /// free when it started the open instances are loaded and the triggers missed meanwhile are made.
    ///
    /// # Errors
    /// What it waits for, in words.
    pub fn check_ready(&self) -> Result<(), &'static str> {
        if !self.may_act() {
            Err("the lease of this server could not be renewed")
        } else if !self.is_settled.load(Relaxed) {
            Err("the applications are being loaded")
        } else {
            Ok(())
        }
    }

    /// How long this server may act unless the lease is renewed; zero: it may not.
    pub fn acts_for(&self) -> Duration {
        let until = Duration::from_millis(self.acts_until_ms.load(Relaxed));
        until.saturating_sub(self.clock.monotonic())
    }

    /// The applications that are ours with their epochs, by id.
    pub fn epochs(&self) -> Vec<(AppId, i64)> {
        let mut epochs: Vec<_> = self
            .apps
            .iter()
            .map(|entry| (*entry.key(), *entry.value()))
            .collect();
        epochs.sort_unstable();
        epochs
    }

    /// The applications that are ours.
    pub fn apps(&self) -> Vec<AppId> {
        self.apps.iter().map(|entry| *entry.key()).collect()
    }

    /// The lease was renewed: this server may act until `until` (monotonic).
    pub fn extend(&self, until: Duration) {
        let until_ms = u64::try_from(until.as_millis()).unwrap_or(u64::MAX);
        self.acts_until_ms.fetch_max(until_ms, Relaxed);
    }

    /// What was free at the start is loaded and planned.
    pub(crate) fn settle(&self) {
        self.is_settled.store(true, Relaxed);
    }

    /// Whether [`Ownership::settle`] was called.
    pub(crate) fn is_settled(&self) -> bool {
        self.is_settled.load(Relaxed)
    }

    /// Whether an application is in the table, whatever the lease.
    pub(crate) fn has(&self, app_id: AppId) -> bool {
        self.apps.contains_key(&app_id)
    }

    /// Whether an application is in the table with this epoch, whatever the lease.
    pub(crate) fn is_loaded(&self, app_id: AppId, epoch: i64) -> bool {
        self.apps.get(&app_id).is_some_and(|known| *known == epoch)
    }

    /// The lease had run out: what is ours must be read anew.
    pub(crate) fn forget_all(&self) {
        self.generation.fetch_add(1, Relaxed);
        self.apps.clear();
    }

    /// Grows with every [`Ownership::forget_all`].
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Relaxed)
    }

    /// The lease is lost for good.
    pub(crate) fn end(&self) {
        self.apps.clear();
        self.acts_until_ms.store(0, Relaxed);
    }

    /// An application is not ours any more; every actor sees it at once.
    pub fn leave(&self, app_id: AppId) {
        self.apps.remove(&app_id);
    }

    /// An application is ours and loaded.
    pub fn enter(&self, app_id: AppId, epoch: i64) {
        self.apps.insert(app_id, epoch);
    }
}
