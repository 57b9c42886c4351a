//! Jobs: definitions, revisions, lists.

use powerjob_common::id::{AppId, InstanceId, JobId, UserId};
use powerjob_common::status::{SwitchableStatus, TimeExpressionType};
use powerjob_common::time::UnixMillis;

use super::{Error, Store};
use crate::domain::job::JobDefinition;

/// A change of a job. Of `job`, the fields `app_id`, `revision`, `created_at` and `modified_at` are
/// ignored: the store sets them.
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
        let _ = id;
        super::pending()
    }

    /// Those of the given jobs that exist, in no order, also deleted ones.
    pub async fn jobs(&self, ids: Vec<JobId>) -> Result<Vec<JobDefinition>, Error> {
        let _ = ids;
        super::pending()
    }

    /// All jobs of the given applications that are not deleted: the due index of a new owner.
    pub async fn load_jobs(&self, apps: Vec<AppId>) -> Result<Vec<JobDefinition>, Error> {
        let _ = apps;
        super::pending()
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
        let _ = (app, filter, sort, cursor, limit);
        super::pending()
    }

    /// Makes a job with revision 1; its id and times are set here.
    pub async fn create_job(
        &self,
        job: JobDefinition,
        author: Option<UserId>,
    ) -> Result<JobDefinition, Error> {
        let _ = (job, author);
        super::pending()
    }

    /// Replaces the definition, raises the revision, keeps the history, calls off occurrences made
    /// ahead: one transaction.
    ///
    /// # Errors
    /// [`Error::Conflict`] `revision` when the base is not the present revision,
    /// [`Error::NotFound`] when the job is unknown or deleted.
    pub async fn save_job(&self, save: JobSave) -> Result<JobSaved, Error> {
        let _ = save;
        super::pending()
    }

    /// Switches on or off or deletes (the row stays with status 99); one transaction.
    /// Raises the revision.
    pub async fn switch_job(&self, switch: JobSwitch) -> Result<JobSaved, Error> {
        let _ = switch;
        super::pending()
    }

    /// Makes a switched-off copy named `<name>_COPY`.
    pub async fn copy_job(
        &self,
        id: JobId,
        author: Option<UserId>,
    ) -> Result<JobDefinition, Error> {
        let _ = (id, author);
        super::pending()
    }

    /// The revisions of a job, newest first; at most `limit`.
    pub async fn job_history(&self, id: JobId, limit: u32) -> Result<Vec<JobRevision>, Error> {
        let _ = (id, limit);
        super::pending()
    }

    /// A job as it was at a revision: what an instance of that revision runs.
    ///
    /// # Errors
    /// [`Error::NotFound`] when that revision was not kept.
    pub async fn job_at_revision(&self, id: JobId, revision: i64) -> Result<JobDefinition, Error> {
        let _ = (id, revision);
        super::pending()
    }
}
