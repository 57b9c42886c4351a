//! What goes over the network, as values and bytes; no sockets here.
//!
//! * [`wire`]: the native protocol between servers and workers.
//! * [`api`]: requests and answers of the HTTP API under `/v1`.
//! * [`json`]: the reference's messages between servers and workers, HTTP with JSON bodies.

#![warn(missing_docs)]

pub mod api;
pub mod json;
pub mod wire;
