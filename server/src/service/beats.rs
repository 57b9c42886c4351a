//! The beats of second-level jobs: what their workers have reported, and what the present one says.

use powerjob_common::status::InstanceStatus;
use powerjob_protocol::api::beats as api;
use powerjob_protocol::wire::beats::{self as wire, BeatReport, GetBeats};
use tokio::sync::oneshot;

use super::{ServiceError, Services};
use crate::domain::beats::missed_between;
use crate::domain::instance::{Instance, is_out};

/// How the beats of an instance fare, at most `limit` of them listed.
///
/// # Errors
/// When the store cannot be read. A worker that does not answer is none.
pub async fn overview(
    services: &Services,
    instance: &Instance,
    limit: u32,
) -> Result<api::BeatOverview, ServiceError> {
    let store = &services.handles.store;
    let reports = store.kept_beats(instance.app_id, instance.instance_id);
    let (reports, live) = tokio::join!(reports, ask_worker(services, instance, limit));
    let live = live.filter(|it| it.is_known);
    Ok(assemble(reports?, live, instance.state.attempt, limit))
}

async fn ask_worker(
    services: &Services,
    instance: &Instance,
    limit: u32,
) -> Option<wire::BeatOverview> {
    let state = &instance.state;
    let tracker = state.tracker.as_ref().filter(|_| is_out(state))?;
    let workers = &services.handles.workers;
    let link = workers.find(instance.app_id, &tracker.node)?.link?;
    let (sender, answer) = oneshot::channel();
    let request = GetBeats {
        instance_id: instance.instance_id.0,
        attempt: state.attempt,
        limit,
    };
    // The link answers in any case, at the latest when its own limit passes.
    link.beats(request, Box::new(move |answer| drop(sender.send(answer))));
    answer.await.ok()?.ok()
}

/// What the worker says takes the place of what was reported about the present attempt.
fn assemble(
    mut reports: Vec<BeatReport>,
    live: Option<wire::BeatOverview>,
    attempt: u32,
    limit: u32,
) -> api::BeatOverview {
    let mut overview = api::BeatOverview {
        is_live: live.is_some(),
        next_at: live.as_ref().and_then(|live| known(live.next_at_ms)),
        ..api::BeatOverview::default()
    };
    for report in &mut reports {
        // Nobody knows what became of those that were out; they are no more.
        (report.counts.running, report.counts.waiting) = (0, 0);
    }
    if let Some(live) = live {
        match reports.iter_mut().find(|report| report.attempt == attempt) {
            Some(report) => (report.counts, report.beats) = (live.counts, live.beats),
            None => reports.push(BeatReport {
                instance_id: 0,
                attempt,
                every_ms: 0,
                first_ms: 0,
                last_ms: 0,
                counts: live.counts,
                beats: live.beats,
            }),
        }
    }
    for pair in reports.windows(2) {
        overview.counts.missed +=
            missed_between(pair[0].last_ms, pair[1].first_ms, pair[1].every_ms);
    }
    for report in &reports {
        add(&mut overview.counts, report.counts);
        overview.attempts.push(api::BeatAttempt {
            number: report.attempt,
            counts: counts(report.counts),
            first_at: known(report.first_ms),
            last_at: known(report.last_ms),
        });
    }
    overview.counts.total = sum(&overview.counts);
    let newest = reports.into_iter().rev().flat_map(|report| {
        let attempt = report.attempt;
        let beats = report.beats.into_iter();
        beats.map(move |beat| sub_instance(attempt, beat))
    });
    overview.beats = newest.take(limit as usize).collect();
    overview
}

fn add(sum: &mut api::BeatCounts, counts: wire::BeatCounts) {
    sum.running += counts.running;
    sum.waiting += counts.waiting;
    sum.succeeded += counts.succeeded;
    sum.failed += counts.failed;
    sum.skipped += counts.skipped;
    sum.missed += counts.missed;
}

fn counts(counts: wire::BeatCounts) -> api::BeatCounts {
    let mut shown = api::BeatCounts::default();
    add(&mut shown, counts);
    shown.total = sum(&shown);
    shown
}

fn sum(counts: &api::BeatCounts) -> u64 {
    let begun = counts.running + counts.succeeded + counts.failed;
    begun + counts.waiting + counts.skipped + counts.missed
}

fn sub_instance(attempt: u32, beat: wire::SubInstance) -> api::SubInstance {
    let status = InstanceStatus::from_code(beat.status.into());
    api::SubInstance {
        attempt,
        number: beat.number,
        nominal_at: beat.nominal_ms,
        started_at: known(beat.started_at_ms),
        finished_at: known(beat.finished_at_ms),
        status: status.unwrap_or(InstanceStatus::Running),
        result: beat.result,
    }
}

fn known(at_ms: i64) -> Option<i64> {
    (at_ms != 0).then_some(at_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(attempt: u32, (first_ms, last_ms): (i64, i64), succeeded: u64) -> BeatReport {
        BeatReport {
            instance_id: 1,
            attempt,
            every_ms: 10,
            first_ms,
            last_ms,
            counts: wire::BeatCounts {
                succeeded,
                running: 2,
                ..wire::BeatCounts::default()
            },
            beats: vec![wire::SubInstance {
                number: succeeded,
                nominal_ms: last_ms,
                started_at_ms: 0,
                finished_at_ms: 0,
                status: 5,
                result: String::new(),
            }],
        }
    }

    #[test]
    fn attempts_add_up_and_the_gap_between_them_is_missed() {
        let reports = vec![report(1, (10, 100), 10), report(2, (150, 200), 6)];
        let ended = assemble(reports.clone(), None, 2, 50);
        assert!(!ended.is_live);
        assert_eq!((ended.counts.succeeded, ended.counts.running), (16, 0));
        assert_eq!((ended.counts.missed, ended.counts.total), (4, 20));
        let listed: Vec<_> = ended
            .beats
            .iter()
            .map(|it| (it.attempt, it.number))
            .collect();
        assert_eq!(listed, [(2, 6), (1, 10)]);
        assert_eq!(ended.attempts[0].last_at, Some(100));
        let live = wire::BeatOverview {
            is_known: true,
            counts: wire::BeatCounts {
                succeeded: 9,
                running: 1,
                ..wire::BeatCounts::default()
            },
            next_at_ms: 250,
            beats: Vec::new(),
        };
        let running = assemble(reports, Some(live), 2, 50);
        assert_eq!((running.counts.succeeded, running.counts.running), (19, 1));
        assert_eq!(running.next_at, Some(250));
        assert_eq!(running.beats.len(), 1, "the first attempt's");
    }
}
