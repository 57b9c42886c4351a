//! Instances: what actors load and people look at. Writing them is the writer's work.

use std::collections::HashMap;

use powerjob_common::id::{AppId, InstanceId, JobId, NodeRef};
use powerjob_common::status::InstanceStatus;
use powerjob_common::time::UnixMillis;

use sea_orm::{QueryResult, Value};

use super::dialect::id_list;
use super::sql::{Columns, Sql};
use super::writer::{KIND_SCHEDULE, KIND_WORKFLOW};
use super::{Error, Store};
use crate::domain::instance::{Instance, InstanceState, TrackerRef, Trigger};

/// Longest piece of a list.
const PAGE_LIMIT: u32 = 500;

/// The columns that [`read_instance`] reads, in its order.
pub(super) const COLUMNS: &str = "\
i.instance_id, i.job_id, i.app_id, i.pj_job_revision, i.pj_trigger_kind, i.type, i.pj_nominal_at,
i.expected_trigger_time, i.wf_instance_id, i.job_params, i.instance_params, i.pj_chosen_worker,
i.pj_created_at,
i.status, i.pj_attempt, i.running_times, i.pj_unconfirmed_claims, i.expected_trigger_time,
i.actual_trigger_time, i.pj_received_at, i.pj_started_at, i.finished_time, i.pj_recorded_at,
i.task_tracker_address, i.pj_tracker_node, i.pj_tracker_incarnation, i.result";

/// Which instances a list shows; `None` or empty does not restrict.
#[derive(Debug, Clone, Default)]
pub struct InstanceFilter {
    /// Empty = of all applications: only for those who may see all.
    pub apps: Vec<AppId>,
    pub job_id: Option<JobId>,
    pub statuses: Vec<InstanceStatus>,
    pub wf_instance_id: Option<i64>,
    /// Meant to start at or after.
    pub expected_from: Option<UnixMillis>,
    /// Meant to start before.
    pub expected_until: Option<UnixMillis>,
}

/// A piece of a list of instances, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstancePage {
    pub instances: Vec<Instance>,
    /// Opaque; gives the next, older piece.
    pub next_cursor: Option<String>,
}

/// A run in a bar chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentRun {
    pub instance_id: InstanceId,
    pub status: InstanceStatus,
    pub expected_at: UnixMillis,
    pub started_at: Option<UnixMillis>,
    pub finished_at: Option<UnixMillis>,
}

impl Store {
    /// One instance.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn instance(&self, id: InstanceId) -> Result<Instance, Error> {
        let mut found = self.instances(vec![id]).await?;
        found.pop().ok_or_else(|| Error::not_found("instance"))
    }

    /// Those of the given instances that exist, in no order.
    pub async fn instances(&self, ids: Vec<InstanceId>) -> Result<Vec<Instance>, Error> {
        self.read(async move |sql: Sql| {
            let text = format!(
                "select {COLUMNS} from {{instance_info}} i where i.{{instance_key}} in {{ids}}"
            );
            read_all(
                &sql.rows(&text, vec![id_list(ids.iter().map(|id| id.0))])
                    .await?,
            )
        })
        .await
    }

    /// The open instances of the given applications in order of their ids, after `after`, at most
    /// `limit`: what a new owner loads, piece by piece. Not a snapshot: the owner's own writes are the
    /// only ones about these rows.
    pub async fn open_instances(
        &self,
        apps: Vec<AppId>,
        after: Option<InstanceId>,
        limit: u32,
    ) -> Result<Vec<Instance>, Error> {
        self.read(async move |sql: Sql| {
            let text = format!(
                "select {COLUMNS} from {{instance_info}} i \
                 where i.status < 4 and i.app_id in {{ids}} and i.{{instance_key}} > ? \
                 order by i.{{instance_key}} limit ?"
            );
            let after = after.map_or(i64::MIN, |id| id.0);
            let apps = id_list(apps.iter().map(|id| id.0));
            read_all(
                &sql.rows(&text, vec![apps, after.into(), i64::from(limit).into()])
                    .await?,
            )
        })
        .await
    }

    /// A piece of a list, newest first; at most 500.
    ///
    /// # Errors
    /// [`Error::Invalid`] `cursor`.
    pub async fn list_instances(
        &self,
        filter: InstanceFilter,
        cursor: Option<String>,
        limit: u32,
    ) -> Result<InstancePage, Error> {
        let before = match cursor.as_deref().map(str::parse::<i64>) {
            None => i64::MAX,
            Some(Ok(before)) => before,
            Some(Err(_)) => return Err(Error::invalid("cursor", "it is not one of ours")),
        };
        let limit = limit.clamp(1, PAGE_LIMIT);
        self.read(async move |sql: Sql| page(&sql, &filter, before, limit).await)
            .await
    }

    /// The ended attempts that were kept, oldest first; the present attempt is in the instance, and
    /// here too once it has ended and another may follow.
    pub async fn attempts(&self, id: InstanceId) -> Result<Vec<InstanceState>, Error> {
        self.read(async move |sql: Sql| {
            let text = "select status, attempt, running_times, unconfirmed_claims, expected_at, \
                dispatched_at, received_at, started_at, finished_at, recorded_at, tracker_address, \
                tracker_node, tracker_incarnation, result \
                from {pj_instance_attempt} where instance_id = ? order by attempt";
            let rows = sql.rows(text, vec![id.0.into()]).await?;
            rows.iter()
                .map(|row| read_state(&mut Columns::of(row)))
                .collect()
        })
        .await
    }

    /// The newest `per_job` (at most 100) runs of each job, newest first; jobs without runs are
    /// absent.
    pub async fn recent_runs(
        &self,
        jobs: Vec<JobId>,
        per_job: u32,
    ) -> Result<HashMap<JobId, Vec<RecentRun>>, Error> {
        let per_job = i64::from(per_job.clamp(1, 100));
        self.read(async move |sql: Sql| {
            // One search of the job's index for each job: a window over all runs would read them all.
            let text = "select instance_id, status, expected_trigger_time, pj_started_at, \
                finished_time from {instance_info} where job_id = ? order by id desc limit ?";
            let mut runs = HashMap::with_capacity(jobs.len());
            for job in jobs {
                let rows = sql.rows(text, vec![job.0.into(), per_job.into()]).await?;
                if !rows.is_empty() {
                    let of_job: Result<Vec<_>, _> = rows.iter().map(read_run).collect();
                    runs.insert(job, of_job?);
                }
            }
            Ok(runs)
        })
        .await
    }

    /// How many instances of each job are open; jobs without any are absent.
    pub async fn open_counts(&self, jobs: Vec<JobId>) -> Result<HashMap<JobId, u64>, Error> {
        self.read(async move |sql: Sql| {
            let text = "select i.job_id, count(*) from {job_info} j join {instance_info} i \
                on i.app_id = j.app_id and i.job_id = j.id and i.status < 4 \
                where j.id in {ids} group by i.job_id";
            let rows = sql
                .rows(text, vec![id_list(jobs.iter().map(|id| id.0))])
                .await?;
            rows.iter()
                .map(|row| {
                    let mut columns = Columns::of(row);
                    Ok((JobId(columns.number()?), columns.number()?.unsigned_abs()))
                })
                .collect()
        })
        .await
    }
}

/// One piece: by the job's or the application's index, downwards from the cursor.
async fn page(
    sql: &Sql,
    filter: &InstanceFilter,
    before: i64,
    limit: u32,
) -> Result<InstancePage, Error> {
    let (conditions, mut values) = conditions(filter);
    let text = format!(
        "select {COLUMNS}, i.id from {{instance_info}} i where i.id < ? {conditions} \
         order by i.id desc limit ?"
    );
    values.insert(0, before.into());
    values.push(i64::from(limit + 1).into());
    let mut rows = sql.rows(&text, values).await?;
    let is_last = rows.len() <= limit as usize;
    rows.truncate(limit as usize);
    let next_cursor = match rows.last() {
        Some(row) if !is_last => Some(row.try_get::<i64>("", "id")?.to_string()),
        _ => None,
    };
    Ok(InstancePage {
        instances: read_all(&rows)?,
        next_cursor,
    })
}

fn conditions(filter: &InstanceFilter) -> (String, Vec<Value>) {
    let mut text = String::new();
    let mut values: Vec<Value> = Vec::new();
    let mut add = |condition: &str, value: Value| {
        text.push_str(condition);
        values.push(value);
    };
    match &filter.apps[..] {
        [] => {}
        [app] => add(" and i.app_id = ?", app.0.into()),
        apps => add(
            " and i.app_id in {ids}",
            id_list(apps.iter().map(|id| id.0)),
        ),
    }
    if let Some(job) = filter.job_id {
        add(" and i.job_id = ?", job.0.into());
    }
    if !filter.statuses.is_empty() {
        let codes = filter
            .statuses
            .iter()
            .map(|status| i64::from(status.code()));
        add(" and i.status in {ids}", id_list(codes));
        if filter.statuses.iter().all(|status| !status.is_finished()) {
            // Lets the partial index of live rows be used.
            add(" and i.status < 4 and ? = 1", 1.into());
        }
    }
    if let Some(workflow) = filter.wf_instance_id {
        add(" and i.wf_instance_id = ?", workflow.into());
    }
    if let Some(from) = filter.expected_from {
        add(" and i.expected_trigger_time >= ?", from.0.into());
    }
    if let Some(until) = filter.expected_until {
        add(" and i.expected_trigger_time < ?", until.0.into());
    }
    (text, values)
}

fn read_all(rows: &[QueryResult]) -> Result<Vec<Instance>, Error> {
    rows.iter().map(read_instance).collect()
}

pub(super) fn read_instance(row: &QueryResult) -> Result<Instance, Error> {
    let mut columns = Columns::of(row);
    let (instance_id, job_id, app_id) = (columns.number()?, columns.number()?, columns.number()?);
    let job_revision = columns.number()?;
    let trigger = read_trigger(&mut columns)?;
    Ok(Instance {
        instance_id: InstanceId(instance_id),
        job_id: JobId(job_id),
        app_id: AppId(app_id),
        job_revision,
        trigger,
        job_params: columns.get()?,
        instance_params: columns.get()?,
        chosen_worker: columns.get()?,
        created_at: columns
            .instant()?
            .unwrap_or_else(|| powerjob_common::instance_id::created_at(InstanceId(instance_id))),
        state: read_state(&mut columns)?,
    })
}

/// Rows of the Java product do not say what triggered them; one of a workflow is known by its type.
fn read_trigger(columns: &mut Columns<'_>) -> Result<Trigger, Error> {
    const TYPE_WORKFLOW: i64 = 2;
    let (kind, row_type) = (columns.number()?, columns.number()?);
    let (nominal, expected) = (columns.instant()?, columns.instant()?.unwrap_or_default());
    let wf_instance_id = columns.number()?;
    Ok(match kind {
        KIND_SCHEDULE => Trigger::Schedule {
            nominal: nominal.unwrap_or(expected),
        },
        KIND_WORKFLOW => Trigger::Workflow { wf_instance_id },
        _ if row_type == TYPE_WORKFLOW => Trigger::Workflow { wf_instance_id },
        _ => Trigger::Api,
    })
}

fn read_state(columns: &mut Columns<'_>) -> Result<InstanceState, Error> {
    Ok(InstanceState {
        status: columns.instance_status()?,
        attempt: columns.count()?,
        running_times: columns.count()?,
        unconfirmed_claims: columns.count()?,
        expected_at: columns.instant()?.unwrap_or_default(),
        dispatched_at: columns.instant()?,
        received_at: columns.instant()?,
        started_at: columns.instant()?,
        finished_at: columns.instant()?,
        recorded_at: columns.instant()?,
        tracker: read_tracker(columns)?,
        result: columns.get()?,
    })
}

/// A worker that the Java product chose has an address only: it is its own name, of life 0.
fn read_tracker(columns: &mut Columns<'_>) -> Result<Option<TrackerRef>, Error> {
    let address: Option<String> = columns.get()?;
    let node_id: Option<String> = columns.get()?;
    let incarnation = columns.number()?.cast_unsigned();
    let Some(address) = address.filter(|address| !address.is_empty()) else {
        return Ok(None);
    };
    let node_id = node_id.unwrap_or_else(|| address.clone());
    Ok(Some(TrackerRef {
        node: NodeRef {
            node_id,
            incarnation,
        },
        address,
    }))
}

fn read_run(row: &QueryResult) -> Result<RecentRun, Error> {
    let mut columns = Columns::of(row);
    Ok(RecentRun {
        instance_id: InstanceId(columns.number()?),
        status: columns.instance_status()?,
        expected_at: columns.instant()?.unwrap_or_default(),
        started_at: columns.instant()?,
        finished_at: columns.instant()?,
    })
}
