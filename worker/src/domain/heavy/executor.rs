//! A worker of a team, as the master of an instance sees it.

use std::time::Duration;

use powerjob_common::id::NodeRef;
use powerjob_protocol::wire::server_to_worker::TeamWorker;

/// Where an executor stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// Nothing was asked of it.
    Unasked,
    /// It was asked to take part.
    Asked,
    /// It takes tasks.
    Ready,
    /// The connection is gone; given up at a monotonic time.
    Away { until: Duration },
    /// Given up; asked again at a monotonic time if it is still in the team.
    Lost { again_at: Duration },
    /// It cannot take part in this instance.
    Refused,
}

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct Executor {
    pub(crate) worker: TeamWorker,
    pub(crate) readiness: Readiness,
    /// Whether the server's last list names it.
    pub(crate) is_listed: bool,
    /// Work that may be outstanding there.
    pub(crate) window: u32,
    pub(crate) generation: u32,
}

impl Executor {
    pub(crate) fn new(worker: TeamWorker) -> Self {
        Self {
            worker,
            readiness: Readiness::Unasked,
            is_listed: true,
            window: 0,
            generation: 1,
        }
    }

    /// Its present life.
    pub(crate) fn node(&self) -> NodeRef {
        NodeRef {
            node_id: self.worker.node_id.clone(),
            incarnation: self.worker.incarnation,
        }
    }

    /// Whether this is the present life of a node.
    pub(crate) fn is(&self, node_id: &str, incarnation: u64) -> bool {
        self.worker.node_id == node_id && self.worker.incarnation == incarnation
    }

    /// Whether it was ever told of the instance in a way that it may hold something of it.
    pub(crate) fn may_hold(&self) -> bool {
        !matches!(self.readiness, Readiness::Unasked | Readiness::Refused)
    }

    /// Whether its answer to the question whether it takes part is missing.
    pub(crate) fn is_awaited(&self) -> bool {
        matches!(self.readiness, Readiness::Asked | Readiness::Away { .. })
    }

    /// How much work it can be given.
    pub(crate) fn free(&self, outstanding: u32) -> u32 {
        if self.is_listed && self.readiness == Readiness::Ready {
            self.window.saturating_sub(outstanding)
        } else {
            0
        }
    }
}
