//! The messages of a node as they pass, for people who watch.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::id::{InstanceId, TraceId};
use crate::time::{Clock, UnixMillis};

/// How a message fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Handled.
    Ok,
    /// Handled with an error.
    Failed,
    /// Refused, lost or thrown away before it was handled.
    Dropped,
}

/// Which messages a watcher wants; what is absent does not filter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TapFilter {
    /// Only messages that concern this instance.
    pub instance: Option<InstanceId>,
    /// Only messages whose sender or receiver path contains this text.
    pub actor: Option<String>,
    /// Only messages of this type.
    pub kind: Option<String>,
    /// Only failed and dropped ones.
    #[serde(default)]
    pub errors_only: bool,
    /// With their bodies.
    #[serde(default)]
    pub bodies: bool,
}

/// One message that passed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TapRecord {
    /// Number of the record on its node; gaps show what was dropped.
    pub sequence: u64,
    /// When its handling ended.
    pub at: UnixMillis,
    /// The node that saw it.
    pub node: String,
    /// Path of the sender.
    pub from: String,
    /// Path of the receiver.
    pub to: String,
    /// Name of its type.
    pub kind: String,
    /// Bytes on the wire; for local messages the size of the value itself.
    pub size_bytes: u64,
    /// Time in the queue, in microseconds.
    pub waited_us: u64,
    /// Handling time, in microseconds; for questions over the network the round trip.
    pub handling_us: u64,
    /// How it fared.
    pub outcome: Outcome,
    /// The trace it belongs to, 32 hexadecimal digits; empty when none.
    pub trace_id: String,
    /// The instances it concerns, at most [`MAX_INSTANCES`].
    pub instances: Vec<InstanceId>,
    /// The body, if the watcher asked for it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub body: Option<Value>,
}

/// Instances named in one record; a batch may concern thousands.
const MAX_INSTANCES: usize = 16;
/// Records the ring keeps when nobody watches: about 1 MiB.
const RING_RECORDS: usize = 4_096;

/// What a mail or a connection saw, before anyone decided whether it is wanted.
#[derive(Debug, Clone)]
pub struct Sighting {
    /// Path of the sender.
    pub from: Arc<str>,
    /// Path of the receiver.
    pub to: Arc<str>,
    /// Name of the type.
    pub name: &'static str,
    /// Whether the ring keeps it.
    pub life_cycle: bool,
    /// See [`TapRecord::size_bytes`].
    pub size_bytes: usize,
    /// Time in the queue.
    pub waited: Duration,
    /// Handling time.
    pub handling: Duration,
    /// How it fared.
    pub outcome: Outcome,
    /// All instances it concerns.
    pub instances: Vec<InstanceId>,
    /// Its body, rendered only when a watcher wants bodies.
    pub body: Option<Value>,
}

#[derive(Debug)]
struct Watcher {
    filter: TapFilter,
    records: mpsc::Sender<TapRecord>,
    dropped: Arc<AtomicU64>,
}

/// The tap of one node.
#[derive(Debug)]
pub struct Tap {
    node: Arc<str>,
    clock: Arc<dyn Clock>,
    watched: AtomicBool,
    bodies: AtomicBool,
    sequence: AtomicU64,
    watchers: RwLock<Vec<Watcher>>,
    ring: Mutex<VecDeque<TapRecord>>,
}

/// The records that match one watcher's filter.
#[derive(Debug)]
pub struct TapStream {
    records: mpsc::Receiver<TapRecord>,
    dropped: Arc<AtomicU64>,
}

impl TapStream {
    /// The next record; `None` when the node shuts down.
    pub async fn next(&mut self) -> Option<TapRecord> {
        self.records.recv().await
    }

    /// How many records were thrown away since the last call because the watcher was too slow.
    pub fn take_dropped(&self) -> u64 {
        self.dropped.swap(0, Relaxed)
    }
}

impl Tap {
    pub(super) fn new(node: Arc<str>, clock: Arc<dyn Clock>) -> Self {
        Self {
            node,
            clock,
            watched: AtomicBool::new(false),
            bodies: AtomicBool::new(false),
            sequence: AtomicU64::new(0),
            watchers: RwLock::default(),
            ring: Mutex::default(),
        }
    }

    /// Whether a message that goes well would be recorded at all.
    pub fn wants(&self, life_cycle: bool) -> bool {
        life_cycle || self.watched.load(Relaxed)
    }

    /// Whether anyone wants bodies.
    pub fn wants_bodies(&self) -> bool {
        self.bodies.load(Relaxed)
    }

    /// Starts watching; ends when the stream is dropped. At most `capacity` records wait.
    pub fn watch(&self, filter: TapFilter, capacity: usize) -> TapStream {
        let (sender, records) = mpsc::channel(capacity);
        let dropped = Arc::new(AtomicU64::new(0));
        let watcher = Watcher {
            filter,
            records: sender,
            dropped: dropped.clone(),
        };
        let mut watchers = self
            .watchers
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        watchers.push(watcher);
        self.remember(&watchers);
        TapStream { records, dropped }
    }

    /// Errors and life-cycle messages of the recent past that match the filter, oldest first.
    pub fn recent(&self, filter: &TapFilter) -> Vec<TapRecord> {
        let ring = self
            .ring
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        ring.iter()
            .filter(|record| filter.matches_record(record))
            .cloned()
            .collect()
    }

    /// Takes note of a message.
    pub fn offer(&self, sighting: Sighting) {
        let keep = sighting.life_cycle || sighting.outcome != Outcome::Ok;
        if !keep && !self.watched.load(Relaxed) {
            return;
        }
        let sequence = self.sequence.fetch_add(1, Relaxed);
        if self.watched.load(Relaxed) && self.show(&sighting, sequence) {
            self.forget_the_gone();
        }
        if keep {
            let mut ring = self
                .ring
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            if ring.len() == RING_RECORDS {
                ring.pop_front();
            }
            let record = self.record(&sighting, sequence, None, false);
            ring.push_back(record);
        }
    }

    /// Shows a message to all who want it; `true` when a watcher is gone.
    fn show(&self, sighting: &Sighting, sequence: u64) -> bool {
        let watchers = self
            .watchers
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut gone = false;
        for watcher in watchers.iter() {
            if !watcher.filter.matches(sighting) {
                gone |= watcher.records.is_closed();
                continue;
            }
            let filter = &watcher.filter;
            let record = self.record(sighting, sequence, filter.instance, filter.bodies);
            match watcher.records.try_send(record) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(_)) => {
                    watcher.dropped.fetch_add(1, Relaxed);
                }
                Err(mpsc::error::TrySendError::Closed(_)) => gone = true,
            }
        }
        gone
    }

    fn forget_the_gone(&self) {
        let mut watchers = self
            .watchers
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        watchers.retain(|watcher| !watcher.records.is_closed());
        self.remember(&watchers);
    }

    fn remember(&self, watchers: &[Watcher]) {
        self.watched.store(!watchers.is_empty(), Relaxed);
        self.bodies.store(
            watchers.iter().any(|watcher| watcher.filter.bodies),
            Relaxed,
        );
    }

    fn record(
        &self,
        sighting: &Sighting,
        sequence: u64,
        wanted: Option<InstanceId>,
        with_body: bool,
    ) -> TapRecord {
        let subject = wanted.or_else(|| sighting.instances.first().copied());
        TapRecord {
            sequence,
            at: self.clock.now(),
            node: self.node.to_string(),
            from: sighting.from.to_string(),
            to: sighting.to.to_string(),
            kind: sighting.name.to_owned(),
            size_bytes: sighting.size_bytes as u64,
            waited_us: sighting.waited.as_micros() as u64,
            handling_us: sighting.handling.as_micros() as u64,
            outcome: sighting.outcome,
            trace_id: subject
                .map(|id| TraceId::of_instance(id).to_string())
                .unwrap_or_default(),
            instances: sighting
                .instances
                .iter()
                .take(MAX_INSTANCES)
                .copied()
                .collect(),
            body: if with_body {
                sighting.body.clone()
            } else {
                None
            },
        }
    }
}

impl TapFilter {
    fn matches(&self, sighting: &Sighting) -> bool {
        self.matches_parts(
            sighting.name,
            &sighting.from,
            &sighting.to,
            sighting.outcome,
        ) && self
            .instance
            .is_none_or(|id| sighting.instances.contains(&id))
    }

    fn matches_record(&self, record: &TapRecord) -> bool {
        self.matches_parts(&record.kind, &record.from, &record.to, record.outcome)
            && self
                .instance
                .is_none_or(|id| record.instances.contains(&id))
    }

    fn matches_parts(&self, kind: &str, from: &str, to: &str, outcome: Outcome) -> bool {
        self.kind.as_deref().is_none_or(|wanted| wanted == kind)
            && self
                .actor
                .as_deref()
                .is_none_or(|part| from.contains(part) || to.contains(part))
            && (!self.errors_only || outcome != Outcome::Ok)
    }
}
