use powerjob_common::id::NodeRef;
use powerjob_common::time::ManualClock;

use super::*;
use crate::actor::instance_manager::answer::AnswerSheet;
use crate::actor::instance_manager::letters::AdoptedRun;
use crate::domain::claim_lead;
use crate::domain::fold::{self, Report, ReportedAttempt, ReportedStatus};
use crate::domain::instance::{Instance, TrackerRef, Trigger};
use crate::domain::job::JobDefinition;
use crate::domain::worker::Worker;
use crate::domain::worker_filter::tests::{job, worker};
use crate::live::RunningCounts;
use crate::store::write::WriteOutcome;

const NOW: UnixMillis = UnixMillis(10_000);

/// Shards of a server that owns the application, with the counter that they share.
fn shards(count: usize) -> (Vec<Shard>, RunningCounts) {
    shards_by(Arc::new(ManualClock::at(NOW)), count)
}

fn shards_by(clock: Arc<ManualClock>, count: usize) -> (Vec<Shard>, RunningCounts) {
    let ownership = Ownership::new(clock.clone());
    ownership.extend(Duration::from_secs(100));
    ownership.enter(AppId(1), 1);
    let workers = WorkerTable::default();
    workers.put(Arc::new(worker("w1")), None); // nothing can be sent to it
    let running = RunningCounts::default();
    let around = Surroundings {
        clock,
        jobs: JobTable::default(),
        workers: workers.clone(),
        ownership,
        events: EventHub::default(),
        stats: RunStats::default(),
        traces: TraceSink::default(),
        return_grace: Duration::from_secs(10),
        claim_cost: claim_lead::CLAIM,
        backlog: Backlog::default(),
    };
    let shard = |place| {
        let placement = Placement::new(workers.clone(), running.clone(), 1);
        let ids = InstanceIdGenerator::new(0, 1);
        Shard::new(place, count, around.clone(), placement, ids)
    };
    ((0..count).map(shard).collect(), running.clone())
}

fn single_job() -> Arc<JobDefinition> {
    Arc::new(JobDefinition {
        max_instances: 1,
        ..job()
    })
}

fn instance(id: i64, is_out: bool) -> Instance {
    let node = NodeRef {
        node_id: "w1".to_owned(),
        incarnation: 1,
    };
    let tracker = TrackerRef {
        node,
        address: "w1:1".to_owned(),
    };
    let mut state = fold::waiting(NOW);
    if is_out {
        state = fold::claim(&state, tracker, NOW);
    }
    Instance {
        instance_id: InstanceId(id),
        job_id: JobId(1),
        app_id: AppId(1),
        job_revision: 1,
        trigger: Trigger::Api,
        job_params: None,
        instance_params: None,
        chosen_worker: None,
        created_at: NOW,
        state,
    }
}

/// The statuses that a shard wants to write.
fn written(shard: &mut Shard) -> Vec<(InstanceId, InstanceStatus)> {
    let writes = shard.outbox.writes.drain(..);
    let update = |write| match write {
        WriteOp::Update(update) => (update.instance_id, update.state.status),
        other => panic!("{other:?}"),
    };
    writes.map(|(_, write)| update(write)).collect()
}

// Spec 01 section 11 case 35; found by the simulation: a shard that was quicker than another one
// claimed a run while that other one had not heard of those that are out.
#[test]
fn runs_that_are_out_count_before_any_shard_has_heard_of_them() {
    let (mut shards, running) = shards(2);
    let job = single_job();
    let loaded = |id, is_out| {
        let instance = instance(id, is_out);
        AdoptedRun::loaded(instance, job.clone(), 1, &running)
    };
    let (out, waiting) = (loaded(1, true), loaded(2, false));
    shards[0].adopt(vec![waiting], NOW);
    let failed = (InstanceId(2), InstanceStatus::Failed);
    assert_eq!(written(&mut shards[0]), [failed], "too many instances");
    shards[1].adopt(vec![out], NOW);
    assert_eq!(running.get(JobId(1)), 1);
    let again = AdoptedRun::loaded(instance(1, true), job, 1, &running);
    shards[1].adopt(vec![again], NOW);
    assert_eq!(running.get(JobId(1)), 1, "it counts once");
}

// Found by the simulation: the next run was claimed when the end of the former one was decided, and
// both were out when that end was not stored.
#[test]
fn an_ended_run_counts_until_its_end_is_stored() {
    let (mut shards, running) = shards(1);
    let shard = &mut shards[0];
    let run = AdoptedRun::loaded(instance(1, true), single_job(), 1, &running);
    shard.adopt(vec![run], NOW);
    let stop = |shard: &mut Shard| {
        let (reply, _answer) = Reply::channel();
        shard.happen(InstanceId(1), Event::Stop(reply), NOW);
        let stopped = (InstanceId(1), InstanceStatus::Stopped);
        assert_eq!(written(shard), [stopped]);
        assert_eq!(running.get(JobId(1)), 1);
    };
    stop(shard);
    let failed = WriteOutcome::Failed("no space".to_owned());
    shard.committed(vec![(1, failed)], NOW);
    assert_eq!(running.get(JobId(1)), 1, "it is out after all");
    stop(shard);
    shard.committed(vec![(1, WriteOutcome::Applied)], NOW);
    assert_eq!(running.get(JobId(1)), 0);
}

// Found by the simulation: a claimed run whose stop was not stored was taken for sent.
#[test]
fn a_run_that_was_not_sent_is_sent_when_its_stop_is_not_stored() {
    let (mut shards, _) = shards(1);
    let shard = &mut shards[0];
    let run = AdoptedRun {
        present: None,
        instance: Box::new(instance(1, false)),
        job: single_job(),
        epoch: 1,
        is_counted: false,
    };
    shard.adopt(vec![run], NOW);
    let claimed = (InstanceId(1), InstanceStatus::WaitingWorkerReceive);
    assert_eq!(written(shard), [claimed]);
    let (reply, _answer) = Reply::channel();
    shard.happen(InstanceId(1), Event::Stop(reply), NOW);
    shard.committed(vec![(1, WriteOutcome::Applied)], UnixMillis(NOW.0 - 20));
    let stopped = (InstanceId(1), InstanceStatus::Stopped);
    assert_eq!(written(shard), [stopped]);
    let failed = WriteOutcome::Failed("no space".to_owned());
    shard.committed(vec![(1, failed)], NOW);
    assert_eq!(shard.runs[&InstanceId(1)].sends, 1);
    assert_eq!(shard.unconfirmed.len(), 1, "it is looked after");
}

// Found by the simulation: each look at a run that nobody confirmed began its time anew, so that the one of
// a worker that stayed away was never given up.
#[test]
fn an_unconfirmed_run_of_a_worker_that_stays_away_is_given_up() {
    let clock = Arc::new(ManualClock::at(NOW));
    let (mut shards, _) = shards_by(clock.clone(), 1);
    let shard = &mut shards[0];
    let run = AdoptedRun {
        present: None,
        instance: Box::new(instance(1, false)),
        job: Arc::new(job()),
        epoch: 1,
        is_counted: false,
    };
    shard.adopt(vec![run], NOW);
    shard.committed(vec![(1, WriteOutcome::Applied)], NOW);
    for attempt in [1, 2] {
        clock.advance(Duration::from_secs(5));
        shard.check_runs(clock.now());
        assert_eq!(shard.runs[&InstanceId(1)].instance.state.attempt, attempt);
    }
}

// Found by the fault tests: the run was sent when its time came for the second time, an hour later.
#[test]
fn a_claimed_run_goes_out_though_the_clock_is_set_back() {
    let clock = Arc::new(ManualClock::at(UnixMillis(NOW.0 - 20)));
    let (mut shards, _) = shards_by(clock.clone(), 1);
    let shard = &mut shards[0];
    let run = AdoptedRun {
        instance: Box::new(instance(1, false)),
        job: single_job(),
        epoch: 1,
        is_counted: false,
        present: None,
    };
    shard.adopt(vec![run], clock.now());
    shard.committed(vec![(1, WriteOutcome::Applied)], clock.now());
    let sends = |shard: &Shard| shard.runs[&InstanceId(1)].sends;
    assert_eq!(sends(shard), 0, "its time has not come");
    clock.set_off_by(-3_600_000);
    shard.check_runs(clock.now());
    assert_eq!(sends(shard), 1);
}

#[test]
fn the_grace_of_a_run_without_a_worker_is_as_long_when_the_clock_is_set() {
    let clock = Arc::new(ManualClock::at(NOW));
    let (mut shards, _) = shards_by(clock.clone(), 1);
    let shard = &mut shards[0];
    shard.around.workers.remove_app(AppId(1));
    let run = AdoptedRun {
        instance: Box::new(instance(1, false)),
        job: Arc::new(job()),
        epoch: 1,
        is_counted: false,
        present: None,
    };
    shard.adopt(vec![run], NOW);
    let grace = Duration::from_millis(job().no_worker_grace_ms);
    assert!(grace < Duration::from_secs(3_600));
    for (off_by, written_count) in [(3_600_000, 0), (-3_600_000, 0), (-3_600_000, 1)] {
        clock.set_off_by(off_by);
        shard.meet_deadlines(clock.now());
        assert_eq!(shard.outbox.writes.len(), written_count);
        clock.advance(grace / 2);
    }
}

/// A shard with a worker of so many places, and 5,000 runs that wait for the returned time.
fn crowd_before(places: u32, claim_cost: Duration) -> (Shard, RunningCounts, UnixMillis) {
    let (mut shards, running) = shards(1);
    let mut shard = shards.remove(0);
    let roomy = Worker {
        capacity: places,
        ..worker("w1")
    };
    shard.around.workers.put(Arc::new(roomy), None);
    shard.claim_lead = ClaimLead::new(claim_cost, 1);
    let job = Arc::new(JobDefinition {
        max_instances: 0,
        ..job()
    });
    let due = NOW.after(Duration::from_secs(1));
    for id in 1..=5_000 {
        let mut waiting = instance(id, false);
        waiting.state.expected_at = due;
        let run = AdoptedRun {
            instance: Box::new(waiting),
            job: job.clone(),
            epoch: 1,
            is_counted: false,
            present: None,
        };
        shard.adopt(vec![run], NOW);
    }
    (shard, running, due)
}

#[test]
fn the_last_of_a_crowd_are_claimed_early_and_sent_in_time() {
    let (mut shard, _, due) = crowd_before(10_000, claim_lead::CLAIM);
    // 30 ms before its time is usual; 30 µs for each that came before it are added.
    let early = due.before(Duration::from_millis(100));
    shard.meet_deadlines(early);
    let claimed = written(&mut shard);
    assert_eq!(claimed.len(), 2_666);
    let outcomes = claimed
        .iter()
        .map(|(id, _)| (token(*id), WriteOutcome::Applied));
    shard.committed(outcomes.collect(), early);
    let sent = |shard: &Shard| shard.runs.values().filter(|run| run.sends > 0).count();
    assert_eq!(sent(&shard), 0);
    shard.meet_deadlines(due);
    assert_eq!(sent(&shard), 2_666);
    assert_eq!(written(&mut shard).len(), 5_000 - 2_666);
}

#[test]
fn a_run_that_a_half_loaded_ownership_left_is_adopted_anew() {
    let (mut shards, running) = shards(1);
    let shard = &mut shards[0];
    let mut adopt = |is_out: bool, epoch: i64| {
        let run = AdoptedRun::loaded(instance(1, is_out), single_job(), epoch, &running);
        shard.adopt(vec![run], NOW);
        let run = &shard.runs[&InstanceId(1)];
        (run.epoch, run.stored.map(|stored| stored.1))
    };
    assert_eq!(adopt(true, 1), (1, Some(1)));
    assert_eq!(adopt(false, 1), (1, Some(1)), "it is there already");
    assert_eq!(adopt(false, 2), (2, Some(0)));
    assert_eq!(adopt(true, 1), (2, Some(0)), "the older one comes too late");
    assert_eq!(running.get(JobId(1)), 1);
}

#[test]
fn an_early_claim_that_the_store_refused_is_made_again_in_time() {
    let (mut shard, running, due) = crowd_before(10_000, Duration::from_micros(100));
    let early = due.before(Duration::from_millis(400));
    shard.meet_deadlines(early);
    let claimed = written(&mut shard);
    assert_eq!(claimed.len(), 1_300);
    let refused = || WriteOutcome::Failed("no space left".to_owned());
    let outcomes = claimed.iter().map(|(id, _)| (token(*id), refused()));
    shard.committed(outcomes.collect(), early);
    assert_eq!(running.get(JobId(1)), 0);
    shard.meet_deadlines(due.before(Duration::from_millis(31)));
    shard.meet_deadlines(due);
    assert_eq!(written(&mut shard).len(), 5_000);
}

#[test]
fn early_claims_leave_places_to_runs_whose_time_has_come() {
    let (mut shard, running, due) = crowd_before(1_000, claim_lead::CLAIM);
    shard.meet_deadlines(due.before(Duration::from_millis(40)));
    assert_eq!(written(&mut shard).len(), 750);
    assert_eq!(running.get(JobId(1)), 750);
    shard.meet_deadlines(due);
    assert_eq!(written(&mut shard).len(), 250);
    assert_eq!(running.get(JobId(1)), 1_000);
}

#[test]
fn a_start_is_not_stored_while_much_waits_for_the_store() {
    let (mut shards, running) = shards(1);
    let shard = &mut shards[0];
    let run = AdoptedRun::loaded(instance(1, true), single_job(), 1, &running);
    shard.adopt(vec![run], NOW);
    let started = Report {
        attempt: ReportedAttempt::Numbered(1),
        status: ReportedStatus::Running,
        result: String::new(),
        received_at: Some(NOW),
        started_at: Some(NOW),
        finished_at: None,
    };
    let sheet = AnswerSheet::new(1, |_, _| {});
    shard.take_reports(AppId(1), vec![(InstanceId(1), started, sheet.slot(0))], NOW);
    shard.around.backlog.grow(1_000);
    let mut now = NOW.after(Duration::from_secs(5));
    shard.meet_deadlines(now);
    assert_eq!(shard.outbox.later_writes.len(), 0);
    shard.around.backlog.shrink(1);
    now = now.after(Duration::from_secs(5));
    shard.meet_deadlines(now);
    assert_eq!(shard.outbox.later_writes.len(), 1);
}

#[test]
fn reported_ends_and_wishes_of_people_go_different_ways_to_the_store() {
    let (mut shards, running) = shards(1);
    let shard = &mut shards[0];
    let job = Arc::new(job());
    for id in [1, 2] {
        let run = AdoptedRun::loaded(instance(id, true), job.clone(), 1, &running);
        shard.adopt(vec![run], NOW);
    }
    let ended = Report {
        attempt: ReportedAttempt::Numbered(1),
        status: ReportedStatus::Succeed,
        result: String::new(),
        received_at: Some(NOW),
        started_at: Some(NOW),
        finished_at: Some(NOW),
    };
    let sheet = AnswerSheet::new(1, |_, _| {});
    shard.take_reports(AppId(1), vec![(InstanceId(1), ended, sheet.slot(0))], NOW);
    let (reply, _answer) = Reply::channel();
    shard.happen(InstanceId(2), Event::Stop(reply), NOW);
    let tokens = |(_, writes): &(Lane, Vec<(u64, WriteOp)>)| -> Vec<u64> {
        writes.iter().map(|(token, _)| *token).collect()
    };
    let by_lane = shard.outbox.take_writes();
    assert_eq!(by_lane.each_ref().map(tokens), [vec![2], vec![1], vec![]]);
}
