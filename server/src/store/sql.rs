//! Running statements, on a connection of the pool or inside a transaction.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::Stream;
use powerjob_common::status::InstanceStatus;
use powerjob_common::time::UnixMillis;
use sea_orm::sqlx::{Column, Postgres, Row, Type};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, QueryResult,
    StreamTrait, TryGetable, Value,
};

use super::Error;
use super::dialect::Dialect;
use super::error::is_broken_connection;

/// Over each connection of the largest pool, and over a fresh one.
const MOST_TRIES: u32 = 17;

/// Where statements go.
#[derive(Debug, Clone)]
enum Link {
    Connection(DatabaseConnection),
    Transaction(Arc<DatabaseTransaction>),
}

/// Runs templates (see [`Dialect::text`]) with values.
#[derive(Debug, Clone)]
pub(super) struct Sql {
    link: Link,
    dialect: Arc<Dialect>,
}

impl Sql {
    pub(super) fn on_connection(connection: DatabaseConnection, dialect: Arc<Dialect>) -> Self {
        Self {
            link: Link::Connection(connection),
            dialect,
        }
    }

    pub(super) fn in_transaction(
        transaction: Arc<DatabaseTransaction>,
        dialect: Arc<Dialect>,
    ) -> Self {
        Self {
            link: Link::Transaction(transaction),
            dialect,
        }
    }

    /// Waits until no other server is in a transaction of this kind. SQLite has only one at a time
    /// anyway.
    pub(super) async fn take_turn(&self) -> Result<(), Error> {
        if self.dialect.backend() == DbBackend::Sqlite {
            return Ok(());
        }
        let text = "select id from {pj_meta} where name = ? {for_update}";
        self.row(text, vec![super::meta::TURN.into()])
            .await
            .map(drop)
    }

    pub(super) fn is_postgres(&self) -> bool {
        self.dialect.backend() == DbBackend::Postgres
    }

    /// The name of a table with its prefix.
    pub(super) fn table(&self, name: &str) -> String {
        self.dialect.table(name)
    }

    /// Whether the database is SQLite, which only one server uses at a time.
    pub(super) fn is_sqlite(&self) -> bool {
        self.dialect.backend() == DbBackend::Sqlite
    }

    /// Runs a statement; the number of rows it changed.
    pub(super) async fn execute(&self, template: &str, values: Vec<Value>) -> Result<u64, Error> {
        let statement = self.dialect.statement(template, values);
        let result = match &self.link {
            Link::Connection(connection) => connection.execute_raw(statement).await?,
            Link::Transaction(transaction) => transaction.execute_raw(statement).await?,
        };
        Ok(result.rows_affected())
    }

    /// As [`Sql::execute`], for a statement that may be carried out twice without harm: outside of a
    /// transaction it is sent again when its connection turns out to have ended.
    pub(super) async fn execute_again(
        &self,
        template: &str,
        values: Vec<Value>,
    ) -> Result<u64, Error> {
        let Link::Connection(connection) = &self.link else {
            return self.execute(template, values).await;
        };
        let statement = self.dialect.statement(template, values);
        let result = over_open_connection(|| connection.execute_raw(statement.clone())).await?;
        Ok(result.rows_affected())
    }

    /// All rows of a query; outside of a transaction it is asked again when its connection turns out
    /// to have ended.
    pub(super) async fn rows(
        &self,
        template: &str,
        values: Vec<Value>,
    ) -> Result<Vec<QueryResult>, Error> {
        let statement = self.dialect.statement(template, values);
        Ok(match &self.link {
            Link::Connection(connection) => {
                over_open_connection(|| connection.query_all_raw(statement.clone())).await?
            }
            Link::Transaction(transaction) => transaction.query_all_raw(statement).await?,
        })
    }

    /// The rows of a query, one after the other: for results too large for memory. Not asked again.
    pub(super) async fn stream(
        &self,
        template: &str,
        values: Vec<Value>,
    ) -> Result<Pin<Box<dyn Stream<Item = Result<QueryResult, DbErr>> + Send + '_>>, Error> {
        let statement = self.dialect.statement(template, values);
        Ok(match &self.link {
            Link::Connection(connection) => Box::pin(connection.stream_raw(statement).await?),
            Link::Transaction(transaction) => Box::pin(transaction.stream_raw(statement).await?),
        })
    }

    /// The first row of a query, if there is one; asked again as by [`Sql::rows`].
    pub(super) async fn row(
        &self,
        template: &str,
        values: Vec<Value>,
    ) -> Result<Option<QueryResult>, Error> {
        let statement = self.dialect.statement(template, values);
        Ok(match &self.link {
            Link::Connection(connection) => {
                over_open_connection(|| connection.query_one_raw(statement.clone())).await?
            }
            Link::Transaction(transaction) => transaction.query_one_raw(statement).await?,
        })
    }

    /// The first value of the first row, which must be there.
    pub(super) async fn value<T: TryGetable>(
        &self,
        template: &str,
        values: Vec<Value>,
    ) -> Result<T, Error> {
        let row = self
            .row(template, values)
            .await?
            .ok_or_else(|| Error::not_found("row"))?;
        Ok(row.try_get_by_index(0)?)
    }

    /// Inserts a row; its new id.
    pub(super) async fn insert(&self, template: &str, values: Vec<Value>) -> Result<i64, Error> {
        if self.dialect.backend() != DbBackend::MySql {
            let template = format!("{template} returning id");
            return self.value(&template, values).await;
        }
        let statement = self.dialect.statement(template, values);
        let result = match &self.link {
            Link::Connection(connection) => connection.execute_raw(statement).await?,
            Link::Transaction(transaction) => transaction.execute_raw(statement).await?,
        };
        Ok(result.last_insert_id().cast_signed())
    }
}

/// Does something over connections of a pool until it meets one that has not ended: after a restart
/// of the database each of them has.
pub(super) async fn over_open_connection<T, R>(mut act: impl FnMut() -> R) -> Result<T, DbErr>
where
    R: Future<Output = Result<T, DbErr>>,
{
    for _ in 1..MOST_TRIES {
        match act().await {
            Err(error) if is_broken_connection(&error) => {
                tracing::debug!(%error, "a connection has ended; taking another one");
            }
            result => return result,
        }
    }
    act().await
}

/// Reads the columns of a row in their order.
#[derive(Debug)]
pub(super) struct Columns<'a> {
    row: &'a QueryResult,
    next: usize,
}

impl<'a> Columns<'a> {
    pub(super) fn of(row: &'a QueryResult) -> Self {
        Self { row, next: 0 }
    }

    pub(super) fn get<T: TryGetable>(&mut self) -> Result<T, Error> {
        let index = self.next;
        self.next += 1;
        Ok(self.row.try_get_by_index(index)?)
    }

    /// A text; NULL reads as empty, as Java writes both.
    pub(super) fn text(&mut self) -> Result<String, Error> {
        Ok(self.get::<Option<String>>()?.unwrap_or_default())
    }

    /// A number of any width; NULL reads as zero.
    pub(super) fn number(&mut self) -> Result<i64, Error> {
        Ok(self.optional_number()?.unwrap_or_default())
    }

    /// A number of any width. PostgreSQL's driver gives a narrow one only as what it is.
    pub(super) fn optional_number(&mut self) -> Result<Option<i64>, Error> {
        let index = self.next;
        if let Some(row) = self.row.try_as_pg_row()
            && *row.column(index).type_info() == <i32 as Type<Postgres>>::type_info()
        {
            return Ok(self.get::<Option<i32>>()?.map(i64::from));
        }
        self.get()
    }

    /// A number that is never negative; NULL and what is out of range read as the nearest.
    pub(super) fn count(&mut self) -> Result<u32, Error> {
        let number = self.number()?.max(0);
        Ok(u32::try_from(number).unwrap_or(u32::MAX))
    }

    pub(super) fn instant(&mut self) -> Result<Option<UnixMillis>, Error> {
        Ok(self.get::<Option<i64>>()?.map(UnixMillis))
    }

    /// A date column of the reference as if it were in UTC.
    pub(super) fn date(&mut self) -> Result<Option<UnixMillis>, Error> {
        if self.row.try_as_sqlite_row().is_none() {
            let date: Option<chrono::NaiveDateTime> = self.get()?;
            return Ok(date.map(|date| UnixMillis(date.and_utc().timestamp_millis())));
        }
        let text = self.text()?;
        let date = chrono::NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S%.f");
        Ok(date
            .ok()
            .map(|date| UnixMillis(date.and_utc().timestamp_millis())))
    }

    /// The status of an instance; NULL reads as waiting.
    pub(super) fn instance_status(&mut self) -> Result<InstanceStatus, Error> {
        self.code(
            InstanceStatus::from_code,
            InstanceStatus::WaitingDispatch,
            "an instance's status",
        )
    }

    /// A code of an enumeration; NULL reads as `default`.
    pub(super) fn code<T>(
        &mut self,
        from_code: impl Fn(i32) -> Option<T>,
        default: T,
        what: &str,
    ) -> Result<T, Error> {
        let Some(code) = self.optional_number()? else {
            return Ok(default);
        };
        i32::try_from(code)
            .ok()
            .and_then(from_code)
            .ok_or_else(|| Error::Damaged(format!("{code} is not a code of {what}")))
    }
}

/// Epoch milliseconds in the form of the reference's date columns, in UTC.
pub(super) fn date_text(instant: UnixMillis) -> String {
    chrono::DateTime::from_timestamp_millis(instant.0)
        .unwrap_or_default()
        .format("%Y-%m-%d %H:%M:%S%.3f")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_have_the_form_of_the_reference() {
        assert_eq!(
            date_text(UnixMillis(1_795_234_894_823)),
            "2026-11-21 04:21:34.823"
        );
    }
}
