use powerjob_common::status::SwitchableStatus;
use powerjob_common::time::ManualClock;

use super::*;
use crate::domain::instance::Trigger;
use crate::domain::worker_filter::tests::job;
use crate::store::write::{TriggerWrite, WriteOutcome};

const NOW: UnixMillis = UnixMillis(10_000);
const TOKEN: u64 = 1;

struct Stage {
    clock: Arc<ManualClock>,
    planner: Planner,
}

/// A planner that has a job of this rate, in milliseconds, whose next time is `next`.
fn stage(every_ms: u64, next: i64) -> Stage {
    let clock = Arc::new(ManualClock::at(NOW));
    let ownership = Ownership::new(clock.clone());
    ownership.extend(Duration::from_secs(100));
    ownership.enter(AppId(1), 1);
    let mut planner = Planner::new(PlannerParts {
        clock: clock.clone(),
        jobs: JobTable::default(),
        ownership,
        zone: chrono_tz::UTC,
        look_ahead: Duration::from_secs(1),
        ids: InstanceIdGenerator::new(0, 1),
        shards: 1,
    });
    let mut job = job();
    job.schedule.kind = TimeExpressionType::FixedRate;
    job.schedule.expression = every_ms.to_string();
    job.next_trigger_at = Some(UnixMillis(next));
    let next = job.next_trigger_at;
    planner.schedule_app(ScheduleApp {
        app_id: AppId(1),
        is_entered: true,
        jobs: vec![LoadedJob { job, next }],
    });
    Stage { clock, planner }
}

impl Stage {
    /// The trigger that the planner wants to write now, if it wants one.
    fn trigger(&mut self) -> Option<TriggerWrite> {
        self.clock.advance(TURN_PAUSE);
        self.planner.look();
        self.written()
    }

    fn written(&mut self) -> Option<TriggerWrite> {
        let (_, write) = self.planner.outbox.writes.pop()?;
        assert!(self.planner.outbox.writes.is_empty());
        match write {
            WriteOp::Trigger(trigger) => Some(*trigger),
            other => panic!("{other:?}"),
        }
    }

    fn committed(&mut self, outcome: WriteOutcome) -> Option<TriggerWrite> {
        self.planner.committed(vec![(TOKEN, outcome)]);
        self.written()
    }
}

fn nominals(trigger: &TriggerWrite) -> Vec<i64> {
    let nominal = |trigger| match trigger {
        Trigger::Schedule { nominal } => nominal.0,
        other => panic!("{other:?}"),
    };
    let instances = trigger.instances.iter();
    instances.map(|it| nominal(it.trigger)).collect()
}

// Found by the simulation: an edit makes the times of the last second anew, and one of them was
// claimed already.
#[test]
fn an_occurrence_that_exists_does_not_take_the_others_with_it() {
    let mut stage = stage(400, 10_200);
    let first = stage.trigger().expect("due");
    assert_eq!(nominals(&first), [10_200, 10_600, 11_000]);
    let alone = stage.committed(WriteOutcome::Duplicate).expect("again");
    assert_eq!(nominals(&alone), [10_200]);
    let passed = stage.committed(WriteOutcome::Duplicate).expect("again");
    assert!(nominals(&passed).is_empty());
    assert_eq!(passed.next, Some(UnixMillis(10_600)));
    assert!(stage.committed(WriteOutcome::Applied).is_none());
    let rest = stage.trigger().expect("the others");
    assert_eq!(nominals(&rest), [10_600, 11_000]);
}

// Found by the simulation: the outcome of the earlier trigger was taken for that of the later one,
// and its occurrences were forgotten.
#[test]
fn a_job_that_is_saved_waits_for_the_trigger_that_is_under_way() {
    let mut stage = stage(400, 10_200);
    stage.trigger().expect("due");
    let saved = JobDefinition {
        revision: 2,
        ..(*stage.planner.parts.jobs.get(JobId(1)).expect("known")).clone()
    };
    stage.planner.saved(&Arc::new(saved.clone()), false);
    assert!(stage.trigger().is_none(), "the earlier one is under way");
    assert!(stage.committed(WriteOutcome::Stale).is_none());
    assert_eq!(stage.planner.outbox.reloads, [JobId(1)]);
    stage.planner.reloaded(JobId(1), Ok(saved));
    assert_eq!(stage.trigger().expect("now").job_revision, 2);
}

#[test]
fn a_rate_that_is_saved_goes_on_while_its_trigger_is_under_way() {
    let mut stage = stage(400, 10_200);
    stage.trigger().expect("due");
    let job = stage.planner.parts.jobs.get(JobId(1)).expect("known");
    assert_eq!(job.status, SwitchableStatus::Enable);
    let schedule = parse(&job.schedule, chrono_tz::UTC).expect("valid");
    let next = stage.planner.next_of_saved(&job, &schedule, NOW);
    assert_eq!(next, Some(UnixMillis(10_200)));
}

#[test]
fn a_pause_is_not_longer_when_the_clock_is_set_back() {
    let Stage { clock, mut planner } = stage(1_000, NOW.0 - 3_600_000);
    planner.not_before = NOW.after(TURN_PAUSE);
    clock.set_off_by(-3_600_000);
    let next = planner.next_deadline().expect("a job is due");
    assert!(next <= clock.now().after(STORE_PAUSE), "{next}");
    clock.advance(STORE_PAUSE);
    planner.look();
    clock.advance(STORE_PAUSE);
    planner.look();
    assert_eq!(planner.outbox.writes.len(), 1);
}
