//! How does a master that shuts down leave its instance to another worker?
//!
//! Nothing more is handed out and no new tasks are taken; what executors have may end until the worker
//! has no more time. Then this worker's part ends, and its successor goes on from the journal.

use powerjob_common::status::ExecuteType;
use powerjob_protocol::wire::worker_to_worker::CloseReason;

use super::master::Master;
use crate::domain::ending;

impl Master {
    /// Whether another worker can go on with the instance; broadcasts belong to their workers.
    pub(crate) fn can_be_handed_on(&self) -> bool {
        matches!(self.kind(), ExecuteType::Map | ExecuteType::MapReduce)
    }

    /// The worker shuts down.
    pub(crate) fn wind_down(&mut self) {
        self.is_winding_down = self.can_be_handed_on();
    }

    /// Hands the instance on if nothing runs that would end by itself. `held_up`: running tasks whose
    /// new ones are not taken.
    pub(crate) fn hand_on_if_idle(&mut self, held_up: usize) {
        let is_idle = self.tasks.counts().running <= held_up as u64;
        if self.is_winding_down && is_idle {
            self.decide(ending::handed_on(), CloseReason::Abandoned);
        }
    }
}
