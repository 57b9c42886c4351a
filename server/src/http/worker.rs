//! Workers. `/v1/apps/{appId}/workers`.

use actix_web::web::Json;
use powerjob_common::status::Permission;
use powerjob_protocol::api::id::Id;
use powerjob_protocol::api::worker::{Worker, WorkerOrderInput};

use super::State;
use super::body::Body;
use super::error::ApiError;
use super::guard::{Caller, ForApp};
use super::route::{Needs, Routes};
use crate::service::workers;

pub(super) fn configure(routes: &mut Routes) {
    routes.get("/apps/{appId}/workers", Needs::App(Permission::Read), list);
    routes.post(
        "/apps/{appId}/worker-orders",
        Needs::App(Permission::Ops),
        order,
    );
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

/// Takes a worker off line, on line again, or drains it.
///
/// The order is kept for the node: it outlives restarts of server and worker, until the next order.
#[utoipa::path(
    post, path = "/v1/apps/{appId}/worker-orders", operation_id = "orderWorker", tag = "workers",
    params(("appId" = Id, Path, description = "The application")),
    request_body = WorkerOrderInput,
    responses((status = 200, description = "The worker as it is then", body = Worker)),
)]
pub(super) async fn order(
    state: State,
    caller: Caller,
    ForApp(app): ForApp,
    Body(input): Body<WorkerOrderInput>,
) -> Result<Json<Worker>, ApiError> {
    Ok(Json(
        workers::order(&state.services, &caller.person, &app, input).await?,
    ))
}
