//! MySQL and MariaDB: a transaction of one statement for each kind of row that the batch has.

mod statements;

use sea_orm::DatabaseConnection;
use sea_orm::sqlx::{
    self, AssertSqlSafe, Connection, MySql, MySqlConnection, MySqlPool, Transaction,
};

use self::statements::Statements;
use super::batch::Entry;
use super::encode::{Parameters, Rows};
use super::engine::{Failure, Frame, Parts, halve};
use crate::store::dialect::Dialect;
use crate::store::fence::Fence;
use crate::store::sql::date_text;

pub(super) struct MySqlEngine {
    pool: MySqlPool,
    statements: Statements,
}

impl MySqlEngine {
    pub(super) fn new(connection: &DatabaseConnection, dialect: &Dialect) -> Self {
        Self {
            pool: connection.get_mysql_connection_pool().clone(),
            statements: Statements::new(dialect),
        }
    }

    pub(super) async fn apply(&self, entries: &[Entry], frame: Frame<'_>) -> Result<(), Failure> {
        let mut transaction = self.pool.begin().await?;
        match self.statements.run(&mut transaction, entries, frame).await {
            Ok(()) => Ok(transaction.commit().await?),
            Err(failure) => {
                roll_back(transaction).await;
                Err(failure)
            }
        }
    }

    pub(super) async fn isolate(
        &self,
        entries: &mut [Entry],
        frame: Frame<'_>,
    ) -> Result<(), Failure> {
        let mut parts = MySqlParts {
            transaction: self.pool.begin().await?,
            statements: &self.statements,
        };
        match halve(&mut parts, entries, frame).await {
            Ok(()) => Ok(parts.transaction.commit().await?),
            Err(failure) => {
                roll_back(parts.transaction).await;
                Err(failure)
            }
        }
    }

    pub(super) async fn is_marked(&self, fence: &Fence, mark: i64) -> Result<bool, Failure> {
        let last: Option<i64> = sqlx::query_scalar(AssertSqlSafe(self.statements.marked.as_str()))
            .bind(&fence.node_id)
            .bind(fence.server_epoch)
            .fetch_optional(&self.pool)
            .await?;
        Ok(last == Some(mark))
    }
}

async fn roll_back(transaction: Transaction<'static, MySql>) {
    if let Err(error) = transaction.rollback().await {
        tracing::debug!(%error, "there was nothing to roll back");
    }
}

struct MySqlParts<'a> {
    transaction: Transaction<'static, MySql>,
    statements: &'a Statements,
}

impl Parts for MySqlParts<'_> {
    async fn part(&mut self, entries: &[Entry], frame: Frame<'_>) -> Result<(), Failure> {
        let mut part = self.transaction.begin().await?;
        match self.statements.run(&mut part, entries, frame).await {
            Ok(()) => part.commit().await?,
            Err(failure) => {
                part.rollback().await?;
                return Err(failure);
            }
        }
        Ok(())
    }
}

impl Statements {
    async fn run(
        &self,
        connection: &mut MySqlConnection,
        entries: &[Entry],
        frame: Frame<'_>,
    ) -> Result<(), Failure> {
        let parameters = Parameters::of(entries);
        if let Some(fence) = frame.fence {
            let assignments = parameters.assignments(frame.fence);
            self.fence(connection, assignments, fence, frame.mark)
                .await?;
        }
        let date = date_text(frame.now);
        if parameters.inserts.count > 0 {
            query(&self.insert)
                .bind(&date)
                .bind(&date)
                .bind(parameters.inserts.json_text())
                .execute(&mut *connection)
                .await?;
        }
        let updates = parameters.updates.count;
        if updates > 0 {
            let updated = query(&self.update)
                .bind(parameters.updates.json_text())
                .bind(frame.now.0)
                .bind(&date)
                .execute(&mut *connection)
                .await?;
            expect(updated.rows_affected(), updates, "stale")?;
        }
        if parameters.released.count > 0 {
            query(&self.release)
                .bind(parameters.released.json_text())
                .execute(&mut *connection)
                .await?;
        }
        let triggers = parameters.triggers.count;
        if triggers > 0 {
            let triggered = query(&self.trigger)
                .bind(parameters.triggers.json_text())
                .execute(&mut *connection)
                .await?;
            expect(triggered.rows_affected(), triggers, "stale")?;
        }
        if parameters.attempts.count > 0 {
            query(&self.attempts)
                .bind(parameters.attempts.json_text())
                .execute(&mut *connection)
                .await?;
        }
        Ok(())
    }

    async fn fence(
        &self,
        connection: &mut MySqlConnection,
        assignments: Rows,
        fence: &Fence,
        mark: i64,
    ) -> Result<(), Failure> {
        let expected = assignments.count;
        let held = query(&self.held)
            .bind(assignments.json_text())
            .bind(&fence.node_id)
            .bind(fence.server_epoch)
            .fetch_all(&mut *connection)
            .await?;
        expect(held.len() as u64, expected, "fenced")?;
        query(&self.mark)
            .bind(mark)
            .bind(fence.server_epoch)
            .bind(&fence.node_id)
            .execute(connection)
            .await?;
        Ok(())
    }
}

type Query = sqlx::query::Query<'static, MySql, sqlx::mysql::MySqlArguments>;

fn query(text: &str) -> Query {
    sqlx::query(AssertSqlSafe(text))
}

fn expect(found: u64, expected: i64, guard: &str) -> Result<(), Failure> {
    if found == expected.unsigned_abs() {
        return Ok(());
    }
    Err(Failure::guard(guard))
}
