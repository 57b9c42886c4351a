//! What the actors know and everyone may read: jobs, workers, events. Written by few, read by many.

mod cleaning;
mod cluster;
mod events;
mod jobs;
mod ownership;
mod packed_job;
mod run_stats;
mod running;
mod workers;

pub use self::cleaning::{Cleaned, CleaningCounts, CleaningReading};
pub use self::cluster::{Cluster, ClusterView, ServerInfo};
pub use self::events::{Event, EventHub, EventStream, Missed};
pub use self::jobs::JobTable;
pub use self::ownership::Ownership;
pub use self::run_stats::RunStats;
pub(crate) use self::run_stats::nominal_of;
pub use self::running::RunningCounts;
pub use self::workers::{WorkerEntry, WorkerLink, WorkerTable};
