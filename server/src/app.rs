//! Puts the server together: every actor, port and arbiter is built here.

mod actors;
mod address;
mod error;
mod http;
mod http_workers;
mod shutdown;
mod start;

use std::net::SocketAddr;
use std::sync::Arc;

use powerjob_common::actor::{ActorScope, Port};
use powerjob_common::time::{Clock, SystemClock, UnixMillis};
use tokio_util::sync::CancellationToken;

pub use self::error::StartError;
use crate::actor::cleaner::CleanNow;
use crate::actor::elector::ClaimApps;
use crate::actor::inspector::{GetClusterActors, RecentMessages, WatchCluster};
use crate::actor::instance_manager::InstancePorts;
use crate::actor::scheduler::{SaveJob, SwitchJob};
use crate::actor::worker_registry::ApplyWorkerOrders;
use crate::config::{ServerConfig, Setting};
use crate::domain::address_rules::AddressRules;
use crate::live::{CleaningCounts, Cluster, EventHub, JobTable, Ownership, RunStats, WorkerTable};
use crate::log_store::LogStore;
use crate::service::accounts::GeneratedPassword;
use crate::service::peers::Peers;
use crate::store::Store;
use crate::traces::TraceSink;

/// What the HTTP surface gets. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ServerHandles {
    /// Name, directory and tap of this node.
    pub scope: ActorScope,
    /// Where to get the time from.
    pub clock: Arc<dyn Clock>,
    /// Runs what must not end with a dropped request.
    pub runtime: tokio::runtime::Handle,
    /// For reading; writes go through the ports, except those that no actor has a part in.
    pub store: Store,
    /// Jobs of owned applications.
    pub jobs: JobTable,
    /// Workers of owned applications.
    pub workers: WorkerTable,
    /// Which applications are owned, and whether this server may act.
    pub ownership: Ownership,
    /// The servers over the same database, and who owns what.
    pub cluster: Cluster,
    /// The way to the other servers.
    pub peers: Peers,
    /// Changes as they happen.
    pub events: EventHub,
    /// Logs of runs.
    pub logs: LogStore,
    /// Saves jobs.
    pub save_job: Port<SaveJob>,
    /// Switches jobs.
    pub switch_job: Port<SwitchJob>,
    /// Claims new applications.
    pub claim_apps: Port<ClaimApps>,
    /// Tells of orders about workers.
    pub order_workers: Port<ApplyWorkerOrders>,
    /// Starts and changes instances.
    pub instances: InstancePorts,
    /// Actors of all nodes.
    pub cluster_actors: Port<GetClusterActors>,
    /// Messages of all nodes.
    pub watch_cluster: Port<WatchCluster>,
    /// Recent messages of this node.
    pub recent_messages: Port<RecentMessages>,
    /// Deletes what is too old.
    pub clean_now: Port<CleanNow>,
    /// What was deleted so far.
    pub cleaning: CleaningCounts,
    /// How runs fare.
    pub run_stats: RunStats,
    /// Traces of runs, if they are wanted.
    pub traces: TraceSink,
    /// Facts that do not change while the server runs.
    pub facts: Arc<ServerFacts>,
}

/// Facts about a running server.
#[derive(Debug, Clone)]
pub struct ServerFacts {
    /// Name of the node.
    pub node: String,
    /// When it started.
    pub started_at: UnixMillis,
    /// The zone of schedules without a zone of their own.
    pub zone: chrono_tz::Tz,
    /// Address for workers, `host:port`.
    pub worker_address: String,
    /// The fencing token of this life of the server.
    pub lease_epoch: i64,
    /// What is configured, for people.
    pub settings: Vec<Setting>,
    /// Address for requests, also those of other servers, `host:port`; `None` without HTTP.
    pub http_address: Option<String>,
    /// Address for workers of the reference, `host:port`; `None` without HTTP.
    pub http_worker_address: Option<String>,
    /// Which of these are let in.
    pub worker_rules: Arc<AddressRules>,
}

/// What is known when the server takes requests.
#[derive(Debug)]
pub struct Ready {
    /// Where workers connect.
    pub worker_addr: SocketAddr,
    /// Where console, command line and programs connect; `None` without HTTP.
    pub http_addr: Option<SocketAddr>,
    /// The password of the first administrator, if it was made up just now: show it once.
    pub generated_password: Option<GeneratedPassword>,
    /// For programs in the same process, e.g. tests.
    pub handles: ServerHandles,
}

/// Runs a server until `stop` is cancelled; blocks. `ready` is called once, when it takes requests.
/// Several servers may run in one process, each in a thread of its own.
///
/// # Errors
/// Why it could not start, or why it had to end.
pub fn run(
    config: ServerConfig,
    stop: CancellationToken,
    ready: impl FnOnce(Ready) + Send + 'static,
) -> Result<(), StartError> {
    run_with_clock(config, Arc::new(SystemClock), stop, ready)
}

/// As [`run`], with a clock of the caller's.
///
/// # Errors
/// As [`run`].
pub fn run_with_clock(
    config: ServerConfig,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
    ready: impl FnOnce(Ready) + Send + 'static,
) -> Result<(), StartError> {
    config.check().map_err(StartError::Config)?;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(config.thread_count(processors))
        .thread_name("pj-server")
        .enable_all()
        .build()
        .map_err(StartError::Runtime)?;
    let runtime = Arc::new(runtime);
    let shared = runtime.clone();
    let system = actix_rt::System::with_tokio_rt(move || shared);
    let shards = config.shard_count(processors);
    system.block_on(start::serve(config, shards, clock, runtime, stop, ready))
}
