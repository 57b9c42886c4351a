//! Applications. `/v1/apps`.

use actix_web::http::header;
use actix_web::web::Json;
use actix_web::{HttpRequest, HttpResponse};
use powerjob_common::status::Permission;
use powerjob_protocol::api::app::{
    App, AppChange, AppWithClientPassword, AppWithSecret, NewApp, NewClientPassword,
};
use powerjob_protocol::api::id::Id;
use powerjob_protocol::api::page::Page;
use utoipa::IntoParams;

use super::State;
use super::body::Body;
use super::error::ApiError;
use super::guard::{Caller, ForApp};
use super::query::{FromQuery, Query, QueryReader};
use super::route::{Needs, Routes};
use super::together::ask_others;
use crate::service::apps::{self, AppFilter};
use crate::service::client_password;

pub(super) fn configure(routes: &mut Routes) {
    routes.get("/apps", Needs::SignedIn, list);
    routes.post("/apps", Needs::SignedIn, create);
    routes.get("/apps/{appId}", Needs::App(Permission::Read), show);
    routes.patch("/apps/{appId}", Needs::App(Permission::Write), change);
    routes.delete("/apps/{appId}", Needs::App(Permission::Su), remove);
    routes.post(
        "/apps/{appId}/secret",
        Needs::App(Permission::Su),
        new_secret,
    );
    routes.post(
        "/apps/{appId}/client-password",
        Needs::App(Permission::Su),
        new_client_password,
    );
}

/// Which applications.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the parameters in the OpenAPI document")]
struct ListApps {
    /// Part of the name or title, in any letter case.
    query: Option<String>,
    /// One tag.
    tag: Option<String>,
    /// The exact name.
    name: Option<String>,
    /// Where to go on.
    cursor: Option<String>,
    /// Items of a page, 1 to 500; 50 by default.
    limit: Option<u32>,
}

impl FromQuery for AppFilter {
    fn read(reader: &mut QueryReader) -> Self {
        Self {
            query: reader.text("query"),
            tag: reader.text("tag"),
            name: reader.text("name"),
            cursor: reader.text("cursor"),
            limit: reader.limit(),
        }
    }
}

/// Lists the applications that the person may see, failing ones first.
#[utoipa::path(
    get, path = "/v1/apps", operation_id = "listApps", tag = "apps", params(ListApps),
    responses((status = 200, description = "A page of applications", body = Page<App>)),
)]
pub(super) async fn list(
    state: State,
    caller: Caller,
    request: HttpRequest,
    Query(filter): Query<AppFilter>,
) -> Result<Json<Page<App>>, ApiError> {
    let mut page = apps::list(&state.services, &caller.person, &filter).await?;
    for other in ask_others::<Page<App>>(&state, &request).await {
        add_workers(&mut page, &other);
    }
    Ok(Json(page))
}

/// Only the owner of an application knows its workers; the others count none.
fn add_workers(page: &mut Page<App>, other: &Page<App>) {
    for app in &mut page.items {
        let same = other.items.iter().find(|it| it.id == app.id);
        app.health.workers_online += same.map_or(0, |it| it.health.workers_online);
    }
}

/// Creates an application; the person becomes its administrator.
#[utoipa::path(
    post, path = "/v1/apps", operation_id = "createApp", tag = "apps", request_body = NewApp,
    responses((status = 201, description = "Created; the secret is shown only now", body = AppWithSecret)),
)]
pub(super) async fn create(
    state: State,
    caller: Caller,
    Body(input): Body<NewApp>,
) -> Result<HttpResponse, ApiError> {
    let created = apps::create(&state.services, &caller.person, input).await?;
    let place = format!("/v1/apps/{}", created.app.id);
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, place))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(created))
}

/// Shows an application.
#[utoipa::path(
    get, path = "/v1/apps/{appId}", operation_id = "getApp", tag = "apps",
    params(("appId" = Id, Path, description = "The application")),
    responses((status = 200, description = "The application", body = App)),
)]
pub(super) async fn show(
    state: State,
    caller: Caller,
    ForApp(app): ForApp,
) -> Result<Json<App>, ApiError> {
    Ok(Json(
        apps::show(&state.services, &caller.person, &app).await?,
    ))
}

/// Changes title or tags of an application; absent fields stay.
#[utoipa::path(
    patch, path = "/v1/apps/{appId}", operation_id = "changeApp", tag = "apps",
    params(("appId" = Id, Path, description = "The application")), request_body = AppChange,
    responses((status = 200, description = "The changed application", body = App)),
)]
pub(super) async fn change(
    state: State,
    caller: Caller,
    ForApp(app): ForApp,
    Body(change): Body<AppChange>,
) -> Result<Json<App>, ApiError> {
    Ok(Json(
        apps::change(&state.services, &caller.person, &app, change).await?,
    ))
}

/// Deletes an application that has no jobs in use and no open instances.
#[utoipa::path(
    delete, path = "/v1/apps/{appId}", operation_id = "deleteApp", tag = "apps",
    params(("appId" = Id, Path, description = "The application")),
    responses((status = 204, description = "Deleted")),
)]
pub(super) async fn remove(
    state: State,
    caller: Caller,
    ForApp(app): ForApp,
) -> Result<HttpResponse, ApiError> {
    apps::remove(&state.services, &caller.person, &app).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Gives an application a new secret; workers with the old one cannot connect any more.
#[utoipa::path(
    post, path = "/v1/apps/{appId}/secret", operation_id = "renewAppSecret", tag = "apps",
    params(("appId" = Id, Path, description = "The application")),
    responses((status = 200, description = "The new secret, shown only now", body = AppWithSecret)),
)]
pub(super) async fn new_secret(
    state: State,
    caller: Caller,
    ForApp(app): ForApp,
) -> Result<HttpResponse, ApiError> {
    let renewed = apps::renew_secret(&state.services, &caller.person, &app).await?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(renewed))
}

/// Gives the programs of an application that use the Java client a new password.
///
/// Programs with the former one are refused from then on, as are the tokens that they got for it.
#[utoipa::path(
    post, path = "/v1/apps/{appId}/client-password", operation_id = "setClientPassword", tag = "apps",
    params(("appId" = Id, Path, description = "The application")), request_body = NewClientPassword,
    responses((status = 200, description = "The new password, shown only now", body = AppWithClientPassword)),
)]
pub(super) async fn new_client_password(
    state: State,
    caller: Caller,
    ForApp(app): ForApp,
    Body(input): Body<NewClientPassword>,
) -> Result<HttpResponse, ApiError> {
    let set = client_password::replace(&state.services, &caller.person, &app, input).await?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(set))
}
