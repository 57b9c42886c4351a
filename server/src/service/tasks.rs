//! The tasks of instances that are spread over several workers, as their masters see them.

use std::sync::Arc;

use powerjob_protocol::api::task as api;
use powerjob_protocol::json::{InstanceDetail, QueriedTask, TaskDetail};
use powerjob_protocol::wire::server_to_worker::{self as wire, GetTasks};
use tokio::sync::oneshot;

use super::{ServiceError, Services, kept_tasks, live_detail};
use crate::domain::instance::{Instance, is_out};
use crate::live::WorkerLink;

/// Which of its tasks a Java worker is asked for: the condition is on its own table, and the worker
/// gives ten at most.
const STARTED_TASKS: &str =
    "status in (3, 4, 5, 6) order by failed_cnt desc, last_modified_time desc";
/// Longest result of a Java worker's task in an overview, in characters.
const LONGEST_RESULT: usize = 500;

/// How the tasks of an instance fare, at most `limit` of them listed.
///
/// # Errors
/// When what is kept of the tasks cannot be read. A master that does not answer is none.
pub async fn overview(
    services: &Services,
    instance: &Instance,
    limit: u32,
) -> Result<api::TaskOverview, ServiceError> {
    let answer = ask_master(services, instance, limit).await;
    if let Some(overview) = answer.filter(|it| it.is_known) {
        return Ok(to_api(overview));
    }
    let condition = Some(STARTED_TASKS.to_owned());
    let told = live_detail::ask_worker(services, instance, condition).await;
    match told.and_then(of_java_worker) {
        Some(overview) => Ok(overview),
        None => kept_tasks::overview(services, instance, limit).await,
    }
}

/// What a Java worker says; `None` of a run without tasks of its own.
fn of_java_worker(detail: InstanceDetail) -> Option<api::TaskOverview> {
    let counts = java_counts(&detail.task_detail?)?;
    let tasks = detail.queried_task_detail_info_list.unwrap_or_default();
    Some(api::TaskOverview {
        is_live: true,
        counts,
        tasks: tasks.into_iter().map(java_task).collect(),
        ..api::TaskOverview::default()
    })
}

/// `None` from a worker that counts nothing, because it has one task only.
fn java_counts(detail: &TaskDetail) -> Option<api::TaskCounts> {
    let number = |count: i64| u64::try_from(count).unwrap_or(0);
    let given = [
        detail.worker_unreceived_task_num,
        detail.received_task_num,
        detail.running_task_num,
    ];
    Some(api::TaskCounts {
        total: number(detail.total_task_num),
        waiting: number(detail.waiting_dispatch_task_num?),
        running: given.into_iter().flatten().map(number).sum(),
        succeeded: number(detail.succeed_task_num),
        failed: number(detail.failed_task_num),
    })
}

fn java_task(task: QueriedTask) -> api::Task {
    let code = task.status.and_then(|code| u8::try_from(code).ok());
    let result = task.result.unwrap_or_default();
    api::Task {
        id: task.task_id.unwrap_or_default(),
        name: task.task_name.unwrap_or_default(),
        status: status(code.unwrap_or(0)).to_owned(),
        worker: task.processor_address.unwrap_or_default(),
        attempts: u32::try_from(task.failed_cnt.unwrap_or(0)).unwrap_or(0) + 1,
        result: result.chars().take(LONGEST_RESULT).collect(),
        content: String::new(),
        ran_ms: None,
    }
}

/// The way to the worker that has the present attempt of an instance.
pub(super) fn master_link(services: &Services, instance: &Instance) -> Option<Arc<dyn WorkerLink>> {
    let state = &instance.state;
    let tracker = state.tracker.as_ref().filter(|_| is_out(state))?;
    let workers = &services.handles.workers;
    workers.find(instance.app_id, &tracker.node)?.link
}

async fn ask_master(
    services: &Services,
    instance: &Instance,
    limit: u32,
) -> Option<wire::TaskOverview> {
    let link = master_link(services, instance)?;
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
        is_kept: false,
        counts: counts(overview.total),
        levels: levels(overview.levels.into_iter().map(|it| (it.name, it.counts))),
        per_second: overview.ended_per_1000_s as f64 / 1_000.0,
        left_ms: overview.left_ms,
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
        tasks: overview.tasks.into_iter().map(task).collect(),
    }
}

pub(super) fn task(line: wire::TaskLine) -> api::Task {
    api::Task {
        id: line.id,
        name: line.name,
        status: status(line.status).to_owned(),
        worker: line.worker,
        attempts: line.attempts,
        result: line.result,
        content: line.content,
        ran_ms: line.ran_ms,
    }
}

pub(super) fn levels(
    levels: impl Iterator<Item = (String, wire::TaskCounts)>,
) -> Vec<api::LevelTasks> {
    let level = |(name, of)| api::LevelTasks {
        name,
        counts: counts(of),
    };
    levels.map(level).collect()
}

pub(super) fn counts(counts: wire::TaskCounts) -> api::TaskCounts {
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

pub(super) fn status(code: u8) -> &'static str {
    match code {
        2..=4 => "RUNNING",
        5 => "FAILED",
        6 => "SUCCEEDED",
        _ => "WAITING",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detail(text: &str) -> InstanceDetail {
        serde_json::from_str(text).expect("a detail")
    }

    /// Recorded of a map-reduce run (captures, w05).
    #[test]
    fn tasks_of_a_java_worker_look_like_ours() {
        let told = of_java_worker(detail(
            r#"{"actualTriggerTime":1795233945472,"status":3,"taskTrackerAddress":"127.0.0.1:27811",
            "taskDetail":{"totalTaskNum":31,"succeedTaskNum":16,"failedTaskNum":2,
                "waitingDispatchTaskNum":5,"workerUnreceivedTaskNum":1,"receivedTaskNum":3,
                "runningTaskNum":4},
            "queriedTaskDetailInfoList":[
                {"taskId":"0.5","taskName":"LEVEL1","processorAddress":"127.0.0.1:27812","status":5,
                 "statusStr":"failed","result":"sub fails 0.5","failedCnt":1},
                {"taskId":"0","taskName":"OMS_ROOT_TASK","status":4,"failedCnt":0}]}"#,
        ));
        let told = told.expect("tasks");
        let counts = api::TaskCounts {
            total: 31,
            waiting: 5,
            running: 8,
            succeeded: 16,
            failed: 2,
        };
        assert_eq!((told.is_live, told.counts), (true, counts));
        let first = &told.tasks[0];
        assert_eq!((first.status.as_str(), first.attempts), ("FAILED", 2));
        assert_eq!(first.worker, "127.0.0.1:27812");
        assert_eq!(told.tasks[1].status, "RUNNING");
    }

    #[test]
    fn a_run_on_one_java_worker_has_no_tasks() {
        let light =
            r#"{"status":3,"taskDetail":{"totalTaskNum":1,"succeedTaskNum":0,"failedTaskNum":0}}"#;
        assert_eq!(of_java_worker(detail(light)), None);
        assert_eq!(of_java_worker(detail(r#"{"status":3}"#)), None);
    }
}
