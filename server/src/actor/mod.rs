//! The actors: they collect facts, ask `domain` for a decision, store it and carry it out.

pub mod inspector;
pub mod instance_manager;
pub mod log_collector;
pub mod scheduler;
