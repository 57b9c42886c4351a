//! Sessions of the native protocol over TCP, used by server and worker alike.
//!
//! * [`dial`] opens a session, [`Listener`] takes them; a [`Gate`] says who may come in.
//! * [`Session`] sends: [`Session::tell`], [`Session::ask`], [`Session::ask_then`]. It never waits for room.
//! * [`Inbox`] receives: it is called by the task that reads the socket and must not block.
//!
//! Each session has three tasks and no actor: one reads, one writes, one watches the time. They run
//! on the runtime of whoever dialed or listened, so a busy actor cannot silence the connection.
//!
//! # Invariants
//! 1. Every queue is bounded; a full one is an error for whoever sends, never a wait.
//! 2. The reader waits for nothing but the socket.
//! 3. Every question ends exactly once: with an answer, an error of the peer, a time-out or the end
//!    of the session.
//! 4. [`Inbox::on_closed`] is called exactly once, after the last message.
//! 5. With nobody watching, the tap costs one relaxed load for each frame.

#![warn(missing_docs)]

mod config;
mod connection;
mod dial;
mod error;
mod failures;
mod gate;
mod inbox;
mod keeper;
mod listener;
mod outbound;
mod peer;
mod pending;
mod reader;
mod reception;
mod session;
mod stats;
mod throttle;
mod watch;
mod writer;

pub use config::{DialConfig, ListenConfig, SessionConfig};
pub use dial::dial;
pub use error::{CloseCause, DialError, SessionError};
pub use gate::{Admission, Gate, GateFuture};
pub use inbox::{Inbox, Incoming, Responder};
pub use listener::Listener;
pub use peer::PeerInfo;
pub use session::Session;
pub use stats::SessionStats;

pub use powerjob_protocol::wire::control::ErrorCode;
pub use powerjob_protocol::wire::handshake::{Hello, Identity, Reject, Role, Terms};
