//! Why does a job run or not run? A pure function over what is known.

use powerjob_common::reason::{Reason, ReasonCode};
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
    let fits: Vec<_> = workers
        .iter()
        .map(|&(worker, assigned)| (worker, why_not(job, &filter, worker, assigned)))
        .collect();
    let is_at_limit = job.max_instances > 0 && open >= u64::from(job.max_instances);
    let mut reasons = Vec::new();
    if is_at_limit {
        reasons.push(Reason::new(ReasonCode::AtLimit, "open", open).with("max", job.max_instances));
    }
    reasons.extend(why_nobody(fits.iter().map(|(_, reason)| reason.as_ref())));
    let schedule = why_not_scheduled(job, now);
    let is_scheduled = schedule.is_none() && job.schedule.kind != TimeExpressionType::Api;
    reasons.extend(schedule.map(Reason::from));
    Diagnosis {
        can_run: !is_at_limit && fits.iter().any(|(_, reason)| reason.is_none()),
        is_scheduled,
        reasons: reasons.iter().map(Into::into).collect(),
        workers: fits
            .iter()
            .map(|(worker, reason)| fit(worker, reason.as_ref()))
            .collect(),
    }
}

fn fit(worker: &Worker, reason: Option<&Reason>) -> WorkerFit {
    WorkerFit {
        worker: worker.node.node_id.clone(),
        address: worker.address.clone(),
        fits: reason.is_none(),
        reason: reason.map(Into::into),
    }
}

/// Why a worker would not get a run of the job now.
fn why_not(
    job: &JobDefinition,
    filter: &WorkerFilter<'_>,
    worker: &Worker,
    assigned: u32,
) -> Option<Reason> {
    match filter.check(worker) {
        Err(unfit) => Some(unfit.reason(job)),
        Ok(()) if assigned >= worker.capacity => Some(
            Reason::new(ReasonCode::WorkerFull, "runs", assigned).with("most", worker.capacity),
        ),
        Ok(()) => None,
    }
}

/// Why no worker would get a run; each cause once.
fn why_nobody<'a>(workers: impl Iterator<Item = Option<&'a Reason>> + Clone) -> Option<Reason> {
    let count = workers.clone().count();
    if count == 0 {
        return Some(ReasonCode::NoWorker.into());
    }
    let mut causes: Vec<Reason> = workers
        .map(Option::<&Reason>::cloned)
        .collect::<Option<_>>()?;
    causes.sort_unstable_by_key(Reason::code);
    causes.dedup();
    Some(Reason::new(ReasonCode::NoWorkerFits, "workers", count).of(causes))
}

fn why_not_scheduled(job: &JobDefinition, now: UnixMillis) -> Option<ReasonCode> {
    if job.status != SwitchableStatus::Enable {
        return Some(ReasonCode::SwitchedOff);
    }
    if job.schedule.lifecycle.end.is_some_and(|end| end < now) {
        return Some(ReasonCode::ScheduleOver);
    }
    match job.schedule.kind {
        _ if job.is_loop() => None,
        TimeExpressionType::Api => None,
        TimeExpressionType::Workflow => Some(ReasonCode::OnlyInWorkflows),
        _ if job.next_trigger_at.is_none() => Some(ReasonCode::NoFurtherTime),
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
        let reasons: Vec<_> = found
            .reasons
            .iter()
            .map(|reason| reason.text.as_str())
            .collect();
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
            (
                false,
                false,
                &["no worker of this application is connected"],
            ),
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
            ["none of the 3 workers fits: shutting down, without the processor `absent`"];
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
