use proptest::prelude::*;

use super::*;
use crate::domain::request::tests::request;

const LIMITS: Limits = Limits {
    held: 3,
    unacknowledged: 2,
};

fn key(instance_id: i64, attempt: u32) -> RunKey {
    RunKey {
        instance_id,
        attempt,
        number: 0,
    }
}

fn success() -> RunEnd {
    RunEnd {
        ending: Ending {
            status: InstanceStatus::Succeed,
            text: "ok".into(),
        },
        started_at_ms: 20,
        finished_at_ms: 30,
    }
}

fn table_with(instance_id: i64, attempt: u32) -> TaskTable {
    let mut table = TaskTable::new(LIMITS);
    let admission = table.admit(&request(instance_id, attempt, "noop"), None, 10);
    assert_eq!(admission.verdict, RunVerdict::Accepted);
    table
}

#[test]
fn an_attempt_is_accepted_once() {
    let mut table = table_with(1, 2);
    for attempt in [1, 2] {
        let admission = table.admit(&request(1, attempt, "noop"), None, 10);
        assert_eq!(admission, Admission::only(RunVerdict::Duplicate));
    }
    table.ended(key(1, 2), success()).expect("it was held");
    assert_eq!(
        table.settle(key(1, 2), true, ReportAnswer::Stored),
        Settled::Forgotten
    );
    let late = table.admit(&request(1, 2, "noop"), None, 10);
    assert_eq!(
        late.verdict,
        RunVerdict::Duplicate,
        "also after it was acknowledged"
    );
}

#[test]
fn a_new_attempt_replaces_the_one_in_progress() {
    let mut table = table_with(1, 1);
    let admission = table.admit(&request(1, 2, "noop"), None, 10);
    assert_eq!(
        (admission.verdict, admission.cancels),
        (RunVerdict::Accepted, Some(key(1, 1)))
    );
    assert_eq!(
        table.ended(key(1, 1), success()),
        None,
        "the old attempt has nothing to say"
    );
    assert!(table.is_held(key(1, 2)));
    assert_eq!(table.held_count(), 1);
}

#[test]
fn a_new_attempt_forgets_the_end_of_the_old_one() {
    let mut table = table_with(1, 1);
    table.ended(key(1, 1), success());
    let admission = table.admit(&request(1, 2, "noop"), None, 10);
    assert_eq!(admission.forgets, Some(key(1, 1)));
    assert_eq!(table.unacknowledged_count(), 0);
}

#[test]
fn a_full_table_and_too_many_owed_ends_are_overload() {
    let mut table = TaskTable::new(LIMITS);
    for instance_id in 1..=3 {
        table.admit(&request(instance_id, 1, "noop"), None, 10);
    }
    assert_eq!(
        table.admit(&request(4, 1, "noop"), None, 10).verdict,
        RunVerdict::Overloaded
    );
    table.ended(key(1, 1), success());
    assert_eq!(
        table.admit(&request(4, 1, "noop"), None, 10).verdict,
        RunVerdict::Accepted
    );
    table.ended(key(2, 1), success());
    assert_eq!(
        table.admit(&request(5, 1, "noop"), None, 10).verdict,
        RunVerdict::Overloaded
    );
}

#[test]
fn an_end_is_owed_until_it_is_acknowledged() {
    let mut table = table_with(1, 1);
    let report = table.ended(key(1, 1), success()).expect("it was held");
    assert_eq!(
        (report.status, report.started_at_ms, report.received_at_ms),
        (5, 20, 10)
    );
    assert_eq!(
        table.settle(key(1, 1), false, ReportAnswer::Stored),
        Settled::Nothing
    );
    assert_eq!(
        table.settle(key(1, 1), true, ReportAnswer::Again),
        Settled::Again
    );
    assert_eq!(table.owed(key(1, 1)), Some(&report));
    assert_eq!(table.inventory().1, [&report]);
    assert_eq!(
        table.settle(key(1, 1), true, ReportAnswer::Stale),
        Settled::Forgotten
    );
    assert_eq!(table.owed(key(1, 1)), None);
}

#[test]
fn a_stale_start_cancels_the_run() {
    let mut table = table_with(1, 1);
    assert!(
        table
            .started(key(1, 1), 20)
            .is_some_and(|report| report.status == 3)
    );
    assert_eq!(
        table.settle(key(1, 1), false, ReportAnswer::UnknownInstance),
        Settled::Cancel
    );
    assert_eq!(table.held_count(), 0);
}

#[test]
fn a_stop_concerns_its_attempt_and_earlier_ones() {
    let mut table = table_with(1, 2);
    assert_eq!(table.stop(1, 1, StopReason::User), (false, None));
    let cancel = (key(1, 2), CancelReason::UserStop);
    assert_eq!(table.stop(1, 3, StopReason::User), (true, Some(cancel)));
    assert!(table.is_held(key(1, 2)), "it is held until it ends");
    table.ended(key(1, 2), success());
    assert_eq!(table.stop(1, 2, StopReason::User), (true, None));
}

#[test]
fn a_superseded_run_is_not_reported() {
    let mut table = table_with(1, 1);
    assert!(table.stop(1, 1, StopReason::Superseded).1.is_some());
    assert_eq!(table.ended(key(1, 1), success()), None);
    assert_eq!(table.held_count(), 0);
}

#[test]
fn the_ends_of_an_earlier_life_are_owed_again() {
    let mut table = table_with(1, 1);
    let report = table.ended(key(1, 1), success()).expect("it was held");
    let mut next_life = TaskTable::new(LIMITS);
    next_life.restore(vec![report.clone(), report.clone()]);
    assert_eq!(next_life.inventory().1, [&report]);
    assert_eq!(
        next_life.admit(&request(1, 1, "noop"), None, 9).verdict,
        RunVerdict::Duplicate
    );
}

#[derive(Debug, Clone)]
enum Op {
    Admit(i64, u32),
    Start(i64, u32),
    End(i64, u32),
    Stop(i64, u32, bool),
    Answer(i64, u32, bool, ReportAnswer),
}

fn op() -> impl Strategy<Value = Op> {
    let at = (0..4_i64, 1..4_u32);
    let answer = prop::sample::select(vec![
        ReportAnswer::Stored,
        ReportAnswer::Stale,
        ReportAnswer::UnknownInstance,
        ReportAnswer::Again,
    ]);
    prop_oneof![
        at.clone().prop_map(|(id, attempt)| Op::Admit(id, attempt)),
        at.clone().prop_map(|(id, attempt)| Op::Start(id, attempt)),
        at.clone().prop_map(|(id, attempt)| Op::End(id, attempt)),
        (at.clone(), any::<bool>()).prop_map(|((id, attempt), user)| Op::Stop(id, attempt, user)),
        (at, any::<bool>(), answer)
            .prop_map(|((id, attempt), last, answer)| Op::Answer(id, attempt, last, answer)),
    ]
}

proptest! {
    /// Invariants 1 to 3 against a naive list of accepted and owed attempts.
    #[test]
    fn no_attempt_runs_twice_and_no_end_is_lost(ops in prop::collection::vec(op(), 0..120)) {
        let mut table = TaskTable::new(LIMITS);
        let mut accepted: Vec<RunKey> = Vec::new();
        let mut owed: Vec<RunKey> = Vec::new();
        for op in ops {
            match op {
                Op::Admit(id, attempt) => {
                    let admission = table.admit(&request(id, attempt, "noop"), None, 1);
                    if admission.verdict == RunVerdict::Accepted {
                        prop_assert!(accepted.iter().all(|old| old.instance_id != id || old.attempt < attempt));
                        accepted.push(key(id, attempt));
                        owed.retain(|old| old.instance_id != id);
                    }
                }
                Op::Start(id, attempt) => {
                    table.started(key(id, attempt), 2);
                }
                Op::End(id, attempt) => {
                    let was_held = table.is_held(key(id, attempt));
                    let report = table.ended(key(id, attempt), success());
                    prop_assert_eq!(report.is_some(), was_held);
                    if was_held { owed.push(key(id, attempt)); }
                }
                Op::Stop(id, attempt, user) => {
                    let reason = if user { StopReason::User } else { StopReason::Superseded };
                    table.stop(id, attempt, reason);
                }
                Op::Answer(id, attempt, last, answer) => {
                    if table.settle(key(id, attempt), last, answer) == Settled::Forgotten {
                        prop_assert!(last && answer != ReportAnswer::Again);
                        owed.retain(|old| *old != key(id, attempt));
                    }
                }
            }
            let (held, reports) = table.inventory();
            prop_assert_eq!(held.len(), table.held_count());
            prop_assert!(held.len() <= LIMITS.held);
            let mut found: Vec<_> = reports.into_iter().map(RunKey::of_report).collect();
            found.sort();
            owed.sort();
            prop_assert_eq!(&found, &owed);
        }
    }
}

#[test]
fn an_attempt_that_is_known_is_not_refused() {
    let mut table = TaskTable::new(Limits {
        held: 4,
        unacknowledged: 4,
    });
    let (item, refusal) = (request(1, 1, "noop"), Some(RunVerdict::Overloaded));
    let refused = table.admit(&item, refusal.clone(), 1);
    assert_eq!(refused, Admission::only(RunVerdict::Overloaded));
    assert_eq!(table.admit(&item, None, 1).verdict, RunVerdict::Accepted);
    let again = table.admit(&item, refusal, 2);
    assert_eq!(again, Admission::only(RunVerdict::Duplicate));
}
