//! Runs as figures: what statistics are made of.

use powerjob_common::id::{AppId, JobId};
use powerjob_common::time::UnixMillis;
use sea_orm::QueryResult;

use super::app::first_row_since;
use super::sql::{Columns, Sql};
use super::{Error, Store};
use crate::domain::statistics::RunFigures;

impl Store {
    /// The newest `limit` runs of an application that were made since `since`, newest first.
    pub async fn run_figures(
        &self,
        app: AppId,
        since: UnixMillis,
        limit: u32,
    ) -> Result<Vec<RunFigures>, Error> {
        self.read(async move |sql: Sql| {
            let first = first_row_since(&sql, since).await?;
            let text = "select i.job_id, i.status, i.pj_attempt, i.expected_trigger_time, \
                i.pj_nominal_at, i.pj_started_at, i.finished_time from {instance_info} i \
                where i.app_id = ? and i.id >= ? order by i.id desc limit ?";
            let values = vec![app.0.into(), first.into(), i64::from(limit).into()];
            sql.rows(text, values).await?.iter().map(read).collect()
        })
        .await
    }
}

fn read(row: &QueryResult) -> Result<RunFigures, Error> {
    let mut columns = Columns::of(row);
    Ok(RunFigures {
        job_id: JobId(columns.number()?),
        status: columns.instance_status()?,
        attempt: columns.count()?,
        expected_at: columns.instant()?.unwrap_or_default(),
        nominal_at: columns.instant()?,
        started_at: columns.instant()?,
        finished_at: columns.instant()?,
    })
}
