//! How a batch reaches one kind of database, and how the guilty of a failed one are found.

use std::future::Future;
use std::ops::Range;

use powerjob_common::time::UnixMillis;
use sea_orm::{DatabaseConnection, DbBackend, DbErr, RuntimeErr};

use super::batch::Entry;
use super::mysql::MySqlEngine;
use super::postgres::PostgresEngine;
use super::sqlite::SqliteEngine;
use crate::store::dialect::Dialect;
use crate::store::error::{Fault, classify};
use crate::store::fence::Fence;
use crate::store::write::WriteOutcome;

/// Why a batch or a part of it was not applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) fault: Fault,
    pub(super) text: String,
}

impl Failure {
    /// A guard that the writer itself found broken; `guard` is `stale` or `fenced`.
    pub(super) fn guard(guard: &str) -> Self {
        Self {
            fault: Fault::Constraint,
            text: guard.to_owned(),
        }
    }
}

impl Failure {
    /// The answer did not come: what was sent may have been done or not.
    pub(super) fn silent() -> Self {
        Self {
            fault: Fault::Lost,
            text: "the database did not answer in time".to_owned(),
        }
    }
}

impl From<DbErr> for Failure {
    fn from(error: DbErr) -> Self {
        Self {
            fault: classify(&error),
            text: error.to_string(),
        }
    }
}

impl From<sea_orm::sqlx::Error> for Failure {
    fn from(error: sea_orm::sqlx::Error) -> Self {
        DbErr::Exec(RuntimeErr::SqlxError(std::sync::Arc::new(error))).into()
    }
}

/// What holds for a whole batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    /// `None` before the first lease: then nothing is checked.
    pub(super) fence: Option<&'a Fence>,
    pub(super) now: UnixMillis,
    /// Kept beside the rows, so that it can be found out later whether the batch was committed.
    pub(super) mark: i64,
}

/// The way to one kind of database.
pub(super) enum Engine {
    Sqlite(SqliteEngine),
    Postgres(PostgresEngine),
    MySql(MySqlEngine),
}

impl Engine {
    /// `rows` is the connection for rows where that is not the one for everything else.
    pub(super) fn new(
        writing: &DatabaseConnection,
        rows: Option<rusqlite::Connection>,
        dialect: &Dialect,
    ) -> Self {
        match (rows, dialect.backend()) {
            (Some(rows), _) => Self::Sqlite(SqliteEngine::new(rows, dialect)),
            (None, DbBackend::MySql) => Self::MySql(MySqlEngine::new(writing, dialect)),
            (None, _) => Self::Postgres(PostgresEngine::new(writing, dialect)),
        }
    }

    /// Whether a commit blocks the thread that asks for it.
    pub(super) fn is_blocking(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }

    /// Applies all writes that have no outcome yet, or none.
    pub(super) async fn apply(&self, entries: &[Entry], frame: Frame<'_>) -> Result<(), Failure> {
        match self {
            Self::Sqlite(engine) => engine.apply(entries, frame),
            Self::Postgres(engine) => engine.apply(entries, frame).await,
            Self::MySql(engine) => engine.apply(entries, frame).await,
        }
    }

    /// Applies what can be applied and gives every write its outcome, in one transaction.
    pub(super) async fn isolate(
        &self,
        entries: &mut [Entry],
        frame: Frame<'_>,
    ) -> Result<(), Failure> {
        match self {
            Self::Sqlite(engine) => engine.isolate(entries, frame).await,
            Self::Postgres(engine) => engine.isolate(entries, frame).await,
            Self::MySql(engine) => engine.isolate(entries, frame).await,
        }
    }

    /// Whether a batch whose end is unknown was committed; `None` where no end stays unknown.
    pub(super) async fn is_committed(&self, frame: Frame<'_>) -> Option<Result<bool, Failure>> {
        let fence = frame.fence?;
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(engine) => Some(engine.is_marked(fence, frame.mark).await),
            Self::MySql(engine) => Some(engine.is_marked(fence, frame.mark).await),
        }
    }
}

/// An open transaction in which parts of a batch can fail by themselves.
pub(super) trait Parts {
    /// Applies these writes, or leaves the transaction as it was before.
    fn part(
        &mut self,
        entries: &[Entry],
        frame: Frame<'_>,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// Finds the guilty ones by halving; every write gets an outcome, which counts once the transaction
/// is committed.
pub(super) async fn halve<P: Parts + Send>(
    parts: &mut P,
    entries: &mut [Entry],
    frame: Frame<'_>,
) -> Result<(), Failure> {
    // The first half is taken first: writes about one instance keep their order.
    let mut open = halves(0..entries.len());
    while let Some(range) = open.pop() {
        let result = parts.part(&entries[range.clone()], frame).await;
        let tried = &mut entries[range.clone()];
        let Err(failure) = result else {
            mark_applied(tried);
            continue;
        };
        if matches!(
            failure.fault,
            Fault::Database | Fault::Lost | Fault::Collision
        ) {
            return Err(failure);
        }
        match tried {
            [entry] => entry.outcome = Some(verdict(&failure)),
            _ => open.extend(halves(range)),
        }
    }
    Ok(())
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

/// What the failure of a single write means; the guards are told apart by their columns.
fn verdict(failure: &Failure) -> WriteOutcome {
    match failure.fault {
        Fault::Duplicate => WriteOutcome::Duplicate,
        Fault::Constraint if failure.text.contains("stale") => WriteOutcome::Stale,
        Fault::Constraint if failure.text.contains("fenced") => WriteOutcome::Fenced,
        _ => WriteOutcome::Failed(failure.text.clone()),
    }
}
