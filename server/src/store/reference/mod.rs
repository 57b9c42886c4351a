//! Rows as the reference's own interface shows them: with the columns that only it knows, its order
//! and its pages. What decides about a run never reads them.

pub mod app;
mod conditions;
pub mod instance;
pub mod job;
pub mod namespace;
pub mod people;
pub mod workflow;

use powerjob_common::time::UnixMillis;
use sea_orm::{QueryResult, Value};

use super::Error;
use super::sql::{Columns, Sql};

/// Longest page that anybody gets.
pub const MAX_PAGE: u32 = 1_000;

/// A piece of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows<T> {
    /// The rows of the page.
    pub items: Vec<T>,
    /// All rows there are.
    pub total: u64,
}

/// Which piece of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageOf {
    /// Number of the page, from 0.
    pub index: u32,
    /// Rows of a page, 1 to [`MAX_PAGE`].
    pub size: u32,
}

impl PageOf {
    fn limit(self) -> i64 {
        i64::from(self.size.clamp(1, MAX_PAGE))
    }

    fn offset(self) -> i64 {
        i64::from(self.index).saturating_mul(self.limit())
    }
}

/// A time of ours and, where it is missing, the reference's date, which then stands for it.
fn instant_or_date(columns: &mut Columns<'_>) -> Result<UnixMillis, Error> {
    let (own, date) = (columns.instant()?, columns.date()?);
    Ok(own.or(date).unwrap_or_default())
}

/// A page of a query, and how many rows there are behind all its pages.
async fn page_of<T>(
    sql: &Sql,
    (select, from): (&str, &str),
    mut values: Vec<Value>,
    page: PageOf,
    read: fn(&QueryResult) -> Result<T, Error>,
) -> Result<Rows<T>, Error> {
    let count = format!("select count(*) {from}");
    let total = sql.value::<i64>(&count, values.clone()).await?;
    values.extend([page.limit().into(), page.offset().into()]);
    let rows = sql
        .rows(&format!("{select} limit ? offset ?"), values)
        .await?;
    Ok(Rows {
        items: rows.iter().map(read).collect::<Result<_, Error>>()?,
        total: total.unsigned_abs(),
    })
}
