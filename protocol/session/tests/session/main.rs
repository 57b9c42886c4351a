//! Sessions over real sockets on the loopback address.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod bounds;
mod doors;
mod ends;
mod harness;
mod talk;
mod watching;
