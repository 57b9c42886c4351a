//! The server itself, for administrators. `/v1/server`, `/v1/server/cleaning`.

use actix_web::web::Json;
use powerjob_common::status::Permission;
use powerjob_protocol::api::server::{CleaningStatus, ServerStatus};

use super::State;
use super::error::ApiError;
use super::guard::Caller;
use super::route::{Needs, Routes};
use crate::service::server;

pub(super) fn configure(routes: &mut Routes) {
    let needs = Needs::Global(Permission::Su);
    routes.get("/server", needs, show);
    routes.get("/server/cleaning", needs, show_cleaning);
    routes.post("/server/cleaning", needs, clean);
}

/// Shows how the server is that answers: its right to act, what it owns, how late it is, what waits,
/// what is configured.
#[utoipa::path(
    get, path = "/v1/server", operation_id = "getServer", tag = "server",
    responses((status = 200, description = "The server", body = ServerStatus)),
)]
pub(super) async fn show(state: State) -> Result<Json<ServerStatus>, ApiError> {
    Ok(Json(server::status(&state.services).await?))
}

/// Shows what the server deleted because it was too old, since its start.
#[utoipa::path(
    get, path = "/v1/server/cleaning", operation_id = "getCleaning", tag = "server",
    responses((status = 200, description = "The numbers", body = CleaningStatus)),
)]
pub(super) async fn show_cleaning(state: State) -> Json<CleaningStatus> {
    Json(server::cleaning_status(&state.services))
}

/// Has the server delete what is too old now, rather than at its next round.
///
/// Answers when the round has ended, or after some seconds with `isRunning`.
#[utoipa::path(
    post, path = "/v1/server/cleaning", operation_id = "cleanNow", tag = "server",
    responses((status = 200, description = "The numbers so far", body = CleaningStatus)),
)]
pub(super) async fn clean(state: State, caller: Caller) -> Result<Json<CleaningStatus>, ApiError> {
    Ok(Json(
        server::clean_now(&state.services, &caller.person).await?,
    ))
}
