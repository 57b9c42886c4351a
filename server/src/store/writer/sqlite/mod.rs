//! SQLite: a whole transaction is one text with all its parameters, one round trip into the driver.

pub(super) mod checkpoint;
mod statements;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement, Value};

use self::statements::{BEGIN, COMMIT, ROLLBACK, Statements, UNDO_PART};
use super::batch::Entry;
use super::encode::Parameters;
use super::engine::{Failure, Frame, Parts, halve};
use crate::store::dialect::Dialect;

pub(super) struct SqliteEngine {
    connection: DatabaseConnection,
    statements: Statements,
}

impl SqliteEngine {
    pub(super) fn new(connection: DatabaseConnection, dialect: &Dialect) -> Self {
        Self {
            connection,
            statements: Statements::new(dialect),
        }
    }

    pub(super) async fn apply(&self, entries: &[Entry], frame: Frame<'_>) -> Result<(), Failure> {
        let values = values(entries, frame);
        let result = self.run(&self.statements.transaction, values).await;
        if result.is_err() {
            self.roll_back().await;
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
            self.roll_back().await;
        }
        result
    }

    async fn try_isolate(&self, entries: &mut [Entry], frame: Frame<'_>) -> Result<(), Failure> {
        self.run(BEGIN, Vec::new()).await?;
        let mut parts = SqliteParts(self);
        halve(&mut parts, entries, frame).await?;
        self.run(COMMIT, Vec::new()).await
    }

    async fn run(&self, text: &str, values: Vec<Value>) -> Result<(), Failure> {
        let statement = Statement::from_sql_and_values(DbBackend::Sqlite, text, values);
        self.connection.execute_raw(statement).await?;
        Ok(())
    }

    /// Some errors (a full disk) end the transaction by themselves; then there is none to end.
    async fn roll_back(&self) {
        if let Err(failure) = self.run(ROLLBACK, Vec::new()).await {
            tracing::debug!(error = failure.text, "there was nothing to roll back");
        }
    }
}

struct SqliteParts<'a>(&'a SqliteEngine);

impl Parts for SqliteParts<'_> {
    async fn part(&mut self, entries: &[Entry], frame: Frame<'_>) -> Result<(), Failure> {
        let engine = self.0;
        let values = values(entries, frame);
        let result = engine.run(&engine.statements.part, values).await;
        if result.is_err() {
            engine.run(UNDO_PART, Vec::new()).await?;
        }
        result
    }
}

fn values(entries: &[Entry], frame: Frame<'_>) -> Vec<Value> {
    Parameters::of(entries).values(frame.fence, frame.now)
}
