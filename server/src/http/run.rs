//! Runs on demand: the hot path. `/v1/jobs/{jobId}/runs`, `/v1/jobs/{jobId}/runs:batch`.

use actix_web::HttpResponse;
use powerjob_common::status::Permission;
use powerjob_protocol::api::id::Id;
use powerjob_protocol::api::job::{RunAccepted, RunBatchAccepted, RunBatchInput, RunInput};

use super::State;
use super::body::{BatchBody, Body};
use super::error::ApiError;
use super::guard::ForJob;
use super::route::{Needs, Routes};
use crate::service::runs;

pub(super) fn configure(routes: &mut Routes) {
    routes.post("/jobs/{jobId}/runs", Needs::Job(Permission::Ops), run);
    routes.post(
        "/jobs/{jobId}/runs:batch",
        Needs::Job(Permission::Ops),
        run_batch,
    );
}

/// Runs a job now or after a delay. The run is durable when the answer comes.
#[utoipa::path(
    post, path = "/v1/jobs/{jobId}/runs", operation_id = "runJob", tag = "jobs",
    params(("jobId" = Id, Path, description = "The job")), request_body = RunInput,
    responses((status = 201, description = "The run is durable", body = RunAccepted)),
)]
pub(super) async fn run(
    state: State,
    ForJob(job): ForJob,
    Body(input): Body<RunInput>,
) -> Result<HttpResponse, ApiError> {
    let instance_id = runs::start(&state.services, &job, input).await?;
    Ok(HttpResponse::Created().json(RunAccepted { instance_id }))
}

/// Runs a job 1 to 10,000 times. All runs are durable when the answer comes, or none is.
#[utoipa::path(
    post, path = "/v1/jobs/{jobId}/runs:batch", operation_id = "runJobBatch", tag = "jobs",
    params(("jobId" = Id, Path, description = "The job")), request_body = RunBatchInput,
    responses((status = 201, description = "All runs are durable", body = RunBatchAccepted)),
)]
pub(super) async fn run_batch(
    state: State,
    ForJob(job): ForJob,
    BatchBody { 0: input }: BatchBody<RunBatchInput>,
) -> Result<HttpResponse, ApiError> {
    let instance_ids = runs::start_batch(&state.services, &job, input.runs).await?;
    Ok(HttpResponse::Created().json(RunBatchAccepted { instance_ids }))
}
