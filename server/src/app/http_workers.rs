//! Workers of the reference: their port, and what listens there.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::ServerHandles;
use super::error::StartError;
use super::http::HttpEdge;
use crate::config::ServerConfig;
use crate::domain::address_rules::AddressRules;
use crate::http::serve_java_workers;
use crate::rpc::ConnectionParts;
use crate::rpc::java::{JavaClient, JavaPeers, JavaPeersParts};

/// Takes the port; `None` without HTTP, because these workers find it over HTTP only. They ask for it,
/// so that one that was not set may be any.
pub(super) fn bind(
    config: &ServerConfig,
    native: SocketAddr,
) -> Result<Option<TcpListener>, StartError> {
    if config.http_bind.is_none() {
        return Ok(None);
    }
    let error = |address: &str, error: std::io::Error| StartError::Bind {
        field: "server.http_worker_bind",
        reason: format!("cannot listen on {address}: {error}"),
    };
    if let Some(address) = &config.http_worker_bind {
        let listener = TcpListener::bind(address).map_err(|it| error(address, it))?;
        return Ok(Some(listener));
    }
    let is_port_set = !config.worker_bind.ends_with(":0");
    let next = native.port().checked_add(1).filter(|_| is_port_set);
    let beside = next.and_then(|port| TcpListener::bind((native.ip(), port)).ok());
    let listener = match beside {
        Some(listener) => listener,
        None => {
            TcpListener::bind((native.ip(), 0)).map_err(|it| error(&native.ip().to_string(), it))?
        }
    };
    Ok(Some(listener))
}

/// Who is let in.
pub(super) fn rules(config: &ServerConfig) -> Arc<AddressRules> {
    Arc::new(AddressRules {
        networks: config.worker_networks.clone(),
        is_open: config.allow_unproven_workers,
    })
}

/// Lets workers in from now on.
pub(super) fn start(
    listener: TcpListener,
    handles: &ServerHandles,
    connections: ConnectionParts,
) -> Result<HttpEdge, StartError> {
    let rules = handles.facts.worker_rules.clone();
    let peers = JavaPeers::new(JavaPeersParts {
        connections,
        store: handles.store.clone(),
        jobs: handles.jobs.clone(),
        workers: handles.workers.clone(),
        clock: handles.clock.clone(),
        runtime: handles.runtime.clone(),
        rules: rules.clone(),
        client: JavaClient::new(),
        address: handles
            .facts
            .http_worker_address
            .clone()
            .unwrap_or_default(),
    });
    if rules.is_open {
        tracing::warn!(
            "`server.allow_unproven_workers` is on: workers of all networks come in without a proof"
        );
    }
    let stop = CancellationToken::new();
    handles.runtime.spawn(peers.clone().watch(stop.clone()));
    let server = serve_java_workers(listener, peers, rules).map_err(StartError::Runtime)?;
    Ok(HttpEdge::run(server, stop))
}
