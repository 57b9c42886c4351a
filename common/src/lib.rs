//! The pure vocabulary of PowerJob: ids, statuses, clocks, time expressions, worker metrics.
//!
//! Nothing here knows a socket, a database or a web framework. The feature `actor` adds the thin
//! layer over actix that server and worker are built on.

#![warn(missing_docs)]

#[cfg(feature = "actor")]
pub mod actor;
pub mod fail_point;
pub mod id;
pub mod instance_id;
pub mod processor_name;
pub mod reason;
pub mod retry;
pub mod secret;
pub mod status;
pub mod system_metrics;
pub mod time;
pub mod time_expression;
