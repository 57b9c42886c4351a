//! What is too old: finding it on the connections for reading, deleting it in slices.
//!
//! Every deletion states its own conditions again, so that what changed since the look stays, and a
//! slice that runs twice, or on two servers at once, does no harm. Finished rows only: nothing that
//! schedules reads them, so the deletions need no fence.

use std::collections::HashSet;

use powerjob_common::id::{AppId, InstanceId, JobId};
use powerjob_common::time::UnixMillis;

use super::dialect::id_list;
use super::sql::{Columns, Sql};
use super::{Error, Store};
use crate::domain::cleanup::{InstanceAge, OldRevision};

/// A workflow run that waits or runs: its nodes' instances are still looked at.
const WORKFLOW_IS_OPEN: &str = "exists (select 1 from {workflow_instance_info} w \
    where w.wf_instance_id = {instance_info}.wf_instance_id and w.status in (1, 2))";

impl Store {
    /// The ages of an application's instances in the order of their rows, after the row `after`.
    pub async fn instance_ages(
        &self,
        app: AppId,
        after: i64,
        limit: usize,
    ) -> Result<Vec<InstanceAge>, Error> {
        self.read(async move |sql: Sql| {
            let text = "select id, instance_id, status, pj_created_at, \
                coalesce(pj_recorded_at, finished_time) from {instance_info} \
                where app_id = ? and id > ? order by id limit ?";
            let values = vec![app.0.into(), after.into(), row_limit(limit).into()];
            let rows = sql.rows(text, values).await?;
            rows.iter()
                .map(|row| read_age(&mut Columns::of(row)))
                .collect()
        })
        .await
    }

    /// Deletes finished instances with their attempts, journals and what is kept of their beats; one
    /// transaction. Those that are open (again)
    /// or belong to an open workflow run stay. Returns how many were deleted.
    pub async fn delete_instances(&self, ids: Vec<InstanceId>) -> Result<u64, Error> {
        self.write(async move |sql: Sql| {
            let ids = || id_list(ids.iter().map(|id| id.0));
            let text = format!(
                "delete from {{instance_info}} where {{instance_key}} in {{ids}} \
                 and status in (4, 5, 9, 10) and not {WORKFLOW_IS_OPEN}"
            );
            let deleted = sql.execute(&text, vec![ids()]).await?;
            let text = "delete from {pj_instance_attempt} where instance_id in {ids} \
                and not exists (select 1 from {instance_info} i \
                where i.{instance_key} = {pj_instance_attempt}.instance_id)";
            sql.execute(text, vec![ids()]).await?;
            let text = "delete from {pj_task_journal} where instance_id in {ids} \
                and not exists (select 1 from {instance_info} i \
                where i.{instance_key} = {pj_task_journal}.instance_id)";
            sql.execute(text, vec![ids()]).await?;
            let text = "delete from {pj_beats} where instance_id in {ids} \
                and not exists (select 1 from {instance_info} i \
                where i.{instance_key} = {pj_beats}.instance_id)";
            sql.execute(text, vec![ids()]).await?;
            Ok(deleted)
        })
        .await
    }

    /// Applications that are gone and have left instances behind.
    pub async fn apps_left_behind(&self) -> Result<Vec<AppId>, Error> {
        self.read(async move |sql: Sql| {
            let mut gone = Vec::new();
            let mut after = i64::MIN;
            // One search of the index for each application: a distinct would read all rows.
            let text = "select min(app_id) from {instance_info} where app_id > ?";
            while let Some(app) = sql.value::<Option<i64>>(text, vec![after.into()]).await? {
                let known = "select count(*) from {app_info} where id = ?";
                if sql.value::<i64>(known, vec![app.into()]).await? == 0 {
                    gone.push(AppId(app));
                }
                after = app;
            }
            Ok(gone)
        })
        .await
    }

    /// Those of the given applications that do not exist.
    pub async fn unknown_apps(&self, apps: Vec<AppId>) -> Result<Vec<AppId>, Error> {
        self.read(async move |sql: Sql| {
            let ids = id_list(apps.iter().map(|app| app.0));
            let rows = sql
                .rows("select id from {app_info} where id in {ids}", vec![ids])
                .await?;
            let known: HashSet<i64> = rows
                .iter()
                .map(|row| Columns::of(row).number())
                .collect::<Result<_, _>>()?;
            Ok(apps
                .into_iter()
                .filter(|app| !known.contains(&app.0))
                .collect())
        })
        .await
    }

    /// Definitions of an application's jobs that were replaced before `horizon`, at most `limit`,
    /// after the row `after`.
    pub async fn old_revisions(
        &self,
        app: AppId,
        horizon: UnixMillis,
        after: i64,
        limit: usize,
    ) -> Result<Vec<OldRevision>, Error> {
        self.read(async move |sql: Sql| {
            let text = "select h.id, h.job_id, h.revision from {pj_job_history} h \
                join {job_info} j on j.id = h.job_id where j.app_id = ? and h.id > ? \
                and exists (select 1 from {pj_job_history} n where n.job_id = h.job_id \
                and n.revision > h.revision and n.saved_at < ?) order by h.id limit ?";
            let values = vec![
                app.0.into(),
                after.into(),
                horizon.0.into(),
                row_limit(limit).into(),
            ];
            let rows = sql.rows(text, values).await?;
            rows.iter()
                .map(|row| {
                    let mut columns = Columns::of(row);
                    Ok(OldRevision {
                        row: columns.number()?,
                        job_id: JobId(columns.number()?),
                        revision: columns.number()?,
                    })
                })
                .collect()
        })
        .await
    }

    /// The revisions that the open instances of an application run.
    pub async fn revisions_in_use(&self, app: AppId) -> Result<HashSet<(JobId, i64)>, Error> {
        self.read(async move |sql: Sql| {
            let text = "select distinct job_id, pj_job_revision from {instance_info} \
                where app_id = ? and status < 4";
            let rows = sql.rows(text, vec![app.0.into()]).await?;
            rows.iter()
                .map(|row| {
                    let mut columns = Columns::of(row);
                    Ok((JobId(columns.number()?), columns.number()?))
                })
                .collect()
        })
        .await
    }

    /// Deletes lines of job history; the newest of a job stays. One transaction.
    pub async fn delete_revisions(&self, rows: Vec<i64>) -> Result<u64, Error> {
        self.write(async move |sql: Sql| {
            let text = "delete from {pj_job_history} where id in {ids}";
            sql.execute(text, vec![id_list(rows)]).await
        })
        .await
    }

    /// Jobs of an application that were deleted before `horizon`, and of which no instance and no
    /// node of a workflow is left; at most `limit`.
    pub async fn jobs_left_behind(
        &self,
        app: AppId,
        horizon: UnixMillis,
        limit: usize,
    ) -> Result<Vec<JobId>, Error> {
        self.read(async move |sql: Sql| {
            let text = "select j.id from {job_info} j where j.app_id = ? and j.status = 99 \
                and j.pj_modified_at < ? \
                and not exists (select 1 from {instance_info} i where i.job_id = j.id) \
                and not exists (select 1 from {workflow_node_info} n where n.job_id = j.id) \
                order by j.id limit ?";
            let values = vec![app.0.into(), horizon.0.into(), row_limit(limit).into()];
            let rows = sql.rows(text, values).await?;
            rows.iter()
                .map(|row| Ok(JobId(Columns::of(row).number()?)))
                .collect()
        })
        .await
    }

    /// Deletes jobs that were deleted by people before, with their history; one transaction.
    pub async fn forget_jobs(&self, jobs: Vec<JobId>) -> Result<u64, Error> {
        self.write(async move |sql: Sql| {
            let ids = || id_list(jobs.iter().map(|job| job.0));
            let text = "delete from {job_info} where id in {ids} and status = 99";
            let deleted = sql.execute(text, vec![ids()]).await?;
            let text = "delete from {pj_job_history} where job_id in {ids} \
                and job_id not in (select id from {job_info})";
            sql.execute(text, vec![ids()]).await?;
            Ok(deleted)
        })
        .await
    }

    /// Deletes sessions that ended by themselves.
    pub async fn delete_expired_sessions(&self) -> Result<u64, Error> {
        let now = self.now();
        self.write(async move |sql: Sql| super::session::end_expired(&sql, now).await)
            .await
    }
}

fn row_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn read_age(columns: &mut Columns<'_>) -> Result<InstanceAge, Error> {
    let row = columns.number()?;
    let instance_id = InstanceId(columns.number()?);
    let status = columns.instance_status()?;
    let created_at = columns.instant()?;
    Ok(InstanceAge {
        row,
        instance_id,
        is_final: status.is_finished(),
        created_at: created_at
            .unwrap_or_else(|| powerjob_common::instance_id::created_at(instance_id)),
        ended_at: columns.instant()?,
    })
}
