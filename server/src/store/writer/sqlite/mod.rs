//! SQLite: prepared statements on a connection of its own, row by row, in the writer's thread
//! (ADR 014). There is no server to be asked, so a statement for many rows would save nothing.

pub(super) mod checkpoint;
mod row;
mod statements;

use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{CachedStatement, Connection};

use self::row::Row;
use self::statements::{BEGIN, BEGIN_PART, COMMIT, END_PART, ROLLBACK, Statements, UNDO_PART};
use super::batch::Entry;
use super::engine::{Failure, Frame, Parts, halve};
use crate::store::dialect::Dialect;
use crate::store::error::classify_sqlite;
use crate::store::fence::Fence;
use crate::store::sql::date_text;
use crate::store::write::WriteOp;

pub(super) struct SqliteEngine {
    connection: Mutex<Connection>,
    statements: Statements,
}

impl SqliteEngine {
    pub(super) fn new(connection: Connection, dialect: &Dialect) -> Self {
        Self {
            connection: Mutex::new(connection),
            statements: Statements::new(dialect),
        }
    }

    /// Blocks until the transaction is on the disk: the writer has a thread of its own.
    pub(super) fn apply(&self, entries: &[Entry], frame: Frame<'_>) -> Result<(), Failure> {
        let connection = self.connection();
        let result = connection
            .execute_batch(BEGIN)
            .map_err(Failure::from)
            .and_then(|()| self.run(&connection, entries, frame))
            .and_then(|()| Ok(connection.execute_batch(COMMIT)?));
        if result.is_err() {
            roll_back(&connection);
        }
        result
    }

    pub(super) async fn isolate(
        &self,
        entries: &mut [Entry],
        frame: Frame<'_>,
    ) -> Result<(), Failure> {
        let result = self.try_isolate(entries, frame).await;
        if result.is_err() {
            roll_back(&self.connection());
        }
        result
    }

    async fn try_isolate(&self, entries: &mut [Entry], frame: Frame<'_>) -> Result<(), Failure> {
        self.connection().execute_batch(BEGIN)?;
        halve(&mut SqliteParts(self), entries, frame).await?;
        Ok(self.connection().execute_batch(COMMIT)?)
    }

    fn run(
        &self,
        connection: &Connection,
        entries: &[Entry],
        frame: Frame<'_>,
    ) -> Result<(), Failure> {
        let open = || entries.iter().filter(|entry| entry.outcome.is_none());
        if let Some(fence) = frame.fence {
            self.check_fence(connection, fence, open().map(|entry| &entry.op))?;
        }
        let date = date_text(frame.now);
        let mut rows = Rows {
            connection,
            statements: &self.statements,
            insert: None,
            update: None,
        };
        open().try_for_each(|entry| rows.write(&entry.op, frame, &date))
    }

    /// Fails when the server or one of the applications has another owner.
    fn check_fence<'e>(
        &self,
        connection: &Connection,
        fence: &Fence,
        ops: impl Iterator<Item = &'e WriteOp>,
    ) -> Result<(), Failure> {
        let fenced = |is_ours: bool| {
            if is_ours {
                Ok(())
            } else {
                Err(Failure::guard("fenced"))
            }
        };
        let mut lease = Row::of(connection.prepare_cached(&self.statements.lease)?);
        fenced(lease.finds(&fence.node_id, fence.server_epoch)?)?;
        let mut assignment = Row::of(connection.prepare_cached(&self.statements.assignment)?);
        let mut checked = Vec::new();
        for app in ops.map(WriteOp::app_id) {
            // Batches are about few applications, mostly in runs.
            if checked.last() == Some(&app) || checked.contains(&app) {
                continue;
            }
            checked.push(app);
            let epoch = fence.apps.get(&app);
            fenced(match epoch {
                Some(epoch) => assignment.finds(app.0, *epoch)?,
                None => false,
            })?;
        }
        Ok(())
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The rows of one transaction or part; the two statements of nearly every row are looked up once.
struct Rows<'c> {
    connection: &'c Connection,
    statements: &'c Statements,
    insert: Option<Row<'c>>,
    update: Option<Row<'c>>,
}

impl<'c> Rows<'c> {
    fn write(&mut self, op: &WriteOp, frame: Frame<'_>, date: &str) -> Result<(), Failure> {
        match op {
            WriteOp::Insert(instance) => self.insert()?.insert(instance, date)?,
            WriteOp::Update(update) => {
                check_changed(self.update()?.update(update, frame.now, date)?)?;
                if update.release_trigger_key {
                    self.row(&self.statements.release)?
                        .by_id(update.instance_id.0)?;
                }
                if let Some(ended) = &update.ended_attempt {
                    self.row(&self.statements.attempt)?
                        .attempt(update.instance_id.0, ended)?;
                }
            }
            WriteOp::Trigger(trigger) => {
                check_changed(self.row(&self.statements.trigger)?.trigger(trigger)?)?;
                for instance in &trigger.instances {
                    self.insert()?.insert(instance, date)?;
                }
            }
        }
        Ok(())
    }

    fn insert(&mut self) -> Result<&mut Row<'c>, Failure> {
        prepared(&mut self.insert, self.connection, &self.statements.insert)
    }

    fn update(&mut self) -> Result<&mut Row<'c>, Failure> {
        prepared(&mut self.update, self.connection, &self.statements.update)
    }

    fn row(&self, text: &str) -> Result<Row<'c>, Failure> {
        Ok(Row::of(self.connection.prepare_cached(text)?))
    }
}

fn prepared<'r, 'c>(
    place: &'r mut Option<Row<'c>>,
    connection: &'c Connection,
    text: &str,
) -> Result<&'r mut Row<'c>, Failure> {
    match place {
        Some(row) => Ok(row),
        None => {
            let statement: CachedStatement<'c> = connection.prepare_cached(text)?;
            Ok(place.insert(Row::of(statement)))
        }
    }
}

fn check_changed(rows: usize) -> Result<(), Failure> {
    if rows == 1 {
        Ok(())
    } else {
        Err(Failure::guard("stale"))
    }
}

/// Some errors (a full disk) end the transaction by themselves; then there is none to end.
fn roll_back(connection: &Connection) {
    if connection.is_autocommit() {
        return;
    }
    if let Err(error) = connection.execute_batch(ROLLBACK) {
        tracing::warn!(%error, "could not roll back");
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self {
            fault: classify_sqlite(&error),
            text: error.to_string(),
        }
    }
}

struct SqliteParts<'a>(&'a SqliteEngine);

impl Parts for SqliteParts<'_> {
    async fn part(&mut self, entries: &[Entry], frame: Frame<'_>) -> Result<(), Failure> {
        let engine = self.0;
        let connection = engine.connection();
        connection.execute_batch(BEGIN_PART)?;
        let result = engine.run(&connection, entries, frame);
        let end = if result.is_ok() { END_PART } else { UNDO_PART };
        // A full disk has undone the whole transaction, and with it this part.
        if connection.is_autocommit() {
            return result;
        }
        connection.execute_batch(end)?;
        result
    }
}
