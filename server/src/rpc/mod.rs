//! Where workers connect: sockets in, typed letters out. No decisions.
//!
//! `app` binds a [`BoundListener`] first, because the lease tells other servers its address, and
//! lets workers in with [`BoundListener::serve`] when the actors run.

mod connection;
mod gate;
pub(crate) mod java;
mod known_apps;
mod link;
mod listener;
mod reports;
#[cfg(test)]
mod tests;

pub(crate) use self::connection::{ConnectionParts, RegistryPorts};
pub use self::listener::WorkerListener;
pub(crate) use self::listener::{BoundListener, DoorConfig, OpenSessions};
#[cfg(feature = "simulation")]
pub(crate) use self::reports::by_shard;
