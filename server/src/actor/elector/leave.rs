//! Lets an application go: whoever works for it here stops, its workers go to the new owner.

use powerjob_common::actor::{Port, Refused};
use powerjob_common::id::AppId;

use crate::actor::instance_manager::DropApp;
use crate::actor::scheduler::UnscheduleApp;
use crate::live::EventHub;
use crate::rpc::OpenSessions;

/// Those who have to let go.
#[derive(Debug, Clone)]
pub(crate) struct Leaving {
    pub(crate) unschedule: Port<UnscheduleApp>,
    pub(crate) drop: Vec<Port<DropApp>>,
    pub(crate) events: EventHub,
    pub(crate) sessions: OpenSessions,
}

/// Where workers find their application from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NewOwner {
    pub(super) worker_address: String,
    pub(super) epoch: i64,
}

impl Leaving {
    /// Repeating it is harmless. The ownership table must not name the application any more.
    pub(super) fn let_go(&self, app_id: AppId, new_owner: Option<NewOwner>) {
        report(app_id, self.unschedule.tell(UnscheduleApp { app_id }));
        for port in &self.drop {
            report(app_id, port.tell(DropApp { app_id }));
        }
        self.events.end(app_id);
        let new_owner = new_owner.map(|owner| (owner.worker_address, owner.epoch));
        self.sessions.send_away(app_id, new_owner);
    }
}

/// What an actor still does for the application is fenced.
fn report(app_id: AppId, told: Result<(), Refused>) {
    if let Err(refused) = told {
        tracing::error!(%app_id, %refused, "an actor did not hear that an application has left");
    }
}
