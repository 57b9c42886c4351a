//! Workers.

use powerjob_protocol::api::worker as api;

use super::Services;
use crate::domain::worker::Worker;
use crate::live::WorkerEntry;
use crate::store::app::App;

/// The workers of an application, by name.
pub fn list(services: &Services, app: &App) -> Vec<api::Worker> {
    services
        .handles
        .workers
        .of_app(app.id)
        .iter()
        .map(entry_to_api)
        .collect()
}

fn entry_to_api(entry: &WorkerEntry) -> api::Worker {
    to_api(&entry.facts)
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
        protocol: "native".to_owned(),
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
        processors: worker.processors.clone(),
    }
}
