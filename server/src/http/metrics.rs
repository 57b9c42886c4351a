//! The numbers of this server for Prometheus. `GET /metrics`, for programs with the configured token
//! and for administrators.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use powerjob_common::status::Permission;
use subtle::ConstantTimeEq;

use super::error::ApiError;
use super::{State, guard};
use crate::service::{ServiceError, metrics};

const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config.route("/metrics", web::get().to(show));
}

pub(super) async fn show(state: State, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    if !has_token(&state, &request)? {
        let caller = guard::authenticate(&state.services, &request).await?;
        if !caller.person.may_everywhere(Permission::Su) {
            return Err(ServiceError::Forbidden(Permission::Su).into());
        }
    }
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .content_type(TEXT_FORMAT)
        .body(metrics::page(&state.services)))
}

fn has_token(state: &State, request: &HttpRequest) -> Result<bool, ApiError> {
    let Some(expected) = &state.config.metrics_token else {
        return Ok(false);
    };
    let given = guard::bearer(request)?.unwrap_or_default();
    Ok(given.as_bytes().ct_eq(expected.expose().as_bytes()).into())
}
