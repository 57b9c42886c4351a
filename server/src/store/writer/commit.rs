//! Carrying out a batch: one round trip when all goes well, bisection when something does not.
//!
//! Isolation: the transaction takes the write lock at once, so the fence and the expected states
//! are checked against what no one else can change before the commit.

use std::ops::Range;
use std::sync::Arc;

use powerjob_common::fail_point;
use powerjob_common::time::Clock;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement, Value};

use super::batch::{Batch, Entry};
use super::encode::Parameters;
use super::statements::{BEGIN, COMMIT, ROLLBACK, Statements, UNDO_PART};
use crate::store::error::{Fault, classify};
use crate::store::fence::{Fence, FenceCell};
use crate::store::write::{WriteOp, WriteOutcome};

/// Applies batches on the writing connection.
pub(super) struct Committer {
    pub(super) connection: DatabaseConnection,
    pub(super) backend: DbBackend,
    pub(super) statements: Statements,
    pub(super) fence: Arc<FenceCell>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Committer {
    /// Applies a batch; afterwards each of its writes has an outcome.
    pub(super) async fn apply(&self, batch: &mut Batch) {
        let fence = self.fence.get();
        refuse_foreign(batch, fence.as_deref());
        let whole = 0..batch.entries.len();
        let values = self.values(&batch.entries[whole.clone()], fence.as_deref());
        fail_point::hit("store::before_commit");
        match self.run(&self.statements.transaction, values).await {
            Ok(()) => batch.settle(&WriteOutcome::Applied),
            Err(error) => {
                self.roll_back().await;
                match classify(&error) {
                    Fault::Database => batch.settle(&failed(&error)),
                    _ => self.isolate(batch, fence.as_deref()).await,
                }
            }
        }
        fail_point::hit("store::after_commit");
    }

    /// Finds the guilty ones by halving, inside one transaction, so that the others are applied.
    async fn isolate(&self, batch: &mut Batch, fence: Option<&Fence>) {
        if let Err(error) = self.try_isolate(batch, fence).await {
            self.roll_back().await;
            for entry in &mut batch.entries {
                if matches!(entry.outcome, None | Some(WriteOutcome::Applied)) {
                    entry.outcome = Some(failed(&error));
                }
            }
        }
    }

    async fn try_isolate(&self, batch: &mut Batch, fence: Option<&Fence>) -> Result<(), DbErr> {
        self.run(BEGIN, Vec::new()).await?;
        // The first half is taken first: writes about one instance keep their order.
        let mut open = halves(0..batch.entries.len());
        while let Some(range) = open.pop() {
            let values = self.values(&batch.entries[range.clone()], fence);
            let result = self.run(&self.statements.part, values).await;
            let entries = &mut batch.entries[range.clone()];
            let Err(error) = result else {
                mark_applied(entries);
                continue;
            };
            let fault = classify(&error);
            if fault == Fault::Database {
                return Err(error);
            }
            self.run(UNDO_PART, Vec::new()).await?;
            match entries {
                [entry] => entry.outcome = Some(verdict(fault, &error)),
                _ => open.extend(halves(range)),
            }
        }
        self.run(COMMIT, Vec::new()).await
    }

    fn values(&self, entries: &[Entry], fence: Option<&Fence>) -> Vec<Value> {
        let mut parameters = Parameters::default();
        for entry in entries.iter().filter(|entry| entry.outcome.is_none()) {
            parameters.add(&entry.op);
        }
        parameters.values(fence, self.clock.now())
    }

    async fn run(&self, text: &str, values: Vec<Value>) -> Result<(), DbErr> {
        let statement = Statement::from_sql_and_values(self.backend, text, values);
        self.connection.execute_raw(statement).await.map(drop)
    }

    /// Some errors (a full disk) end the transaction by themselves; then there is none to end.
    async fn roll_back(&self) {
        if let Err(error) = self.run(ROLLBACK, Vec::new()).await {
            tracing::debug!(%error, "there was nothing to roll back");
        }
    }
}

fn halves(range: Range<usize>) -> Vec<Range<usize>> {
    if range.len() < 2 {
        return vec![range];
    }
    let middle = range.start + range.len() / 2;
    vec![middle..range.end, range.start..middle]
}

fn mark_applied(entries: &mut [Entry]) {
    for entry in entries.iter_mut().filter(|entry| entry.outcome.is_none()) {
        entry.outcome = Some(WriteOutcome::Applied);
    }
}

/// Writes about applications that this server does not have never reach the database.
fn refuse_foreign(batch: &mut Batch, fence: Option<&Fence>) {
    let Some(fence) = fence else { return };
    for entry in &mut batch.entries {
        let app = match &entry.op {
            WriteOp::Insert(instance) => instance.app_id,
            WriteOp::Update(update) => update.app_id,
            WriteOp::Trigger(trigger) => trigger.app_id,
        };
        if !fence.apps.contains_key(&app) {
            entry.outcome = Some(WriteOutcome::Fenced);
        }
    }
}

/// What the failure of a single write means; the guards are told apart by their columns.
fn verdict(fault: Fault, error: &DbErr) -> WriteOutcome {
    let text = error.to_string();
    match fault {
        Fault::Duplicate => WriteOutcome::Duplicate,
        Fault::Constraint if text.contains("stale") => WriteOutcome::Stale,
        Fault::Constraint if text.contains("fenced") => WriteOutcome::Fenced,
        _ => WriteOutcome::Failed(text),
    }
}

fn failed(error: &DbErr) -> WriteOutcome {
    WriteOutcome::Failed(error.to_string())
}
