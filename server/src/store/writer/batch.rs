//! The writes of one transaction.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use powerjob_common::id::{InstanceId, JobId};

use super::encode::is_born_with_more;
use super::limits::Limits;
use crate::domain::instance::Instance;
use crate::store::write::{CommitSink, WriteOp, WriteOutcome};

/// How the batch has written an instance: an insert alone may be followed by one update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    Inserted,
    Updated,
}

impl Written {
    fn by_insert(instance: &Instance, follow_up: bool) -> Self {
        if !follow_up || is_born_with_more(&instance.state) {
            Self::Updated
        } else {
            Self::Inserted
        }
    }
}

pub(super) struct Entry {
    sink: usize,
    token: u64,
    pub(super) op: WriteOp,
    pub(super) outcome: Option<WriteOutcome>,
}

/// Writes that go into one transaction, with those who wait for them.
#[derive(Default)]
pub(super) struct Batch {
    sinks: Vec<Arc<dyn CommitSink>>,
    pub(super) entries: Vec<Entry>,
    instances: HashMap<InstanceId, Written>,
    /// Whether an instance may be inserted and updated by the same batch.
    follow_up: bool,
    jobs: HashSet<JobId>,
    rows: usize,
    limits: Limits,
    bytes: usize,
}

/// How many rows a write touches.
pub(super) fn row_weight(op: &WriteOp) -> usize {
    match op {
        WriteOp::Insert(_) | WriteOp::Update(_) => 1,
        WriteOp::Trigger(trigger) => 1 + trigger.instances.len(),
    }
}

impl Batch {
    pub(super) fn new(follow_up: bool, limits: Limits) -> Self {
        Self {
            follow_up,
            limits,
            ..Self::default()
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// How many of the writes change an instance that exists.
    pub(super) fn updates(&self) -> usize {
        let is_update = |entry: &&Entry| matches!(entry.op, WriteOp::Update(_));
        self.entries.iter().filter(is_update).count()
    }

    /// The number of a sink in this batch.
    pub(super) fn sink(&mut self, sink: &Arc<dyn CommitSink>) -> usize {
        let known = self.sinks.iter().position(|other| Arc::ptr_eq(other, sink));
        known.unwrap_or_else(|| {
            self.sinks.push(Arc::clone(sink));
            self.sinks.len() - 1
        })
    }

    /// Whether a write may come into this batch, too: the statements stay short enough, and they, which
    /// run kind by kind, keep the order of this write and those already here.
    pub(super) fn has_room_for(&self, op: &WriteOp) -> bool {
        self.limits.allow(self.bytes + self.limits.weight(op)) && self.keeps_order_with(op)
    }

    fn keeps_order_with(&self, op: &WriteOp) -> bool {
        match op {
            WriteOp::Insert(instance) => !self.instances.contains_key(&instance.instance_id),
            WriteOp::Update(update) => {
                self.instances.get(&update.instance_id) != Some(&Written::Updated)
            }
            WriteOp::Trigger(trigger) => {
                let is_new = |id| !self.instances.contains_key(id);
                !self.jobs.contains(&trigger.job_id)
                    && trigger
                        .instances
                        .iter()
                        .all(|instance| is_new(&instance.instance_id))
            }
        }
    }

    pub(super) fn push(&mut self, sink: usize, token: u64, op: WriteOp) {
        self.rows += row_weight(&op);
        self.bytes += self.limits.weight(&op);
        match &op {
            WriteOp::Insert(instance) => {
                self.instances.insert(
                    instance.instance_id,
                    Written::by_insert(instance, self.follow_up),
                );
            }
            WriteOp::Update(update) => {
                self.instances.insert(update.instance_id, Written::Updated);
            }
            WriteOp::Trigger(trigger) => {
                self.jobs.insert(trigger.job_id);
                let follow_up = self.follow_up;
                let inserted = trigger
                    .instances
                    .iter()
                    .map(|new| (new.instance_id, Written::by_insert(new, follow_up)));
                self.instances.extend(inserted);
            }
        }
        self.entries.push(Entry {
            sink,
            token,
            op,
            outcome: None,
        });
    }

    /// Gives those writes that have none yet an outcome.
    pub(super) fn settle(&mut self, outcome: &WriteOutcome) {
        for entry in self
            .entries
            .iter_mut()
            .filter(|entry| entry.outcome.is_none())
        {
            entry.outcome = Some(outcome.clone());
        }
    }

    /// Tells each sink once what became of its writes.
    pub(super) fn report(self) {
        let mut results: Vec<Vec<(u64, WriteOutcome)>> = vec![Vec::new(); self.sinks.len()];
        let mut done = Vec::with_capacity(self.entries.len());
        for entry in self.entries {
            let missing = || WriteOutcome::Failed("the writer did not get to it".to_owned());
            results[entry.sink].push((entry.token, entry.outcome.unwrap_or_else(missing)));
            done.push(entry.op);
        }
        for (sink, results) in self.sinks.iter().zip(results) {
            if !results.is_empty() {
                sink.committed(results);
            }
        }
        // Freed only here, after everyone knows.
        drop(done);
    }
}
