//! How runs fared. `/v1/apps/{appId}/statistics`.

use actix_web::web::Json;
use powerjob_common::status::Permission;
use powerjob_protocol::api::id::Id;
use powerjob_protocol::api::statistics::AppStatistics;

use super::State;
use super::error::ApiError;
use super::guard::ForApp;
use super::route::{Needs, Routes};
use crate::service::statistics;

pub(super) fn configure(routes: &mut Routes) {
    routes.get(
        "/apps/{appId}/statistics",
        Needs::App(Permission::Read),
        of_app,
    );
}

/// Sums up the runs of an application of the last 24 hours.
#[utoipa::path(
    get, path = "/v1/apps/{appId}/statistics", operation_id = "getStatistics", tag = "instances",
    params(("appId" = Id, Path, description = "The application")),
    responses((status = 200, description = "How they fared", body = AppStatistics)),
)]
pub(super) async fn of_app(
    state: State,
    ForApp(app): ForApp,
) -> Result<Json<AppStatistics>, ApiError> {
    Ok(Json(statistics::of_app(&state.services, &app).await?))
}
