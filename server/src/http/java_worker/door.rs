//! Lets callers in by their address: that of the connection, which nobody can make up.

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, web};
use powerjob_protocol::json::ResultDto;

use super::super::State;
use crate::domain::address_rules::AddressRules;

/// The rules, as a request finds them.
#[derive(Debug, Clone)]
pub(in crate::http) struct Door(pub(super) Arc<AddressRules>);

/// The door of the web port.
pub(in crate::http) fn door_of(state: &State) -> web::Data<Door> {
    let rules = state.services.handles.facts.worker_rules.clone();
    web::Data::new(Door(rules))
}

/// The answer to a caller who may not come in. The official worker shows its text only when it reads as
/// one of the reference's results.
pub(in crate::http) fn refuse(request: &HttpRequest) -> Option<HttpResponse> {
    let door = request.app_data::<web::Data<Door>>();
    let refused = match (door, caller(request)) {
        (Some(door), Some(caller)) => door.0.admit(caller).err()?.to_string(),
        _ => "the address of the caller is not known".to_owned(),
    };
    tracing::warn!(path = request.path(), refused, "a worker was not let in");
    Some(match *request.method() {
        Method::GET => HttpResponse::Ok().json(ResultDto::<()>::refused(refused)),
        _ => HttpResponse::Forbidden().body(refused),
    })
}

/// Where a request comes from.
pub(super) fn caller(request: &HttpRequest) -> Option<IpAddr> {
    request.peer_addr().map(|address| address.ip())
}
