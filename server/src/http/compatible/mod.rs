//! The HTTP interface of the reference, for its console 5.1.x and its Java client: a thin adapter
//! over the services that `/v1` uses (spec 06). No decisions.
//!
//! `route` has the table of the routes with what each needs, `guard` checks it on the object that a
//! request names, `failure` words refusals.

mod app;
mod auth;
mod call;
mod context;
mod custom_query;
mod document;
mod failure;
mod guard;
mod instance;
mod instance_actions;
mod instance_view;
mod job;
mod job_request;
mod job_view;
mod namespace;
mod openapi;
mod render;
mod roles;
mod route;
mod subject;
mod system;
mod time_expression;
mod token;
mod user;
mod workflow;
mod workflow_request;

use actix_web::web;

pub(super) use self::document::{path_items, schemas};
pub(super) use self::guard::not_found;
pub use self::route::{About, Needs, Routes, Rule};
use super::exact_name::AUTH_PASSED;

/// All compatible routes.
pub fn all_routes() -> Routes {
    let mut routes = Routes::default();
    openapi::configure(&mut routes);
    auth::configure(&mut routes);
    user::configure(&mut routes);
    namespace::configure(&mut routes);
    app::configure(&mut routes);
    job::configure(&mut routes);
    instance::configure(&mut routes);
    workflow::configure(&mut routes);
    system::configure(&mut routes);
    routes
}

/// Registers all compatible routes.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    for resource in all_routes().into_resources() {
        config.service(resource);
    }
    let unknown = web::to(guard::unknown_path);
    config.service(web::scope("/openApi").default_service(unknown));
}
