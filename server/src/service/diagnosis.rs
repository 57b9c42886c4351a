//! Why does a job run or not run? A pure function over what is known.

use powerjob_common::status::{SwitchableStatus, TimeExpressionType};
use powerjob_common::time::UnixMillis;
use powerjob_protocol::api::job::{Diagnosis, WorkerFit};

use crate::domain::job::JobDefinition;
use crate::domain::worker::Worker;
use crate::domain::worker_filter::WorkerFilter;

/// A worker with the number of runs it has been given and not given back.
pub(super) type Loaded<'a> = (&'a Worker, u32);

/// `open` is the number of instances that wait or run now.
pub(super) fn diagnose(
    job: &JobDefinition,
    workers: &[Loaded<'_>],
    open: u64,
    now: UnixMillis,
) -> Diagnosis {
    let filter = WorkerFilter::new(job, workers.iter().map(|(worker, _)| *worker));
    let workers_fit: Vec<_> = workers
        .iter()
        .map(|&(worker, assigned)| fit(job, &filter, worker, assigned))
        .collect();
    let is_at_limit = job.max_instances > 0 && open >= u64::from(job.max_instances);
    let mut reasons = Vec::new();
    if is_at_limit {
        reasons.push(format!(
            "{open} instances are open and the job allows {} at the same time",
            job.max_instances
        ));
    }
    reasons.extend(worker_reason(&workers_fit));
    let schedule = schedule_reason(job, now);
    let is_scheduled = schedule.is_none() && job.schedule.kind != TimeExpressionType::Api;
    reasons.extend(schedule);
    Diagnosis {
        can_run: !is_at_limit && workers_fit.iter().any(|worker| worker.fits),
        is_scheduled,
        reasons,
        workers: workers_fit,
    }
}

fn fit(
    job: &JobDefinition,
    filter: &WorkerFilter<'_>,
    worker: &Worker,
    assigned: u32,
) -> WorkerFit {
    let reason = match filter.check(worker) {
        Err(unfit) => unfit.words(job),
        Ok(()) if assigned >= worker.capacity => {
            let capacity = worker.capacity;
            format!("full: it has {assigned} runs and takes {capacity} at most")
        }
        Ok(()) => String::new(),
    };
    WorkerFit {
        worker: worker.node.node_id.clone(),
        address: worker.address.clone(),
        fits: reason.is_empty(),
        reason,
    }
}

fn worker_reason(workers: &[WorkerFit]) -> Option<String> {
    if workers.is_empty() {
        return Some("no worker of the application is connected".to_owned());
    }
    if workers.iter().any(|worker| worker.fits) {
        return None;
    }
    let mut causes: Vec<&str> = workers
        .iter()
        .map(|worker| worker.reason.as_str())
        .collect();
    causes.sort_unstable();
    causes.dedup();
    Some(format!(
        "none of the {} workers fits: {}",
        workers.len(),
        causes.join("; ")
    ))
}

fn schedule_reason(job: &JobDefinition, now: UnixMillis) -> Option<String> {
    if job.status != SwitchableStatus::Enable {
        return Some("the job is switched off: its schedule does not trigger it".to_owned());
    }
    if job.schedule.lifecycle.end.is_some_and(|end| end < now) {
        return Some("the time span of its schedule is over".to_owned());
    }
    match job.schedule.kind {
        TimeExpressionType::Api => None,
        TimeExpressionType::Workflow => Some("it runs only as a part of workflows".to_owned()),
        TimeExpressionType::FixedDelay => None,
        _ if job.next_trigger_at.is_none() => Some("its schedule has no further time".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use powerjob_common::time_expression::Lifecycle;

    use super::*;
    use crate::domain::worker::WorkerState;
    use crate::domain::worker_filter::tests::{job, worker};

    fn check(
        job: &JobDefinition,
        workers: Vec<Worker>,
        open: u64,
        expected: (bool, bool, &[&str]),
    ) {
        let loaded: Vec<_> = workers.iter().map(|worker| (worker, 0)).collect();
        let found = diagnose(job, &loaded, open, UnixMillis(1_000));
        let reasons: Vec<_> = found.reasons.iter().map(String::as_str).collect();
        assert_eq!(
            (found.can_run, found.is_scheduled, reasons.as_slice()),
            expected
        );
    }

    #[test]
    fn a_healthy_job_has_no_reasons() {
        check(&job(), vec![worker("w1")], 0, (true, false, &[]));
    }

    #[test]
    fn without_workers_it_says_so() {
        check(
            &job(),
            vec![],
            0,
            (false, false, &["no worker of the application is connected"]),
        );
    }

    #[test]
    fn causes_of_all_workers_are_named_once() {
        let mut job = job();
        job.processor = "absent".to_owned();
        let mut draining = worker("w3");
        draining.state = WorkerState::Draining;
        let workers = vec![worker("w1"), worker("w2"), draining];
        let expected =
            ["none of the 3 workers fits: shutting down; without the processor `absent`"];
        check(&job, workers, 0, (false, false, &expected));
    }

    #[test]
    fn limits_and_schedules_come_with_their_reason() {
        let mut job = job();
        job.max_instances = 2;
        job.status = SwitchableStatus::Disable;
        let expected = [
            "2 instances are open and the job allows 2 at the same time",
            "the job is switched off: its schedule does not trigger it",
        ];
        check(&job, vec![worker("w1")], 2, (false, false, &expected));
    }

    #[test]
    fn a_schedule_that_is_over_is_told() {
        let mut job = job();
        job.schedule.kind = TimeExpressionType::Cron;
        check(
            &job,
            vec![worker("w1")],
            0,
            (true, false, &["its schedule has no further time"]),
        );
        job.next_trigger_at = Some(UnixMillis(2_000));
        check(&job, vec![worker("w1")], 0, (true, true, &[]));
        job.schedule.lifecycle = Lifecycle {
            start: None,
            end: Some(UnixMillis(999)),
        };
        check(
            &job,
            vec![worker("w1")],
            0,
            (true, false, &["the time span of its schedule is over"]),
        );
    }
}
