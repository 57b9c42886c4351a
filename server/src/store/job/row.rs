//! A job as a row of `job_info`.
//!
//! Columns that only the Java product knows (alarms, notified users, `extra`, parts of the JSON
//! columns) keep what they hold when our console saves a job.

use powerjob_common::id::{AppId, JobId};
use powerjob_common::status::{
    DispatchStrategy, ExecuteType, LogLevel, ProcessorType, SwitchableStatus, TimeExpressionType,
};
use powerjob_common::time::UnixMillis;
use powerjob_common::time_expression::Lifecycle;
use sea_orm::{QueryResult, Value};

use super::policy::{read_policy, read_retry, write_policy, write_retry};
use crate::domain::job::{JobDefinition, ScheduleSpec};
use crate::store::Error;
use crate::store::sql::{Columns, Sql, date_text};

/// How long runs wait for a worker when an adopted job does not say.
const DEFAULT_NO_WORKER_GRACE_MS: u64 = 60_000;

/// The columns that [`read_job`] reads, in its order.
pub(super) const COLUMNS: &str = "\
j.id, j.app_id, j.pj_revision, j.job_name, j.job_description, j.time_expression_type,
j.pj_schedule_kind, j.time_expression, j.pj_zone, j.lifecycle, j.execute_type, j.processor_type, j.processor_info,
j.job_params, j.status, j.max_instance_num, j.concurrency, j.instance_time_limit,
j.instance_retry_num, j.task_retry_num, j.dispatch_strategy, j.pj_dispatch_strategy,
j.dispatch_strategy_config,
j.designated_workers, j.max_worker_count, j.min_cpu_cores, j.min_memory_space, j.min_disk_space,
j.log_config, j.tag, j.pj_no_worker_grace_ms, j.next_trigger_time, j.pj_created_at,
j.pj_modified_at, j.pj_policy, j.pj_retry";

/// The columns that [`values`] gives values for, in its order.
const WRITTEN: &str = "\
app_id, pj_revision, job_name, job_description, time_expression_type, pj_schedule_kind,
time_expression, pj_zone,
lifecycle, execute_type, processor_type, processor_info, job_params, status, max_instance_num,
concurrency, instance_time_limit, instance_retry_num, task_retry_num, dispatch_strategy,
pj_dispatch_strategy, dispatch_strategy_config, designated_workers, max_worker_count, min_cpu_cores, min_memory_space,
min_disk_space, log_config, tag, pj_no_worker_grace_ms, next_trigger_time, pj_created_at,
pj_modified_at, pj_policy, pj_retry, gmt_modified";

pub(super) fn read_job(row: &QueryResult) -> Result<JobDefinition, Error> {
    let mut columns = Columns::of(row);
    Ok(JobDefinition {
        id: JobId(columns.number()?),
        app_id: AppId(columns.number()?),
        revision: columns.number()?,
        name: columns.text()?,
        description: columns.text()?,
        schedule: ScheduleSpec {
            kind: read_kind(&mut columns)?,
            expression: columns.text()?,
            zone: columns.get()?,
            lifecycle: read_lifecycle(&columns.text()?),
        },
        execute_type: columns.code(
            ExecuteType::from_code,
            ExecuteType::Standalone,
            "an execute type",
        )?,
        processor_type: columns.code(
            ProcessorType::from_code,
            ProcessorType::BuiltIn,
            "a processor type",
        )?,
        processor: columns.text()?,
        params: columns.text()?,
        status: columns.code(
            SwitchableStatus::from_code,
            SwitchableStatus::Disable,
            "a job's status",
        )?,
        max_instances: columns.count()?,
        concurrency: columns.count()?,
        time_limit_ms: columns.number()?.max(0).cast_unsigned(),
        instance_retries: columns.count()?,
        task_retries: columns.count()?,
        dispatch_strategy: read_strategy(&mut columns)?,
        dispatch_config: columns.text()?,
        designated_workers: columns.text()?,
        max_workers: columns.count()?,
        min_cpu_cores: columns.get()?,
        min_memory_gib: columns.get()?,
        min_disk_gib: columns.get()?,
        log_level: read_log_level(&columns.text()?),
        tag: columns.text()?,
        no_worker_grace_ms: columns
            .get::<Option<i64>>()?
            .map_or(DEFAULT_NO_WORKER_GRACE_MS, |grace| {
                grace.max(0).cast_unsigned()
            }),
        next_trigger_at: columns.instant()?,
        created_at: columns.instant()?.unwrap_or_default(),
        modified_at: columns.instant()?.unwrap_or_default(),
        policy: read_policy(columns.get::<Option<String>>()?.as_deref())?,
        retry: read_retry(columns.get::<Option<String>>()?.as_deref())?,
    })
}

/// Our own kind counts while the reference's column says API: whoever writes that column without
/// knowing ours means what it says.
fn read_kind(columns: &mut Columns<'_>) -> Result<TimeExpressionType, Error> {
    let mut kind = || {
        columns.code(
            TimeExpressionType::from_code,
            TimeExpressionType::Api,
            "a time expression",
        )
    };
    let (known, own) = (kind()?, kind()?);
    Ok(if known == TimeExpressionType::Api {
        own
    } else {
        known
    })
}

/// A strategy of ours counts while the column of the reference holds what we put there beside it:
/// else the Java product has chosen another one since.
fn read_strategy(columns: &mut Columns<'_>) -> Result<DispatchStrategy, Error> {
    let known = columns.code(
        DispatchStrategy::from_code,
        DispatchStrategy::HealthFirst,
        "a dispatch strategy",
    )?;
    let own = columns
        .get::<Option<i32>>()?
        .and_then(DispatchStrategy::from_code);
    Ok(own
        .filter(|own| own.known_to_reference() == known)
        .unwrap_or(known))
}

/// An unreadable life cycle means no limits, as in the reference (spec 01 section 1.7).
fn read_lifecycle(text: &str) -> Lifecycle {
    serde_json::from_str(text).unwrap_or(Lifecycle::ALWAYS)
}

fn read_log_level(text: &str) -> LogLevel {
    let config: Option<serde_json::Value> = serde_json::from_str(text).ok();
    config
        .and_then(|config| config.get("level")?.as_i64())
        .and_then(|code| i32::try_from(code).ok())
        .and_then(LogLevel::from_code)
        .unwrap_or(LogLevel::Info)
}

/// The reference's column of log settings with our level in it.
fn log_config(former: &str, level: LogLevel) -> String {
    let former: Option<serde_json::Map<String, serde_json::Value>> =
        serde_json::from_str(former).ok();
    let mut config = former.unwrap_or_else(|| {
        const TYPE_ONLINE: i32 = 1;
        serde_json::Map::from_iter([("type".to_owned(), TYPE_ONLINE.into())])
    });
    config.insert("level".to_owned(), level.code().into());
    serde_json::Value::Object(config).to_string()
}

/// Refuses what a row can not hold.
pub(super) fn check(job: &JobDefinition) -> Result<(), Error> {
    let names: [(&'static str, &str); 5] = [
        ("name", &job.name),
        ("description", &job.description),
        ("schedule.expression", &job.schedule.expression),
        ("dispatch_config", &job.dispatch_config),
        ("tag", &job.tag),
    ];
    if job.name.trim().is_empty() {
        return Err(Error::invalid("name", "it must not be empty"));
    }
    for (field, text) in names {
        if text.chars().count() > 255 {
            return Err(Error::invalid(field, "it is longer than 255 characters"));
        }
    }
    for (field, number) in [
        ("min_cpu_cores", job.min_cpu_cores),
        ("min_memory_gib", job.min_memory_gib),
        ("min_disk_gib", job.min_disk_gib),
    ] {
        if !number.is_finite() {
            return Err(Error::invalid(field, "it is not a number"));
        }
    }
    i64::try_from(job.time_limit_ms)
        .map(drop)
        .map_err(|_| Error::invalid("time_limit_ms", "it is too large"))
}

/// Inserts the job; `id` is ignored.
pub(super) async fn insert(sql: &Sql, job: &JobDefinition) -> Result<JobId, Error> {
    let mut values = values(job, "");
    values.push(date_text(job.created_at).into());
    let columns = format!("{WRITTEN}, gmt_create");
    let marks: Vec<&str> = columns.split(',').map(mark).collect();
    let marks = marks.join(", ");
    let text = format!("insert into {{job_info}} ({columns}) values ({marks})");
    Ok(JobId(sql.insert(&text, values).await?))
}

/// Replaces the row of the job.
pub(super) async fn update(sql: &Sql, job: &JobDefinition) -> Result<(), Error> {
    let former = sql
        .row(
            "select log_config from {job_info} where id = ?",
            vec![job.id.0.into()],
        )
        .await?
        .ok_or_else(|| Error::not_found("job"))?;
    let former = Columns::of(&former).text()?;
    let columns: Vec<String> = WRITTEN
        .split(',')
        .map(|column| format!("{} = {}", column.trim(), mark(column)))
        .collect();
    let mut values = values(job, &former);
    values.push(job.id.0.into());
    let text = format!(
        "update {{job_info}} set {} where id = ?",
        columns.join(", ")
    );
    sql.execute(&text, values).await.map(drop)
}

/// Replaces the next time of the job.
pub(super) async fn update_next(sql: &Sql, job: &JobDefinition) -> Result<(), Error> {
    let next = job.next_trigger_at.map(|next| next.0);
    let text = "update {job_info} set next_trigger_time = ? where id = ?";
    let values = vec![next.into(), job.id.0.into()];
    sql.execute(text, values).await.map(drop)
}

/// The placeholder of a column.
fn mark(column: &str) -> &'static str {
    if column.trim().starts_with("gmt_") {
        "{date}"
    } else {
        "?"
    }
}

fn values(job: &JobDefinition, former_log_config: &str) -> Vec<Value> {
    let lifecycle = serde_json::to_string(&job.schedule.lifecycle).unwrap_or_default();
    let instant = |instant: Option<UnixMillis>| instant.map(|instant| instant.0);
    let kind = job.schedule.kind;
    let strategy = job.dispatch_strategy;
    let known_strategy = strategy.known_to_reference();
    let own_strategy = (strategy != known_strategy).then(|| strategy.code());
    vec![
        job.app_id.0.into(),
        job.revision.into(),
        job.name.as_str().into(),
        job.description.as_str().into(),
        kind.known_to_reference().code().into(),
        (kind != kind.known_to_reference())
            .then(|| kind.code())
            .into(),
        job.schedule.expression.as_str().into(),
        job.schedule.zone.clone().into(),
        lifecycle.into(),
        job.execute_type.code().into(),
        job.processor_type.code().into(),
        job.processor.as_str().into(),
        job.params.as_str().into(),
        job.status.code().into(),
        i64::from(job.max_instances).into(),
        i64::from(job.concurrency).into(),
        job.time_limit_ms.cast_signed().into(),
        i64::from(job.instance_retries).into(),
        i64::from(job.task_retries).into(),
        known_strategy.code().into(),
        own_strategy.into(),
        job.dispatch_config.as_str().into(),
        job.designated_workers.as_str().into(),
        i64::from(job.max_workers).into(),
        job.min_cpu_cores.into(),
        job.min_memory_gib.into(),
        job.min_disk_gib.into(),
        log_config(former_log_config, job.log_level).into(),
        job.tag.as_str().into(),
        job.no_worker_grace_ms
            .min(i64::MAX.unsigned_abs())
            .cast_signed()
            .into(),
        instant(job.next_trigger_at).into(),
        job.created_at.0.into(),
        job.modified_at.0.into(),
        write_policy(job.policy).into(),
        write_retry(job.retry).into(),
        date_text(job.modified_at).into(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_the_log_level_keeps_what_java_stored_beside_it() {
        let former = r#"{"type":2,"level":4,"loggerName":"audit"}"#;
        let config = log_config(former, LogLevel::Debug);
        assert_eq!(read_log_level(&config), LogLevel::Debug);
        assert!(
            config.contains("audit") && config.contains("\"type\":2"),
            "{config}"
        );
        assert_eq!(read_log_level("not json"), LogLevel::Info);
    }

    #[test]
    fn an_unreadable_life_cycle_means_no_limits() {
        assert_eq!(read_lifecycle("{\"start\":"), Lifecycle::ALWAYS);
        assert_eq!(read_lifecycle("{\"end\":5}").end, Some(UnixMillis(5)));
    }
}
