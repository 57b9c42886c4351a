//! A job as the console and programs send it (spec 06 section 6.2), and its save.

use powerjob_common::id::JobId;
use powerjob_common::status::{
    DispatchStrategy, ExecuteType, LogLevel, ProcessorType, SwitchableStatus,
};
use powerjob_common::time_expression::Lifecycle;
use powerjob_protocol::api::job::JobInput;
use serde_json::{Value, json};

use super::call::Fields;
use super::context::Context;
use super::failure::Failure;
use super::render;
use super::time_expression::{TimeExpression, kind_of, lifecycle};
use crate::domain::job::JobDefinition;
use crate::service::{apps, jobs};
use crate::store::reference::job::JobExtras;

/// Refuses what has an empty field that is needed, in the reference's order.
pub(super) fn check_required(fields: Fields<'_>) -> Result<(), Failure> {
    let empty = |name: &str| Failure::power(format!("{name} can't be empty"));
    let texts = |name: &'static str| fields.filled(name).map(|text| text.is_some());
    let is_given = [
        ("jobName", texts("jobName")?),
        ("appId", fields.long("appId")?.is_some()),
        ("processorInfo", texts("processorInfo")?),
        (
            "executeType",
            fields
                .one_of("executeType", ExecuteType::from_name)?
                .is_some(),
        ),
        (
            "processorType",
            fields
                .one_of("processorType", ProcessorType::from_name)?
                .is_some(),
        ),
        (
            "timeExpressionType",
            fields.one_of("timeExpressionType", kind_of)?.is_some(),
        ),
    ];
    match is_given.into_iter().find(|(_, is_given)| !is_given) {
        Some((name, _)) => Err(empty(name)),
        None => Ok(()),
    }
}

/// Saves the job of the body, new or in place of the one it names; its id.
pub(super) async fn save(context: &Context) -> Result<i64, Failure> {
    let services = context.services();
    let fields = context.call.fields()?;
    check_required(fields)?;
    let former = match &context.subject.job {
        Some(row) => Some(jobs::find(services, row.id).await?),
        None => None,
    };
    let time = time_of(fields)?;
    time.check(services.handles.facts.zone, services.now())?;
    let extras = extras(fields)?;
    let input = input(fields, former.as_deref(), &time)?;
    let person = &context.person;
    let saved = match former {
        Some(former) => jobs::replace(services, person, &former, input).await?,
        None => {
            let app = apps::find(services, context.app_id()?).await?;
            jobs::create(services, person, &app, input).await?
        }
    };
    let id = JobId(saved.id.0);
    services.store.set_job_extras(id, extras).await?;
    Ok(id.0)
}

fn time_of(fields: Fields<'_>) -> Result<TimeExpression, Failure> {
    let kind = fields.one_of("timeExpressionType", kind_of)?;
    Ok(TimeExpression {
        kind: kind.ok_or_else(|| Failure::power("timeExpressionType can't be empty"))?,
        expression: fields.text("timeExpression")?.unwrap_or_default(),
        lifecycle: lifecycle(fields)?.unwrap_or(Lifecycle::ALWAYS),
    })
}

/// The job in our terms. What the reference does not know of a job stays as it was.
fn input(
    fields: Fields<'_>,
    former: Option<&JobDefinition>,
    time: &TimeExpression,
) -> Result<JobInput, Failure> {
    let base = match former {
        Some(former) => jobs::definition(former),
        None => fresh()?,
    };
    let count = |name: &str, absent: i64| -> Result<u32, Failure> {
        let number = fields.long(name)?.unwrap_or(absent).max(0);
        Ok(u32::try_from(number).unwrap_or(u32::MAX))
    };
    let text = |name: &str| Ok::<_, Failure>(fields.text(name)?.unwrap_or_default());
    let mut schedule = base.schedule.clone();
    // A kind of ours stands behind the one that the reference shows, unless somebody changes it.
    let is_same = schedule.kind.known_to_reference() == time.kind
        && former.is_some()
        && schedule.expression == time.expression;
    if !is_same {
        schedule.kind = time.kind;
        schedule.expression.clone_from(&time.expression);
    }
    schedule.start_at = time.lifecycle.start.map(|at| at.0);
    schedule.end_at = time.lifecycle.end.map(|at| at.0);
    let strategy = fields.one_of("dispatchStrategy", |name| {
        DispatchStrategy::from_name(name).filter(|it| *it == it.known_to_reference())
    })?;
    let strategy = strategy.unwrap_or(DispatchStrategy::HealthFirst);
    let level = match fields.object("logConfig")? {
        Some(config) => config.long("level")?,
        None => None,
    };
    let level = level
        .and_then(|code| i32::try_from(code).ok())
        .and_then(LogLevel::from_code);
    Ok(JobInput {
        name: text("jobName")?,
        description: text("jobDescription")?,
        schedule,
        execute_type: fields
            .one_of("executeType", ExecuteType::from_name)?
            .unwrap_or(base.execute_type),
        processor_type: fields
            .one_of("processorType", ProcessorType::from_name)?
            .unwrap_or(base.processor_type),
        processor: text("processorInfo")?,
        params: text("jobParams")?,
        enabled: fields.flag("enable", true)?,
        max_instances: count("maxInstanceNum", 0)?,
        concurrency: count("concurrency", 5)?,
        time_limit_ms: fields
            .long("instanceTimeLimit")?
            .unwrap_or(0)
            .max(0)
            .unsigned_abs(),
        instance_retries: count("instanceRetryNum", 0)?,
        task_retries: count("taskRetryNum", 0)?,
        dispatch_strategy: if base.dispatch_strategy.known_to_reference() == strategy {
            base.dispatch_strategy
        } else {
            strategy
        },
        dispatch_config: text("dispatchStrategyConfig")?,
        designated_workers: text("designatedWorkers")?,
        max_workers: count("maxWorkerCount", 0)?,
        min_cpu_cores: fields.double("minCpuCores")?,
        min_memory_gib: fields.double("minMemorySpace")?,
        min_disk_gib: fields.double("minDiskSpace")?,
        log_level: level.unwrap_or(base.log_level),
        tag: text("tag")?,
        base_revision: None,
        ..base
    })
}

/// A job with all defaults of ours.
fn fresh() -> Result<JobInput, Failure> {
    let minimal = json!({"name": "", "processor": "", "schedule": {"type": "API"}});
    serde_json::from_value(minimal).map_err(Failure::unreadable)
}

/// What is stored beside the job.
fn extras(fields: Fields<'_>) -> Result<JobExtras, Failure> {
    let config = |name: &str, names: &[&str]| -> Result<Option<String>, Failure> {
        let Some(config) = fields.object(name)? else {
            return Ok(None);
        };
        numbers(config, names).map(|config| Some(config.to_string()))
    };
    if let Some(alarm) = fields.object("alarmConfig")? {
        for name in ALARM {
            if alarm.long(name)?.is_none() {
                return Err(Failure::power("illegal alarm config!"));
            }
        }
    }
    let log_config = match fields.object("logConfig")? {
        Some(config) => {
            let mut log = numbers(config, &LOG[..2])?;
            if let Some(name) = config.text(LOG[2])? {
                log[LOG[2]] = name.into();
            }
            Some(log.to_string())
        }
        None => None,
    };
    Ok(JobExtras {
        notify_user_ids: fields
            .longs("notifyUserIds")?
            .map(|ids| render::join_ids(&ids)),
        alarm_config: config("alarmConfig", ALARM)?,
        log_config,
        advanced_runtime_config: config("advancedRuntimeConfig", ADVANCED)?,
        extra: fields.text("extra")?,
    })
}

/// The fields of an alarm.
pub(super) const ALARM: &[&str] = &["alertThreshold", "statisticWindowLen", "silenceWindowLen"];
/// The fields of the settings of logs.
pub(super) const LOG: &[&str] = &["type", "level", "loggerName"];
/// The fields of the advanced settings.
pub(super) const ADVANCED: &[&str] = &["taskTrackerBehavior"];

/// Given numbers, by their names; those that are not given are left out.
fn numbers(fields: Fields<'_>, names: &[&str]) -> Result<Value, Failure> {
    let mut found = serde_json::Map::new();
    for name in names {
        if let Some(number) = fields.long(name)? {
            found.insert((*name).to_owned(), number.into());
        }
    }
    Ok(Value::Object(found))
}

/// The job a request is about, as the scheduler knows it; a deleted one is gone.
pub(super) async fn live_job(context: &Context) -> Result<std::sync::Arc<JobDefinition>, Failure> {
    let row = context.job()?;
    if row.status == i64::from(SwitchableStatus::Deleted.code()) {
        return Err(Failure::argument(format!(
            "can't find job by jobId: {}",
            row.id
        )));
    }
    Ok(jobs::find(context.services(), row.id).await?)
}

/// Copies the job a request is about, with what only the reference knows of it; the id of the copy.
/// It is switched off: an enabled one would run at once.
pub(super) async fn copy(context: &Context) -> Result<JobId, Failure> {
    let services = context.services();
    let row = context.job()?.clone();
    let job = live_job(context).await?;
    let copy = jobs::copy(services, &context.person, &job).await?;
    let id = JobId(copy.id.0);
    let extras = JobExtras {
        notify_user_ids: row.notify_user_ids.clone(),
        alarm_config: row.alarm_config.clone(),
        log_config: row.log_config.clone(),
        advanced_runtime_config: row.advanced_runtime_config.clone(),
        extra: row.extra.clone(),
    };
    services.store.set_job_extras(id, extras).await?;
    Ok(id)
}
