//! How jobs look to people.

use powerjob_client::api::calendar::{Calendar, JobTriggers};
use powerjob_client::api::instance::RunBar;
use powerjob_client::api::job::{Diagnosis, Job, JobSummary};
use powerjob_client::api::policy::{PolicyInput, RetryInput};
use powerjob_client::api::schedule::ScheduleChecked;
use powerjob_common::status::{
    BackOffKind, InstanceStatus, MisfirePolicy, OverlapPolicy, ProcessorType,
};
use std::time::Duration;

use crate::text::{short, span, table, when};

pub(super) fn list(jobs: &[JobSummary], app: &str, width: Option<u16>) -> String {
    if jobs.is_empty() {
        return format!("no jobs in application {app}; make one with `powerjob job create --help`");
    }
    let head = [
        "ID",
        "NAME",
        "ON",
        "SCHEDULE",
        "NEXT",
        "OPEN",
        "LAST RUNS",
        "TAG",
    ];
    table::render(width, &head, &[0, 5], jobs.iter().map(row))
}

fn row(summary: &JobSummary) -> Vec<String> {
    let job = &summary.job;
    vec![
        job.id.to_string(),
        job.definition.name.clone(),
        yes_no(job.definition.enabled),
        job.schedule_text.clone(),
        when::brief_or_dash(job.next_trigger_at),
        summary.open_instances.to_string(),
        bars(&summary.recent_runs),
        job.definition.tag.clone(),
    ]
}

/// One sign per run, newest first.
fn bars(runs: &[RunBar]) -> String {
    let sign = |run: &RunBar| match run.status {
        InstanceStatus::Succeed => '\u{2713}',
        InstanceStatus::Failed => '\u{2717}',
        InstanceStatus::Stopped | InstanceStatus::Canceled => '\u{2212}',
        InstanceStatus::Running => '\u{25b6}',
        InstanceStatus::WaitingDispatch | InstanceStatus::WaitingWorkerReceive => '\u{2026}',
    };
    runs.iter().map(sign).collect()
}

pub(super) fn details(job: &Job) -> String {
    let definition = &job.definition;
    let unless_zero = |count: u64, text: String| if count == 0 { String::new() } else { text };
    table::facts(&[
        ("id", job.id.to_string()),
        ("name", definition.name.clone()),
        ("description", definition.description.clone()),
        ("enabled", yes_no(definition.enabled)),
        ("schedule", job.schedule_text.clone()),
        ("expression", expression(job)),
        ("zone", definition.schedule.zone.clone().unwrap_or_default()),
        (
            "next run",
            job.next_trigger_at.map(when::full).unwrap_or_default(),
        ),
        (
            "runs",
            format!("{} {}", definition.execute_type, definition.processor_type),
        ),
        (
            code_title(definition.processor_type),
            definition.processor.clone(),
        ),
        ("params", definition.params.clone()),
        (
            "at the same time",
            unless_zero(
                definition.max_instances.into(),
                definition.max_instances.to_string(),
            ),
        ),
        ("overlap", overlap(&definition.policy)),
        ("missed times", misfire(&definition.policy)),
        (
            "beats",
            match definition.policy.second_level {
                Some(true) => "made by a worker inside one run".to_owned(),
                Some(false) | None => String::new(),
            },
        ),
        (
            "jitter",
            unless_zero(
                definition.policy.jitter_ms.into(),
                format!("up to {}", ms(definition.policy.jitter_ms.into())),
            ),
        ),
        (
            "time limit",
            unless_zero(definition.time_limit_ms, ms(definition.time_limit_ms)),
        ),
        (
            "retries",
            format!(
                "{} of a run, {} of a task",
                definition.instance_retries, definition.task_retries
            ),
        ),
        ("waits between", retry(&definition.retry)),
        ("workers", definition.designated_workers.clone()),
        (
            "dispatch",
            format!(
                "{} {}",
                definition.dispatch_strategy, definition.dispatch_config
            ),
        ),
        ("log level", definition.log_level.to_string()),
        ("tag", definition.tag.clone()),
        ("revision", job.revision.to_string()),
        ("created", when::full(job.created_at)),
        ("changed", when::full(job.modified_at)),
    ])
}

fn misfire(policy: &PolicyInput) -> String {
    match policy.misfire {
        MisfirePolicy::Skip => "are skipped".to_owned(),
        MisfirePolicy::Once => "one run for all".to_owned(),
        MisfirePolicy::CatchUp => format!("the last {} run", policy.catch_up.unwrap_or(1)),
    }
}

fn overlap(policy: &PolicyInput) -> String {
    match (policy.overlap, policy.queue_limit) {
        (OverlapPolicy::Queue, Some(limit)) => format!("{}, at most {limit}", policy.overlap),
        (overlap, _) => overlap.to_string(),
    }
}

fn retry(retry: &RetryInput) -> String {
    let mut text = ms(retry.delay_ms);
    if retry.back_off == BackOffKind::Exponential {
        let limit = retry.limit_ms.map(|limit| format!(" up to {}", ms(limit)));
        let factor = retry.factor.unwrap_or(2.0);
        text.push_str(&format!(", times {factor}{}", limit.unwrap_or_default()));
    }
    if retry.jitter > 0.0 {
        text.push_str(&format!(", less up to {} %", retry.jitter * 100.0));
    }
    text
}

fn expression(job: &Job) -> String {
    let schedule = &job.definition.schedule;
    match schedule.expression.as_str() {
        "" => schedule.kind.to_string(),
        text => format!("{} {text}", schedule.kind),
    }
}

fn code_title(kind: ProcessorType) -> &'static str {
    match kind {
        ProcessorType::Shell | ProcessorType::Python => "script",
        ProcessorType::BuiltIn | ProcessorType::External => "processor",
    }
}

/// One line after a save.
pub(super) fn saved(job: &Job) -> String {
    let next = match job.next_trigger_at {
        Some(at) => format!("next run {}", when::brief(at)),
        None => "not scheduled".to_owned(),
    };
    format!(
        "job {} ({}), revision {}: {}, {next}",
        short(&job.definition.name, 60),
        job.id,
        job.revision,
        job.schedule_text
    )
}

pub(super) fn schedule(checked: &ScheduleChecked) -> String {
    if !checked.valid {
        let errors = checked.errors.iter();
        let lines = errors.map(|error| format!("  {}: {}\n", error.field, error.reason));
        return format!(
            "this schedule cannot be saved:\n{}",
            lines.collect::<String>()
        );
    }
    let mut text = format!("{} ({})\n", checked.text, checked.zone);
    for at in &checked.next {
        text.push_str(&format!("  {}\n", when::full_in(&checked.zone, *at)));
    }
    if checked.next.is_empty() {
        text.push_str("  no time to come\n");
    }
    text
}

/// The next times of a job, in its zone.
pub(super) fn triggers(triggers: &JobTriggers) -> String {
    let mut text = format!("{} ({})\n", triggers.text, triggers.zone);
    for at in &triggers.next {
        text.push_str(&format!("  {}\n", when::full_in(&triggers.zone, *at)));
    }
    if triggers.next.is_empty() {
        text.push_str("  nothing to come: it is switched off, or its schedule has no times\n");
    }
    text
}

/// What is coming, over all jobs of an application.
pub(super) fn calendar(calendar: &Calendar, app: &str, width: Option<u16>) -> String {
    if calendar.triggers.is_empty() && calendar.often.is_empty() {
        return format!("nothing to come in application {app}\n");
    }
    let often = calendar.often.iter().map(|job| {
        let words = format!("{}, next", job.schedule_text);
        vec![
            words,
            when::brief(job.next_at),
            job.job_name.clone(),
            job.job_id.to_string(),
        ]
    });
    let single = calendar.triggers.iter().map(|trigger| {
        let at = when::brief(trigger.at);
        vec![
            String::new(),
            at,
            trigger.job_name.clone(),
            trigger.job_id.to_string(),
        ]
    });
    let mut text = table::render(
        width,
        &["OFTEN", "AT", "JOB", "ID"],
        &[3],
        often.chain(single),
    );
    if calendar.is_cut {
        text.push_str("there are more; look less far ahead with --hours\n");
    }
    text
}

pub(super) fn diagnosis(diagnosis: &Diagnosis, width: Option<u16>) -> String {
    let mut text = String::new();
    text.push_str(match (diagnosis.can_run, diagnosis.is_scheduled) {
        (true, true) => "it can run, and its schedule will trigger it\n",
        (true, false) => "it can run, but its schedule will not trigger it\n",
        (false, true) => "its schedule will trigger it, but it cannot run now\n",
        (false, false) => "it cannot run now, and its schedule will not trigger it\n",
    });
    for reason in &diagnosis.reasons {
        text.push_str(&format!("  - {}\n", reason.text));
    }
    if !diagnosis.workers.is_empty() {
        let rows = diagnosis.workers.iter().map(|fit| {
            vec![
                fit.worker.clone(),
                fit.address.clone(),
                yes_no(fit.fits),
                fit.reason
                    .as_ref()
                    .map_or_else(String::new, |why| why.text.clone()),
            ]
        });
        text.push('\n');
        text.push_str(&table::render(
            width,
            &["WORKER", "ADDRESS", "FITS", "WHY NOT"],
            &[],
            rows,
        ));
    }
    text
}

fn yes_no(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}

fn ms(count: u64) -> String {
    span::exact(Duration::from_millis(count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use powerjob_client::api::problem::FieldError;
    use powerjob_common::reason::ReasonCode;

    #[test]
    fn a_wrong_schedule_says_what_is_wrong() {
        let checked = ScheduleChecked {
            valid: false,
            text: String::new(),
            next: vec![],
            zone: "UTC".to_owned(),
            errors: vec![FieldError::new(
                "schedule.expression",
                ReasonCode::CronEmpty,
            )],
        };
        let words = format!("  schedule.expression: {}", ReasonCode::CronEmpty.words());
        assert!(schedule(&checked).contains(&words));
    }

    #[test]
    fn runs_are_signs() {
        let run = |status| RunBar {
            id: powerjob_client::api::id::Id(1),
            status,
            expected_at: 0,
            started_at: None,
            finished_at: None,
        };
        let runs = [
            InstanceStatus::Running,
            InstanceStatus::Succeed,
            InstanceStatus::Failed,
        ];
        assert_eq!(bars(&runs.map(run)), "\u{25b6}\u{2713}\u{2717}");
    }
}
