//! Jobs as the reference stores them.

use powerjob_common::id::{AppId, JobId};
use powerjob_common::time::UnixMillis;
use sea_orm::QueryResult;

use super::conditions::Conditions;
use super::{PageOf, Rows, instant_or_date, page_of};
use crate::store::sql::{Columns, Sql};
use crate::store::{Error, Store};

const COLUMNS: &str = "\
j.id, j.app_id, j.job_name, j.job_description, j.job_params, j.time_expression_type,
j.time_expression, j.execute_type, j.processor_type, j.processor_info, j.max_instance_num,
j.concurrency, j.instance_time_limit, j.instance_retry_num, j.task_retry_num, j.status,
j.next_trigger_time, j.min_cpu_cores, j.min_memory_space, j.min_disk_space, j.designated_workers,
j.max_worker_count, j.notify_user_ids, j.extra, j.dispatch_strategy, j.dispatch_strategy_config,
j.lifecycle, j.alarm_config, j.tag, j.log_config, j.advanced_runtime_config, j.pj_created_at,
j.gmt_create, j.pj_modified_at, j.gmt_modified";

/// A row of `job_info`; codes and JSON texts as they are stored.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRow {
    pub id: JobId,
    pub app_id: AppId,
    pub name: Option<String>,
    pub description: Option<String>,
    pub params: Option<String>,
    pub time_expression_type: i64,
    pub time_expression: Option<String>,
    pub execute_type: i64,
    pub processor_type: i64,
    pub processor_info: Option<String>,
    pub max_instance_num: i64,
    pub concurrency: i64,
    pub instance_time_limit: i64,
    pub instance_retry_num: i64,
    pub task_retry_num: i64,
    pub status: i64,
    pub next_trigger_time: Option<i64>,
    pub min_cpu_cores: f64,
    pub min_memory_space: f64,
    pub min_disk_space: f64,
    pub designated_workers: Option<String>,
    pub max_worker_count: i64,
    /// Ids separated by commas.
    pub notify_user_ids: Option<String>,
    pub extra: Option<String>,
    pub dispatch_strategy: Option<i64>,
    pub dispatch_strategy_config: Option<String>,
    /// JSON.
    pub lifecycle: Option<String>,
    /// JSON.
    pub alarm_config: Option<String>,
    pub tag: Option<String>,
    /// JSON.
    pub log_config: Option<String>,
    /// JSON.
    pub advanced_runtime_config: Option<String>,
    pub created_at: UnixMillis,
    pub modified_at: UnixMillis,
}

/// What only the reference's interface can set. The first four are kept as they are when absent,
/// the others are replaced.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JobExtras {
    pub notify_user_ids: Option<String>,
    pub alarm_config: Option<String>,
    pub log_config: Option<String>,
    pub advanced_runtime_config: Option<String>,
    pub extra: Option<String>,
}

/// Which jobs; `None` does not restrict.
#[derive(Debug, Clone, Default)]
pub struct JobQuery {
    pub app: Option<i64>,
    pub id: Option<i64>,
    pub id_below: Option<i64>,
    pub id_above: Option<i64>,
    pub name: Option<String>,
    pub name_part: Option<String>,
    pub description_part: Option<String>,
    pub params_part: Option<String>,
    pub time_expression_types: Option<Vec<i64>>,
    pub execute_types: Option<Vec<i64>>,
    pub processor_types: Option<Vec<i64>>,
    pub statuses: Option<Vec<i64>>,
    pub processor: Option<String>,
    pub processor_part: Option<String>,
    pub next_trigger_after: Option<i64>,
    pub next_trigger_before: Option<i64>,
    pub notify_user_ids_part: Option<String>,
    pub created_before: Option<UnixMillis>,
    pub created_after: Option<UnixMillis>,
    pub modified_before: Option<UnixMillis>,
    pub modified_after: Option<UnixMillis>,
    pub dispatch_strategy: Option<i64>,
    pub tag: Option<String>,
    /// Also those that are deleted.
    pub with_deleted: bool,
}

impl JobQuery {
    fn conditions(&self) -> Conditions {
        let mut all = Conditions::default();
        all.number("j.app_id = ?", self.app);
        all.number("j.id = ?", self.id);
        all.number("j.id < ?", self.id_below);
        all.number("j.id > ?", self.id_above);
        all.equals("j.job_name", self.name.as_ref());
        all.contains("j.job_name", self.name_part.as_ref());
        all.contains("j.job_description", self.description_part.as_ref());
        all.contains("j.job_params", self.params_part.as_ref());
        let types = self.time_expression_types.as_ref();
        all.among("j.time_expression_type", types);
        all.among("j.execute_type", self.execute_types.as_ref());
        all.among("j.processor_type", self.processor_types.as_ref());
        all.among("j.status", self.statuses.as_ref());
        all.equals("j.processor_info", self.processor.as_ref());
        all.contains("j.processor_info", self.processor_part.as_ref());
        all.number("j.next_trigger_time > ?", self.next_trigger_after);
        all.number("j.next_trigger_time < ?", self.next_trigger_before);
        let notified = self.notify_user_ids_part.as_ref();
        all.contains("j.notify_user_ids", notified);
        all.date("j.gmt_create", "<", self.created_before);
        all.date("j.gmt_create", ">", self.created_after);
        all.date("j.gmt_modified", "<", self.modified_before);
        all.date("j.gmt_modified", ">", self.modified_after);
        all.number("j.dispatch_strategy = ?", self.dispatch_strategy);
        all.equals("j.tag", self.tag.as_ref());
        if !self.with_deleted {
            all.number("j.status <> ?", Some(99));
        }
        all
    }
}

impl Store {
    /// One job, also a deleted one.
    pub async fn job_row(&self, id: JobId) -> Result<Option<JobRow>, Error> {
        let query = JobQuery {
            id: Some(id.0),
            with_deleted: true,
            ..JobQuery::default()
        };
        Ok(self.job_rows(query).await?.pop())
    }

    /// All jobs that fit, oldest first.
    pub async fn job_rows(&self, query: JobQuery) -> Result<Vec<JobRow>, Error> {
        self.read(async move |sql: Sql| {
            let conditions = query.conditions();
            let text = format!(
                "select {COLUMNS} from {{job_info}} j where {} order by j.id",
                conditions.text()
            );
            let rows = sql.rows(&text, conditions.values).await?;
            rows.iter().map(read).collect()
        })
        .await
    }

    /// A page of the jobs that fit, oldest first.
    pub async fn job_page(&self, query: JobQuery, page: PageOf) -> Result<Rows<JobRow>, Error> {
        self.read(async move |sql: Sql| {
            let conditions = query.conditions();
            let from = format!("from {{job_info}} j where {}", conditions.text());
            let select = format!("select {COLUMNS} {from} order by j.id");
            page_of(&sql, (&select, &from), conditions.values, page, read).await
        })
        .await
    }

    /// Stores what only the reference's interface can set, beside a save of the job.
    pub async fn set_job_extras(&self, id: JobId, extras: JobExtras) -> Result<(), Error> {
        self.write(async move |sql: Sql| {
            let text = "update {job_info} set \
                notify_user_ids = coalesce(?, notify_user_ids), \
                alarm_config = coalesce(?, alarm_config), \
                log_config = coalesce(?, log_config), \
                advanced_runtime_config = coalesce(?, advanced_runtime_config), \
                extra = ? where id = ?";
            let values = vec![
                extras.notify_user_ids.into(),
                extras.alarm_config.into(),
                extras.log_config.into(),
                extras.advanced_runtime_config.into(),
                extras.extra.into(),
                id.0.into(),
            ];
            sql.execute(text, values).await.map(drop)
        })
        .await
    }
}

fn read(row: &QueryResult) -> Result<JobRow, Error> {
    let mut columns = Columns::of(row);
    Ok(JobRow {
        id: JobId(columns.number()?),
        app_id: AppId(columns.number()?),
        name: columns.get()?,
        description: columns.get()?,
        params: columns.get()?,
        time_expression_type: columns.number()?,
        time_expression: columns.get()?,
        execute_type: columns.number()?,
        processor_type: columns.number()?,
        processor_info: columns.get()?,
        max_instance_num: columns.number()?,
        concurrency: columns.number()?,
        instance_time_limit: columns.number()?,
        instance_retry_num: columns.number()?,
        task_retry_num: columns.number()?,
        status: columns.number()?,
        next_trigger_time: columns.get()?,
        min_cpu_cores: columns.get()?,
        min_memory_space: columns.get()?,
        min_disk_space: columns.get()?,
        designated_workers: columns.get()?,
        max_worker_count: columns.number()?,
        notify_user_ids: columns.get()?,
        extra: columns.get()?,
        dispatch_strategy: columns.optional_number()?,
        dispatch_strategy_config: columns.get()?,
        lifecycle: columns.get()?,
        alarm_config: columns.get()?,
        tag: columns.get()?,
        log_config: columns.get()?,
        advanced_runtime_config: columns.get()?,
        created_at: instant_or_date(&mut columns)?,
        modified_at: instant_or_date(&mut columns)?,
    })
}
