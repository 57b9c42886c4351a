//! How this server is, and what administrators have it do.

use std::time::Duration;

use powerjob_common::actor::{ActorReading, Histogram};
use powerjob_protocol::api::id::Id;
use powerjob_protocol::api::inspection::ActorState;
use powerjob_protocol::api::server as api;
use tracing::info;

use super::access::Person;
use super::{ServiceError, Services, apps, process};
use crate::actor::cleaner::CleanNow;
use crate::live::CleaningReading;
use crate::store::servers::KnownServer;

/// A caller waits so long for a round of cleaning, which may take minutes.
const CLEANING_LIMIT: Duration = Duration::from_secs(5);

/// How this server is.
pub async fn status(services: &Services) -> Result<api::ServerStatus, ServiceError> {
    let handles = &services.handles;
    let facts = services.facts();
    let node = facts.node.clone();
    let servers = services.store.known_servers().await?;
    let readings = handles.scope.directory().readings();
    Ok(api::ServerStatus {
        version: facts.version,
        now: facts.now,
        started_at: facts.started_at,
        zone: facts.zone,
        worker_address: facts.worker_address,
        not_ready: handles.ownership.check_ready().err().map(str::to_owned),
        lease: api::LeaseStatus {
            epoch: handles.facts.lease_epoch,
            acts_for_ms: millis(handles.ownership.acts_for()),
        },
        servers: servers
            .into_iter()
            .map(|server| known_server(server, &node))
            .collect(),
        apps: owned_apps(services).await,
        lateness: lateness(services),
        runs: runs(services),
        actors: readings.into_iter().map(actor_state).collect(),
        store: store(services),
        process: process::status(),
        cleaning: cleaning(handles.cleaning.reading()),
        settings: handles
            .facts
            .settings
            .iter()
            .map(|setting| api::Setting {
                name: setting.name.clone(),
                value: setting.value.clone(),
                origin: setting.origin.clone(),
            })
            .collect(),
        node,
    })
}

/// What was deleted because it was too old.
pub fn cleaning_status(services: &Services) -> api::CleaningStatus {
    cleaning(services.handles.cleaning.reading())
}

/// Has what is too old deleted now; the answer may come before the round has ended.
pub async fn clean_now(
    services: &Services,
    person: &Person,
) -> Result<api::CleaningStatus, ServiceError> {
    info!(account = person.account, "audit: asked for cleaning");
    let round = super::ask(CLEANING_LIMIT, |reply| {
        services.handles.clean_now.tell(CleanNow { reply })
    });
    match round.await {
        Ok(reading) => Ok(cleaning(reading)),
        Err(ServiceError::Timeout) => Ok(cleaning_status(services)),
        Err(error) => Err(error),
    }
}

fn known_server(server: KnownServer, this: &str) -> api::KnownServer {
    let KnownServer { lease, apps } = server;
    api::KnownServer {
        is_this: lease.holder.node_id == this,
        node: lease.holder.node_id,
        worker_address: lease.worker_address,
        epoch: lease.holder.server_epoch,
        acquired_at: lease.acquired_at_ms,
        apps,
    }
}

async fn owned_apps(services: &Services) -> Vec<api::OwnedApp> {
    let mut owned = Vec::new();
    for (id, epoch) in services.handles.ownership.epochs() {
        let app = apps::find(services, id).await;
        owned.push(api::OwnedApp {
            id: Id(id.0),
            name: app.map(|app| app.name.clone()).unwrap_or_default(),
            epoch,
        });
    }
    owned.sort_by(|a, b| a.name.cmp(&b.name));
    owned
}

fn lateness(services: &Services) -> api::LatenessStatus {
    let stats = &services.handles.run_stats;
    let quantile = |histogram: &Histogram, quantile| micros(histogram.quantile(quantile));
    api::LatenessStatus {
        starts: stats.starting().reading(0, 0).count,
        p50_us: quantile(stats.starting(), 0.5),
        p99_us: quantile(stats.starting(), 0.99),
        sent_p50_us: quantile(stats.sending(), 0.5),
        sent_p99_us: quantile(stats.sending(), 0.99),
    }
}

fn runs(services: &Services) -> api::RunCounts {
    let stats = &services.handles.run_stats;
    let [(_, succeeded), (_, failed), (_, canceled), (_, stopped)] = stats.ended_counts();
    api::RunCounts {
        open: stats.open(),
        sent: stats.sent_count(),
        succeeded,
        failed,
        canceled,
        stopped,
    }
}

fn store(services: &Services) -> api::StoreStatus {
    let reading = services.store.writer().reading();
    api::StoreStatus {
        commits: reading.commits,
        rows: reading.rows,
        queued_rows: reading.queued_rows as u64,
        capacity_rows: reading.capacity_rows as u64,
        refused: reading.refused,
        batch_rows_p50: reading.batch_rows.0,
        batch_rows_p99: reading.batch_rows.1,
        commit_p50_us: micros(reading.commit_time.0),
        commit_p99_us: micros(reading.commit_time.1),
    }
}

fn cleaning(reading: CleaningReading) -> api::CleaningStatus {
    api::CleaningStatus {
        is_running: reading.is_running,
        rounds: reading.rounds,
        failures: reading.failures,
        ended_at: reading.ended_at.map(|at| at.0),
        took_ms: millis(reading.took),
        instances: reading.total.instances,
        job_revisions: reading.total.job_revisions,
        jobs: reading.total.jobs,
        sessions: reading.total.sessions,
        log_bytes: reading.total.log_bytes,
    }
}

/// An actor as the API shows it.
pub(super) fn actor_state(actor: ActorReading) -> ActorState {
    ActorState {
        path: actor.path,
        depth: actor.depth as u64,
        capacity: actor.capacity as u64,
        handled: actor.handled,
        refused: actor.refused,
        rate: actor.rate,
        p50_us: actor.p50_us,
        p99_us: actor.p99_us,
        restarts: actor.restarts,
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
