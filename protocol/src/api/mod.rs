//! Requests and answers of the HTTP API under `/v1`, one file per resource.
//!
//! JSON is camelCase. Ids are strings, because JavaScript rounds 64-bit numbers; numbers are
//! accepted on input. Times are epoch milliseconds. Unknown fields of a request are an error.

pub mod app;
pub mod beats;
pub mod calendar;
pub mod event;
pub mod id;
pub mod inspection;
pub mod instance;
pub mod job;
pub mod page;
pub mod policy;
pub mod problem;
pub mod reason;
pub mod schedule;
pub mod schema;
pub mod server;
pub mod session;
pub mod statistics;
pub mod task;
pub mod worker;
