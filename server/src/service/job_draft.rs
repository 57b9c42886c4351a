//! Turns what a person wrote about a job into a draft that can be saved: all mistakes at once.

use chrono_tz::Tz;
use powerjob_common::id::{AppId, JobId};
use powerjob_common::reason::ReasonCode;
use powerjob_common::status::{DispatchStrategy, ExecuteType, ProcessorType, SwitchableStatus};
use powerjob_common::time::UnixMillis;
use powerjob_protocol::api::job::JobInput;

use super::ServiceError;
use super::mistakes::Mistakes;
use super::{policies, schedules};
use crate::domain::job::{JobDraft, ScheduleSpec};
use crate::domain::policy::{RetryPolicy, SchedulePolicy};

const MAX_NAME: usize = 255;
const MAX_TEXT: usize = 255;
const MAX_TAG: usize = 64;
const MAX_SCRIPT_BYTES: usize = 64 << 10;
/// Parameters of a job or run.
pub(super) const MAX_PARAMS_BYTES: usize = 1 << 20;
const MAX_CONCURRENCY: u32 = 10_000;
const MAX_RETRIES: u32 = 1_000;
const MAX_INSTANCES: u32 = 1_000_000;
/// A hundred years: longer is a mistake of units.
const MAX_SPAN_MS: u64 = 100 * 366 * 24 * 3_600 * 1_000;

/// What a draft is made for.
#[derive(Debug, Clone, Copy)]
pub(super) struct DraftContext {
    pub(super) app_id: AppId,
    /// `None` for a new job.
    pub(super) job_id: Option<JobId>,
    pub(super) server_zone: Tz,
    pub(super) now: UnixMillis,
}

/// # Errors
/// [`ServiceError::Invalid`] with all mistakes.
pub(super) fn draft(input: JobInput, context: DraftContext) -> Result<JobDraft, ServiceError> {
    let mut mistakes = Mistakes::default();
    check_texts(&input, &mut mistakes);
    check_numbers(&input, &mut mistakes);
    let policy = policies::read_policy(&input.policy, &mut mistakes);
    let retry = policies::read_retry(&input.retry, &mut mistakes);
    let parsed = match schedules::parse(&input.schedule, context.server_zone, "schedule.") {
        Ok(parsed) => {
            let out_of_date = schedules::check_future(&parsed, context.now, "schedule.").err();
            mistakes.0.extend(out_of_date.filter(|_| input.enabled));
            Some(parsed)
        }
        Err(errors) => {
            mistakes.0.extend(errors);
            None
        }
    };
    match parsed {
        Some(parsed) if mistakes.0.is_empty() => {
            let is_default = input.policy.second_level.is_none()
                && input.execute_type == ExecuteType::Standalone;
            let policy = SchedulePolicy {
                second_level: policy.second_level
                    || (is_default && policies::is_second_level_by_default(&parsed.spec)),
                ..policy
            };
            let rules = (parsed.spec, policy, retry);
            Ok(assemble(input, rules, context))
        }
        _ => Err(ServiceError::Invalid(mistakes.0)),
    }
}

fn check_texts(input: &JobInput, mistakes: &mut Mistakes) {
    let name = input.name.trim();
    mistakes.unless(!name.is_empty(), "name", || ReasonCode::Empty);
    mistakes.at_most_chars(name, MAX_NAME, "name");
    mistakes.at_most_chars(&input.description, MAX_TEXT, "description");
    let processor = input.processor.trim();
    mistakes.unless(!processor.is_empty(), "processor", || ReasonCode::Empty);
    match input.processor_type {
        ProcessorType::Shell | ProcessorType::Python => {
            mistakes.at_most_bytes(&input.processor, MAX_SCRIPT_BYTES, "processor");
        }
        ProcessorType::BuiltIn | ProcessorType::External => {
            mistakes.at_most_chars(processor, MAX_TEXT, "processor");
        }
    }
    mistakes.at_most_bytes(&input.params, MAX_PARAMS_BYTES, "params");
    mistakes.at_most_chars(&input.tag, MAX_TAG, "tag");
    mistakes.at_most_chars(&input.designated_workers, MAX_TEXT, "designatedWorkers");
    mistakes.at_most_chars(&input.dispatch_config, MAX_TEXT, "dispatchConfig");
    let names_workers = !input.dispatch_config.trim().is_empty();
    let is_specify = input.dispatch_strategy == DispatchStrategy::Specify;
    mistakes.unless(!is_specify || names_workers, "dispatchConfig", || {
        ReasonCode::NamesNoWorkers
    });
}

fn check_numbers(input: &JobInput, mistakes: &mut Mistakes) {
    mistakes.within(
        input.concurrency.into(),
        1,
        MAX_CONCURRENCY.into(),
        "concurrency",
    );
    mistakes.within(
        input.max_instances.into(),
        0,
        MAX_INSTANCES.into(),
        "maxInstances",
    );
    mistakes.within(
        input.instance_retries.into(),
        0,
        MAX_RETRIES.into(),
        "instanceRetries",
    );
    mistakes.within(
        input.task_retries.into(),
        0,
        MAX_RETRIES.into(),
        "taskRetries",
    );
    mistakes.within(
        input.max_workers.into(),
        0,
        MAX_INSTANCES.into(),
        "maxWorkers",
    );
    mistakes.within(input.time_limit_ms, 0, MAX_SPAN_MS, "timeLimitMs");
    mistakes.within(input.no_worker_grace_ms, 0, MAX_SPAN_MS, "noWorkerGraceMs");
    mistakes.wish(input.min_cpu_cores, "minCpuCores");
    mistakes.wish(input.min_memory_gib, "minMemoryGib");
    mistakes.wish(input.min_disk_gib, "minDiskGib");
}

fn assemble(
    input: JobInput,
    (schedule, policy, retry): (ScheduleSpec, SchedulePolicy, RetryPolicy),
    context: DraftContext,
) -> JobDraft {
    let is_script = matches!(
        input.processor_type,
        ProcessorType::Shell | ProcessorType::Python
    );
    JobDraft {
        id: context.job_id,
        app_id: context.app_id,
        name: input.name.trim().to_owned(),
        description: input.description,
        schedule,
        policy,
        execute_type: input.execute_type,
        processor_type: input.processor_type,
        processor: if is_script {
            input.processor
        } else {
            input.processor.trim().to_owned()
        },
        params: input.params,
        status: if input.enabled {
            SwitchableStatus::Enable
        } else {
            SwitchableStatus::Disable
        },
        max_instances: input.max_instances,
        concurrency: input.concurrency,
        time_limit_ms: input.time_limit_ms,
        instance_retries: input.instance_retries,
        retry,
        task_retries: input.task_retries,
        dispatch_strategy: input.dispatch_strategy,
        dispatch_config: input.dispatch_config.trim().to_owned(),
        designated_workers: input.designated_workers.trim().to_owned(),
        max_workers: input.max_workers,
        min_cpu_cores: input.min_cpu_cores,
        min_memory_gib: input.min_memory_gib,
        min_disk_gib: input.min_disk_gib,
        log_level: input.log_level,
        tag: input.tag.trim().to_owned(),
        no_worker_grace_ms: input.no_worker_grace_ms,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(change: &serde_json::Value, expected: &[&str]) {
        let mut input = json!({
            "name": "nightly", "processor": "demo", "schedule": {"type": "CRON", "expression": "0 0 3 * * ?"},
        });
        for (field, value) in change.as_object().expect("fields") {
            input[field] = value.clone();
        }
        let input = serde_json::from_value(input).expect("a job");
        let context = DraftContext {
            app_id: AppId(1),
            job_id: None,
            server_zone: Tz::UTC,
            now: UnixMillis(1_800_000_000_000),
        };
        let fields = match draft(input, context) {
            Ok(_) => Vec::new(),
            Err(ServiceError::Invalid(errors)) => {
                errors.into_iter().map(|error| error.field).collect()
            }
            Err(error) => vec![error.to_string()],
        };
        assert_eq!(fields, expected, "{change}");
    }

    #[test]
    fn a_good_job_passes() {
        check(&json!({}), &[]);
        check(&json!({"schedule": {"type": "API"}}), &[]);
        check(
            &json!({"schedule": {"type": "CRON", "expression": "0 0 3 * * ?", "zone": "Asia/Tokyo"}}),
            &[],
        );
    }

    #[test]
    fn all_mistakes_are_named_at_once() {
        let change = json!({
            "name": " ", "processor": "", "concurrency": 0, "minMemoryGib": -1.0,
            "dispatchStrategy": "SPECIFY", "policy": {"catchUp": 2}, "retry": {"jitter": -0.1},
            "schedule": {"type": "CRON", "expression": "x", "zone": "Moon/Base", "startAt": 2, "endAt": 1},
        });
        let expected = [
            "name",
            "processor",
            "dispatchConfig",
            "concurrency",
            "minMemoryGib",
            "policy.catchUp",
            "retry.jitter",
            "schedule.zone",
            "schedule.expression",
            "schedule.endAt",
        ];
        check(&change, &expected);
    }

    #[test]
    fn lengths_and_numbers_have_limits() {
        check(&json!({"name": "x".repeat(256)}), &["name"]);
        check(&json!({"name": "é".repeat(255)}), &[]);
        check(
            &json!({"params": "x".repeat(MAX_PARAMS_BYTES + 1)}),
            &["params"],
        );
        check(&json!({"processor": "x".repeat(256)}), &["processor"]);
        check(
            &json!({"processor": "x".repeat(256), "processorType": "SHELL"}),
            &[],
        );
        check(&json!({"timeLimitMs": u64::MAX}), &["timeLimitMs"]);
        check(&json!({"minCpuCores": 1e300}), &["minCpuCores"]);
    }

    #[test]
    fn a_schedule_that_is_over_is_refused_unless_switched_off() {
        let over =
            json!({"type": "CRON", "expression": "0 0 3 * * ?", "endAt": 1_700_000_000_000_i64});
        check(&json!({"schedule": over}), &["schedule.endAt"]);
        check(&json!({"schedule": over, "enabled": false}), &[]);
        let past = json!({"type": "CRON", "expression": "0 0 3 1 1 ? 2020"});
        check(&json!({"schedule": past}), &["schedule.expression"]);
    }
}
