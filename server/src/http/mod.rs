//! The HTTP edge: decodes, authenticates, limits, asks a service, encodes. No decisions.
//!
//! `/v1` is the interface of our console, command line and clients; `route` has the table of its
//! routes with what each needs. Everything else is the console, and two probes for machines.

mod app;
mod assets;
mod body;
mod calendar;
mod code;
pub mod compatible;
pub mod error;
mod event;
pub mod exact_name;
mod forward;
mod guard;
mod health;
mod inspection;
mod instance;
mod java_worker;
mod job;
mod log;
mod metrics;
mod openapi;
mod query;
mod route;
mod run;
mod schedule;
mod server;
mod session;
mod sse;
mod statistics;
mod together;
mod worker;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_http::HttpService;
use actix_rt::net::TcpStream;
use actix_server::ServerBuilder;
use actix_service::{IntoServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::dev::{AppConfig, Server};
use actix_web::{App, web};
use powerjob_common::secret::Secret;
use tokio_util::sync::CancellationToken;

use self::exact_name::ExactNames;
use self::sse::Streams;
use crate::service::Services;

pub(crate) use self::java_worker::serve as serve_java_workers;
pub use self::java_worker::{transport_routes, web_routes as worker_web_routes};
pub use self::openapi::openapi_json;
pub use self::route::{Needs, Routes, Rule, all_routes};

/// Requests of one connection may follow each other within this time.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// A client has to send its request head within this time.
const HEAD_LIMIT: Duration = Duration::from_secs(10);
/// Requests in work may end within this time at shutdown.
const SHUTDOWN_LIMIT_S: u64 = 1;

/// How the HTTP edge works.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// Threads that serve requests, 1 to 64; default 2. More are of use only beside many processors.
    pub workers: usize,
    /// Live streams at most, 0 to 10,000; default 256. With 0 there are none.
    pub max_streams: usize,
    /// Whether a proxy in front speaks HTTPS with browsers: then cookies are sent over it only;
    /// default false.
    pub behind_https: bool,
    /// Programs that send it may read `/metrics`; default none: administrators only.
    pub metrics_token: Option<Secret<String>>,
    /// Whether programs have to prove which application they are of before they use the
    /// reference's OpenAPI; default true.
    pub openapi_auth: bool,
    /// Whether everybody may make an account; default false.
    pub registration: bool,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            workers: 2,
            max_streams: 256,
            behind_https: false,
            metrics_token: None,
            openapi_auth: true,
            registration: false,
        }
    }
}

/// Tells whether the server can do its work, or why not. Called for every `/ready`: cheap.
pub type ReadyCheck = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// What handlers work with.
pub struct HttpState {
    services: Services,
    config: HttpConfig,
    ready: ReadyCheck,
    streams: Arc<Streams>,
}

impl std::fmt::Debug for HttpState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HttpState({:?})", self.config)
    }
}

/// The state as handlers get it.
pub(crate) type State = web::Data<HttpState>;

impl HttpState {
    /// The state of all threads. Live streams end when `shutdown` is cancelled.
    pub fn new(
        services: Services,
        config: HttpConfig,
        ready: ReadyCheck,
        shutdown: CancellationToken,
    ) -> web::Data<Self> {
        let streams = Arc::new(Streams::new(config.max_streams, shutdown));
        web::Data::new(Self {
            services,
            config,
            ready,
            streams,
        })
    }
}

/// Registers all routes; for the server and for tests.
pub fn configure(config: &mut web::ServiceConfig, state: web::Data<HttpState>) {
    config.app_data(java_worker::door_of(&state));
    config.app_data(state);
    health::configure(config);
    metrics::configure(config);
    for resource in java_worker::web_routes().into_resources() {
        config.service(resource);
    }
    let api = all_routes()
        .into_resources()
        .into_iter()
        .fold(web::scope("/v1"), actix_web::Scope::service)
        .default_service(web::to(error::unknown_path));
    compatible::configure(config);
    config.service(api).default_service(web::to(assets::serve));
}

/// Serves requests on a bound socket until the returned server is stopped. Signals are the business
/// of the caller.
///
/// # Errors
/// When the socket cannot be used.
pub fn serve(listener: TcpListener, state: web::Data<HttpState>) -> std::io::Result<Server> {
    let workers = state.config.workers.clamp(1, 64);
    let service = move || {
        let state = state.clone();
        let app = App::new()
            .configure(|config| configure(config, state))
            .into_factory()
            .map_err(|error| error.error_response());
        let http = HttpService::build()
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(HEAD_LIMIT)
            .h1(map_config(app, |()| AppConfig::default()));
        fn_service(|connection: TcpStream| async {
            let peer = connection.peer_addr().ok();
            // As actix does it for a connection that is not wrapped: a reply never waits for another.
            connection.set_nodelay(true).ok();
            Ok((ExactNames::new(connection), peer))
        })
        .and_then(http)
    };
    let server = ServerBuilder::default()
        .workers(workers)
        .shutdown_timeout(SHUTDOWN_LIMIT_S)
        .disable_signals()
        .listen("http", listener, service)?
        .run();
    Ok(server)
}
