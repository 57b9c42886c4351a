//! Instances as the reference shows them.

use chrono_tz::Tz;
use powerjob_common::time::UnixMillis;
use powerjob_protocol::json::{InstanceDetail, QueriedTask, SubInstanceDetail, TaskDetail};
use serde_json::{Value, json};

use super::render::{date, moment};
use crate::domain::instance::{Instance, Trigger};

/// Of a job, or of a workflow.
const TYPE_NORMAL: i64 = 1;
const TYPE_WORKFLOW: i64 = 2;

fn workflow_of(instance: &Instance) -> Option<i64> {
    match instance.trigger {
        Trigger::Workflow { wf_instance_id } => Some(wf_instance_id),
        Trigger::Schedule { .. } | Trigger::Api => None,
    }
}

fn millis(at: Option<UnixMillis>) -> Option<i64> {
    at.map(|at| at.0)
}

fn address(instance: &Instance) -> Option<&str> {
    let tracker = instance.state.tracker.as_ref();
    tracker.map(|tracker| tracker.address.as_str())
}

/// The last moment at which something became of it.
fn modified_at(instance: &Instance) -> UnixMillis {
    let state = &instance.state;
    let moments = [
        state.dispatched_at,
        state.received_at,
        state.started_at,
        state.recorded_at,
    ];
    let last = moments.into_iter().flatten().max();
    last.unwrap_or(instance.created_at).max(instance.created_at)
}

/// For programs: codes, and times in milliseconds.
pub(super) fn for_program(instance: &Instance) -> Value {
    let state = &instance.state;
    let workflow = workflow_of(instance);
    json!({
        "jobId": instance.job_id.0,
        "appId": instance.app_id.0,
        "instanceId": instance.instance_id.0,
        "wfInstanceId": workflow,
        "jobParams": super::render::text(instance.job_params.as_deref()),
        "instanceParams": super::render::text(instance.instance_params.as_deref()),
        "status": state.status.code(),
        "type": if workflow.is_some() { TYPE_WORKFLOW } else { TYPE_NORMAL },
        "result": state.result,
        "expectedTriggerTime": state.expected_at.0,
        "actualTriggerTime": millis(state.dispatched_at),
        "finishedTime": millis(state.finished_at),
        "taskTrackerAddress": address(instance),
        "runningTimes": state.running_times,
        "gmtCreate": date(instance.created_at),
        "gmtModified": date(modified_at(instance)),
    })
}

/// For a list of the console: ids as texts, times for people.
pub(super) fn for_list(instance: &Instance, job_name: &str, zone: Tz) -> Value {
    let state = &instance.state;
    let workflow = workflow_of(instance);
    json!({
        "jobId": instance.job_id.to_string(),
        "jobName": job_name,
        "instanceId": instance.instance_id.to_string(),
        "wfInstanceId": workflow.map_or_else(|| "N/A".to_owned(), |id| id.to_string()),
        "result": state.result,
        "taskTrackerAddress": address(instance),
        "runningTimes": state.running_times,
        "status": state.status.code(),
        "actualTriggerTime": moment(millis(state.dispatched_at), zone),
        "finishedTime": moment(millis(state.finished_at), zone),
    })
}

/// For the page of one instance; `live` is what its worker tells, while one has it.
pub(super) fn detail(instance: &Instance, live: Option<&InstanceDetail>, zone: Tz) -> Value {
    let state = &instance.state;
    let tasks = live.and_then(|live| live.queried_task_detail_info_list.as_ref());
    let tasks = tasks.into_iter().flatten();
    let parts = live.and_then(|live| live.sub_instance_details.as_ref());
    json!({
        "expectedTriggerTime": moment(Some(state.expected_at.0), zone),
        "actualTriggerTime": moment(millis(state.dispatched_at), zone),
        "finishedTime": moment(millis(state.finished_at), zone),
        "status": live.and_then(|live| live.status).unwrap_or_else(|| state.status.code()),
        "result": state.result,
        "taskTrackerAddress": address(instance),
        "jobParams": super::render::text(instance.job_params.as_deref()),
        "instanceParams": super::render::text(instance.instance_params.as_deref()),
        "taskDetail": live.and_then(|live| live.task_detail.as_ref()).map(counts),
        "queriedTaskDetailInfoList": tasks.map(|task| one_task(task, zone)).collect::<Vec<_>>(),
        "subInstanceDetails": parts.map(|parts| {
            parts.iter().map(|part| one_part(part, zone)).collect::<Vec<_>>()
        }),
        "runningTimes": state.running_times,
    })
}

fn counts(detail: &TaskDetail) -> Value {
    json!({
        "totalTaskNum": detail.total_task_num,
        "succeedTaskNum": detail.succeed_task_num,
        "failedTaskNum": detail.failed_task_num,
        "waitingDispatchTaskNum": detail.waiting_dispatch_task_num,
        "workerUnreceivedTaskNum": detail.worker_unreceived_task_num,
        "receivedTaskNum": detail.received_task_num,
        "runningTaskNum": detail.running_task_num,
    })
}

fn one_task(task: &QueriedTask, zone: Tz) -> Value {
    json!({
        "taskId": task.task_id,
        "taskName": task.task_name,
        "taskContent": task.task_content,
        "processorAddress": task.processor_address,
        "status": task.status,
        "statusStr": task.status_str,
        "result": task.result,
        "failedCnt": task.failed_cnt,
        "createdTime": task.created_time,
        "createdTimeStr": moment(task.created_time, zone),
        "lastModifiedTime": task.last_modified_time,
        "lastModifiedTimeStr": moment(task.last_modified_time, zone),
        "lastReportTime": task.last_report_time,
        "lastReportTimeStr": moment(task.last_report_time, zone),
    })
}

fn one_part(part: &SubInstanceDetail, zone: Tz) -> Value {
    json!({
        "subInstanceId": part.sub_instance_id,
        "startTime": moment(part.start_time, zone),
        "finishedTime": moment(part.finished_time, zone),
        "result": part.result,
        "status": part.status,
    })
}
