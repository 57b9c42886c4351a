//! The tasks of instances that are spread over several workers, as their masters see them.

use powerjob_protocol::api::task as api;
use powerjob_protocol::wire::server_to_worker::{self as wire, GetTasks};
use tokio::sync::oneshot;

use super::{ServiceError, Services};
use crate::domain::instance::{Instance, is_out};

/// How the tasks of an instance fare, at most `limit` of them listed.
///
/// # Errors
/// Never: a master that does not answer has no tasks to show.
pub async fn overview(
    services: &Services,
    instance: &Instance,
    limit: u32,
) -> Result<api::TaskOverview, ServiceError> {
    let answer = ask_master(services, instance, limit).await;
    Ok(answer
        .filter(|it| it.is_known)
        .map(to_api)
        .unwrap_or_default())
}

async fn ask_master(
    services: &Services,
    instance: &Instance,
    limit: u32,
) -> Option<wire::TaskOverview> {
    let tracker = instance
        .state
        .tracker
        .as_ref()
        .filter(|_| is_out(&instance.state))?;
    let workers = &services.handles.workers;
    let link = workers.find(instance.app_id, &tracker.node)?.link?;
    let (sender, answer) = oneshot::channel();
    let request = GetTasks {
        instance_id: instance.instance_id.0,
        attempt: instance.state.attempt,
        limit,
    };
    // The link answers in any case, at the latest when its own limit passes.
    link.tasks(request, Box::new(move |answer| drop(sender.send(answer))));
    answer.await.ok()?.ok()
}

fn to_api(overview: wire::TaskOverview) -> api::TaskOverview {
    api::TaskOverview {
        is_live: true,
        counts: counts(overview.total),
        workers: overview
            .workers
            .into_iter()
            .map(|worker| api::WorkerTasks {
                node: worker.node_id,
                name: worker.name,
                is_ready: worker.is_ready,
                counts: counts(worker.counts),
            })
            .collect(),
        tasks: overview
            .tasks
            .into_iter()
            .map(|task| api::Task {
                id: task.id,
                name: task.name,
                status: status(task.status).to_owned(),
                worker: task.worker,
                attempts: task.attempts,
                result: task.result,
            })
            .collect(),
    }
}

fn counts(counts: wire::TaskCounts) -> api::TaskCounts {
    let wire::TaskCounts {
        waiting,
        running,
        succeeded,
        failed,
    } = counts;
    api::TaskCounts {
        total: waiting + running + succeeded + failed,
        waiting,
        running,
        succeeded,
        failed,
    }
}

fn status(code: u8) -> &'static str {
    match code {
        2..=4 => "RUNNING",
        5 => "FAILED",
        6 => "SUCCEEDED",
        _ => "WAITING",
    }
}
