//! Workers. `/v1/apps/{appId}/workers`.

use actix_web::web::Json;
use powerjob_common::status::Permission;
use powerjob_protocol::api::id::Id;
use powerjob_protocol::api::worker::Worker;

use super::State;
use super::error::ApiError;
use super::guard::ForApp;
use super::route::{Needs, Routes};
use crate::service::workers;

pub(super) fn configure(routes: &mut Routes) {
    routes.get("/apps/{appId}/workers", Needs::App(Permission::Read), list);
}

/// Lists the workers of an application.
#[utoipa::path(
    get, path = "/v1/apps/{appId}/workers", operation_id = "listWorkers", tag = "workers",
    params(("appId" = Id, Path, description = "The application")),
    responses((status = 200, description = "The workers", body = Vec<Worker>)),
)]
pub(super) async fn list(state: State, ForApp(app): ForApp) -> Result<Json<Vec<Worker>>, ApiError> {
    Ok(Json(workers::list(&state.services, &app)))
}
