//! Instances. `/v1/apps/{appId}/instances`, `/v1/instances/{instanceId}`.

use actix_web::web::Json;
use powerjob_common::id::JobId;
use powerjob_common::status::{InstanceStatus, Permission};
use powerjob_common::time::UnixMillis;
use powerjob_protocol::api::beats::BeatOverview;
use powerjob_protocol::api::id::Id;
use powerjob_protocol::api::instance::{Instance, InstanceSummary};
use powerjob_protocol::api::page::Page;
use powerjob_protocol::api::task::{Task, TaskOverview};
use utoipa::IntoParams;

use super::State;
use super::error::ApiError;
use super::guard::{Caller, ForApp, ForInstance};
use super::query::{FromQuery, Query, QueryReader};
use super::route::{Needs, Routes};
use crate::domain::retry_scope::RetryScope;
use crate::service::instances::{self, Action, InstanceFilter};
use crate::service::task_search::TaskFilter;
use crate::service::{self, task_search, tasks};

pub(super) fn configure(routes: &mut Routes) {
    routes.get(
        "/apps/{appId}/instances",
        Needs::App(Permission::Read),
        list,
    );
    routes.get(
        "/instances/{instanceId}",
        Needs::Instance(Permission::Read),
        show,
    );
    routes.get(
        "/instances/{instanceId}/tasks",
        Needs::Instance(Permission::Read),
        tasks,
    );
    routes.get(
        "/instances/{instanceId}/tasks/search",
        Needs::Instance(Permission::Read),
        search_tasks,
    );
    routes.get(
        "/instances/{instanceId}/beats",
        Needs::Instance(Permission::Read),
        beats,
    );
    routes.post(
        "/instances/{instanceId}/stop",
        Needs::Instance(Permission::Ops),
        stop,
    );
    routes.post(
        "/instances/{instanceId}/kill",
        Needs::Instance(Permission::Ops),
        kill,
    );
    routes.post(
        "/instances/{instanceId}/cancel",
        Needs::Instance(Permission::Ops),
        cancel,
    );
    routes.post(
        "/instances/{instanceId}/retry",
        Needs::Instance(Permission::Ops),
        retry,
    );
    routes.post(
        "/instances/{instanceId}/tasks/retry",
        Needs::Instance(Permission::Ops),
        retry_failed_tasks,
    );
}

/// Which instances.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the parameters in the OpenAPI document")]
struct ListInstances {
    /// Only those of one job.
    #[param(rename = "jobId")]
    job_id: Option<Id>,
    /// One or several states, separated by commas, e.g. `FAILED,RUNNING`.
    status: Option<String>,
    /// Meant for this time or later, epoch milliseconds.
    from: Option<i64>,
    /// Meant for an earlier time than this, epoch milliseconds.
    to: Option<i64>,
    /// Part of the job's name, the worker, the parameters or the result, in any letter case; or an
    /// instance id.
    query: Option<String>,
    /// Where to go on.
    cursor: Option<String>,
    /// Items of a page, 1 to 500; 50 by default.
    limit: Option<u32>,
}

impl FromQuery for InstanceFilter {
    fn read(reader: &mut QueryReader) -> Self {
        let time = "a time in epoch milliseconds";
        Self {
            job: reader.value::<JobId>("jobId", "the id of a job"),
            statuses: reader.list_of("status", InstanceStatus::from_name),
            from: reader.value("from", time).map(UnixMillis),
            to: reader.value("to", time).map(UnixMillis),
            query: reader.text("query"),
            cursor: reader.text("cursor"),
            limit: reader.limit(),
        }
    }
}

/// Lists the instances of an application, newest first.
#[utoipa::path(
    get, path = "/v1/apps/{appId}/instances", operation_id = "listInstances", tag = "instances",
    params(("appId" = Id, Path, description = "The application"), ListInstances),
    responses((status = 200, description = "A page of instances", body = Page<InstanceSummary>)),
)]
pub(super) async fn list(
    state: State,
    ForApp(app): ForApp,
    Query(filter): Query<InstanceFilter>,
) -> Result<Json<Page<InstanceSummary>>, ApiError> {
    Ok(Json(instances::list(&state.services, &app, &filter).await?))
}

/// Shows an instance with its timeline and attempts.
#[utoipa::path(
    get, path = "/v1/instances/{instanceId}", operation_id = "getInstance", tag = "instances",
    params(("instanceId" = Id, Path, description = "The instance")),
    responses((status = 200, description = "The instance", body = Instance)),
)]
pub(super) async fn show(
    state: State,
    ForInstance(instance): ForInstance,
) -> Result<Json<Instance>, ApiError> {
    Ok(Json(instances::show(&state.services, &instance).await?))
}

/// How many tasks are listed.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListTasks {
    /// Tasks to be listed, 1 to 200; 50 by default.
    limit: Option<u32>,
}

impl FromQuery for ListTasks {
    fn read(reader: &mut QueryReader) -> Self {
        Self {
            limit: reader.value("limit", "a number"),
        }
    }
}

/// Shows how the tasks of a broadcast, map or map-reduce fare, the failed ones first.
///
/// The worker that has the tasks is asked. Of a map or map-reduce that has failed is shown what is kept:
/// the counts, and the tasks that failed or had not ended; of one that has succeeded there is nothing.
#[utoipa::path(
    get, path = "/v1/instances/{instanceId}/tasks", operation_id = "getInstanceTasks", tag = "instances",
    params(("instanceId" = Id, Path, description = "The instance"), ListTasks),
    responses((status = 200, description = "The tasks", body = TaskOverview)),
)]
pub(super) async fn tasks(
    state: State,
    ForInstance(instance): ForInstance,
    Query(ListTasks { limit }): Query<ListTasks>,
) -> Result<Json<TaskOverview>, ApiError> {
    let limit = limit.unwrap_or(50).clamp(1, 200);
    Ok(Json(
        tasks::overview(&state.services, &instance, limit).await?,
    ))
}

/// Which tasks.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the parameters in the OpenAPI document")]
struct SearchTasks {
    /// `WAITING`, `RUNNING`, `FAILED` or `SUCCEEDED`.
    status: Option<String>,
    /// Only those of the level with this name.
    level: Option<String>,
    /// Only those that the worker with this name has or had; not known of what is kept only.
    worker: Option<String>,
    /// Part of path, level, content or result, in any letter case.
    query: Option<String>,
    /// Where to go on.
    cursor: Option<String>,
    /// Items of a page, 1 to 500; 50 by default.
    limit: Option<u32>,
}

impl FromQuery for TaskFilter {
    fn read(reader: &mut QueryReader) -> Self {
        Self {
            status: reader.one_of("status", task_search::status),
            level: reader.text("level"),
            worker: reader.text("worker"),
            query: reader.text("query"),
            cursor: reader.text("cursor"),
            limit: reader.limit(),
        }
    }
}

/// Looks for tasks of a broadcast, map or map-reduce: the failed ones first, then the running ones.
///
/// Each call looks at a bounded number of tasks, so that a search among millions is a row of calls: a page
/// may be short or empty although there are more; only one without a cursor is the last. The cursor of a
/// page from a worker ends with its attempt. Of a map that has failed, those that failed or had not ended
/// are found.
#[utoipa::path(
    get, path = "/v1/instances/{instanceId}/tasks/search", operation_id = "searchInstanceTasks", tag = "instances",
    params(("instanceId" = Id, Path, description = "The instance"), SearchTasks),
    responses((status = 200, description = "A page of tasks", body = Page<Task>)),
)]
pub(super) async fn search_tasks(
    state: State,
    ForInstance(instance): ForInstance,
    Query(filter): Query<TaskFilter>,
) -> Result<Json<Page<Task>>, ApiError> {
    Ok(Json(
        task_search::search(&state.services, &instance, &filter).await?,
    ))
}

/// Shows how the beats of a second-level job fare, the newest first.
///
/// The worker that makes them is asked; what cannot be asked any more is shown as it was reported.
#[utoipa::path(
    get, path = "/v1/instances/{instanceId}/beats", operation_id = "getInstanceBeats", tag = "instances",
    params(("instanceId" = Id, Path, description = "The instance"), ListTasks),
    responses((status = 200, description = "The beats", body = BeatOverview)),
)]
pub(super) async fn beats(
    state: State,
    ForInstance(instance): ForInstance,
    Query(ListTasks { limit }): Query<ListTasks>,
) -> Result<Json<BeatOverview>, ApiError> {
    let limit = limit.unwrap_or(50).clamp(1, 200);
    Ok(Json(
        service::beats::overview(&state.services, &instance, limit).await?,
    ))
}

/// Stops an open instance; its worker is told to end it.
#[utoipa::path(
    post, path = "/v1/instances/{instanceId}/stop", operation_id = "stopInstance", tag = "instances",
    params(("instanceId" = Id, Path, description = "The instance")),
    responses((status = 200, description = "The instance", body = Instance)),
)]
pub(super) async fn stop(
    state: State,
    caller: Caller,
    ForInstance(instance): ForInstance,
) -> Result<Json<Instance>, ApiError> {
    Ok(Json(
        instances::act(&state.services, &caller.person, &instance, Action::Stop).await?,
    ))
}

/// Ends an open instance without waiting for its processor.
///
/// A stop asks the processor to end and gives it a grace time; a kill gives it up at once: scripts are
/// killed, waiting code is dropped, and what computes without a break goes on unseen until it
/// returns. It also ends what a stopped instance left running.
#[utoipa::path(
    post, path = "/v1/instances/{instanceId}/kill", operation_id = "killInstance", tag = "instances",
    params(("instanceId" = Id, Path, description = "The instance")),
    responses((status = 200, description = "The instance", body = Instance)),
)]
pub(super) async fn kill(
    state: State,
    caller: Caller,
    ForInstance(instance): ForInstance,
) -> Result<Json<Instance>, ApiError> {
    Ok(Json(
        instances::act(&state.services, &caller.person, &instance, Action::Kill).await?,
    ))
}

/// Cancels an instance that has not started.
#[utoipa::path(
    post, path = "/v1/instances/{instanceId}/cancel", operation_id = "cancelInstance", tag = "instances",
    params(("instanceId" = Id, Path, description = "The instance")),
    responses((status = 200, description = "The instance", body = Instance)),
)]
pub(super) async fn cancel(
    state: State,
    caller: Caller,
    ForInstance(instance): ForInstance,
) -> Result<Json<Instance>, ApiError> {
    Ok(Json(
        instances::act(&state.services, &caller.person, &instance, Action::Cancel).await?,
    ))
}

/// Runs a finished instance again.
#[utoipa::path(
    post, path = "/v1/instances/{instanceId}/retry", operation_id = "retryInstance", tag = "instances",
    params(("instanceId" = Id, Path, description = "The instance")),
    responses((status = 200, description = "The instance", body = Instance)),
)]
pub(super) async fn retry(
    state: State,
    caller: Caller,
    ForInstance(instance): ForInstance,
) -> Result<Json<Instance>, ApiError> {
    let action = Action::Retry(RetryScope::Whole);
    Ok(Json(
        instances::act(&state.services, &caller.person, &instance, action).await?,
    ))
}

/// Runs the failed tasks of a map or map-reduce that has failed once more.
///
/// Tasks that succeeded do not run again; those that had not ended do. Then comes what comes after all
/// tasks: a `reduce` gets the results of the succeeded tasks and the new ones. If tasks fail again, the
/// instance fails, without an automatic retry of the whole. A conflict tells why there is nothing that
/// could be gone on with.
#[utoipa::path(
    post, path = "/v1/instances/{instanceId}/tasks/retry", operation_id = "retryFailedTasks", tag = "instances",
    params(("instanceId" = Id, Path, description = "The instance")),
    responses((status = 200, description = "The instance", body = Instance)),
)]
pub(super) async fn retry_failed_tasks(
    state: State,
    caller: Caller,
    ForInstance(instance): ForInstance,
) -> Result<Json<Instance>, ApiError> {
    let action = Action::Retry(RetryScope::FailedTasks);
    Ok(Json(
        instances::act(&state.services, &caller.person, &instance, action).await?,
    ))
}
