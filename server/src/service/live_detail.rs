//! How a running instance fares, asked of its worker.

use std::time::Duration;

use powerjob_protocol::json::{InstanceDetail, QueryInstanceStatus};
use tokio::sync::oneshot;

use super::Services;
use crate::domain::instance::{Instance, is_out};

/// The reference's time for a question.
const LIMIT: Duration = Duration::from_secs(5);

/// What the worker of an instance says of it and of those of its tasks that fit `condition`, an SQL
/// condition on the worker's own table; `None` when no worker has it or the worker does not tell.
pub async fn ask_worker(
    services: &Services,
    instance: &Instance,
    condition: Option<String>,
) -> Option<InstanceDetail> {
    let tracker = instance.state.tracker.as_ref();
    let tracker = tracker.filter(|_| is_out(&instance.state))?;
    let worker = services
        .handles
        .workers
        .find(instance.app_id, &tracker.node)?;
    let (sender, answered) = oneshot::channel();
    let question = QueryInstanceStatus {
        instance_id: instance.instance_id.0,
        custom_query: condition,
    };
    worker
        .link?
        .detail(question, Box::new(|answer| drop(sender.send(answer))));
    tokio::time::timeout(LIMIT, answered)
        .await
        .ok()?
        .ok()?
        .ok()?
}
