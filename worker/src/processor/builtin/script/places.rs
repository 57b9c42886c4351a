//! How many scripts run at once on this worker, and under which rules.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use powerjob_common::time::monotonic_now;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::folder;
use crate::context::TaskContext;

/// Scripts at once for each processor of the machine, unless the settings say otherwise.
const PLACES_PER_CPU: usize = 4;
/// What dead workers left behind is looked for so often.
const SWEEP_INTERVAL: Duration = Duration::from_secs(3_600);

/// The rules for scripts on a worker.
#[derive(Debug, Clone)]
pub(crate) struct ScriptSettings {
    /// Scripts that run at once, at least 1; `None` = four for each processor.
    pub(crate) at_once: Option<usize>,
    /// Variables of the worker that scripts may see; a name may end in `*`.
    pub(crate) environment: Vec<String>,
}

/// Places for scripts; shared by all kinds of them.
#[derive(Debug)]
pub(crate) struct ScriptPlaces {
    free: Semaphore,
    count: usize,
    environment: Vec<String>,
    /// When the folder was swept last, monotonic.
    swept_at: Mutex<Option<Duration>>,
}

impl ScriptPlaces {
    pub(crate) fn new(settings: ScriptSettings) -> Self {
        let usual = || {
            let processors = std::thread::available_parallelism().map_or(1, usize::from);
            processors * PLACES_PER_CPU
        };
        let count = settings
            .at_once
            .unwrap_or_else(usual)
            .clamp(1, Semaphore::MAX_PERMITS);
        Self {
            free: Semaphore::new(count),
            count,
            environment: settings.environment,
            swept_at: Mutex::default(),
        }
    }

    /// Variables of the worker that scripts may see.
    pub(super) fn environment(&self) -> &[String] {
        &self.environment
    }

    /// Waits for a place; who waits is told so in the log of the run.
    pub(super) async fn take(&self, ctx: &TaskContext) -> SemaphorePermit<'_> {
        self.sweep_now_and_then(ctx);
        if let Ok(place) = self.free.try_acquire() {
            return place;
        }
        ctx.logger().info(format!(
            "[SYSTEM] {} scripts run on this worker: waiting for a place",
            self.count
        ));
        let place = self.free.acquire().await;
        place.expect("the places are never closed")
    }

    fn sweep_now_and_then(&self, ctx: &TaskContext) {
        let now = monotonic_now();
        let mut swept_at = self.swept_at.lock().unwrap_or_else(PoisonError::into_inner);
        if swept_at.is_some_and(|at| now.saturating_sub(at) < SWEEP_INTERVAL) {
            return;
        }
        *swept_at = Some(now);
        drop(swept_at);
        let (parent, now) = (
            folder::parent(Path::new(ctx.work_dir())),
            ctx.run().setting.clock.now(),
        );
        tokio::task::spawn_blocking(move || folder::sweep(&parent, now));
    }
}
