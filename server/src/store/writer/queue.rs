//! What waits for the writer: three lanes of submissions, and transactions of other parts.
//!
//! Invariants:
//! 1. Never more than `capacity` rows wait, save for one submission into an empty queue.
//! 2. Submissions of one lane leave in the order they came.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use sea_orm::DatabaseConnection;
use tokio::sync::Notify;

use super::batch::{Batch, row_weight};
use super::limits::Limits;
use crate::store::write::{Backlog, CommitSink, Lane, Overloaded, WriteOp};

/// Bulk rows in one commit.
const BULK_ROWS: usize = 1_000;
/// Express rows in one commit: a bound for memory.
const EXPRESS_ROWS: usize = 8_192;
/// Ends in one commit, if claims leave no room for more.
const LEAST_ENDS: usize = 1_000;

/// Runs on the writing connection, between commits.
pub(super) type ColdJob = Box<dyn FnOnce(DatabaseConnection) -> BoxFuture<'static, ()> + Send>;

/// What is left of a submission.
pub(super) struct Group {
    pub(super) sink: Arc<dyn CommitSink>,
    pub(super) items: std::vec::IntoIter<(u64, WriteOp)>,
}

/// What to do next.
pub(super) enum Work {
    Commit(Batch),
    Cold(ColdJob),
    /// Closed and empty.
    End,
    /// Nothing waits.
    Idle,
}

#[derive(Default)]
struct Lanes {
    express: VecDeque<Group>,
    bulk: VecDeque<Group>,
    ends: VecDeque<Group>,
    cold: VecDeque<ColdJob>,
    closed: bool,
    /// A cold job and a commit take turns.
    cold_was_last: bool,
}

impl Lanes {
    fn of(&mut self, lane: Lane) -> &mut VecDeque<Group> {
        match lane {
            Lane::Express => &mut self.express,
            Lane::Bulk => &mut self.bulk,
            Lane::Ends => &mut self.ends,
        }
    }
}

pub(super) struct Queue {
    lanes: Mutex<Lanes>,
    backlog: Backlog,
    refused: AtomicU64,
    capacity: usize,
    /// Whether an instance may be inserted and updated by the same commit.
    follow_up: bool,
    limits: Limits,
    arrived: Notify,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Queue({} of {} rows)", self.rows(), self.capacity)
    }
}

impl Queue {
    pub(super) fn new(capacity: usize, follow_up: bool, limits: Limits) -> Self {
        Self {
            lanes: Mutex::default(),
            backlog: Backlog::default(),
            refused: AtomicU64::new(0),
            capacity,
            follow_up,
            limits,
            arrived: Notify::new(),
        }
    }

    /// Rows that wait.
    pub(super) fn rows(&self) -> usize {
        self.backlog.rows()
    }

    pub(super) fn backlog(&self) -> &Backlog {
        &self.backlog
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Submissions refused so far.
    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    pub(super) fn push(
        &self,
        lane: Lane,
        sink: &Arc<dyn CommitSink>,
        items: Vec<(u64, WriteOp)>,
    ) -> Result<(), Overloaded> {
        let weight: usize = items.iter().map(|(_, op)| row_weight(op)).sum();
        let mut lanes = self.lock();
        let waiting = self.rows();
        if lanes.closed || (waiting > 0 && waiting + weight > self.capacity) {
            self.refused.fetch_add(1, Relaxed);
            return Err(Overloaded { items });
        }
        self.backlog.grow(weight);
        let group = Group {
            sink: Arc::clone(sink),
            items: items.into_iter(),
        };
        lanes.of(lane).push_back(group);
        drop(lanes);
        self.arrived.notify_one();
        Ok(())
    }

    /// Queues a cold job; `false` when the writer is closed.
    pub(super) fn push_cold(&self, job: ColdJob) -> bool {
        let mut lanes = self.lock();
        if lanes.closed {
            return false;
        }
        lanes.cold.push_back(job);
        drop(lanes);
        self.arrived.notify_one();
        true
    }

    /// Refuses what comes from now on; what waits is still done.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_one();
    }

    /// Returns when something may have arrived.
    pub(super) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// Takes the next piece of work: express rows first, then bulk rows up to the cap, then ends.
    ///
    /// Runs that are due are claimed before others are recorded as ended. Ends do not stand back
    /// behind new runs: work that comes in must not outpace the work that is done.
    pub(super) fn next(&self) -> Work {
        let mut lanes = self.lock();
        let nothing_hot = Lane::ALL.iter().all(|lane| lanes.of(*lane).is_empty());
        if (nothing_hot || !lanes.cold_was_last)
            && let Some(job) = lanes.cold.pop_front()
        {
            lanes.cold_was_last = true;
            return Work::Cold(job);
        }
        lanes.cold_was_last = false;
        if nothing_hot {
            return if lanes.closed { Work::End } else { Work::Idle };
        }
        let mut batch = Batch::new(self.follow_up, self.limits);
        fill(&mut batch, &mut lanes.express, EXPRESS_ROWS);
        let claims = batch.updates();
        fill(&mut batch, &mut lanes.bulk, BULK_ROWS);
        let left = EXPRESS_ROWS.saturating_sub(claims);
        fill(&mut batch, &mut lanes.ends, left.max(LEAST_ENDS));
        self.backlog.shrink(batch.rows());
        Work::Commit(batch)
    }

    fn lock(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Moves writes from a lane to the batch until it has `limit` more rows, or the next write is about
/// something the batch has written already.
fn fill(batch: &mut Batch, lane: &mut VecDeque<Group>, limit: usize) {
    let full = batch.rows() + limit;
    while let Some(group) = lane.front_mut() {
        let sink = batch.sink(&group.sink);
        while let Some((_, op)) = group.items.as_slice().first() {
            let is_full = batch.rows() >= full;
            if is_full || !batch.has_room_for(op) {
                return;
            }
            if let Some((token, op)) = group.items.next() {
                batch.push(sink, token, op);
            }
        }
        lane.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::contract::build::{insert, instance, update, waiting_state};
    use crate::store::write::WriteOutcome;

    struct Nobody;

    impl CommitSink for Nobody {
        fn committed(&self, _results: Vec<(u64, WriteOutcome)>) {}
    }

    fn queue() -> Queue {
        Queue::new(100_000, false, Limits::new(None))
    }

    fn push(queue: &Queue, lane: Lane, ops: impl Iterator<Item = WriteOp>) {
        let sink: Arc<dyn CommitSink> = Arc::new(Nobody);
        let items = (0..).zip(ops).collect();
        queue.push(lane, &sink, items).unwrap();
    }

    /// Rows of the next commit: claims (their ids are below a million), and others.
    fn next(queue: &Queue) -> (usize, usize) {
        let Work::Commit(batch) = queue.next() else {
            panic!("nothing to commit");
        };
        let is_claim =
            |op: &WriteOp| matches!(op, WriteOp::Update(it) if it.instance_id.0 < 1_000_000);
        let claims = batch
            .entries
            .iter()
            .filter(|entry| is_claim(&entry.op))
            .count();
        (claims, batch.rows() - claims)
    }

    fn updates(from: i64, count: i64) -> impl Iterator<Item = WriteOp> {
        (from..from + count).map(|id| update(id, waiting_state()))
    }

    #[test]
    fn ends_leave_most_of_a_commit_to_claims_but_are_not_forgotten() {
        let queue = queue();
        push(&queue, Lane::Ends, updates(1_000_000, 10_000));
        push(&queue, Lane::Express, updates(1, 10_000));
        assert_eq!(next(&queue), (8_192, 1_000));
        assert_eq!(next(&queue), (1_808, 6_384));
        assert_eq!(next(&queue), (0, 2_616));
        assert!(matches!(queue.next(), Work::Idle));
        assert_eq!(queue.rows(), 0);
    }

    #[test]
    fn ends_do_not_stand_back_behind_new_runs() {
        let queue = queue();
        push(&queue, Lane::Ends, updates(1_000_000, 5_000));
        push(
            &queue,
            Lane::Express,
            (1..=5_000).map(|id| insert(instance(id))),
        );
        assert_eq!(next(&queue), (0, 10_000));
    }
}
