//! The numbers of this server as a page for Prometheus. Everything is read from counters that are
//! there anyway; nothing here runs between two scrapes.
//!
//! `docs/metrics.md` tells the meaning of each family; a test compares the names.

mod text;

use std::collections::BTreeMap;

use self::text::{Kind, Page};
use super::{Services, process};
use crate::domain::worker::WorkerState;

/// The page.
pub fn page(services: &Services) -> String {
    let mut page = Page::default();
    server(&mut page, services);
    runs(&mut page, services);
    actors(&mut page, services);
    store(&mut page, services);
    workers(&mut page, services);
    cleaning(&mut page, services);
    own_process(&mut page, services);
    page.finish()
}

fn server(page: &mut Page, services: &Services) {
    let (facts, ownership) = (services.facts(), &services.handles.ownership);
    page.info(
        "powerjob_server_info",
        "The server that answers.",
        &[("node", &facts.node), ("version", &facts.version)],
    );
    page.single(
        "powerjob_server_ready",
        Kind::Gauge,
        "1 when the server does its full work.",
        u8::from(ownership.check_ready().is_ok()),
    );
    page.single(
        "powerjob_lease_epoch",
        Kind::Gauge,
        "The fencing token of this life of the server.",
        services.handles.facts.lease_epoch,
    );
    page.single(
        "powerjob_lease_acts_for_seconds",
        Kind::Gauge,
        "How long the server may act unless its lease is renewed.",
        ownership.acts_for().as_secs_f64(),
    );
    let epochs = ownership.epochs();
    page.single(
        "powerjob_apps_owned",
        Kind::Gauge,
        "Applications that this server owns.",
        epochs.len(),
    );
    page.by_label(
        ("powerjob_app_epoch", "app_id"),
        Kind::Gauge,
        "The fencing token of the ownership of an application; it grows with every change of owner.",
        epochs,
    );
    page.single(
        "powerjob_jobs",
        Kind::Gauge,
        "Jobs of the owned applications.",
        services.handles.jobs.len(),
    );
}

fn runs(page: &mut Page, services: &Services) {
    let stats = &services.handles.run_stats;
    page.spans(
        "powerjob_run_lateness_seconds",
        "From the nominal time of a run to the start of its processor, first attempts only.",
        stats.starting(),
    );
    page.spans(
        "powerjob_run_send_lateness_seconds",
        "From the nominal time of a run to its sending to a worker, first attempts only.",
        stats.sending(),
    );
    page.spans(
        "powerjob_run_duration_seconds",
        "From the start to the end of the processor.",
        stats.running(),
    );
    page.single(
        "powerjob_runs_open",
        Kind::Gauge,
        "Runs that wait, are claimed or run.",
        stats.open(),
    );
    page.single(
        "powerjob_runs_sent_total",
        Kind::Counter,
        "Runs sent to workers, repetitions included.",
        stats.sent_count(),
    );
    page.by_label(
        ("powerjob_runs_ended_total", "status"),
        Kind::Counter,
        "Runs that ended, by their final status.",
        stats.ended_counts(),
    );
    if let Some((sent, lost)) = services.handles.traces.counts() {
        page.by_label(
            ("powerjob_traces_total", "outcome"),
            Kind::Counter,
            "Traces of runs that were sent to the collector, or lost.",
            [("sent", sent), ("lost", lost)],
        );
    }
}

fn actors(page: &mut Page, services: &Services) {
    let readings = services.handles.scope.directory().readings();
    let mut family = |name, kind, help, value: fn(&powerjob_common::actor::ActorReading) -> u64| {
        let samples = readings.iter().map(|actor| (&actor.path, value(actor)));
        page.by_label((name, "actor"), kind, help, samples);
    };
    family(
        "powerjob_actor_queue_depth",
        Kind::Gauge,
        "Queued plus running work of an actor.",
        |actor| actor.depth as u64,
    );
    family(
        "powerjob_actor_queue_capacity",
        Kind::Gauge,
        "Places in the queue of an actor.",
        |actor| actor.capacity as u64,
    );
    family(
        "powerjob_actor_handled_total",
        Kind::Counter,
        "Letters that an actor handled.",
        |actor| actor.handled,
    );
    family(
        "powerjob_actor_refused_total",
        Kind::Counter,
        "Letters refused because the queue was full.",
        |actor| actor.refused,
    );
    family(
        "powerjob_actor_restarts_total",
        Kind::Counter,
        "How often an actor was built anew.",
        |actor| u64::from(actor.restarts),
    );
}

fn store(page: &mut Page, services: &Services) {
    let writer = services.store.writer();
    let reading = writer.reading();
    let (batch_rows, commit_time) = writer.histograms();
    page.counts(
        "powerjob_store_commit_rows",
        "Rows in a commit of the group-committing writer.",
        batch_rows,
    );
    page.spans(
        "powerjob_store_commit_seconds",
        "The time of a commit, from its first statement to the disk.",
        commit_time,
    );
    page.single(
        "powerjob_store_queued_rows",
        Kind::Gauge,
        "Rows that wait for the writer.",
        reading.queued_rows,
    );
    page.single(
        "powerjob_store_queue_capacity_rows",
        Kind::Gauge,
        "Rows that may wait for the writer.",
        reading.capacity_rows,
    );
    page.single(
        "powerjob_store_refused_total",
        Kind::Counter,
        "Submissions refused because the writer's queue was full.",
        reading.refused,
    );
    page.single(
        "powerjob_log_queued_bytes",
        Kind::Gauge,
        "Bytes of logs of runs that wait for the disk.",
        services.handles.logs.queued_bytes(),
    );
}

fn workers(page: &mut Page, services: &Services) {
    let mut states = BTreeMap::from(WorkerState::ALL.map(|state| (state.name(), 0_u64)));
    let (mut assigned, mut capacity) = (0, 0);
    for worker in services.handles.workers.all() {
        *states.entry(worker.facts.state.name()).or_default() += 1;
        assigned += u64::from(worker.assigned());
        capacity += u64::from(worker.facts.capacity);
    }
    page.by_label(
        ("powerjob_workers", "state"),
        Kind::Gauge,
        "Workers of the owned applications, by state.",
        states,
    );
    page.single(
        "powerjob_worker_assigned_runs",
        Kind::Gauge,
        "Runs that workers have.",
        assigned,
    );
    page.single(
        "powerjob_worker_capacity_runs",
        Kind::Gauge,
        "Runs that workers take at the same time.",
        capacity,
    );
}

fn cleaning(page: &mut Page, services: &Services) {
    let reading = services.handles.cleaning.reading();
    let cleaned = reading.total;
    page.by_label(
        ("powerjob_cleaned_total", "kind"),
        Kind::Counter,
        "Things deleted because they were too old.",
        [
            ("instance", cleaned.instances),
            ("job", cleaned.jobs),
            ("job_revision", cleaned.job_revisions),
            ("session", cleaned.sessions),
        ],
    );
    page.single(
        "powerjob_cleaned_log_bytes_total",
        Kind::Counter,
        "Bytes of logs of runs deleted because they were too old or too many.",
        cleaned.log_bytes,
    );
    page.single(
        "powerjob_cleaning_rounds_total",
        Kind::Counter,
        "Rounds of cleaning that ended.",
        reading.rounds,
    );
    page.single(
        "powerjob_cleaning_failures_total",
        Kind::Counter,
        "Rounds of cleaning in which something could not be deleted.",
        reading.failures,
    );
    page.single(
        "powerjob_cleaning_last_seconds",
        Kind::Gauge,
        "How long the last round of cleaning took.",
        reading.took.as_secs_f64(),
    );
}

/// The names that every program uses for these.
fn own_process(page: &mut Page, services: &Services) {
    let status = process::status();
    page.single(
        "process_resident_memory_bytes",
        Kind::Gauge,
        "Memory of the process that is present in the machine.",
        status.resident_bytes,
    );
    page.single(
        "process_cpu_seconds_total",
        Kind::Counter,
        "Processor time of the process.",
        status.cpu_ms as f64 / 1e3,
    );
    page.single(
        "process_open_fds",
        Kind::Gauge,
        "Open files and sockets.",
        status.open_files,
    );
    page.single(
        "process_threads",
        Kind::Gauge,
        "Threads of the process.",
        status.threads,
    );
    page.single(
        "process_start_time_seconds",
        Kind::Gauge,
        "When the server started, in seconds since 1970.",
        services.handles.facts.started_at.0 as f64 / 1e3,
    );
}
