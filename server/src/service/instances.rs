//! Instances: what is stored, with what actors hold in memory laid over it.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::join_all;
use powerjob_common::id::{InstanceId, JobId, TraceId};
use powerjob_common::reason::{Reason, ReasonCode};
use powerjob_common::status::InstanceStatus;
use powerjob_common::time::UnixMillis;
use powerjob_protocol::api::id::Id;
use powerjob_protocol::api::instance::{self as api, InstanceSummary, Timeline};
use powerjob_protocol::api::page::Page;
use powerjob_protocol::api::reason::Reason as ApiReason;
use tracing::{debug, info};

use super::access::Person;
use super::{CHANGE_LIMIT, GLANCE_LIMIT, ServiceError, Services, Thing, ask, missing};
use crate::actor::instance_manager::{
    CancelInstance, ChangeError, KillInstance, ReadInstances, RetryInstance, StopInstance,
};
use crate::domain::instance::{Instance, InstanceState, Trigger};
use crate::domain::retry_scope::RetryScope;
use crate::store;
use crate::store::app::App;

/// Characters of a result and of parameters in a list.
const SHORT_TEXT: usize = 200;
/// The action that is there only while tasks are kept.
const RETRY_FAILED_TASKS: &str = "RETRY_FAILED_TASKS";
/// Reads for one page: with a filter that rejects nearly everything a page may be short or empty.
const MAX_READS: usize = 20;

/// Which instances.
#[derive(Debug, Clone, Default)]
pub struct InstanceFilter {
    /// Only those of one job.
    pub job: Option<JobId>,
    /// States; empty = all.
    pub statuses: Vec<InstanceStatus>,
    /// Meant for this time or later.
    pub from: Option<UnixMillis>,
    /// Meant for an earlier time than this.
    pub to: Option<UnixMillis>,
    /// Part of what a list shows of job, worker, parameters or result, or an instance id.
    pub query: Option<String>,
    /// Where to go on.
    pub cursor: Option<String>,
    /// Items of a page.
    pub limit: u32,
}

/// What can be done with an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// End it.
    Stop,
    /// End it without waiting for its processor.
    Kill,
    /// Call it off before it starts.
    Cancel,
    /// Run it again, or its failed tasks only.
    Retry(RetryScope),
}

/// An instance with the reason why it waits, if it does.
#[derive(Debug, Clone)]
struct Seen {
    instance: Instance,
    waiting_for: Option<Reason>,
}

/// The instance of an id as stored.
///
/// # Errors
/// [`ServiceError::NotFound`].
pub async fn find(services: &Services, id: InstanceId) -> Result<Arc<Instance>, ServiceError> {
    let found = services
        .store
        .instance(id)
        .await
        .map_err(missing(Thing::Instance))?;
    Ok(Arc::new(found))
}

/// The instances of an application, newest first.
pub async fn list(
    services: &Services,
    app: &App,
    filter: &InstanceFilter,
) -> Result<Page<InstanceSummary>, ServiceError> {
    if let Some(id) = filter.query.as_deref().and_then(|query| query.parse().ok()) {
        return by_id(services, app, filter, InstanceId(id)).await;
    }
    let stored = store::instance::InstanceFilter {
        apps: vec![app.id],
        job_id: filter.job,
        statuses: widened(&filter.statuses),
        wf_instance_id: None,
        expected_from: filter.from,
        expected_until: filter.to,
    };
    let limit = filter.limit as usize;
    let mut cursor = filter.cursor.clone();
    let mut items = Vec::new();
    for _ in 0..MAX_READS {
        // Never more rows than still fit: the cursor stands behind the last row that was read.
        let rows = u32::try_from(limit - items.len()).unwrap_or(filter.limit);
        let page = services
            .store
            .list_instances(stored.clone(), cursor, rows)
            .await?;
        cursor = page.next_cursor;
        let shown = summaries(services, page.instances).await?;
        items.extend(shown.into_iter().filter(|item| fits(item, filter)));
        if cursor.is_none() || items.len() > limit / 2 {
            break;
        }
    }
    Ok(Page {
        items,
        next_cursor: cursor,
        total: None,
    })
}

/// What is open may be further than it is stored: look at all open ones when any is asked for.
fn widened(statuses: &[InstanceStatus]) -> Vec<InstanceStatus> {
    if statuses.iter().all(|status| status.is_finished()) {
        return statuses.to_vec();
    }
    let asked = |status: &InstanceStatus| !status.is_finished() || statuses.contains(status);
    InstanceStatus::ALL.iter().copied().filter(asked).collect()
}

fn fits(item: &InstanceSummary, filter: &InstanceFilter) -> bool {
    let has_status = filter.statuses.is_empty() || filter.statuses.contains(&item.status);
    let contains = |part: &String| {
        let part = part.to_lowercase();
        let worker = item.worker.as_deref().unwrap_or_default();
        [item.job_name.as_str(), worker, &item.params, &item.result]
            .iter()
            .any(|text| text.to_lowercase().contains(&part))
    };
    has_status && filter.query.as_ref().is_none_or(contains)
}

async fn by_id(
    services: &Services,
    app: &App,
    filter: &InstanceFilter,
    id: InstanceId,
) -> Result<Page<InstanceSummary>, ServiceError> {
    let mut found = services.store.instances(vec![id]).await?;
    found.retain(|instance| {
        instance.app_id == app.id && filter.job.is_none_or(|job| instance.job_id == job)
    });
    let mut items = summaries(services, found).await?;
    items.retain(|item| filter.statuses.is_empty() || filter.statuses.contains(&item.status));
    Ok(Page {
        items,
        next_cursor: None,
        total: None,
    })
}

async fn summaries(
    services: &Services,
    instances: Vec<Instance>,
) -> Result<Vec<InstanceSummary>, ServiceError> {
    let names = job_names(services, instances.iter().map(|instance| instance.job_id)).await?;
    let seen = as_of_now(services, instances).await;
    Ok(seen
        .iter()
        .map(|seen| summary(&seen.instance, name_in(&names, &seen.instance)))
        .collect())
}

fn name_in<'a>(names: &'a HashMap<JobId, String>, instance: &Instance) -> &'a str {
    names.get(&instance.job_id).map_or("", String::as_str)
}

async fn job_names(
    services: &Services,
    ids: impl Iterator<Item = JobId>,
) -> Result<HashMap<JobId, String>, ServiceError> {
    let mut names = HashMap::new();
    let mut unknown = Vec::new();
    for id in ids {
        if names.contains_key(&id) || unknown.contains(&id) {
            continue;
        }
        match services.handles.jobs.get(id) {
            Some(job) => {
                names.insert(id, job.name.clone());
            }
            None => unknown.push(id),
        }
    }
    if !unknown.is_empty() {
        let jobs = services.store.jobs(unknown).await?;
        names.extend(jobs.into_iter().map(|job| (job.id, job.name)));
    }
    Ok(names)
}

/// Lays what actors hold over what is stored. An actor that does not answer soon is passed over:
/// what is stored is true, only a little old.
async fn as_of_now(services: &Services, instances: Vec<Instance>) -> Vec<Seen> {
    let open: Vec<InstanceId> = instances
        .iter()
        .filter(|instance| !instance.state.status.is_finished())
        .map(|instance| instance.instance_id)
        .collect();
    let readers = services.handles.instances.readers(&open);
    let answers = join_all(readers.into_iter().map(async |(port, ids)| {
        port.ask(GLANCE_LIMIT, |reply| ReadInstances { ids, reply })
            .await
    }));
    let mut live = HashMap::new();
    for answer in answers.await {
        match answer {
            Ok(read) => live.extend(
                read.into_iter()
                    .map(|(instance, why)| (instance.instance_id, (instance, why))),
            ),
            Err(error) => debug!(%error, "showing instances as stored"),
        }
    }
    let overlay = |instance: Instance| match live.remove(&instance.instance_id) {
        Some((instance, waiting_for)) => Seen {
            instance: *instance,
            waiting_for,
        },
        None => Seen {
            instance,
            waiting_for: None,
        },
    };
    instances.into_iter().map(overlay).collect()
}

/// An instance with what its actor holds in memory, as far as it answers soon.
pub async fn current(services: &Services, instance: &Instance) -> Instance {
    let seen = as_of_now(services, vec![instance.clone()]).await;
    seen.into_iter()
        .next()
        .map_or_else(|| instance.clone(), |seen| seen.instance)
}

/// An instance as the API lists it.
pub fn summary(instance: &Instance, job_name: &str) -> InstanceSummary {
    let state = &instance.state;
    InstanceSummary {
        id: Id(instance.instance_id.0),
        job_id: Id(instance.job_id.0),
        job_name: job_name.to_owned(),
        app_id: Id(instance.app_id.0),
        status: state.status,
        trigger: trigger_name(instance.trigger).to_owned(),
        attempt: state.attempt,
        expected_at: state.expected_at.0,
        nominal_at: match instance.trigger {
            Trigger::Schedule { nominal } => Some(nominal.0),
            Trigger::Api | Trigger::Workflow { .. } => None,
        },
        started_at: millis(state.started_at),
        finished_at: millis(state.finished_at),
        worker: state
            .tracker
            .as_ref()
            .map(|tracker| tracker.node.node_id.clone()),
        params: shortened(instance.instance_params.as_deref()),
        result: shortened(state.result.as_deref()),
    }
}

fn shortened(text: Option<&str>) -> String {
    text.unwrap_or_default().chars().take(SHORT_TEXT).collect()
}

fn trigger_name(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::Schedule { .. } => "SCHEDULE",
        Trigger::Api => "API",
        Trigger::Workflow { .. } => "WORKFLOW",
    }
}

fn millis(at: Option<UnixMillis>) -> Option<i64> {
    at.map(|at| at.0)
}

/// One instance with its timeline and attempts.
pub async fn show(services: &Services, instance: &Instance) -> Result<api::Instance, ServiceError> {
    let seen = as_of_now(services, vec![instance.clone()]).await;
    let seen = seen
        .into_iter()
        .next()
        .ok_or(ServiceError::NotFound(Thing::Instance))?;
    let names = job_names(services, std::iter::once(instance.job_id)).await?;
    let ended = if seen.instance.state.attempt > 0 {
        services.store.attempts(instance.instance_id).await?
    } else {
        Vec::new()
    };
    let mut shown = to_api(&seen, name_in(&names, instance), ended);
    if has_kept_tasks(services, &seen.instance).await? {
        shown.actions.push(RETRY_FAILED_TASKS.to_owned());
    }
    Ok(shown)
}

/// Whether an instance has failed and its tasks are known.
async fn has_kept_tasks(services: &Services, instance: &Instance) -> Result<bool, ServiceError> {
    let is_workflows = matches!(instance.trigger, Trigger::Workflow { .. });
    if instance.state.status != InstanceStatus::Failed || is_workflows {
        return Ok(false);
    }
    let store = &services.store;
    Ok(store.journal_bytes(instance.instance_id).await? > 0)
}

fn to_api(seen: &Seen, job_name: &str, ended: Vec<InstanceState>) -> api::Instance {
    let instance = &seen.instance;
    let state = &instance.state;
    let mut attempts: Vec<_> = ended
        .iter()
        .filter(|past| past.attempt < state.attempt)
        .map(|past| attempt(instance, past))
        .collect();
    if state.attempt > 0 {
        attempts.push(attempt(instance, state));
    }
    api::Instance {
        summary: summary(instance, job_name),
        job_params: instance.job_params.clone().unwrap_or_default(),
        instance_params: instance.instance_params.clone().unwrap_or_default(),
        chosen_worker: instance.chosen_worker.clone(),
        full_result: state.result.clone().unwrap_or_default(),
        job_revision: instance.job_revision,
        timeline: timeline(instance, state),
        attempts,
        waiting_for: waiting_for(seen),
        trace_id: TraceId::of_instance(instance.instance_id).to_string(),
        actions: actions(instance)
            .iter()
            .map(|action| (*action).to_owned())
            .collect(),
    }
}

fn attempt(instance: &Instance, state: &InstanceState) -> api::Attempt {
    api::Attempt {
        number: state.attempt,
        status: state.status,
        worker: state
            .tracker
            .as_ref()
            .map(|tracker| tracker.node.node_id.clone()),
        timeline: timeline(instance, state),
        result: state.result.clone().unwrap_or_default(),
    }
}

fn timeline(instance: &Instance, state: &InstanceState) -> Timeline {
    Timeline {
        created_at: Some(instance.created_at.0),
        expected_at: Some(state.expected_at.0),
        dispatched_at: millis(state.dispatched_at),
        received_at: millis(state.received_at),
        started_at: millis(state.started_at),
        finished_at: millis(state.finished_at),
        recorded_at: millis(state.recorded_at),
    }
}

fn waiting_for(seen: &Seen) -> Option<ApiReason> {
    let otherwise = match seen.instance.state.status {
        InstanceStatus::WaitingDispatch => ReasonCode::WaitsForTimeOrRoom,
        InstanceStatus::WaitingWorkerReceive => ReasonCode::WaitsForConfirmation,
        _ => return None,
    };
    let reason = seen.waiting_for.clone().unwrap_or_else(|| otherwise.into());
    Some((&reason).into())
}

fn actions(instance: &Instance) -> &'static [&'static str] {
    match instance.state.status {
        InstanceStatus::WaitingDispatch => &["STOP", "CANCEL"],
        InstanceStatus::WaitingWorkerReceive | InstanceStatus::Running => &["STOP", "KILL"],
        _ if matches!(instance.trigger, Trigger::Workflow { .. }) => &[],
        _ => &["RETRY"],
    }
}

/// Stops, cancels or retries an instance.
pub async fn act(
    services: &Services,
    person: &Person,
    instance: &Instance,
    action: Action,
) -> Result<api::Instance, ServiceError> {
    let instance_id = instance.instance_id;
    let ports = &services.handles.instances;
    let changed = ask(CHANGE_LIMIT, |reply| match action {
        Action::Stop => ports.stop(StopInstance { instance_id, reply }),
        Action::Kill => ports.kill(KillInstance { instance_id, reply }),
        Action::Cancel => ports.cancel(CancelInstance { instance_id, reply }),
        Action::Retry(scope) => ports.retry(RetryInstance {
            instance_id,
            scope,
            reply,
        }),
    })
    .await?
    .map_err(change_error)?;
    info!(%instance_id, account = person.account, ?action, "changed an instance");
    show(services, &changed).await
}

fn change_error(error: ChangeError) -> ServiceError {
    match error {
        ChangeError::NotFound => ServiceError::NotFound(Thing::Instance),
        ChangeError::NotOwner => ServiceError::NotOwner(None),
        ChangeError::Unavailable(why) => ServiceError::Unavailable(why),
        ChangeError::AlreadyFinished
        | ChangeError::NotFinished
        | ChangeError::AlreadyStarted
        | ChangeError::PartOfWorkflow
        | ChangeError::NoFailedTasks(_)
        | ChangeError::JobMissing => ServiceError::StateConflict(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_states_are_looked_at_together() {
        use InstanceStatus::*;
        assert_eq!(widened(&[Failed, Succeed]), [Failed, Succeed]);
        assert_eq!(widened(&[]), []);
        let open = [WaitingDispatch, WaitingWorkerReceive, Running];
        assert_eq!(widened(&[Running]), open);
        assert_eq!(widened(&[Running, Failed]), [&open[..], &[Failed]].concat());
    }
}
