//! One life of a worker: what it says of itself, and whether it is there.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use powerjob_common::id::InstanceId;
use powerjob_common::status::WorkerOrderKind;
use powerjob_common::system_metrics::SystemMetrics;
use powerjob_common::time::UnixMillis;
use powerjob_protocol::wire::worker_to_server::WorkerHeartbeat;

use super::message::{Ending, SessionOpened, WorkerSession};
use crate::domain::worker::{Worker, WorkerOrder, WorkerState};
use crate::live::WorkerLink;

/// A moment on both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) wall: UnixMillis,
    pub(super) monotonic: Duration,
}

/// How far a life has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Connected; has not said yet what it holds.
    Introducing,
    /// Connected, and the instance managers know what it holds.
    Here,
    /// Without a connection; lost at a monotonic time, or never while this server shuts down.
    Away {
        cause: Absence,
        lost_at: Option<Duration>,
    },
    /// Over; shown until a monotonic time.
    Lost { forget_at: Duration },
}

/// Why a life has no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absence {
    /// Its connection ended.
    Ended(Ending),
    /// A newer life of the same node is here.
    Superseded,
}

/// See the head of the file.
#[derive(Debug)]
pub(super) struct Life {
    facts: Worker,
    pub(super) stage: Stage,
    pub(super) session: Option<Arc<dyn WorkerSession>>,
    /// What the parts of its inventory named so far.
    pub(super) held: HashMap<InstanceId, u32>,
    /// Whether its room and processors are known.
    has_spoken: bool,
    is_draining: bool,
    /// Whether it had nothing any more when it last spoke.
    is_empty: bool,
}

impl Life {
    pub(super) fn new(opened: SessionOpened, order: Option<WorkerOrder>, now: Moment) -> Self {
        let facts = Worker {
            node: opened.node,
            app_id: opened.app_id,
            address: opened.address,
            peer_address: opened.peer_address,
            tags: Vec::new(),
            software: opened.software,
            state: WorkerState::Suspect,
            connected_at: now.wall,
            last_seen_at: now.wall,
            metrics: SystemMetrics::default(),
            running: 0,
            capacity: 0,
            processors: Some(Vec::new()),
            order,
        };
        Self {
            facts,
            stage: Stage::Introducing,
            session: Some(opened.session),
            held: HashMap::new(),
            has_spoken: false,
            is_draining: false,
            is_empty: false,
        }
    }

    /// Takes another connection in place of the old one, which is handed back.
    pub(super) fn reconnect(
        &mut self,
        opened: SessionOpened,
        now: Moment,
    ) -> Option<Arc<dyn WorkerSession>> {
        self.stage = Stage::Introducing;
        self.held.clear();
        self.facts.software = opened.software;
        self.facts.peer_address = opened.peer_address;
        self.facts.connected_at = now.wall;
        self.facts.last_seen_at = now.wall;
        self.session.replace(opened.session)
    }

    /// Loses its connection.
    pub(super) fn leave(
        &mut self,
        cause: Absence,
        lost_at: Option<Duration>,
    ) -> Option<Arc<dyn WorkerSession>> {
        self.stage = Stage::Away { cause, lost_at };
        self.held.clear();
        self.session.take()
    }

    pub(super) fn has_connection(&self, connection: u64) -> bool {
        let session = self.session.as_ref();
        session.is_some_and(|session| session.connection() == connection)
    }

    /// Takes another order; it must speak once more before it counts as empty.
    pub(super) fn obey(&mut self, order: Option<WorkerOrder>) {
        self.facts.order = order;
        self.is_empty = false;
    }

    /// Takes note of what it says of itself; `assigned` = runs it was given and has not given back.
    pub(super) fn take_heartbeat(
        &mut self,
        heartbeat: WorkerHeartbeat,
        names_processors: bool,
        assigned: u32,
        now: Moment,
    ) {
        let facts = &mut self.facts;
        if !heartbeat.address.is_empty() {
            facts.address = heartbeat.address;
        }
        facts.tags = heartbeat.tags;
        facts.software = heartbeat.software;
        facts.last_seen_at = now.wall;
        facts.metrics = SystemMetrics {
            cpu_cores: heartbeat.cpu_cores,
            cpu_load: heartbeat.cpu_load,
            memory_total_bytes: heartbeat.memory_total_bytes,
            memory_used_bytes: heartbeat.memory_used_bytes,
            process_memory_bytes: heartbeat.process_memory_bytes,
            disk_total_bytes: heartbeat.disk_total_bytes,
            disk_used_bytes: heartbeat.disk_used_bytes,
        };
        facts.running = heartbeat.running;
        facts.capacity = heartbeat.capacity;
        facts.processors = names_processors.then_some(heartbeat.processors);
        self.has_spoken = true;
        self.is_draining = heartbeat.draining;
        self.is_empty = heartbeat.running == 0 && assigned == 0;
    }

    /// Whether it may be given work.
    pub(super) fn state(&self) -> WorkerState {
        let order = self.facts.order.as_ref().map(|order| order.kind);
        match (self.stage, order) {
            (Stage::Here, Some(WorkerOrderKind::Offline)) => WorkerState::Offline,
            (Stage::Here, Some(WorkerOrderKind::Drain)) if self.is_empty => WorkerState::Drained,
            (Stage::Here, Some(WorkerOrderKind::Drain)) => WorkerState::Draining,
            (Stage::Here, _) if self.is_draining => WorkerState::Draining,
            (Stage::Here, _) if self.has_spoken => WorkerState::Online,
            (Stage::Lost { .. }, _) => WorkerState::Lost,
            (Stage::Introducing | Stage::Here | Stage::Away { .. }, _) => WorkerState::Suspect,
        }
    }

    pub(super) fn is_lost(&self) -> bool {
        matches!(self.stage, Stage::Lost { .. })
    }

    /// What others see of it. The way to it is shown only when the instance managers know what it
    /// holds: before that they would take its silence about a run for an answer.
    pub(super) fn shown(&self) -> (Arc<Worker>, Option<Arc<dyn WorkerLink>>) {
        let facts = Worker {
            state: self.state(),
            ..self.facts.clone()
        };
        let link = self.session.clone().filter(|_| self.stage == Stage::Here);
        (
            Arc::new(facts),
            link.map(|session| -> Arc<dyn WorkerLink> { session }),
        )
    }

    pub(super) fn worker(&self) -> &Worker {
        &self.facts
    }
}

/// The cause of a loss by order, as it stands in the result of the runs it ended.
pub(super) fn off_line_text(node_id: &str, order: &WorkerOrder) -> String {
    let (by, reason) = (&order.given_by, &order.reason);
    let colon = if reason.is_empty() { "" } else { ": " };
    format!("worker lost: {node_id} (taken off line by {by}{colon}{reason})")
}

/// The cause of a loss, as it stands in the result of the runs it ended.
pub(super) fn loss_text(node_id: &str, absence: Absence, lost_after: Duration) -> String {
    let why = match absence {
        Absence::Superseded => "restarted".to_owned(),
        Absence::Ended(ending @ Ending::Farewell) => ending.words().to_owned(),
        Absence::Ended(ending) => {
            let seconds = lost_after.as_secs_f64();
            format!("{}, not back within {seconds} s", ending.words())
        }
    };
    format!("worker lost: {node_id} ({why})")
}
