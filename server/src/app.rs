//! Puts the server together: every actor, port and arbiter is built here.

use std::sync::Arc;

use powerjob_common::actor::{ActorScope, Port};
use powerjob_common::time::{Clock, UnixMillis};

use crate::actor::inspector::{GetClusterActors, RecentMessages, WatchCluster};
use crate::actor::instance_manager::InstancePorts;
use crate::actor::scheduler::{SaveJob, SwitchJob};
use crate::live::{EventHub, JobTable, WorkerTable};
use crate::store::Store;

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
    /// Changes as they happen.
    pub events: EventHub,
    /// Saves jobs.
    pub save_job: Port<SaveJob>,
    /// Switches jobs.
    pub switch_job: Port<SwitchJob>,
    /// Starts and changes instances.
    pub instances: InstancePorts,
    /// Actors of all nodes.
    pub cluster_actors: Port<GetClusterActors>,
    /// Messages of all nodes.
    pub watch_cluster: Port<WatchCluster>,
    /// Recent messages of this node.
    pub recent_messages: Port<RecentMessages>,
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
}
