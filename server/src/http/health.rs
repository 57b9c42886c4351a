//! Is the server alive, and is it of use? `/health`, `/ready`; open to everybody.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, web};
use serde_json::json;

use super::State;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .route("/health", web::get().to(health))
        .route("/ready", web::get().to(ready));
}

/// The process answers.
pub(super) async fn health() -> HttpResponse {
    answer(StatusCode::OK, "ok", None)
}

/// The server can do its work: its lease is held, its applications are loaded and planned.
pub(super) async fn ready(state: State) -> HttpResponse {
    match (state.ready)() {
        Ok(()) => answer(StatusCode::OK, "ready", None),
        Err(why) => answer(StatusCode::SERVICE_UNAVAILABLE, "not ready", Some(why)),
    }
}

fn answer(code: StatusCode, status: &str, reason: Option<String>) -> HttpResponse {
    let mut body = json!({ "status": status });
    if let Some(reason) = reason {
        body["reason"] = reason.into();
    }
    HttpResponse::build(code)
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(body)
}
