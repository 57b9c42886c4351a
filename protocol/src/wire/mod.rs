//! The native protocol over TCP: frames, handshake, messages (spec 05 section 12, as changed by the
//! design decisions; described for implementers in `docs/protocol.md`).

pub mod beats;
pub mod codec;
pub mod control;
pub mod frame;
pub mod handshake;
pub mod message;
pub mod node;
pub mod server_to_worker;
pub mod task_journal;
pub mod tasks;
pub mod worker_to_server;
pub mod worker_to_worker;
