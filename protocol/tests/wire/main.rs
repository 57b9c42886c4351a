//! The bytes of the native protocol.

mod frames;
mod golden;
mod handshake;
mod hex;
mod properties;
mod samples;
