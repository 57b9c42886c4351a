//! The actors: they collect facts, ask `domain` for a decision, store it and carry it out.

pub(crate) mod beat_keeper;
pub mod cleaner;
pub(crate) mod dispatcher;
pub mod elector;
pub mod inspector;
pub mod instance_manager;
pub mod log_collector;
pub mod scheduler;
pub(crate) mod status_checker;
pub(crate) mod task_journals;
pub(crate) mod timer;
pub mod worker_registry;
