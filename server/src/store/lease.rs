//! Who owns what: the lease of this server and its applications.
//!
//! Invariants:
//! 1. A lease row has at most one living owner; taking it over raises its epoch.
//! 2. An assignment belongs to one server; every change of owner raises its epoch.
//! 3. The holder stops acting at [`Renewal::sent_at`] + time to live - margin of its own monotonic
//!    clock: before anyone else can have taken over.

use std::sync::Arc;
use std::time::Duration;

use powerjob_common::id::{AppId, NodeRef};

use super::{Error, Store};

/// What a server asks for at its start.
#[derive(Debug, Clone)]
pub struct LeaseRequest {
    pub node: NodeRef,
    /// `host:port` for workers; mirrored in `app_info.current_server`.
    pub address: String,
    /// How long a lease lives without renewal.
    pub ttl: Duration,
    /// How many server ids for instance ids are wanted; 1 to 256.
    pub server_ids: u16,
}

/// A renewal that reached the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewal {
    /// Monotonic time at which the renewal was sent.
    pub sent_at: Duration,
}

/// An application that this server owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Assignment {
    pub app_id: AppId,
    pub epoch: i64,
}

/// Hears of renewals; called on the lease's own thread: hand over and return.
pub trait LeaseWatch: Send + Sync + 'static {
    /// `Err(Error::Fenced)` means the lease is lost for good; other errors may pass.
    fn renewed(&self, result: Result<Renewal, Error>);
}

/// The lease of this server. The writer refuses batches once it is lost.
#[derive(Debug, Clone)]
pub struct ServerLease {
    epoch: i64,
    first_server_id: u16,
    server_ids: u16,
    acquired: Renewal,
}

impl Store {
    /// Takes the lease of this node.
    ///
    /// # Errors
    /// [`Error::InUse`] while another life of the node, or a Java server, is alive.
    pub async fn acquire_lease(&self, request: LeaseRequest) -> Result<ServerLease, Error> {
        let _ = request;
        super::pending()
    }
}

impl ServerLease {
    /// The fencing token of this server.
    pub fn epoch(&self) -> i64 {
        self.epoch
    }

    /// The block of server ids for [`powerjob_common::instance_id::InstanceIdGenerator`]: first and
    /// number.
    pub fn server_ids(&self) -> (u16, u16) {
        (self.first_server_id, self.server_ids)
    }

    /// When the lease was taken.
    pub fn acquired(&self) -> Renewal {
        self.acquired
    }

    /// Renews once.
    ///
    /// # Errors
    /// [`Error::Fenced`] when the lease is lost.
    pub async fn renew(&self) -> Result<Renewal, Error> {
        super::pending()
    }

    /// Renews every `every` on a thread and a connection of its own until the handle drops.
    pub fn keep(&self, every: Duration, watch: Arc<dyn LeaseWatch>) -> Result<LeaseKeeper, Error> {
        let _ = (every, watch);
        super::pending()
    }

    /// Takes every application that has no living owner; returns only those newly taken. Safe to
    /// repeat; call it at start, after an application was made, and from time to time.
    pub async fn claim_apps(&self) -> Result<Vec<Assignment>, Error> {
        super::pending()
    }

    /// Gives everything back, so that another server need not wait for the end of the lease.
    pub async fn release(&self) -> Result<(), Error> {
        super::pending()
    }
}

/// Renews until it drops.
#[derive(Debug)]
pub struct LeaseKeeper {
    _stop: (),
}
