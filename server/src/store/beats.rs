//! What became of the beats of second-level jobs (`pj_beats`): a row for each attempt of an instance,
//! with counts and the last ones.

use powerjob_common::id::{AppId, InstanceId};
use powerjob_protocol::wire::beats::BeatReport;

use super::sql::{Columns, Sql};
use super::{Error, Store};

impl Store {
    /// Keeps what workers of these applications report; a later report takes the place of an earlier
    /// one about the same attempt. One transaction.
    pub async fn keep_beats(&self, reports: Vec<(AppId, BeatReport)>) -> Result<(), Error> {
        let now = self.now();
        let mut rows = Vec::with_capacity(reports.len());
        for (app_id, report) in reports {
            let damaged = |error| Error::Damaged(format!("a report about beats: {error}"));
            let body = serde_json::to_string(&report).map_err(damaged)?;
            rows.push((app_id, report.instance_id, report.attempt, body));
        }
        self.write(async move |sql: Sql| {
            for (app_id, instance_id, attempt, body) in rows {
                let key = [
                    app_id.0.into(),
                    instance_id.into(),
                    i64::from(attempt).into(),
                ];
                let mut values = vec![body.into(), now.0.into()];
                values.extend(key);
                let text = "update {pj_beats} set body = ?, reported_at = ? \
                    where app_id = ? and instance_id = ? and attempt = ?";
                if sql.execute(text, values.clone()).await? == 0 {
                    let text = "insert into {pj_beats} \
                        (body, reported_at, app_id, instance_id, attempt) values (?, ?, ?, ?, ?)";
                    sql.execute(text, values).await?;
                }
            }
            Ok(())
        })
        .await
    }

    /// What is kept about an instance, the first attempt first.
    pub async fn kept_beats(
        &self,
        app_id: AppId,
        instance_id: InstanceId,
    ) -> Result<Vec<BeatReport>, Error> {
        self.read(async move |sql: Sql| {
            let text = "select body from {pj_beats} where app_id = ? and instance_id = ? \
                order by attempt";
            let values = vec![app_id.0.into(), instance_id.0.into()];
            let rows = sql.rows(text, values).await?;
            let read = |row| {
                let text = Columns::of(row).text()?;
                let damaged = |error| Error::Damaged(format!("what is kept of beats: {error}"));
                serde_json::from_str(&text).map_err(damaged)
            };
            rows.iter().map(read).collect()
        })
        .await
    }
}
