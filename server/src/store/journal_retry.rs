//! The journal of an ended instance (`pj_task_journal`), before its next attempt.

use powerjob_common::id::{AppId, InstanceId};
use powerjob_protocol::wire::codec;
use powerjob_protocol::wire::task_journal::JournalRecords;

use super::sql::{Columns, Sql};
use super::{Error, Store, fence};
use crate::domain::retry_scope::{NoFailedTasks, RetryScope, journal_mark};

impl Store {
    /// Adds to the journal of an instance what tells the worker of its next attempt to go on from it,
    /// or to begin anew. Repeating it is harmless. `Ok(None)` = the instance has not ended, or in another
    /// attempt.
    ///
    /// # Errors
    /// [`Error::Fenced`] when another server owns the application.
    pub async fn prepare_journal(
        &self,
        app_id: AppId,
        id: InstanceId,
        attempt: u32,
        scope: RetryScope,
    ) -> Result<Option<Result<(), NoFailedTasks>>, Error> {
        let fence = self.inner.fence.get();
        self.write(async move |sql: Sql| {
            fence::hold(&sql, fence.as_deref(), app_id).await?;
            let text = "select coalesce(pj_attempt, 0) from {instance_info} \
                where {instance_key} = ? and app_id = ? and status > 3";
            let row = sql.row(text, vec![id.0.into(), app_id.0.into()]).await?;
            match row {
                Some(row) if Columns::of(&row).count()? == attempt => {
                    prepare(&sql, id, scope).await.map(Some)
                }
                _ => Ok(None),
            }
        })
        .await
    }
}

async fn prepare(
    sql: &Sql,
    id: InstanceId,
    scope: RetryScope,
) -> Result<Result<(), NoFailedTasks>, Error> {
    let text = "select attempt, number, total_bytes, records from {pj_task_journal} \
        where instance_id = ? order by attempt desc, number desc limit 1";
    let Some(last) = sql.row(text, vec![id.0.into()]).await? else {
        return Ok(match scope {
            RetryScope::Whole => Ok(()),
            RetryScope::FailedTasks => Err(NoFailedTasks::NothingKept),
        });
    };
    let mut columns = Columns::of(&last);
    let (attempt, number) = (columns.count()?, columns.count()?);
    let total_bytes = columns.number()?;
    let bytes: Vec<u8> = columns.get()?;
    let records: Option<JournalRecords> = codec::decode(&bytes).ok();
    let mark = match journal_mark(records.as_ref().map(|it| it.items.as_slice()), scope) {
        Ok(Some(mark)) => mark,
        Ok(None) => return Ok(Ok(())),
        Err(why) => return Ok(Err(why)),
    };
    let items = vec![mark];
    let Ok(records) = codec::encode(&JournalRecords { items }) else {
        return Ok(Err(NoFailedTasks::NotAllKept));
    };
    let text = "insert into {pj_task_journal} (instance_id, attempt, number, total_bytes, records) \
        values (?, ?, ?, ?, ?)";
    let values = vec![
        id.0.into(),
        attempt.into(),
        (number + 1).into(),
        total_bytes.into(),
        records.into(),
    ];
    sql.execute(text, values).await?;
    Ok(Ok(()))
}
