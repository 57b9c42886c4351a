//! From settings to a server that takes requests, and its end.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use powerjob_common::actor::ActorScope;
use powerjob_common::id::NodeRef;
use powerjob_common::time::Clock;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::actors::{self, Actors, Ground};
use super::address::advertised;
use super::error::StartError;
use super::http;
use super::http_workers;
use super::shutdown::{Parts, shut_down};
use super::{Ready, ServerFacts};
use crate::actor::elector::LeaseHolder;
use crate::actor::timer::WakeTimer;
use crate::config::{Mistake, ServerConfig};
use crate::domain::lease::counts_for;
use crate::live::{Cluster, Ownership};
use crate::log_store::{LogStore, LogStoreConfig};
use crate::rpc::{BoundListener, DoorConfig, OpenSessions};
use crate::service::accounts::{GeneratedPassword, ensure_administrator};
use crate::service::peers::Peers;
use crate::store::assignment::Announcement;
use crate::store::lease::{LeaseRequest, ServerLease};
use crate::store::{Error, Store, StoreConfig};
use crate::traces::TraceSink;

/// Server ids that are leased for instance ids: 64 x 64 instances a millisecond.
const SERVER_IDS: u16 = 64;
/// A lease of a dead life of this node is waited for.
const LEASE_PAUSE: Duration = Duration::from_millis(100);
/// Sessions may end their answers within this time at shutdown.
const SESSION_DRAIN: Duration = Duration::from_millis(500);

pub(super) async fn serve(
    config: ServerConfig,
    shards: usize,
    clock: Arc<dyn Clock>,
    runtime: Arc<tokio::runtime::Runtime>,
    stop: CancellationToken,
    ready: impl FnOnce(Ready) + Send + 'static,
) -> Result<(), StartError> {
    std::fs::create_dir_all(&config.data_dir).map_err(StartError::DataDir)?;
    let started_at = clock.now();
    let http_listener = http::bind(&config)?;
    let door = bind(&config).await?;
    let worker_addr = door.local_addr();
    let http_worker_listener = http_workers::bind(&config, worker_addr)?;
    let database_url = config
        .database_url
        .as_ref()
        .map(|url| url.expose().as_str());
    let worker_address = advertised(config.worker_address.as_ref(), worker_addr, database_url);
    let http_addr = http_listener.as_ref().map(http::address_of).transpose()?;
    let http_address =
        http_addr.map(|addr| advertised(config.http_address.as_ref(), addr, database_url));
    let http_worker_addr = http_worker_listener
        .as_ref()
        .map(http::address_of)
        .transpose()?;
    let http_worker_address = http_worker_addr
        .map(|addr| advertised(config.http_worker_address.as_ref(), addr, database_url));
    let node = NodeRef {
        node_id: config.node.clone(),
        incarnation: started_at.0.cast_unsigned(),
    };
    let traces = match &config.traces {
        Some(wanted) => TraceSink::start(wanted, &config.node, runtime.handle())?,
        None => TraceSink::default(),
    };
    let store = open_store(&config, &runtime, &clock).await?;
    let generated_password = make_administrator(&config, &store).await?;
    let peers = Peers::of_cluster(&store).await.map_err(|error| {
        StartError::Config(vec![Mistake::new("database_url", error.to_string())])
    })?;
    let logs = open_logs(&config.data_dir, &clock)?;
    let lease = Arc::new(take_lease(&config, &store, &node, &worker_address).await?);

    let ownership = Ownership::new(clock.clone());
    let (fatal, mut fatals) = mpsc::channel(1);
    let announcement = Announcement {
        http_address: http_address.clone(),
        http_worker_address: http_worker_address.clone(),
        is_leaving: false,
    };
    let announced = lease.announce(announcement.clone()).await;
    announced.map_err(|source| database(&config, source))?;
    let news = Arc::new(Notify::new());
    let sessions = OpenSessions::default();
    let holder = LeaseHolder {
        ownership: ownership.clone(),
        counts_for: counts_for(config.lease_ttl),
        is_shared: lease.is_shared(),
        lease_ttl: config.lease_ttl,
        news: news.clone(),
        sessions: sessions.clone(),
        known: Mutex::default(),
        fatal,
    };
    ownership.extend(lease.acquired().sent_at + holder.counts_for);
    let keeper = lease
        .keep(config.lease_renewal, Arc::new(holder))
        .map_err(|source| database(&config, source))?;
    let scope = ActorScope::new(&config.node, clock.clone());
    let facts = Arc::new(ServerFacts {
        node: config.node.clone(),
        started_at,
        zone: config
            .parsed_zone()
            .map_err(|mistake| StartError::Config(vec![mistake]))?,
        worker_address: worker_address.clone(),
        lease_epoch: lease.epoch(),
        settings: config.settings.clone(),
        http_address,
        http_worker_address,
        worker_rules: http_workers::rules(&config),
    });
    let timer = WakeTimer::start(clock.clone()).map_err(StartError::Runtime)?;
    let Actors {
        handles,
        connections,
        leave,
        guardian,
        arbiters,
    } = actors::start(Ground {
        shards,
        scope: scope.clone(),
        clock,
        runtime,
        store: store.clone(),
        lease: lease.clone(),
        news,
        announcement,
        logs,
        ownership: ownership.clone(),
        cluster: Cluster::new(&config.node),
        peers,
        timer,
        facts,
        traces,
        sessions,
        config: config.clone(),
    });
    let door_config = DoorConfig {
        node,
        address: worker_address,
        allow_unproven: config.allow_unproven_workers,
        drain_limit: SESSION_DRAIN,
    };
    let listener = door.serve(door_config, store.clone(), &scope, connections.clone());
    let http_workers = http_worker_listener
        .map(|listener| http_workers::start(listener, &handles, connections))
        .transpose()?;
    let http = http_listener
        .map(|listener| http::start(&config, listener, &handles))
        .transpose()?;
    tracing::info!(%worker_addr, ?http_addr, ?http_worker_addr, node = config.node, "server started");
    ready(Ready {
        worker_addr,
        http_addr,
        generated_password,
        handles: handles.clone(),
    });

    let ended = tokio::select! {
        () = stop.cancelled() => Ok(()),
        dead = guardian.watch() => Err(StartError::Fatal(format!("the actor {dead} died"))),
        Some(reason) = fatals.recv() => Err(StartError::Fatal(reason)),
    };
    if let Err(error) = &ended {
        tracing::error!(%error, "the server ends");
    }
    shut_down(Parts {
        http,
        http_workers,
        handles,
        leave,
        listener,
        guardian,
        arbiters,
        keeper,
        lease,
        store,
        ownership,
    })
    .await;
    ended
}

/// A fresh database gets its first administrator; only people who sign in need one.
async fn make_administrator(
    config: &ServerConfig,
    store: &Store,
) -> Result<Option<GeneratedPassword>, StartError> {
    if config.http_bind.is_none() {
        return Ok(None);
    }
    ensure_administrator(store, config.admin_password.clone())
        .await
        .map_err(|error| {
            StartError::Config(vec![Mistake::new("admin_password", error.to_string())])
        })
}

async fn bind(config: &ServerConfig) -> Result<BoundListener, StartError> {
    BoundListener::bind(&config.worker_bind)
        .await
        .map_err(|error| StartError::Bind {
            field: "server.worker_bind",
            reason: error.to_string(),
        })
}

async fn open_store(
    config: &ServerConfig,
    runtime: &tokio::runtime::Runtime,
    clock: &Arc<dyn Clock>,
) -> Result<Store, StartError> {
    let store_config = match &config.database_url {
        Some(url) => StoreConfig::new(url.expose().clone()),
        None => StoreConfig::sqlite(config.data_dir.join("powerjob.db")),
    };
    Store::open(store_config, runtime.handle().clone(), clock.clone())
        .await
        .map_err(|source| database(config, source))
}

fn open_logs(data_dir: &Path, clock: &Arc<dyn Clock>) -> Result<LogStore, StartError> {
    let config = LogStoreConfig {
        clock: clock.clone(),
        ..LogStoreConfig::default()
    };
    LogStore::open(&data_dir.join("logs"), config).map_err(StartError::Logs)
}

/// Takes the lease; a former life of this node that died without a word is waited for.
async fn take_lease(
    config: &ServerConfig,
    store: &Store,
    node: &NodeRef,
    address: &str,
) -> Result<ServerLease, StartError> {
    let patience = config.lease_ttl * 2;
    let mut waited = Duration::ZERO;
    loop {
        let request = LeaseRequest {
            node: node.clone(),
            address: address.to_owned(),
            ttl: config.lease_ttl,
            server_ids: SERVER_IDS,
        };
        match store.acquire_lease(request).await {
            Ok(lease) => return Ok(lease),
            Err(Error::InUse(_)) if waited < patience => {
                tokio::time::sleep(LEASE_PAUSE).await;
                waited += LEASE_PAUSE;
            }
            Err(source) => return Err(database(config, source)),
        }
    }
}

fn database(config: &ServerConfig, source: Error) -> StartError {
    let field = if config.database_url.is_some() {
        "server.database_url"
    } else {
        "server.data_dir"
    };
    StartError::Store { field, source }
}
