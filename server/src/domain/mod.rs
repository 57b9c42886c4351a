//! Decisions, as pure functions: no clock, no SQL, no sockets, no async.

pub mod instance;
pub mod job;
pub mod worker;
