//! Instances as the reference shows them.

use chrono_tz::Tz;
use powerjob_common::time::UnixMillis;
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

/// For the page of one instance.
pub(super) fn detail(instance: &Instance, zone: Tz) -> Value {
    let state = &instance.state;
    json!({
        "expectedTriggerTime": moment(Some(state.expected_at.0), zone),
        "actualTriggerTime": moment(millis(state.dispatched_at), zone),
        "finishedTime": moment(millis(state.finished_at), zone),
        "status": state.status.code(),
        "result": state.result,
        "taskTrackerAddress": address(instance),
        "jobParams": super::render::text(instance.job_params.as_deref()),
        "instanceParams": super::render::text(instance.instance_params.as_deref()),
        "taskDetail": null,
        "queriedTaskDetailInfoList": [],
        "subInstanceDetails": null,
        "runningTimes": state.running_times,
    })
}
