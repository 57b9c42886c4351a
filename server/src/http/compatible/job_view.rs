//! Jobs as the reference shows them: to programs, to the console, and for an export.

use chrono_tz::Tz;
use powerjob_common::status::{
    DispatchStrategy, ExecuteType, ProcessorType, SwitchableStatus, TimeExpressionType,
};
use powerjob_common::time::UnixMillis;
use serde_json::{Value, json};

use super::job_request::{ADVANCED, ALARM, LOG};
use super::render::{date, fields_of, ids, moment, stored_json, text};
use crate::store::reference::job::JobRow;

/// What all three ways show alike.
fn common(row: &JobRow) -> Value {
    json!({
        "jobName": row.name,
        "jobDescription": row.description,
        "appId": row.app_id.0,
        "jobParams": text(row.params.as_deref()),
        "timeExpression": text(row.time_expression.as_deref()),
        "processorInfo": row.processor_info,
        "maxInstanceNum": row.max_instance_num,
        "concurrency": row.concurrency,
        "instanceTimeLimit": row.instance_time_limit,
        "instanceRetryNum": row.instance_retry_num,
        "taskRetryNum": row.task_retry_num,
        "minCpuCores": row.min_cpu_cores,
        "minMemorySpace": row.min_memory_space,
        "minDiskSpace": row.min_disk_space,
        "designatedWorkers": text(row.designated_workers.as_deref()),
        "maxWorkerCount": row.max_worker_count,
        "extra": row.extra,
        "dispatchStrategyConfig": text(row.dispatch_strategy_config.as_deref()),
        "tag": text(row.tag.as_deref()),
    })
}

fn with(mut value: Value, more: Value) -> Value {
    if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
        value.extend(more);
    }
    value
}

/// For programs: codes, and dates.
pub(super) fn for_program(row: &JobRow) -> Value {
    let lifecycle = stored_json(row.lifecycle.as_deref());
    let has_span = !lifecycle["start"].is_null() || !lifecycle["end"].is_null();
    let lifecycle = if has_span { lifecycle } else { json!({}) };
    let config = |text: Option<&str>, names: &[&str]| match text {
        None | Some("") => Value::Null,
        Some(_) => fields_of(text, names),
    };
    let more = json!({
        "id": row.id.0,
        "timeExpressionType": row.time_expression_type,
        "executeType": row.execute_type,
        "processorType": row.processor_type,
        "status": row.status,
        "nextTriggerTime": row.next_trigger_time,
        "notifyUserIds": text(row.notify_user_ids.as_deref()),
        "gmtCreate": date(row.created_at),
        "gmtModified": date(row.modified_at),
        "dispatchStrategy": row.dispatch_strategy,
        "lifecycle": lifecycle.to_string(),
        "alarmConfig": config(row.alarm_config.as_deref(), ALARM),
        "logConfig": config(row.log_config.as_deref(), LOG),
        "advancedRuntimeConfig": config(row.advanced_runtime_config.as_deref(), ADVANCED),
    });
    with(common(row), more)
}

/// What the console and an export show alike: names, and settings with all their fields.
fn named(row: &JobRow) -> Value {
    let strategy = named_code(
        row.dispatch_strategy.unwrap_or(1),
        DispatchStrategy::from_code,
    );
    let more = json!({
        "timeExpressionType":
            named_code(row.time_expression_type, TimeExpressionType::from_code)
                .map(TimeExpressionType::name),
        "executeType":
            named_code(row.execute_type, ExecuteType::from_code).map(ExecuteType::name),
        "processorType":
            named_code(row.processor_type, ProcessorType::from_code).map(ProcessorType::name),
        "enable": row.status == i64::from(SwitchableStatus::Enable.code()),
        "dispatchStrategy": strategy.unwrap_or(DispatchStrategy::HealthFirst).name(),
        "lifeCycle": fields_of(row.lifecycle.as_deref(), &["start", "end"]),
        "alarmConfig": fields_of(row.alarm_config.as_deref(), ALARM),
        "logConfig": fields_of(row.log_config.as_deref(), LOG),
        "advancedRuntimeConfig": fields_of(row.advanced_runtime_config.as_deref(), ADVANCED),
    });
    with(common(row), more)
}

fn named_code<T>(code: i64, find: fn(i32) -> Option<T>) -> Option<T> {
    i32::try_from(code).ok().and_then(find)
}

/// For the console.
pub(super) fn for_console(row: &JobRow, zone: Tz) -> Value {
    let users = ids(row.notify_user_ids.as_deref());
    let users: Vec<_> = users.iter().map(ToString::to_string).collect();
    let more = json!({
        "id": row.id.0,
        "nextTriggerTime": row.next_trigger_time,
        "nextTriggerTimeStr": moment(row.next_trigger_time, zone),
        "gmtCreate": date(row.created_at),
        "gmtModified": date(row.modified_at),
        "notifyUserIds": users,
    });
    with(named(row), more)
}

/// For saving it again as a new one.
pub(super) fn for_export(row: &JobRow, now: UnixMillis) -> Value {
    let name = row.name.as_deref().unwrap_or_default();
    let more = json!({
        "id": null,
        "jobName": format!("{name}_EXPORT_{now}"),
        "notifyUserIds": ids(row.notify_user_ids.as_deref()),
    });
    with(named(row), more)
}
