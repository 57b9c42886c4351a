//! Decisions, as pure functions: no clock, no SQL, no sockets, no async.

pub mod address_rules;
pub mod adoption;
pub mod back_off;
pub mod claim_lead;
pub mod cleanup;
pub mod dispatch;
pub mod due_index;
pub mod fold;
pub mod instance;
pub mod job;
pub mod lease;
pub mod look_ahead;
pub mod missed;
mod mix;
pub mod overlap;
pub mod policy;
pub mod share_out;
pub mod statistics;
pub mod status_check;
pub mod team;
pub mod tracker_selector;
pub mod trigger;
pub mod upcoming;
pub mod worker;
pub mod worker_filter;
pub mod worker_names;
pub mod workflow_graph;
