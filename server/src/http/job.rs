//! Jobs. `/v1/apps/{appId}/jobs`, `/v1/jobs/{jobId}`.

use actix_web::HttpResponse;
use actix_web::web::Json;
use powerjob_common::status::Permission;
use powerjob_protocol::api::id::Id;
use powerjob_protocol::api::instance::RunBar;
use powerjob_protocol::api::job::{Diagnosis, Job, JobInput, JobSummary};
use powerjob_protocol::api::page::Page;
use utoipa::IntoParams;

use super::State;
use super::body::Body;
use super::error::ApiError;
use super::guard::{Caller, ForApp, ForJob};
use super::query::{FromQuery, Query, QueryReader};
use super::route::{Needs, Routes};
use crate::service::jobs::{self, JobFilter, JobOrder};

/// Bars of `GET /v1/jobs/{jobId}/runs` when nobody says how many.
const BARS_DEFAULT: u32 = 30;
/// Most bars.
const BARS_LIMIT: u32 = 200;

pub(super) fn configure(routes: &mut Routes) {
    routes.get("/apps/{appId}/jobs", Needs::App(Permission::Read), list);
    routes.post("/apps/{appId}/jobs", Needs::App(Permission::Write), create);
    routes.get("/jobs/{jobId}", Needs::Job(Permission::Read), show);
    routes.put("/jobs/{jobId}", Needs::Job(Permission::Write), replace);
    routes.delete("/jobs/{jobId}", Needs::Job(Permission::Write), remove);
    routes.post(
        "/jobs/{jobId}/enable",
        Needs::Job(Permission::Write),
        enable,
    );
    routes.post(
        "/jobs/{jobId}/disable",
        Needs::Job(Permission::Write),
        disable,
    );
    routes.post("/jobs/{jobId}/copy", Needs::Job(Permission::Write), copy);
    routes.get(
        "/jobs/{jobId}/diagnosis",
        Needs::Job(Permission::Read),
        diagnosis,
    );
    routes.get("/jobs/{jobId}/runs", Needs::Job(Permission::Read), bars);
}

/// Which jobs.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the parameters in the OpenAPI document")]
struct ListJobs {
    /// Part of name, description or processor, in any letter case; or an id.
    query: Option<String>,
    /// The exact name.
    name: Option<String>,
    /// Only jobs that are switched on, or off.
    enabled: Option<bool>,
    /// One tag.
    tag: Option<String>,
    /// The order: `failing` (default), `name`, `-name`, `nextTrigger`, `id`, `-id`.
    #[param(inline)]
    sort: Option<JobOrder>,
    /// Where to go on.
    cursor: Option<String>,
    /// Items of a page, 1 to 500; 50 by default.
    limit: Option<u32>,
}

impl FromQuery for JobFilter {
    fn read(reader: &mut QueryReader) -> Self {
        Self {
            query: reader.text("query"),
            name: reader.text("name"),
            enabled: reader.value("enabled", "true or false"),
            tag: reader.text("tag"),
            order: reader
                .one_of("sort", JobOrder::from_name)
                .unwrap_or_default(),
            cursor: reader.text("cursor"),
            limit: reader.limit(),
        }
    }
}

/// Lists the jobs of an application, failing ones first unless asked otherwise.
#[utoipa::path(
    get, path = "/v1/apps/{appId}/jobs", operation_id = "listJobs", tag = "jobs",
    params(("appId" = Id, Path, description = "The application"), ListJobs),
    responses((status = 200, description = "A page of jobs", body = Page<JobSummary>)),
)]
pub(super) async fn list(
    state: State,
    ForApp(app): ForApp,
    Query(filter): Query<JobFilter>,
) -> Result<Json<Page<JobSummary>>, ApiError> {
    Ok(Json(jobs::list(&state.services, &app, &filter).await?))
}

/// Creates a job.
#[utoipa::path(
    post, path = "/v1/apps/{appId}/jobs", operation_id = "createJob", tag = "jobs",
    params(("appId" = Id, Path, description = "The application")), request_body = JobInput,
    responses((status = 201, description = "The job", body = Job)),
)]
pub(super) async fn create(
    state: State,
    caller: Caller,
    ForApp(app): ForApp,
    Body(input): Body<JobInput>,
) -> Result<HttpResponse, ApiError> {
    Ok(created(
        jobs::create(&state.services, &caller.person, &app, input).await?,
    ))
}

fn created(job: Job) -> HttpResponse {
    HttpResponse::Created()
        .insert_header(("location", format!("/v1/jobs/{}", job.id)))
        .json(job)
}

/// Shows a job.
#[utoipa::path(
    get, path = "/v1/jobs/{jobId}", operation_id = "getJob", tag = "jobs",
    params(("jobId" = Id, Path, description = "The job")),
    responses((status = 200, description = "The job", body = Job)),
)]
pub(super) async fn show(state: State, ForJob(job): ForJob) -> Result<Json<Job>, ApiError> {
    Ok(Json(jobs::look_at(&state.services, &job).await?))
}

/// Replaces the definition of a job. With `baseRevision` a change in between is refused (409).
#[utoipa::path(
    put, path = "/v1/jobs/{jobId}", operation_id = "replaceJob", tag = "jobs",
    params(("jobId" = Id, Path, description = "The job")), request_body = JobInput,
    responses((status = 200, description = "The changed job", body = Job)),
)]
pub(super) async fn replace(
    state: State,
    caller: Caller,
    ForJob(job): ForJob,
    Body(input): Body<JobInput>,
) -> Result<Json<Job>, ApiError> {
    Ok(Json(
        jobs::replace(&state.services, &caller.person, &job, input).await?,
    ))
}

/// Deletes a job; its instances stay.
#[utoipa::path(
    delete, path = "/v1/jobs/{jobId}", operation_id = "deleteJob", tag = "jobs",
    params(("jobId" = Id, Path, description = "The job")),
    responses((status = 204, description = "Deleted")),
)]
pub(super) async fn remove(
    state: State,
    caller: Caller,
    ForJob(job): ForJob,
) -> Result<HttpResponse, ApiError> {
    jobs::remove(&state.services, &caller.person, &job).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Switches the schedule of a job on.
#[utoipa::path(
    post, path = "/v1/jobs/{jobId}/enable", operation_id = "enableJob", tag = "jobs",
    params(("jobId" = Id, Path, description = "The job")),
    responses((status = 200, description = "The job", body = Job)),
)]
pub(super) async fn enable(
    state: State,
    caller: Caller,
    ForJob(job): ForJob,
) -> Result<Json<Job>, ApiError> {
    Ok(Json(
        jobs::switch(&state.services, &caller.person, &job, true).await?,
    ))
}

/// Switches the schedule of a job off.
#[utoipa::path(
    post, path = "/v1/jobs/{jobId}/disable", operation_id = "disableJob", tag = "jobs",
    params(("jobId" = Id, Path, description = "The job")),
    responses((status = 200, description = "The job", body = Job)),
)]
pub(super) async fn disable(
    state: State,
    caller: Caller,
    ForJob(job): ForJob,
) -> Result<Json<Job>, ApiError> {
    Ok(Json(
        jobs::switch(&state.services, &caller.person, &job, false).await?,
    ))
}

/// Copies a job; the copy is switched off.
#[utoipa::path(
    post, path = "/v1/jobs/{jobId}/copy", operation_id = "copyJob", tag = "jobs",
    params(("jobId" = Id, Path, description = "The job")),
    responses((status = 201, description = "The copy", body = Job)),
)]
pub(super) async fn copy(
    state: State,
    caller: Caller,
    ForJob(job): ForJob,
) -> Result<HttpResponse, ApiError> {
    Ok(created(
        jobs::copy(&state.services, &caller.person, &job).await?,
    ))
}

/// Explains why a job runs or does not run.
#[utoipa::path(
    get, path = "/v1/jobs/{jobId}/diagnosis", operation_id = "diagnoseJob", tag = "jobs",
    params(("jobId" = Id, Path, description = "The job")),
    responses((status = 200, description = "What stands in the way", body = Diagnosis)),
)]
pub(super) async fn diagnosis(
    state: State,
    ForJob(job): ForJob,
) -> Result<Json<Diagnosis>, ApiError> {
    Ok(Json(jobs::diagnose(&state.services, &job).await?))
}

/// How many runs.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct BarCount {
    /// 1 to 200; 30 by default.
    #[param(value_type = Option<u32>)]
    limit: u32,
}

impl FromQuery for BarCount {
    fn read(reader: &mut QueryReader) -> Self {
        Self {
            limit: reader.count("limit", BARS_DEFAULT, BARS_LIMIT),
        }
    }
}

/// The last runs of a job as bars, newest first.
#[utoipa::path(
    get, path = "/v1/jobs/{jobId}/runs", operation_id = "listJobRuns", tag = "jobs",
    params(("jobId" = Id, Path, description = "The job"), BarCount),
    responses((status = 200, description = "The runs", body = Vec<RunBar>)),
)]
pub(super) async fn bars(
    state: State,
    ForJob(job): ForJob,
    Query(count): Query<BarCount>,
) -> Result<Json<Vec<RunBar>>, ApiError> {
    Ok(Json(jobs::bars(&state.services, &job, count.limit).await?))
}
