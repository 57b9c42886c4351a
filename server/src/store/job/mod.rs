//! Jobs: definitions, revisions, lists.

mod document;
mod list;
mod load;
mod policy;
mod row;

use powerjob_common::id::{AppId, InstanceId, JobId, UserId};
use powerjob_common::status::{InstanceStatus, SwitchableStatus, TimeExpressionType};
use powerjob_common::time::UnixMillis;

use sea_orm::Value;

use super::dialect::id_list;
use super::fence;
use super::sql::{Columns, Sql, date_text};
use super::{Error, Store};
use crate::domain::job::JobDefinition;
use crate::domain::trigger::{goes_on, resume};
pub use load::JobPart;
use row::{COLUMNS, read_job};

/// Longest piece of a list.
const PAGE_LIMIT: u32 = 500;
const NAME_LENGTH: usize = 255;
const COPY_SUFFIX: &str = "_COPY";

/// A change of a job. Of `job`, the fields `app_id`, `revision`, `created_at` and `modified_at` are
/// ignored: the store sets them; `next_trigger_at` counts where the schedule begins anew.
#[derive(Debug, Clone)]
pub struct JobSave {
    pub job: JobDefinition,
    /// The revision the change is based on; `None` = the change wins.
    pub base_revision: Option<i64>,
    pub author: Option<UserId>,
    /// Calls off the occurrences made ahead for after this instant.
    pub cancel_after: Option<UnixMillis>,
}

/// A job after a change.
#[derive(Debug, Clone, PartialEq)]
pub struct JobSaved {
    pub job: JobDefinition,
    /// The instances that were called off (CANCELED, trigger key given up).
    pub canceled: Vec<InstanceId>,
}

/// Switches a job on or off, or deletes it.
#[derive(Debug, Clone)]
pub struct JobSwitch {
    pub id: JobId,
    pub status: SwitchableStatus,
    /// The first nominal time from now on, when it is switched on.
    pub next_trigger_at: Option<UnixMillis>,
    pub author: Option<UserId>,
    /// Calls off the occurrences made ahead for after this instant.
    pub cancel_after: Option<UnixMillis>,
}

/// Which jobs a list shows; `None` or empty does not restrict. Deleted jobs are never shown.
#[derive(Debug, Clone, Default)]
pub struct JobFilter {
    /// Part of the name, in any case of ASCII letters.
    pub name_contains: Option<String>,
    pub status: Option<SwitchableStatus>,
    pub kinds: Vec<TimeExpressionType>,
    pub tag: Option<String>,
    pub processor_contains: Option<String>,
}

/// Order of a list of jobs; the id decides among equals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum JobSort {
    /// Newest first.
    #[default]
    Newest,
    Name,
    /// Due soonest first, unscheduled ones last.
    NextTrigger,
    /// Changed last first.
    Modified,
}

/// A piece of a list of jobs.
#[derive(Debug, Clone, PartialEq)]
pub struct JobPage {
    pub jobs: Vec<JobDefinition>,
    /// Opaque; gives the next piece.
    pub next_cursor: Option<String>,
    pub total: u64,
}

/// A former (or the present) definition of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRevision {
    pub job_id: JobId,
    pub revision: i64,
    pub author: Option<UserId>,
    pub saved_at: UnixMillis,
    /// The definition as JSON (`JobDefinition`'s own form).
    pub definition: String,
}

impl Store {
    /// One job, also a deleted one.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn job(&self, id: JobId) -> Result<JobDefinition, Error> {
        self.read(async move |sql: Sql| load(&sql, id).await).await
    }

    /// Those of the given jobs that exist, in no order, also deleted ones.
    pub async fn jobs(&self, ids: Vec<JobId>) -> Result<Vec<JobDefinition>, Error> {
        self.read(async move |sql: Sql| {
            let text = format!("select {COLUMNS} from {{job_info}} j where j.id in {{ids}}");
            let rows = sql
                .rows(&text, vec![id_list(ids.iter().map(|id| id.0))])
                .await?;
            rows.iter().map(read_job).collect()
        })
        .await
    }

    /// All jobs of the given applications that are not deleted: the due index of a new owner.
    pub async fn load_jobs(&self, apps: Vec<AppId>) -> Result<Vec<JobDefinition>, Error> {
        self.read(async move |sql: Sql| {
            let text = format!(
                "select {COLUMNS} from {{job_info}} j where j.app_id in {{ids}} and j.status <> 99"
            );
            let rows = sql
                .rows(&text, vec![id_list(apps.iter().map(|id| id.0))])
                .await?;
            rows.iter().map(read_job).collect()
        })
        .await
    }

    /// A piece of the list of an application's jobs; at most 500.
    ///
    /// # Errors
    /// [`Error::Invalid`] `cursor`.
    pub async fn list_jobs(
        &self,
        app: AppId,
        filter: JobFilter,
        sort: JobSort,
        cursor: Option<String>,
        limit: u32,
    ) -> Result<JobPage, Error> {
        let request = list::Request {
            app,
            filter,
            sort,
            cursor,
            limit: limit.clamp(1, PAGE_LIMIT),
        };
        self.read(async move |sql: Sql| list::page(&sql, &request).await)
            .await
    }

    /// Makes a job with revision 1; its id and times are set here. One transaction with its first
    /// line of history.
    ///
    /// # Errors
    /// [`Error::NotFound`] without the application, [`Error::Invalid`] for unfit values,
    /// [`Error::Fenced`] when another server owns the application by now.
    pub async fn create_job(
        &self,
        job: JobDefinition,
        author: Option<UserId>,
    ) -> Result<JobDefinition, Error> {
        row::check(&job)?;
        let now = self.now();
        let job = JobDefinition {
            revision: 1,
            created_at: now,
            modified_at: now,
            ..job
        };
        let fence = self.inner.fence.get();
        self.write(async move |sql: Sql| {
            fence::hold(&sql, fence.as_deref(), job.app_id).await?;
            insert(&sql, job, author).await
        })
        .await
    }

    /// Replaces the definition, raises the revision, keeps the history, calls off occurrences made
    /// ahead: one transaction, so that no occurrence of the old definition slips in between.
    ///
    /// # Errors
    /// [`Error::Conflict`] `revision` when the base is not the present revision,
    /// [`Error::NotFound`] when the job is unknown or deleted, [`Error::Fenced`] when another server
    /// owns its application by now.
    pub async fn save_job(&self, save: JobSave) -> Result<JobSaved, Error> {
        row::check(&save.job)?;
        let now = self.now();
        let fence = self.inner.fence.get();
        self.write(async move |sql: Sql| {
            let present = load_undeleted(&sql, save.job.id).await?;
            fence::hold(&sql, fence.as_deref(), present.app_id).await?;
            if let Some(base) = save.base_revision.filter(|base| *base != present.revision) {
                return Err(revision_conflict(base, present.revision));
            }
            let is_kept = save.cancel_after.is_some() && goes_on(&present, &save.job);
            let kept = present.next_trigger_at.filter(|_| is_kept);
            let mut job = JobDefinition {
                app_id: present.app_id,
                revision: present.revision + 1,
                created_at: present.created_at,
                modified_at: now,
                next_trigger_at: kept.or(save.job.next_trigger_at),
                ..save.job
            };
            row::update(&sql, &job).await?;
            let called_off = cancel_occurrences(&sql, &job, save.cancel_after).await?;
            if is_kept {
                job.next_trigger_at = resume(job.next_trigger_at, called_off.first);
                row::update_next(&sql, &job).await?;
            }
            keep_history(&sql, &job, save.author).await?;
            Ok(JobSaved {
                job,
                canceled: called_off.ids,
            })
        })
        .await
    }

    /// Switches on or off or deletes (the row stays with status 99); one transaction. Raises the
    /// revision.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the job is unknown or deleted, [`Error::Fenced`] when another server
    /// owns its application by now.
    pub async fn switch_job(&self, switch: JobSwitch) -> Result<JobSaved, Error> {
        let now = self.now();
        let fence = self.inner.fence.get();
        self.write(async move |sql: Sql| {
            let present = load_undeleted(&sql, switch.id).await?;
            fence::hold(&sql, fence.as_deref(), present.app_id).await?;
            let job = JobDefinition {
                revision: present.revision + 1,
                status: switch.status,
                next_trigger_at: switch.next_trigger_at,
                modified_at: now,
                ..present
            };
            row::update(&sql, &job).await?;
            keep_history(&sql, &job, switch.author).await?;
            let called_off = cancel_occurrences(&sql, &job, switch.cancel_after).await?;
            Ok(JobSaved {
                job,
                canceled: called_off.ids,
            })
        })
        .await
    }

    /// Switches a job off whose schedule has no further time. Its revision stays; a job that was
    /// changed since `revision`, or has a next time, stays as it is. Repeating it is harmless.
    pub async fn end_schedule(&self, id: JobId, revision: i64) -> Result<bool, Error> {
        let now = self.now();
        self.write(async move |sql: Sql| {
            let text = "update {job_info} set status = ?, gmt_modified = {date} where id = ? \
                and status = ? and coalesce(pj_revision, 0) = ? and next_trigger_time is null";
            let values = vec![
                SwitchableStatus::Disable.code().into(),
                date_text(now).into(),
                id.0.into(),
                SwitchableStatus::Enable.code().into(),
                revision.into(),
            ];
            Ok(sql.execute(text, values).await? == 1)
        })
        .await
    }

    /// Makes a switched-off copy named `<name>_COPY`.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the job is unknown or deleted.
    pub async fn copy_job(
        &self,
        id: JobId,
        author: Option<UserId>,
    ) -> Result<JobDefinition, Error> {
        let now = self.now();
        self.write(async move |sql: Sql| {
            let present = load_undeleted(&sql, id).await?;
            let kept = present.name.chars().take(NAME_LENGTH - COPY_SUFFIX.len());
            let copy = JobDefinition {
                name: kept.chain(COPY_SUFFIX.chars()).collect(),
                revision: 1,
                status: SwitchableStatus::Disable,
                next_trigger_at: None,
                created_at: now,
                modified_at: now,
                ..present
            };
            insert(&sql, copy, author).await
        })
        .await
    }

    /// The revisions of a job, newest first; at most `limit`.
    pub async fn job_history(&self, id: JobId, limit: u32) -> Result<Vec<JobRevision>, Error> {
        self.read(async move |sql: Sql| {
            let text = "select job_id, revision, author, saved_at, definition \
                from {pj_job_history} where job_id = ? order by revision desc limit ?";
            let rows = sql
                .rows(text, vec![id.0.into(), i64::from(limit).into()])
                .await?;
            rows.iter()
                .map(|row| {
                    let mut columns = Columns::of(row);
                    Ok(JobRevision {
                        job_id: JobId(columns.number()?),
                        revision: columns.number()?,
                        author: columns.get::<Option<i64>>()?.map(UserId),
                        saved_at: columns.instant()?.unwrap_or_default(),
                        definition: columns.text()?,
                    })
                })
                .collect()
        })
        .await
    }

    /// A job as it was at a revision: what an instance of that revision runs.
    ///
    /// # Errors
    /// [`Error::NotFound`] when that revision was not kept.
    pub async fn job_at_revision(&self, id: JobId, revision: i64) -> Result<JobDefinition, Error> {
        self.read(async move |sql: Sql| {
            let text = "select definition from {pj_job_history} where job_id = ? and revision = ?";
            let row = sql.row(text, vec![id.0.into(), revision.into()]).await?;
            let row = row.ok_or_else(|| Error::not_found("revision"))?;
            document::read(&Columns::of(&row).text()?)
        })
        .await
    }
}

async fn load(sql: &Sql, id: JobId) -> Result<JobDefinition, Error> {
    let text = format!("select {COLUMNS} from {{job_info}} j where j.id = ?");
    let row = sql.row(&text, vec![id.0.into()]).await?;
    read_job(&row.ok_or_else(|| Error::not_found("job"))?)
}

async fn load_undeleted(sql: &Sql, id: JobId) -> Result<JobDefinition, Error> {
    let job = load(sql, id).await?;
    match job.status {
        SwitchableStatus::Deleted => Err(Error::not_found("job")),
        SwitchableStatus::Enable | SwitchableStatus::Disable => Ok(job),
    }
}

async fn insert(
    sql: &Sql,
    job: JobDefinition,
    author: Option<UserId>,
) -> Result<JobDefinition, Error> {
    let app = sql
        .row(
            "select id from {app_info} where id = ?",
            vec![job.app_id.0.into()],
        )
        .await?;
    app.ok_or_else(|| Error::not_found("application"))?;
    let id = row::insert(sql, &job).await?;
    let job = JobDefinition { id, ..job };
    keep_history(sql, &job, author).await?;
    Ok(job)
}

async fn keep_history(sql: &Sql, job: &JobDefinition, author: Option<UserId>) -> Result<(), Error> {
    let values = vec![
        job.id.0.into(),
        job.revision.into(),
        author.map(|author| author.0).into(),
        job.modified_at.0.into(),
        document::write(job)?.into(),
    ];
    let text = "insert into {pj_job_history} (job_id, revision, author, saved_at, definition) \
        values (?, ?, ?, ?, ?)";
    sql.execute(text, values).await.map(drop)
}

/// What a change called off.
#[derive(Debug, Default)]
struct CalledOff {
    ids: Vec<InstanceId>,
    /// The first of their nominal times.
    first: Option<UnixMillis>,
}

/// Calls off occurrences that were made ahead and not claimed yet; their trigger keys become free
/// for the new definition.
async fn cancel_occurrences(
    sql: &Sql,
    job: &JobDefinition,
    after: Option<UnixMillis>,
) -> Result<CalledOff, Error> {
    let Some(after) = after else {
        return Ok(CalledOff::default());
    };
    let waiting = "select instance_id, pj_trigger_key from {instance_info} \
        where app_id = ? and job_id = ? and status < 4 \
        and status = 1 and coalesce(pj_attempt, 0) = 0 and pj_trigger_key > ?";
    let values: Vec<Value> = vec![job.app_id.0.into(), job.id.0.into(), after.0.into()];
    let rows = sql.rows(waiting, values).await?;
    let mut called_off = CalledOff::default();
    for row in &rows {
        let mut columns = Columns::of(row);
        called_off.ids.push(InstanceId(columns.number()?));
        let nominal = columns.instant()?;
        called_off.first = called_off.first.into_iter().chain(nominal).min();
    }
    if called_off.ids.is_empty() {
        return Ok(called_off);
    }
    let text = "update {instance_info} set status = ?, pj_trigger_key = null, result = ?, \
        finished_time = ?, pj_recorded_at = ?, gmt_modified = {date} where {instance_key} in {ids}";
    let now = job.modified_at;
    let values = vec![
        InstanceStatus::Canceled.code().into(),
        "called off: the job was changed".into(),
        now.0.into(),
        now.0.into(),
        date_text(now).into(),
        id_list(called_off.ids.iter().map(|id| id.0)),
    ];
    sql.execute(text, values).await?;
    Ok(called_off)
}

fn revision_conflict(base: i64, present: i64) -> Error {
    let reason = format!("the change is based on revision {base}, the job has revision {present}");
    Error::conflict("revision", reason)
}
