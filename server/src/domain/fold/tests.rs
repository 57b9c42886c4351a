use powerjob_common::id::NodeRef;
use proptest::prelude::*;

use super::*;
use crate::domain::policy::BackOff;

const NOW: UnixMillis = UnixMillis(1_000_000);
const POLICY: RetryPolicy = RetryPolicy {
    back_off: BackOff::Exponential {
        first_ms: 100,
        factor: 2.0,
        limit_ms: 300,
    },
    jitter: 0.0,
};

fn budget_of(budget: u32) -> Retries<'static> {
    Retries {
        budget,
        policy: &POLICY,
        instance: InstanceId(1),
    }
}

fn tracker(name: &str) -> TrackerRef {
    TrackerRef {
        node: NodeRef {
            node_id: name.to_owned(),
            incarnation: 1,
        },
        address: format!("{name}:1"),
    }
}

fn claimed() -> InstanceState {
    claim(&waiting(NOW), tracker("w1"), NOW)
}

fn running() -> InstanceState {
    match fold_report(
        &claimed(),
        &report(1, ReportedStatus::Running),
        budget_of(0),
        NOW,
    ) {
        Folded::Noted(state) => state,
        other => panic!("a start is noted, not {other:?}"),
    }
}

fn report(attempt: u32, status: ReportedStatus) -> Report {
    Report {
        attempt: ReportedAttempt::Numbered(attempt),
        status,
        result: match status {
            ReportedStatus::Running => String::new(),
            _ => "r".to_owned(),
        },
        received_at: Some(UnixMillis(1)),
        started_at: Some(UnixMillis(2)),
        finished_at: (status != ReportedStatus::Running).then_some(UnixMillis(3)),
    }
}

fn changed(folded: Folded) -> Change {
    match folded {
        Folded::Changed(change) => *change,
        other => panic!("expected a change, found {other:?}"),
    }
}

#[test]
fn success_ends_the_instance_with_the_times_of_the_worker() {
    let change = changed(fold_report(
        &claimed(),
        &report(1, ReportedStatus::Succeed),
        budget_of(3),
        NOW,
    ));
    assert_eq!(change.next.status, InstanceStatus::Succeed);
    assert_eq!(change.next.finished_at, Some(UnixMillis(3)));
    assert_eq!(change.next.recorded_at, Some(NOW));
    assert_eq!((change.next.running_times, change.ended), (1, None));
}

#[test]
fn a_failed_task_attempt_shows_until_the_run_ends() {
    let repeats = Report {
        result: "task attempt 1 of 2 failed: no".to_owned(),
        ..report(1, ReportedStatus::Running)
    };
    let Folded::Noted(state) = fold_report(&running(), &repeats, budget_of(0), NOW) else {
        panic!("it is noted");
    };
    assert_eq!(
        state.result.as_deref(),
        Some("task attempt 1 of 2 failed: no")
    );
    let end = report(1, ReportedStatus::Succeed);
    let change = changed(fold_report(&state, &end, budget_of(0), NOW));
    assert_eq!(change.next.result.as_deref(), Some("r"));
}

#[test]
fn failures_are_retried_while_the_budget_lasts() {
    let mut state = waiting(NOW);
    let mut attempts = 0;
    while !state.status.is_finished() {
        let out = claim(&state, tracker("w1"), NOW);
        attempts += 1;
        let change = changed(fold_report(
            &out,
            &report(attempts, ReportedStatus::Failed),
            budget_of(2),
            NOW,
        ));
        assert_eq!(change.ended.is_some(), !change.next.status.is_finished());
        state = change.next;
    }
    assert_eq!((attempts, state.status), (3, InstanceStatus::Failed));
}

#[test]
fn a_failed_attempt_waits_before_the_next() {
    let failed = report(1, ReportedStatus::Failed);
    let change = changed(fold_report(&running(), &failed, budget_of(1), NOW));
    assert_eq!(change.next.expected_at, UnixMillis(NOW.0 + 100));
    assert_eq!(change.next.tracker, None);
    let ended = change.ended.expect("another attempt follows");
    assert_eq!(ended.status, InstanceStatus::Failed);
    assert_eq!(ended.tracker, Some(tracker("w1")));
}

/// Spec 01 section 11 case 47: the wait is kept with the instance and grows by the job's rule.
#[test]
fn waits_between_attempts_grow_by_the_rule_of_the_job() {
    let mut state = waiting(NOW);
    let mut waits = Vec::new();
    for attempt in 1..=4 {
        let out = claim(&state, tracker("w1"), NOW);
        let failed = report(attempt, ReportedStatus::Failed);
        state = changed(fold_report(&out, &failed, budget_of(9), NOW)).next;
        waits.push(state.expected_at.0 - NOW.0);
    }
    assert_eq!(waits, [100, 200, 300, 300]);
}

#[test]
fn reports_of_another_attempt_are_stale() {
    let second = claim(
        &changed(fold_lost(&running(), 1, "x", 1, NOW)).next,
        tracker("w2"),
        NOW,
    );
    for status in [ReportedStatus::Running, ReportedStatus::Succeed] {
        assert_eq!(
            fold_report(&second, &report(1, status), budget_of(1), NOW),
            Folded::Stale
        );
    }
}

#[test]
fn final_states_absorb_reports() {
    let stopped = stop(&running(), NOW).expect("it was open");
    for status in [ReportedStatus::Running, ReportedStatus::Succeed] {
        assert_eq!(
            fold_report(&stopped, &report(1, status), budget_of(9), NOW),
            Folded::Stale
        );
    }
    assert_eq!(fold_lost(&stopped, 1, "x", 9, NOW), Folded::Stale);
}

#[test]
fn a_late_success_of_an_attempt_given_up_counts() {
    let waits = changed(fold_lost(&running(), 1, "x", 1, NOW)).next;
    let change = changed(fold_report(
        &waits,
        &report(1, ReportedStatus::Succeed),
        budget_of(1),
        NOW,
    ));
    assert_eq!(change.next.status, InstanceStatus::Succeed);
    assert_eq!(
        fold_report(
            &waits,
            &report(1, ReportedStatus::Running),
            budget_of(1),
            NOW
        ),
        Folded::Stale
    );
}

#[test]
fn a_lost_worker_uses_up_a_retry_only_if_it_had_confirmed() {
    let lost = changed(fold_lost(&running(), 1, "worker lost: w1", 0, NOW)).next;
    assert_eq!(lost.status, InstanceStatus::Failed);
    assert_eq!(lost.result.as_deref(), Some("worker lost: w1"));
    let unconfirmed = changed(fold_lost(&claimed(), 1, "worker lost: w1", 0, NOW)).next;
    assert_eq!(unconfirmed.status, InstanceStatus::WaitingDispatch);
    assert_eq!(unconfirmed.running_times, 0);
}

#[test]
fn a_lost_master_uses_up_no_retry_but_not_for_ever() {
    let (mut state, mut masters) = (waiting(NOW), 0);
    while !state.status.is_finished() {
        masters += 1;
        state = claim(&state, tracker("w1"), NOW);
        if let Folded::Noted(confirmed) = fold_confirmation(&state, masters) {
            state = confirmed;
        }
        let folded = fold_master_lost(&state, masters, "worker lost: w1", 0, NOW);
        let Folded::Changed(change) = folded else {
            panic!("{folded:?}");
        };
        let is_kept = change.ended.is_some();
        assert_eq!(is_kept, masters < MOST_MASTERS, "the lost one is history");
        state = change.next;
        assert!(state.running_times <= 1);
    }
    assert_eq!((masters, state.status), (20, InstanceStatus::Failed));
    let stale = fold_master_lost(&state, 20, "x", 9, NOW);
    assert_eq!(stale, Folded::Stale);
    let unconfirmed = changed(fold_master_lost(&claimed(), 1, "x", 0, NOW)).next;
    assert_eq!(unconfirmed.unconfirmed_claims, 1, "it never was a master");
}

#[test]
fn a_master_that_hands_its_instance_on_uses_up_no_retry() {
    let said = report(1, ReportedStatus::HandedOn);
    for state in [claimed(), running()] {
        let change = changed(fold_report(&state, &said, budget_of(0), NOW));
        let ended = change.ended.expect("history");
        assert_eq!(ended.result.as_deref(), Some("r"));
        let next = (change.next.status, change.next.running_times);
        assert_eq!(next, (InstanceStatus::WaitingDispatch, 0));
        assert_eq!(change.next.expected_at, NOW, "at once");
        let late = fold_report(&change.next, &said, budget_of(0), NOW);
        assert_eq!(late, Folded::Stale, "said twice");
    }
}

#[test]
fn ten_unconfirmed_claims_in_a_row_are_the_end() {
    let mut state = waiting(NOW);
    let mut claims = 0;
    while !state.status.is_finished() {
        state = claim(&state, tracker("w1"), NOW);
        claims += 1;
        state = changed(fold_unreceived(&state, claims, "gone", NOW)).next;
    }
    assert_eq!((claims, state.status), (10, InstanceStatus::Failed));
}

#[test]
fn a_refused_claim_does_not_count_at_all() {
    let next = changed(fold_refusal(&claimed(), 1, NOW)).next;
    assert_eq!((next.unconfirmed_claims, next.running_times), (0, 0));
    assert_eq!(next.attempt, 1, "the fence never goes back");
    assert_eq!(fold_refusal(&running(), 1, NOW), Folded::Stale);
}

#[test]
fn cancel_stop_and_retry_look_at_the_state() {
    assert!(cancel(&waiting(NOW), NOW).is_some());
    assert!(cancel(&claimed(), NOW).is_none());
    assert!(retry(&running(), NOW).is_none());
    let stopped = stop(&running(), NOW).expect("it was open");
    assert!(stop(&stopped, NOW).is_none());
    let again = retry(&stopped, NOW).expect("it has ended");
    assert_eq!(again.next.running_times, 0);
    assert_eq!(again.ended, Some(stopped));
}

#[derive(Debug, Clone)]
enum Step {
    Claim,
    Confirm(u32),
    Refuse(u32),
    Unreceived(u32),
    Lost(u32),
    MasterLost(u32),
    Report(u32, ReportedStatus),
    Stop,
    Cancel,
}

fn any_step() -> impl Strategy<Value = Step> {
    let attempt = 0..4_u32;
    prop_oneof![
        4 => Just(Step::Claim),
        1 => attempt.clone().prop_map(Step::Confirm),
        1 => attempt.clone().prop_map(Step::Refuse),
        1 => attempt.clone().prop_map(Step::Unreceived),
        1 => attempt.clone().prop_map(Step::Lost),
        1 => attempt.clone().prop_map(Step::MasterLost),
        3 => (attempt, prop_oneof![
            Just(ReportedStatus::Running),
            Just(ReportedStatus::Failed),
            Just(ReportedStatus::Succeed),
            Just(ReportedStatus::Stopped),
            Just(ReportedStatus::HandedOn),
        ]).prop_map(|(attempt, status)| Step::Report(attempt, status)),
        1 => Just(Step::Stop),
        1 => Just(Step::Cancel),
    ]
}

fn apply(state: &InstanceState, step: &Step, retries: u32) -> Option<InstanceState> {
    let folded = match step {
        Step::Claim if state.status == InstanceStatus::WaitingDispatch => {
            return Some(claim(state, tracker("w1"), NOW));
        }
        Step::Claim => return None,
        Step::Confirm(attempt) => fold_confirmation(state, *attempt),
        Step::Refuse(attempt) => fold_refusal(state, *attempt, NOW),
        Step::Unreceived(attempt) => fold_unreceived(state, *attempt, "x", NOW),
        Step::Lost(attempt) => fold_lost(state, *attempt, "x", retries, NOW),
        Step::MasterLost(attempt) => fold_master_lost(state, *attempt, "x", retries, NOW),
        Step::Report(attempt, status) => {
            fold_report(state, &report(*attempt, *status), budget_of(retries), NOW)
        }
        Step::Stop => return stop(state, NOW),
        Step::Cancel => return cancel(state, NOW),
    };
    match folded {
        Folded::Unchanged | Folded::Stale => None,
        Folded::Noted(next) => Some(next),
        Folded::Changed(change) => Some(change.next),
    }
}

proptest! {
    #[test]
    fn every_change_is_legal(steps in prop::collection::vec(any_step(), 0..60), retries in 0..3_u32) {
        let mut state = waiting(NOW);
        for step in &steps {
            let Some(next) = apply(&state, step, retries) else { continue };
            let is_late_success = state.status == InstanceStatus::WaitingDispatch
                && next.status == InstanceStatus::Succeed;
            prop_assert!(
                state.status == next.status || is_late_success || state.status.may_become(next.status),
                "{} -> {} by {:?}", state.status, next.status, step
            );
            prop_assert!(!state.status.is_finished());
            prop_assert!(next.attempt >= state.attempt);
            prop_assert!(next.running_times <= retries + 1);
            prop_assert!(next.unconfirmed_claims <= MAX_UNCONFIRMED_CLAIMS);
            state = next;
        }
    }
}
