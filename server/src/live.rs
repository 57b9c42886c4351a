//! What the actors know and everyone may read: jobs, workers, events. Written by few, read by many.

mod events;
mod jobs;
mod ownership;
mod running;
mod workers;

pub use self::events::{Event, EventHub, EventStream, Missed};
pub use self::jobs::JobTable;
pub use self::ownership::Ownership;
pub use self::running::RunningCounts;
pub use self::workers::{WorkerEntry, WorkerLink, WorkerTable};
