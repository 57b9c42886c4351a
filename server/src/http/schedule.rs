//! Trying schedules out. `/v1/schedules:check`.

use actix_web::web::Json;
use powerjob_protocol::api::schedule::{ScheduleCheck, ScheduleChecked};

use super::State;
use super::body::Body;
use super::error::ApiError;
use super::route::{Needs, Routes};
use crate::service::schedules;

pub(super) fn configure(routes: &mut Routes) {
    routes.post("/schedules:check", Needs::SignedIn, check);
}

/// Says what a schedule means and when it triggers next. A wrong schedule is a normal answer.
#[utoipa::path(
    post, path = "/v1/schedules:check", operation_id = "checkSchedule", tag = "jobs",
    request_body = ScheduleCheck,
    responses((status = 200, description = "What it means, or what is wrong", body = ScheduleChecked)),
)]
pub(super) async fn check(
    state: State,
    Body(input): Body<ScheduleCheck>,
) -> Result<Json<ScheduleChecked>, ApiError> {
    Ok(Json(schedules::check(&state.services, &input)?))
}
