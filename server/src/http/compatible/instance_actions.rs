//! Stopping, calling off and repeating, with the reference's refusals.

use powerjob_common::status::InstanceStatus;

use super::context::Context;
use super::failure::Failure;
use crate::domain::instance::{Instance, Trigger};
use crate::service::ServiceError;
use crate::service::instances::{self, Action};

/// Does it; what its state does not allow is worded as in the reference.
pub(super) async fn act(context: &Context, action: Action) -> Result<(), Failure> {
    let services = context.services();
    let present = instances::current(services, context.instance()?).await;
    if let Some(refusal) = refusal(&present, action) {
        return Err(refusal);
    }
    let done = instances::act(services, &context.person, &present, action).await;
    match done {
        Ok(_) => Ok(()),
        // It went on while we looked.
        Err(ServiceError::StateConflict(why)) => Err(match action {
            Action::Stop | Action::Kill => Failure::argument("can't stop finished instance!"),
            Action::Cancel => Failure::power("instance already up and running"),
            Action::Retry(_) => Failure::power(why),
        }),
        Err(error) => Err(error.into()),
    }
}

fn refusal(instance: &Instance, action: Action) -> Option<Failure> {
    let status = instance.state.status;
    match action {
        Action::Stop | Action::Kill => status
            .is_finished()
            .then(|| Failure::argument("can't stop finished instance!")),
        Action::Cancel => (status != InstanceStatus::WaitingDispatch)
            .then(|| Failure::power("instance already up and running")),
        Action::Retry(_) if !status.is_finished() => {
            Some(Failure::power("Only stopped instance can be retry!"))
        }
        Action::Retry(_) => matches!(instance.trigger, Trigger::Workflow { .. })
            .then(|| Failure::power("Workflow's instance do not support retry!")),
    }
}
