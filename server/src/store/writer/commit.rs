//! Carrying out a batch: at once when all goes well, again when another transaction was in the way or
//! the connection was lost, in halves when some of its writes can not be applied.
//!
//! Isolation: on SQLite the transaction takes the write lock at once. On the other databases it locks
//! the assignment rows of its applications, so that no other server takes them over before its end,
//! and every row that it changes is compared with what was expected.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;

use powerjob_common::fail_point;
use powerjob_common::time::{Clock, monotonic_now};

use super::batch::Batch;
use super::engine::{Engine, Failure, Frame};
use crate::store::connect::Doubt;
use crate::store::error::Fault;
use crate::store::fence::{Fence, FenceCell};
use crate::store::write::WriteOutcome;

/// How often a transaction that met another one is tried again.
const COLLISIONS: u32 = 20;
/// How long a lost database is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longer than a batch takes even on a slow disk.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// The pause between two tries to reach it.
const PAUSE: Duration = Duration::from_millis(50);

/// Applies batches on the writing connection.
pub(super) struct Committer {
    pub(super) engine: Engine,
    pub(super) fence: Arc<FenceCell>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) doubt: Doubt,
    pub(super) marks: AtomicI64,
}

/// What is left to do with a batch.
enum Step {
    Whole,
    Halves,
}

impl Committer {
    /// Applies a batch; afterwards each of its writes has an outcome.
    pub(super) async fn apply(&self, batch: &mut Batch) {
        let fence = self.fence.get();
        let frame = Frame {
            fence: fence.as_deref(),
            now: self.clock.now(),
            mark: self.marks.fetch_add(1, Relaxed) + 1,
        };
        refuse_foreign(batch, frame.fence);
        fail_point::hit("store::before_commit");
        if let Err(failure) = self.carry_out(batch, frame).await {
            for entry in &mut batch.entries {
                if matches!(entry.outcome, None | Some(WriteOutcome::Applied)) {
                    entry.outcome = Some(WriteOutcome::Failed(failure.text.clone()));
                }
            }
        }
        fail_point::hit("store::after_commit");
    }

    async fn carry_out(&self, batch: &mut Batch, frame: Frame<'_>) -> Result<(), Failure> {
        let (mut step, mut collisions) = (Step::Whole, 0);
        let refused: Vec<bool> = batch
            .entries
            .iter()
            .map(|entry| entry.outcome.is_some())
            .collect();
        loop {
            let Err(failure) = self.try_once(&step, batch, frame).await else {
                batch.settle(&WriteOutcome::Applied);
                return Ok(());
            };
            match failure.fault {
                Fault::Duplicate | Fault::Constraint | Fault::Value => step = Step::Halves,
                Fault::Collision if collisions < COLLISIONS => {
                    collisions += 1;
                    forget_outcomes(batch, &refused);
                }
                Fault::Lost => {
                    // The outcomes of halves count only if they were committed.
                    if self.was_committed(frame, &failure).await? {
                        batch.settle(&WriteOutcome::Applied);
                        return Ok(());
                    }
                    forget_outcomes(batch, &refused);
                }
                Fault::Collision | Fault::Database => return Err(failure),
            }
        }
    }

    /// Over the network an answer that does not come counts as a lost connection.
    async fn try_once(
        &self,
        step: &Step,
        batch: &mut Batch,
        frame: Frame<'_>,
    ) -> Result<(), Failure> {
        let work = async {
            match step {
                Step::Whole => self.engine.apply(&batch.entries, frame).await,
                Step::Halves => self.engine.isolate(&mut batch.entries, frame).await,
            }
        };
        if self.engine.is_blocking() {
            return work.await;
        }
        let answered = self.doubt.limit(ANSWER_LIMIT, work).await;
        answered.unwrap_or_else(|| Err(Failure::silent()))
    }

    /// Waits until the database can be asked what became of a batch.
    async fn was_committed(&self, frame: Frame<'_>, failure: &Failure) -> Result<bool, Failure> {
        tracing::warn!(error = failure.text, "lost the database; waiting for it");
        let begun = monotonic_now();
        loop {
            let asked = self
                .doubt
                .limit(ANSWER_LIMIT, self.engine.is_committed(frame));
            match asked.await.unwrap_or_else(|| Some(Err(Failure::silent()))) {
                None => return Err(failure.clone()),
                Some(Ok(committed)) => {
                    tracing::info!(committed, "the database is back");
                    return Ok(committed);
                }
                Some(Err(again)) => {
                    let is_lost = matches!(again.fault, Fault::Lost | Fault::Collision);
                    if !is_lost || monotonic_now().saturating_sub(begun) > PATIENCE {
                        return Err(again);
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

/// What was found out about a batch does not count, because it was undone.
fn forget_outcomes(batch: &mut Batch, refused: &[bool]) {
    for (entry, refused) in batch.entries.iter_mut().zip(refused) {
        if !refused {
            entry.outcome = None;
        }
    }
}

/// Writes about applications that this server does not have never reach the database.
fn refuse_foreign(batch: &mut Batch, fence: Option<&Fence>) {
    let Some(fence) = fence else { return };
    for entry in &mut batch.entries {
        if !fence.apps.contains_key(&entry.op.app_id()) {
            entry.outcome = Some(WriteOutcome::Fenced);
        }
    }
}
