//! The actors of a worker, one in each file. All run on the worker's own thread, together with its
//! connection; users' code runs elsewhere and cannot hold them up.

pub(crate) mod beat_letters;
pub(crate) mod beat_tracker;
pub(crate) mod guest_tracker;
pub(crate) mod health_reporter;
pub(crate) mod heavy_letters;
pub(crate) mod heavy_tracker;
pub(crate) mod journal_letters;
pub(crate) mod letters;
pub(crate) mod log_shipper;
pub(crate) mod processor_tracker;
pub(crate) mod server_link;
pub(crate) mod spill_letters;
pub(crate) mod task_tracker;
