//! How runs look to people.

use std::time::Duration;

use powerjob_client::api::instance::{Attempt, Instance, InstanceSummary, Timeline};

use crate::text::{short, span, table, when};

pub(super) fn list(runs: &[InstanceSummary], width: Option<u16>) -> String {
    if runs.is_empty() {
        return "no runs".to_owned();
    }
    let head = [
        "ID", "JOB", "STATUS", "BY", "TRY", "FOR", "LATE", "TOOK", "WORKER", "RESULT",
    ];
    table::render(width, &head, &[4, 6, 7], runs.iter().map(row))
}

fn row(run: &InstanceSummary) -> Vec<String> {
    vec![
        run.id.to_string(),
        run.job_name.clone(),
        run.status.to_string(),
        run.trigger.clone(),
        run.attempt.to_string(),
        when::brief(run.nominal_at.unwrap_or(run.expected_at)),
        late(run),
        between(run.started_at, run.finished_at),
        run.worker.clone().unwrap_or_default(),
        short(&run.result, 60),
    ]
}

/// From the time it stands for to its start; a repetition is not late.
fn late(run: &InstanceSummary) -> String {
    if run.attempt > 1 {
        return String::new();
    }
    between(
        Some(run.nominal_at.unwrap_or(run.expected_at)),
        run.started_at,
    )
}

/// One line after a change.
pub(super) fn line(instance: &Instance) -> String {
    let run = &instance.summary;
    format!(
        "instance {} of {}: {}",
        run.id,
        short(&run.job_name, 60),
        run.status
    )
}

/// What a person who waited wants to know.
pub(super) fn ending(instance: &Instance) -> String {
    let run = &instance.summary;
    let mut text = line(instance);
    if let (Some(started), Some(finished)) = (run.started_at, run.finished_at) {
        text.push_str(&format!(
            " after {}",
            between(Some(started), Some(finished))
        ));
    }
    if run.attempt > 1 {
        text.push_str(&format!(", attempt {}", run.attempt));
    }
    if !instance.full_result.is_empty() {
        text.push_str(&format!(
            "\n{}",
            crate::text::harmless(&instance.full_result)
        ));
    }
    text
}

pub(super) fn details(instance: &Instance, width: Option<u16>) -> String {
    let run = &instance.summary;
    let mut text = table::facts(&[
        ("id", run.id.to_string()),
        (
            "job",
            format!(
                "{} ({}), revision {}",
                run.job_name, run.job_id, instance.job_revision
            ),
        ),
        ("status", run.status.to_string()),
        (
            "waiting",
            instance
                .waiting_for
                .as_ref()
                .map_or_else(String::new, |why| why.text.clone()),
        ),
        ("made by", run.trigger.clone()),
        ("attempt", run.attempt.to_string()),
        ("worker", run.worker.clone().unwrap_or_default()),
        ("job params", instance.job_params.clone()),
        ("run params", instance.instance_params.clone()),
        (
            "chosen worker",
            instance.chosen_worker.clone().unwrap_or_default(),
        ),
        ("result", instance.full_result.clone()),
        ("trace", instance.trace_id.clone()),
        ("you can", instance.actions.join(", ").to_lowercase()),
    ]);
    text.push('\n');
    text.push_str(&table::facts(&steps(&instance.timeline)));
    if instance.attempts.len() > 1 {
        let head = ["TRY", "STATUS", "WORKER", "STARTED", "TOOK", "RESULT"];
        let rows = instance.attempts.iter().map(attempt);
        text.push_str(&format!("\n{}", table::render(width, &head, &[0, 4], rows)));
    }
    text
}

/// The steps of an attempt with the time since the step before.
fn steps(timeline: &Timeline) -> Vec<(&'static str, String)> {
    let steps = [
        ("created", timeline.created_at),
        ("expected", timeline.expected_at),
        ("dispatched", timeline.dispatched_at),
        ("received", timeline.received_at),
        ("started", timeline.started_at),
        ("finished", timeline.finished_at),
        ("recorded", timeline.recorded_at),
    ];
    let mut before = None;
    let mut texts = Vec::new();
    for (name, at) in steps {
        let gap = match between(before, at).as_str() {
            "" | "-" => String::new(),
            gap => format!("  +{gap}"),
        };
        texts.push((name, at.map(|at| when::full(at) + &gap).unwrap_or_default()));
        before = at.or(before);
    }
    texts
}

fn attempt(attempt: &Attempt) -> Vec<String> {
    let timeline = &attempt.timeline;
    vec![
        attempt.number.to_string(),
        attempt.status.to_string(),
        attempt.worker.clone().unwrap_or_default(),
        when::brief_or_dash(timeline.started_at),
        between(timeline.started_at, timeline.finished_at),
        short(&attempt.result, 60),
    ]
}

/// The span between two steps, `-` when one is missing. Clocks of two machines may disagree.
fn between(from: Option<i64>, to: Option<i64>) -> String {
    let (Some(from), Some(to)) = (from, to) else {
        return "-".to_owned();
    };
    let rough = span::rough(Duration::from_millis(to.abs_diff(from)));
    if to < from {
        format!("-{rough}")
    } else {
        rough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_show_what_each_one_took() {
        let timeline = Timeline {
            expected_at: Some(1_000),
            started_at: Some(1_012),
            finished_at: Some(3_512),
            ..Timeline::default()
        };
        let steps = steps(&timeline);
        assert!(steps[4].1.ends_with("+12 ms"), "{steps:?}");
        assert!(steps[5].1.ends_with("+2.5 s"), "{steps:?}");
        assert_eq!(steps[2].1, "");
    }

    #[test]
    fn clocks_that_disagree_are_not_hidden() {
        assert_eq!(between(Some(10), Some(5)), "-5 ms");
        assert_eq!(between(None, Some(5)), "-");
    }
}
