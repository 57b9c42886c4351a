//! The HTTP edge as a part of the server: its socket, its first administrator, its end.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use tokio_util::sync::CancellationToken;

use super::{ServerHandles, StartError};
use crate::config::ServerConfig;
use crate::http::{HttpConfig, HttpState, serve};
use crate::service::Services;

/// Requests in work may end within this time.
const STOP_LIMIT: Duration = Duration::from_millis(1_000);

/// The running edge.
pub(super) struct HttpEdge {
    handle: ServerHandle,
    /// Ends the live streams, which would never end by themselves.
    streams: CancellationToken,
}

/// Takes the port, before anything else is touched.
pub(super) fn bind(config: &ServerConfig) -> Result<Option<TcpListener>, StartError> {
    let Some(address) = &config.http_bind else {
        return Ok(None);
    };
    let listener = TcpListener::bind(address).map_err(|error| StartError::Bind {
        field: "server.http_bind",
        reason: format!("cannot listen on {address}: {error}"),
    })?;
    Ok(Some(listener))
}

/// The address of a bound socket.
pub(super) fn address_of(listener: &TcpListener) -> Result<SocketAddr, StartError> {
    listener.local_addr().map_err(|error| StartError::Bind {
        field: "server.http_bind",
        reason: error.to_string(),
    })
}

/// Serves requests from now on.
pub(super) fn start(
    config: &ServerConfig,
    listener: TcpListener,
    handles: &ServerHandles,
) -> Result<HttpEdge, StartError> {
    let streams = CancellationToken::new();
    let http_config = HttpConfig {
        behind_https: config.behind_https,
        metrics_token: config.metrics_token.clone(),
        openapi_auth: config.openapi_auth,
        registration: config.registration,
        ..HttpConfig::default()
    };
    if !config.openapi_auth {
        tracing::warn!(
            "server.openapi_auth is off: everybody who reaches the HTTP port may save and run jobs"
        );
    }
    let ownership = handles.ownership.clone();
    let ready = Arc::new(move || ownership.check_ready().map_err(str::to_owned));
    let services = Services::new(handles.clone());
    let state = HttpState::new(services, http_config, ready, streams.clone());
    let server = serve(listener, state).map_err(StartError::Runtime)?;
    Ok(HttpEdge::run(server, streams))
}

impl HttpEdge {
    /// Runs a server; what goes on beside its requests ends with `streams`.
    pub(super) fn run(server: Server, streams: CancellationToken) -> Self {
        let handle = server.handle();
        actix_rt::spawn(async move {
            if let Err(error) = server.await {
                tracing::error!(%error, "the HTTP edge ended");
            }
        });
        Self { handle, streams }
    }

    /// Takes no new requests and lets those in work end.
    pub(super) async fn stop(self) {
        self.streams.cancel();
        let stopping = self.handle.stop(true);
        if tokio::time::timeout(STOP_LIMIT, stopping).await.is_err() {
            tracing::warn!("some requests did not end in time");
        }
    }
}
