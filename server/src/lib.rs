//! The PowerJob server: decides when and where a job runs.
//!
//! `domain` decides and is pure; `actor` acts; `store` keeps; `rpc` and `http` are the edges;
//! `service` is what both HTTP surfaces have in common. `app` puts it all together.

pub mod actor;
pub mod adoption;
pub mod app;
pub mod config;
pub mod domain;
pub mod http;
pub mod live;
pub mod log_store;
pub mod rpc;
pub mod service;
#[cfg(feature = "simulation")]
pub mod simulation;
pub mod store;
pub mod traces;
