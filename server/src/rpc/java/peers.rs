//! The workers of the reference that this server hears of: who they are, and since when they are
//! silent. Their messages become letters to the actors.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use powerjob_common::id::{AppId, JobId, NodeRef};
use powerjob_common::time::Clock;
use powerjob_protocol::json::{self, AskResponse};
use powerjob_protocol::wire::worker_to_server::WorkerHeartbeat;
use tokio_util::sync::CancellationToken;

use super::client::JavaClient;
use super::ends::RecentEnds;
use super::link::JavaLink;
use super::logs::Gathered;
use super::{Outcome, Refusal, cluster, is_own};
use crate::actor::worker_registry::{Ending, Heartbeat, SessionClosed, SessionOpened};
use crate::domain::address_rules::AddressRules;
use crate::domain::status_check::SILENCE_LIMIT;
use crate::live::{JobTable, WorkerTable};
use crate::rpc::ConnectionParts;
use crate::rpc::link::next_connection;
use crate::store::Store;

/// How often silent workers are looked for.
const SWEEP: Duration = Duration::from_millis(500);
/// Workers at most.
const MAX_PEERS: usize = 10_000;
/// Attempts that are remembered for the logs of runs.
const MAX_ATTEMPTS: usize = 100_000;
/// Runs that a worker takes at most by its own default; beyond that it says that it is overloaded.
const LIGHT_RUNS: u32 = 1_024;
const BYTES_PER_GIB: f64 = (1_u64 << 30) as f64;

/// What they need.
#[derive(Debug, Clone)]
pub(crate) struct JavaPeersParts {
    pub(crate) connections: ConnectionParts,
    pub(crate) store: Store,
    pub(crate) jobs: JobTable,
    pub(crate) workers: WorkerTable,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) runtime: tokio::runtime::Handle,
    pub(crate) rules: Arc<AddressRules>,
    pub(crate) client: JavaClient,
    /// This server's address for these workers, `host:port`.
    pub(crate) address: String,
}

/// See the head of the file. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct JavaPeers(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(super) parts: JavaPeersParts,
    peers: Mutex<HashMap<(AppId, String), Peer>>,
    pub(super) ends: Mutex<RecentEnds>,
    attempts: Mutex<HashMap<i64, u32>>,
    pub(super) gathered: Mutex<Gathered>,
    /// Number of the next line of a log: lines have none, and the store needs them to grow.
    pub(super) next_line: AtomicU64,
}

/// A worker that is not silent.
#[derive(Debug)]
struct Peer {
    connection: u64,
    heard_at: Duration,
    /// The worker's own time of its last heartbeat.
    sent_at: i64,
}

impl JavaPeers {
    pub(crate) fn new(parts: JavaPeersParts) -> Self {
        // Above all numbers of an earlier life of this server: no worker writes a million lines a second.
        let first_line = parts.clock.now().0.cast_unsigned() * 1_000;
        Self(Arc::new(Inner {
            parts,
            peers: Mutex::default(),
            ends: Mutex::default(),
            attempts: Mutex::default(),
            gathered: Mutex::default(),
            next_line: AtomicU64::new(first_line),
        }))
    }

    /// This server's address for these workers.
    pub(crate) fn address(&self) -> &str {
        &self.0.parts.address
    }

    /// Lets go of silent workers, until `stop`.
    pub(crate) async fn watch(self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(SWEEP);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            self.0.sweep();
        }
    }

    /// A worker says how it is. An older word than the last one says nothing.
    pub(crate) fn heartbeat(
        &self,
        caller: IpAddr,
        heartbeat: json::WorkerHeartbeat,
    ) -> Result<Outcome, Refusal> {
        let address = heartbeat.worker_address.clone().unwrap_or_default();
        self.0.check_address(caller, &address)?;
        let protocol = heartbeat.protocol.as_deref().unwrap_or("AKKA");
        if !protocol.eq_ignore_ascii_case("HTTP") {
            tracing::warn!(
                worker_addr = address,
                protocol,
                "a worker is not reached over HTTP"
            );
            return Err(Refusal::Protocol);
        }
        let app_id = AppId(heartbeat.app_id.unwrap_or(-1));
        if self.0.parts.connections.ownership.epoch(app_id).is_none() {
            return Ok(Outcome::Taken); // it asks where to go within ten seconds
        }
        self.0.hear(app_id, address, heartbeat)?;
        Ok(Outcome::Taken)
    }

    /// The workers that may share a run.
    pub(crate) fn query_cluster(&self, query: &json::QueryJobCluster) -> Outcome {
        let job_id = query.job_id.unwrap_or_default();
        let job = self.0.parts.jobs.get(JobId(job_id));
        let checked = cluster::check_asker(job.as_deref(), job_id, query.app_id.map(AppId));
        Outcome::Answer(match (checked, job) {
            (Ok(()), Some(job)) => {
                AskResponse::with(&cluster::addresses(&self.0.parts.workers, &job, None))
            }
            (Err(why), _) => AskResponse::refused(why),
            (Ok(()), None) => AskResponse::refused("Permission Denied!"),
        })
    }
}

impl Inner {
    /// Checks that a caller may be reached at the address that it gives.
    pub(super) fn check_address(&self, caller: IpAddr, address: &str) -> Result<(), Refusal> {
        let rules = &self.parts.rules;
        Ok(rules.check_address(caller, address, is_own).map(drop)?)
    }

    /// Lets go of a worker without a word to the registry, which has done so itself.
    pub(super) fn forget(&self, connection: u64) {
        lock(&self.peers).retain(|_, peer| peer.connection != connection);
    }

    /// The application of a worker.
    pub(super) fn app_of(&self, address: &str) -> Option<AppId> {
        let peers = lock(&self.peers);
        let mut known = peers.keys().filter(|(_, known)| known == address);
        known.next().map(|(app_id, _)| *app_id)
    }

    pub(super) fn note_attempt(&self, instance_id: i64, attempt: u32) {
        let mut attempts = lock(&self.attempts);
        if attempts.len() >= MAX_ATTEMPTS {
            attempts.clear();
        }
        attempts.insert(instance_id, attempt);
    }

    /// The attempt of a run that was sent last; the first one for what an earlier owner sent.
    pub(super) fn attempt_of(&self, instance_id: i64) -> u32 {
        lock(&self.attempts).get(&instance_id).copied().unwrap_or(1)
    }

    fn hear(
        self: &Arc<Self>,
        app_id: AppId,
        address: String,
        heartbeat: json::WorkerHeartbeat,
    ) -> Result<(), Refusal> {
        let node = NodeRef::without_lives(&address);
        let registry = &self.parts.connections.registry;
        let heard_at = self.parts.clock.monotonic();
        let mut peers = lock(&self.peers);
        let is_full = peers.len() >= MAX_PEERS;
        let connection = match peers.get_mut(&(app_id, address.clone())) {
            Some(peer) if heartbeat.heartbeat_time < peer.sent_at => return Ok(()),
            Some(peer) => {
                (peer.heard_at, peer.sent_at) = (heard_at, heartbeat.heartbeat_time);
                peer.connection
            }
            None if is_full => return Err(Refusal::Full),
            None => {
                let connection = next_connection();
                let opened = SessionOpened {
                    app_id,
                    node: node.clone(),
                    address: address.clone(),
                    peer_address: String::new(),
                    software: software(&heartbeat),
                    tells_inventory: false,
                    session: Arc::new(JavaLink {
                        address: address.clone(),
                        connection,
                        peers: Arc::downgrade(self),
                    }),
                };
                if let Err(refused) = registry.opened.tell(opened) {
                    tracing::warn!(%refused, "a worker was not let in; its next heartbeat comes soon");
                    return Ok(());
                }
                let peer = Peer {
                    connection,
                    heard_at,
                    sent_at: heartbeat.heartbeat_time,
                };
                peers.insert((app_id, address), peer);
                connection
            }
        };
        drop(peers);
        let letter = Heartbeat {
            app_id,
            node,
            connection,
            state: Box::new(state(heartbeat)),
            names_processors: false,
        };
        if let Err(refused) = registry.heartbeat.tell(letter) {
            tracing::debug!(%refused, "a heartbeat was not taken; the next one comes soon");
        }
        Ok(())
    }

    fn sweep(&self) {
        let now = self.parts.clock.monotonic();
        let registry = &self.parts.connections.registry;
        lock(&self.peers).retain(|(app_id, address), peer| {
            if now.saturating_sub(peer.heard_at) < SILENCE_LIMIT {
                return true;
            }
            let closed = SessionClosed {
                app_id: *app_id,
                node: NodeRef::without_lives(address),
                connection: peer.connection,
                ending: Ending::Silent,
            };
            // What the registry does not take now it is told again.
            registry.closed.tell(closed).is_err()
        });
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn software(heartbeat: &json::WorkerHeartbeat) -> String {
    let version = heartbeat.version.as_deref().unwrap_or("UNKNOWN");
    match heartbeat.client.as_deref() {
        Some("KingPenguin") | None => format!("powerjob-worker (Java) {version}"),
        Some(client) => format!("{client} {version}"),
    }
}

/// What it says, as native workers say it.
fn state(heartbeat: json::WorkerHeartbeat) -> WorkerHeartbeat {
    let software = software(&heartbeat);
    let metrics = heartbeat.system_metrics.unwrap_or_default();
    let bytes = |gib: f64| (gib.max(0.0) * BYTES_PER_GIB) as u64;
    let count = |number: i32| u32::try_from(number).unwrap_or(0);
    let running = count(heartbeat.light_task_tracker_num)
        .saturating_add(count(heartbeat.heavy_task_tracker_num));
    let finite = |number: f64| if number.is_finite() { number } else { -1.0 };
    WorkerHeartbeat {
        measured_at_ms: heartbeat.heartbeat_time,
        address: heartbeat.worker_address.unwrap_or_default(),
        tags: heartbeat
            .tag
            .unwrap_or_default()
            .split(',')
            .map(|tag| tag.trim().to_owned())
            .filter(|tag| !tag.is_empty())
            .collect(),
        software,
        cpu_cores: f64::from(metrics.cpu_processors),
        cpu_load: finite(metrics.cpu_load),
        memory_total_bytes: bytes(metrics.jvm_max_memory),
        memory_used_bytes: bytes(metrics.jvm_used_memory),
        process_memory_bytes: bytes(metrics.jvm_used_memory),
        disk_total_bytes: bytes(metrics.disk_total),
        disk_used_bytes: bytes(metrics.disk_used),
        running,
        capacity: match heartbeat.overload {
            true => 0,
            false => LIGHT_RUNS.max(running.saturating_add(1)),
        },
        processors: Vec::new(),
        draining: false,
    }
}

/// Adds to the number of the next line.
pub(super) fn take_lines(inner: &Inner, count: usize) -> u64 {
    inner.next_line.fetch_add(count as u64, Relaxed)
}
