//! What masters of maps and map-reduces have kept (`pj_task_journal`): bytes that nobody here reads.

use powerjob_common::id::{AppId, InstanceId};

use super::dialect::id_list;
use super::sql::{Columns, Sql};
use super::{Error, Store, fence};

/// The longest journal of an instance; a longer one is given up.
pub const MOST_BYTES: i64 = 1 << 30;
/// Parts that are read at once, and the bytes after which no further one is added.
const PAGE_PARTS: usize = 8;
const PAGE_BYTES: usize = 2 << 20;

/// A part of a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalPart {
    pub instance_id: InstanceId,
    /// The attempt that wrote it.
    pub attempt: u32,
    /// From 1 within the attempt.
    pub number: u32,
    pub records: Vec<u8>,
}

/// A part to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJournalPart {
    pub part: JournalPart,
    /// Whether what earlier attempts wrote counts no more.
    pub begins_anew: bool,
}

/// What became of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is durable, now or since an earlier call.
    Yes,
    /// Its attempt is not the present one of an open instance.
    Stale,
    /// A part before it is missing.
    Gap,
    /// The journal would be too long: it is gone.
    TooLong,
}

/// A piece of a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalPage {
    pub parts: Vec<JournalPart>,
    /// Whether no part follows.
    pub is_last: bool,
}

impl Store {
    /// Keeps parts of journals of an application's instances, in one transaction; what became of each,
    /// in their order. A part is kept only while its attempt has the instance, which the lock on the
    /// assignment makes exact: claims wait for it.
    ///
    /// # Errors
    /// [`Error::Fenced`] when another server owns the application.
    pub async fn keep_journal_parts(
        &self,
        app_id: AppId,
        parts: Vec<NewJournalPart>,
        most_bytes: i64,
    ) -> Result<Vec<Kept>, Error> {
        let fence = self.inner.fence.get();
        self.write(async move |sql: Sql| {
            fence::hold(&sql, fence.as_deref(), app_id).await?;
            let mut kept = Vec::with_capacity(parts.len());
            for new in parts {
                kept.push(keep(&sql, app_id, new, most_bytes).await?);
            }
            Ok(kept)
        })
        .await
    }

    /// The next parts of a journal after the given one (0, 0 = from the beginning), for the worker
    /// that has the given attempt of the instance; `None` when it has not.
    pub async fn journal_page(
        &self,
        app_id: AppId,
        id: InstanceId,
        attempt: u32,
        after: (u32, u32),
    ) -> Result<Option<JournalPage>, Error> {
        self.read(async move |sql: Sql| {
            if !is_present(&sql, app_id, id, attempt).await? {
                return Ok(None);
            }
            page(&sql, id, after).await.map(Some)
        })
        .await
    }

    /// As [`Store::journal_page`], for people who look at an instance, whoever has it.
    pub async fn kept_journal_page(
        &self,
        id: InstanceId,
        after: (u32, u32),
    ) -> Result<JournalPage, Error> {
        self.read(async move |sql: Sql| page(&sql, id, after).await)
            .await
    }

    /// How long the journal of an instance is; 0 = there is none.
    pub async fn journal_bytes(&self, id: InstanceId) -> Result<i64, Error> {
        self.read(async move |sql: Sql| {
            let text = "select coalesce(max(total_bytes), 0) from {pj_task_journal} \
                where instance_id = ?";
            sql.value(text, vec![id.0.into()]).await
        })
        .await
    }

    /// Deletes the journals of instances that have ended; those of open ones stay.
    pub async fn delete_journals(&self, ids: Vec<InstanceId>) -> Result<u64, Error> {
        self.write(async move |sql: Sql| {
            let text = "delete from {pj_task_journal} where instance_id in {ids} \
                and not exists (select 1 from {instance_info} i \
                where i.{instance_key} = {pj_task_journal}.instance_id and i.status < 4)";
            sql.execute(text, vec![id_list(ids.iter().map(|id| id.0))])
                .await
        })
        .await
    }
}

async fn page(sql: &Sql, id: InstanceId, after: (u32, u32)) -> Result<JournalPage, Error> {
    let text = "select attempt, number, records from {pj_task_journal} \
        where instance_id = ? and (attempt > ? or (attempt = ? and number > ?)) \
        order by attempt, number limit ?";
    let values = vec![
        id.0.into(),
        after.0.into(),
        after.0.into(),
        after.1.into(),
        (PAGE_PARTS as i64).into(),
    ];
    let rows = sql.rows(text, values).await?;
    let mut page = JournalPage {
        parts: Vec::with_capacity(rows.len()),
        is_last: rows.len() < PAGE_PARTS,
    };
    let mut bytes = 0;
    for row in &rows {
        if bytes >= PAGE_BYTES {
            page.is_last = false;
            break;
        }
        let mut columns = Columns::of(row);
        let part = JournalPart {
            instance_id: id,
            attempt: columns.count()?,
            number: columns.count()?,
            records: columns.get()?,
        };
        bytes += part.records.len();
        page.parts.push(part);
    }
    Ok(page)
}

async fn keep(
    sql: &Sql,
    app_id: AppId,
    new: NewJournalPart,
    most_bytes: i64,
) -> Result<Kept, Error> {
    let JournalPart {
        instance_id,
        attempt,
        number,
        records,
    } = new.part;
    if !is_present(sql, app_id, instance_id, attempt).await? {
        return Ok(Kept::Stale);
    }
    if new.begins_anew {
        let text = "delete from {pj_task_journal} where instance_id = ? and attempt < ?";
        sql.execute(text, vec![instance_id.0.into(), attempt.into()])
            .await?;
    }
    let text = "select attempt, number, total_bytes from {pj_task_journal} \
        where instance_id = ? order by attempt desc, number desc limit 1";
    let last = sql.row(text, vec![instance_id.0.into()]).await?;
    let (mut wanted, mut total_bytes) = (1, 0);
    if let Some(row) = last {
        let mut columns = Columns::of(&row);
        if columns.count()? == attempt {
            wanted = columns.count()? + 1;
        } else {
            columns.count()?;
        }
        total_bytes = columns.number()?;
    }
    if number != wanted {
        return Ok(match number < wanted {
            true => Kept::Yes,
            false => Kept::Gap,
        });
    }
    total_bytes += i64::try_from(records.len()).unwrap_or(i64::MAX);
    if total_bytes > most_bytes {
        let text = "delete from {pj_task_journal} where instance_id = ?";
        sql.execute(text, vec![instance_id.0.into()]).await?;
        return Ok(Kept::TooLong);
    }
    let text = "insert into {pj_task_journal} (instance_id, attempt, number, total_bytes, records) \
        values (?, ?, ?, ?, ?)";
    let values = vec![
        instance_id.0.into(),
        attempt.into(),
        number.into(),
        total_bytes.into(),
        records.into(),
    ];
    sql.execute(text, values).await?;
    Ok(Kept::Yes)
}

/// Whether a worker has this attempt of an instance.
async fn is_present(sql: &Sql, app_id: AppId, id: InstanceId, attempt: u32) -> Result<bool, Error> {
    let text = "select coalesce(pj_attempt, 0) from {instance_info} \
        where {instance_key} = ? and app_id = ? and status in (2, 3)";
    let row = sql.row(text, vec![id.0.into(), app_id.0.into()]).await?;
    match row {
        Some(row) => Ok(Columns::of(&row).count()? == attempt),
        None => Ok(false),
    }
}
