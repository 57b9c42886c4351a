//! Is the server alive, and is it of use? `/health`, `/ready`; open to everybody.

use actix_web::{HttpResponse, web};

use super::State;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .route("/health", web::get().to(health))
        .route("/ready", web::get().to(ready));
}

/// The process answers.
pub(super) async fn health() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .body("ok\n")
}

/// The server can do its work: its lease is held, its applications are loaded and planned.
pub(super) async fn ready(state: State) -> HttpResponse {
    match (state.ready)() {
        Ok(()) => HttpResponse::Ok()
            .content_type("text/plain; charset=utf-8")
            .body("ready\n"),
        Err(why) => HttpResponse::ServiceUnavailable()
            .content_type("text/plain; charset=utf-8")
            .body(format!("{why}\n")),
    }
}
