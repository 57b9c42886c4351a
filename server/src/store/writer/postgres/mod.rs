//! PostgreSQL: a batch is one statement, and that a transaction by itself.

mod columns;
mod statement;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use sea_orm::DatabaseConnection;
use sea_orm::sqlx::{self, AssertSqlSafe, Connection, PgPool, Postgres, Transaction};

use self::columns::Columns;
use super::batch::Entry;
use super::engine::{Failure, Frame, Parts, halve};
use crate::store::dialect::Dialect;
use crate::store::fence::Fence;

/// Writes after which the plan of the statement is made anew for the first time.
const FIRST_PLAN_WRITES: u64 = 500;

pub(super) struct PostgresEngine {
    pool: PgPool,
    statement: Arc<str>,
    marked: Arc<str>,
    writes: AtomicU64,
    plan_until: AtomicU64,
}

impl PostgresEngine {
    pub(super) fn new(connection: &DatabaseConnection, dialect: &Dialect) -> Self {
        // The lock waits for the end of a transaction whose connection was lost.
        let marked = "select mark from {pj_commit} where node_id = ? and epoch = ? for update";
        Self {
            pool: connection.get_postgres_connection_pool().clone(),
            statement: statement::text(dialect).into(),
            marked: dialect.text(marked).into(),
            writes: AtomicU64::new(0),
            plan_until: AtomicU64::new(FIRST_PLAN_WRITES),
        }
    }

    pub(super) async fn apply(&self, entries: &[Entry], frame: Frame<'_>) -> Result<(), Failure> {
        let query = sqlx::query(AssertSqlSafe(Arc::clone(&self.statement)));
        let query = Columns::of(entries).bind(query, frame);
        query.execute(&self.pool).await?;
        self.grow(entries.len() as u64).await;
        Ok(())
    }

    /// A plan is kept as long as its statement. One that was made for a nearly empty table reads all
    /// of it for each batch, so plans are dropped each time the writes have doubled.
    async fn grow(&self, writes: u64) {
        let writes = self.writes.fetch_add(writes, Relaxed) + writes;
        if writes < self.plan_until.load(Relaxed) {
            return;
        }
        self.plan_until.store(writes * 2, Relaxed);
        if let Err(error) = sqlx::raw_sql("discard plans").execute(&self.pool).await {
            tracing::debug!(%error, "the plans were not dropped");
        }
    }

    pub(super) async fn isolate(
        &self,
        entries: &mut [Entry],
        frame: Frame<'_>,
    ) -> Result<(), Failure> {
        let mut parts = PostgresParts {
            transaction: self.pool.begin().await?,
            statement: &self.statement,
        };
        halve(&mut parts, entries, frame).await?;
        parts.transaction.commit().await?;
        Ok(())
    }

    pub(super) async fn is_marked(&self, fence: &Fence, mark: i64) -> Result<bool, Failure> {
        let last: Option<i64> = sqlx::query_scalar(AssertSqlSafe(Arc::clone(&self.marked)))
            .bind(&fence.node_id)
            .bind(fence.server_epoch)
            .fetch_optional(&self.pool)
            .await?;
        Ok(last == Some(mark))
    }
}

struct PostgresParts<'a> {
    transaction: Transaction<'static, Postgres>,
    statement: &'a Arc<str>,
}

impl Parts for PostgresParts<'_> {
    async fn part(&mut self, entries: &[Entry], frame: Frame<'_>) -> Result<(), Failure> {
        let mut part = self.transaction.begin().await?;
        let query = sqlx::query(AssertSqlSafe(Arc::clone(self.statement)));
        let query = Columns::of(entries).bind(query, frame);
        match query.execute(&mut *part).await {
            Ok(_) => part.commit().await?,
            Err(error) => {
                part.rollback().await?;
                return Err(error.into());
            }
        }
        Ok(())
    }
}
