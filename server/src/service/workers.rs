//! Workers.

use powerjob_common::id::NodeRef;
use powerjob_common::reason::{Reason, ReasonCode};
use powerjob_common::status::WorkerOrderKind;
use powerjob_common::system_metrics::SystemMetrics;
use powerjob_common::time::UnixMillis;
use powerjob_protocol::api::worker as api;

use super::access::Person;
use super::{CHANGE_LIMIT, ServiceError, Services, Thing, ask};
use crate::actor::worker_registry::ApplyWorkerOrders;
use crate::domain::worker::{Worker, WorkerOrder, WorkerState};
use crate::store::app::App;
use crate::store::worker_order::NewWorkerOrder;

/// Characters of the reason of an order.
const MAX_REASON: usize = 500;

/// The workers of an application, by name; also nodes that are away, while an order about them counts.
pub fn list(services: &Services, app: &App) -> Vec<api::Worker> {
    let known = services.handles.workers.of_app(app.id);
    let mut workers: Vec<_> = known.iter().map(|entry| to_api(&entry.facts)).collect();
    for (node_id, order) in services.handles.workers.orders_of(app.id) {
        let is_known = workers.iter().any(|worker| worker.node == node_id);
        if !is_known && order.kind != WorkerOrderKind::Online {
            workers.push(to_api(&absent(app, node_id, order)));
        }
    }
    workers.sort_by(|a, b| a.node.cmp(&b.node));
    workers
}

/// Gives a worker an order, which is stored first and counts for every later life of the node.
///
/// # Errors
/// [`ServiceError::NotFound`] for a node that is not known and has no order.
pub async fn order(
    services: &Services,
    person: &Person,
    app: &App,
    input: api::WorkerOrderInput,
) -> Result<api::Worker, ServiceError> {
    if input.reason.chars().count() > MAX_REASON {
        let most = Reason::new(ReasonCode::TooManyCharacters, "most", MAX_REASON);
        return Err(ServiceError::field("reason", most));
    }
    let find = || {
        let mut workers = list(services, app).into_iter().rev();
        workers.find(|worker| worker.node == input.node)
    };
    let before = find().ok_or(ServiceError::NotFound(Thing::Worker))?;
    let new = NewWorkerOrder {
        kind: input.kind,
        given_by: person.account.clone(),
        reason: input.reason.trim().to_owned(),
    };
    let given = services
        .store
        .give_worker_order(app.id, input.node.clone(), new)
        .await?;
    ask(CHANGE_LIMIT, |reply| {
        services.handles.order_workers.tell(ApplyWorkerOrders {
            app_id: app.id,
            orders: vec![(input.node.clone(), given)],
            reply: Some(reply),
        })
    })
    .await?;
    // One that was shown only for its order is known no longer when that is taken back.
    Ok(find().unwrap_or(api::Worker {
        order: None,
        ..before
    }))
}

/// A node about which nothing is known but an order.
fn absent(app: &App, node_id: String, order: WorkerOrder) -> Worker {
    Worker {
        node: NodeRef {
            node_id,
            incarnation: 0,
        },
        app_id: app.id,
        address: String::new(),
        peer_address: String::new(),
        tags: Vec::new(),
        software: String::new(),
        state: WorkerState::Lost,
        connected_at: UnixMillis::default(),
        last_seen_at: UnixMillis::default(),
        metrics: SystemMetrics::default(),
        running: 0,
        capacity: 0,
        processors: None,
        order: Some(order),
    }
}

/// Over what the server speaks with it.
fn protocol(worker: &Worker) -> &'static str {
    match worker.node.has_lives() || worker.software.is_empty() {
        true => "native",
        false => "http",
    }
}

/// A worker as the API shows it.
pub fn to_api(worker: &Worker) -> api::Worker {
    let metrics = &worker.metrics;
    api::Worker {
        node: worker.node.node_id.clone(),
        incarnation: worker.node.incarnation.to_string(),
        address: worker.address.clone(),
        tags: worker.tags.clone(),
        software: worker.software.clone(),
        protocol: protocol(worker).to_owned(),
        state: worker.state.name().to_owned(),
        connected_at: worker.connected_at.0,
        last_seen_at: worker.last_seen_at.0,
        cpu_cores: metrics.cpu_cores,
        cpu_load: metrics.cpu_load,
        memory_total_bytes: metrics.memory_total_bytes,
        memory_used_bytes: metrics.memory_used_bytes,
        process_memory_bytes: metrics.process_memory_bytes,
        disk_total_bytes: metrics.disk_total_bytes,
        disk_used_bytes: metrics.disk_used_bytes,
        running: worker.running,
        capacity: worker.capacity,
        score: metrics.score(),
        processors: worker.processors.clone().unwrap_or_default(),
        order: worker.order.as_ref().map(|order| api::WorkerOrder {
            kind: order.kind,
            given_by: order.given_by.clone(),
            given_at: order.given_at.0,
            reason: order.reason.clone(),
        }),
    }
}
