//! What is coming. `/v1/apps/{appId}/calendar`, `/v1/jobs/{jobId}/triggers`.

use std::time::Duration;

use actix_web::web::Json;
use powerjob_common::status::Permission;
use powerjob_protocol::api::calendar::{Calendar, JobTriggers};
use powerjob_protocol::api::id::Id;
use utoipa::IntoParams;

use super::State;
use super::error::ApiError;
use super::guard::{ForApp, ForJob};
use super::query::{FromQuery, Query, QueryReader};
use super::route::{Needs, Routes};
use crate::service::calendar;

const HOURS_DEFAULT: u32 = 24;
/// A month.
const HOURS_LIMIT: u32 = 31 * 24;
const TRIGGERS_DEFAULT: u32 = 200;
const TRIGGERS_LIMIT: u32 = 2_000;
const NEXT_DEFAULT: u32 = 10;
const NEXT_LIMIT: u32 = 100;

pub(super) fn configure(routes: &mut Routes) {
    routes.get(
        "/apps/{appId}/calendar",
        Needs::App(Permission::Read),
        of_app,
    );
    routes.get(
        "/jobs/{jobId}/triggers",
        Needs::Job(Permission::Read),
        of_job,
    );
}

/// How far ahead.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Ahead {
    /// 1 to 744 hours; 24 by default.
    #[param(value_type = Option<u32>)]
    hours: u32,
    /// Most triggers, 1 to 2,000; 200 by default.
    #[param(value_type = Option<u32>)]
    limit: u32,
}

impl FromQuery for Ahead {
    fn read(reader: &mut QueryReader) -> Self {
        Self {
            hours: reader.count("hours", HOURS_DEFAULT, HOURS_LIMIT),
            limit: reader.count("limit", TRIGGERS_DEFAULT, TRIGGERS_LIMIT),
        }
    }
}

/// How many.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HowMany {
    /// 1 to 100; 10 by default.
    #[param(value_type = Option<u32>)]
    count: u32,
}

impl FromQuery for HowMany {
    fn read(reader: &mut QueryReader) -> Self {
        Self {
            count: reader.count("count", NEXT_DEFAULT, NEXT_LIMIT),
        }
    }
}

/// The triggers that the schedules of an application will make.
#[utoipa::path(
    get, path = "/v1/apps/{appId}/calendar", operation_id = "getCalendar", tag = "jobs",
    params(("appId" = Id, Path, description = "The application"), Ahead),
    responses((status = 200, description = "What is coming", body = Calendar)),
)]
pub(super) async fn of_app(
    state: State,
    ForApp(app): ForApp,
    Query(ahead): Query<Ahead>,
) -> Result<Json<Calendar>, ApiError> {
    let span = Duration::from_secs(u64::from(ahead.hours) * 3_600);
    let calendar = calendar::of_app(&state.services, &app, span, ahead.limit as usize).await?;
    Ok(Json(calendar))
}

/// The next triggers of a job.
#[utoipa::path(
    get, path = "/v1/jobs/{jobId}/triggers", operation_id = "listJobTriggers", tag = "jobs",
    params(("jobId" = Id, Path, description = "The job"), HowMany),
    responses((status = 200, description = "What is coming", body = JobTriggers)),
)]
pub(super) async fn of_job(
    state: State,
    ForJob(job): ForJob,
    Query(how_many): Query<HowMany>,
) -> Result<Json<JobTriggers>, ApiError> {
    let count = how_many.count as usize;
    Ok(Json(calendar::of_job(&state.services, &job, count).await?))
}
