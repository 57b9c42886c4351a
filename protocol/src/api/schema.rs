//! How the enums of `powerjob-common` look in the OpenAPI document: text with its accepted values.

use powerjob_common::reason::ReasonCode;
use powerjob_common::status::{
    BackOffKind, DispatchStrategy, ExecuteType, InstanceStatus, LogLevel, MisfirePolicy,
    OverlapPolicy, ProcessorType, TimeExpressionType, WorkerOrderKind,
};
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

fn one_of(names: impl Iterator<Item = &'static str>) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(names))
        .build()
}

/// What a reason can say.
pub fn reason_code() -> Object {
    one_of(ReasonCode::ALL.iter().map(|code| code.name()))
}

/// The states of an instance.
pub fn instance_status() -> Object {
    one_of(InstanceStatus::ALL.iter().map(|value| value.name()))
}

/// The levels of log lines.
pub fn log_level() -> Object {
    one_of(LogLevel::ALL.iter().map(|value| value.name()))
}

/// On how many workers a job runs.
pub fn execute_type() -> Object {
    one_of(ExecuteType::ALL.iter().map(|value| value.name()))
}

/// Where the code of a processor comes from.
pub fn processor_type() -> Object {
    one_of(ProcessorType::ALL.iter().map(|value| value.name()))
}

/// How a worker is chosen.
pub fn dispatch_strategy() -> Object {
    one_of(DispatchStrategy::ALL.iter().map(|value| value.name()))
}

/// What an operator orders a worker.
pub fn worker_order_kind() -> Object {
    one_of(WorkerOrderKind::ALL.iter().map(|value| value.name()))
}

/// What makes a job run.
pub fn time_expression_type() -> Object {
    one_of(TimeExpressionType::ALL.iter().map(|value| value.name()))
}

/// What becomes of missed times.
pub fn misfire_policy() -> Object {
    one_of(MisfirePolicy::ALL.iter().map(|value| value.name()))
}

/// What becomes of runs that overlap.
pub fn overlap_policy() -> Object {
    one_of(OverlapPolicy::ALL.iter().map(|value| value.name()))
}

/// How waits grow.
pub fn back_off_kind() -> Object {
    one_of(BackOffKind::ALL.iter().map(|value| value.name()))
}
