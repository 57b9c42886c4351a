//! The bytes of the native protocol.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod frames;
mod golden;
mod handshake;
mod hex;
mod properties;
mod samples;
