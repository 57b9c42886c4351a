//! Traces of runs for OpenTelemetry, when an endpoint is configured; nothing of it runs without one.
//!
//! A run's times are in its row anyway: when its end is stored, its spans are made of them. So the
//! way of a run costs nothing but one offer to a bounded queue, and what the collector cannot take is
//! lost and counted, never waited for (ADR 013).

mod exporter;
mod otlp;
mod spans;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use powerjob_common::secret::Secret;
use tokio::sync::mpsc;

use self::exporter::Exporter;
pub use self::exporter::SetupError;
use self::spans::EndedRun;
use crate::domain::instance::Instance;

/// Runs that may wait for the collector.
const QUEUE_RUNS: usize = 8_192;

/// Where traces go.
#[derive(Debug, Clone)]
pub struct TraceConfig {
    /// Base address of the collector, e.g. `http://127.0.0.1:4318`.
    pub endpoint: String,
    /// Headers of each request as `name=value`, separated by commas.
    pub headers: Option<Secret<String>>,
}

/// Takes runs that ended; cheap to clone. The default drops them.
#[derive(Debug, Clone, Default)]
pub struct TraceSink {
    queue: Option<mpsc::Sender<EndedRun>>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    sent: AtomicU64,
    lost: AtomicU64,
}

impl TraceSink {
    /// Starts to send traces; they end with the last clone.
    ///
    /// # Errors
    /// When the address or the headers cannot be used.
    pub fn start(
        config: &TraceConfig,
        node: &str,
        runtime: &tokio::runtime::Handle,
    ) -> Result<Self, SetupError> {
        let counts = Arc::<Counts>::default();
        let exporter = Exporter::new(config, node, counts.clone())?;
        let (queue, runs) = mpsc::channel(QUEUE_RUNS);
        runtime.spawn(exporter.run(runs));
        Ok(Self {
            queue: Some(queue),
            counts,
        })
    }

    /// An instance has ended and that is stored.
    pub(crate) fn ended(&self, instance: &Instance, job_name: &str) {
        let Some(queue) = &self.queue else { return };
        if queue.try_send(EndedRun::of(instance, job_name)).is_err() {
            self.counts.lost.fetch_add(1, Relaxed);
        }
    }

    /// Runs whose traces were sent, and lost; `None` when there are no traces.
    pub fn counts(&self) -> Option<(u64, u64)> {
        self.queue.as_ref()?;
        let Counts { sent, lost } = self.counts.as_ref();
        Some((sent.load(Relaxed), lost.load(Relaxed)))
    }
}
