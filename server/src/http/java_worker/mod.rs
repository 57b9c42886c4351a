//! What workers of the reference ask for: discovery on the web port, and the transport on a port of
//! its own, which no proxy in front of the console passes on (ADR 016).
//!
//! Both tables are made of the same [`Routes`] as `/v1`, so that each route names what it needs.

mod discovery;
mod door;
mod transport;

pub(super) use self::door::{door_of, refuse};
pub(crate) use self::transport::serve;
pub use self::transport::transport_routes;

use super::route::{Needs, Routes};

/// The routes on the web port.
pub fn web_routes() -> Routes {
    let mut routes = Routes::default();
    let needs = Needs::WorkerAddress;
    routes.get("/server/assert", needs, discovery::assert);
    routes.get("/server/assertV2", needs, discovery::assert_v2);
    routes.get("/server/acquire", needs, discovery::acquire);
    routes.get(
        "/server/checkConnectivity",
        needs,
        discovery::check_connectivity,
    );
    routes
}
