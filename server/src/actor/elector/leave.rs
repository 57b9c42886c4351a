//! Lets an application go: whoever works for it here stops, its workers go to the new owner.

use std::time::Duration;

use powerjob_common::actor::{AskError, Port, Refused};
use powerjob_common::id::AppId;

use crate::actor::instance_manager::{DropApp, SettleRuns};
use crate::actor::scheduler::{SettleTriggers, UnscheduleApp};
use crate::live::EventHub;
use crate::rpc::OpenSessions;

/// Actors answer at once, a backlog aside.
const SETTLING_LIMIT: Duration = Duration::from_secs(10);

/// Those who have to let go.
#[derive(Debug, Clone)]
pub(crate) struct Leaving {
    pub(crate) unschedule: Port<UnscheduleApp>,
    pub(crate) drop: Vec<Port<DropApp>>,
    pub(crate) events: EventHub,
    pub(crate) sessions: OpenSessions,
}

/// Those who may have decided something for an application before they let it go.
#[derive(Debug, Clone)]
pub(crate) struct Settling {
    pub(crate) scheduler: Port<SettleTriggers>,
    pub(crate) instances: Vec<Port<SettleRuns>>,
}

impl Settling {
    /// Waits until everyone has heard what was told before, and has submitted to the store what came
    /// of it.
    ///
    /// # Errors
    /// When one of them does not answer.
    pub(super) async fn wait(&self) -> Result<(), AskError> {
        let scheduler = &self.scheduler;
        scheduler
            .ask(SETTLING_LIMIT, |reply| SettleTriggers { reply })
            .await?;
        for port in &self.instances {
            port.ask(SETTLING_LIMIT, |reply| SettleRuns { reply })
                .await?;
        }
        Ok(())
    }
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
        self.forget(app_id);
        self.events.end(app_id);
        let new_owner = new_owner.map(|owner| (owner.worker_address, owner.epoch));
        self.sessions.send_away(app_id, new_owner);
    }

    /// Whoever works for it here stops. Repeating it is harmless.
    pub(super) fn forget(&self, app_id: AppId) {
        report(app_id, self.unschedule.tell(UnscheduleApp { app_id }));
        for port in &self.drop {
            report(app_id, port.tell(DropApp { app_id }));
        }
    }
}

/// What an actor still does for the application is fenced.
fn report(app_id: AppId, told: Result<(), Refused>) {
    if let Err(refused) = told {
        tracing::error!(%app_id, %refused, "an actor did not hear that an application has left");
    }
}
