//! What does an event make of an instance? In: its state and the event. Out: its next state, or why
//! there is none.
//!
//! Invariants:
//! 1. Every change is one that [`InstanceStatus::may_become`] allows.
//! 2. A final state absorbs: only a retry by hand leaves it.
//! 3. An event of another attempt than the present one changes nothing.
//! 4. The attempt never goes back and grows only by a claim.
//! 5. A job with n retries makes at most n + 1 confirmed attempts; claims that no worker confirmed
//!    do not count, but at most [`MAX_UNCONFIRMED_CLAIMS`] follow each other, and neither do masters
//!    from which another worker took over, at most [`MOST_MASTERS`].

use powerjob_common::id::{InstanceId, NodeRef};
use powerjob_common::status::InstanceStatus;
use powerjob_common::time::UnixMillis;

use super::back_off::{chance_of, retry_wait};
use super::instance::{InstanceState, TrackerRef, is_out};
use super::policy::RetryPolicy;

/// An instance that goes on with another master after each loss gets so many attempts at most: it may
/// be what ends its masters.
pub const MOST_MASTERS: u32 = 20;
/// Claims in a row that no worker confirms before the instance fails.
pub const MAX_UNCONFIRMED_CLAIMS: u32 = 10;
/// Result of a stopped instance, as the reference has it.
pub const STOPPED_BY_USER: &str = "stopped by user";
/// Result of an instance that was stopped without waiting for its processor.
pub const KILLED_BY_USER: &str = "killed by user";
/// Result of a canceled instance, as the reference has it.
pub const CANCELED_BY_USER: &str = "canceled by user";

/// What a job allows after failures.
#[derive(Debug, Clone, Copy)]
pub struct Retries<'a> {
    /// Further attempts after the first one.
    pub budget: u32,
    /// How long a failed run waits for the next one.
    pub policy: &'a RetryPolicy,
    /// The instance, whose number decides by how much chance shortens the wait.
    pub instance: InstanceId,
}

impl Retries<'_> {
    /// When the attempt after the present one may start, which failed at `now`.
    fn next_at(&self, state: &InstanceState, now: UnixMillis) -> UnixMillis {
        let chance = chance_of(self.instance, state.attempt);
        now.after(retry_wait(self.policy, state.running_times, chance))
    }
}

/// A worker's report about one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub attempt: ReportedAttempt,
    pub status: ReportedStatus,
    /// While it runs: what became of a task attempt that the worker repeats.
    pub result: String,
    pub received_at: Option<UnixMillis>,
    pub started_at: Option<UnixMillis>,
    pub finished_at: Option<UnixMillis>,
}

/// Which attempt a worker reports about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportedAttempt {
    Numbered(u32),
    /// The worker does not count attempts: the present one, if it is this worker that has it.
    PresentOf(NodeRef),
}

impl ReportedAttempt {
    /// Its number, if the instance can have it.
    fn number(&self, state: &InstanceState) -> Option<u32> {
        match self {
            Self::Numbered(number) => Some(*number),
            Self::PresentOf(node) => {
                let tracker = state.tracker.as_ref()?;
                (tracker.node == *node).then_some(state.attempt)
            }
        }
    }
}

/// What a worker may report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportedStatus {
    Running,
    Failed,
    Succeed,
    Stopped,
    /// The worker shuts down; another one goes on from where it was.
    HandedOn,
}

impl ReportedStatus {
    /// The status of a code on the wire.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::HandedOn),
            3 => Some(Self::Running),
            4 => Some(Self::Failed),
            5 => Some(Self::Succeed),
            10 => Some(Self::Stopped),
            _ => None,
        }
    }
}

/// What an event makes of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Folded {
    /// Nothing new.
    Unchanged,
    /// The event belongs to another attempt, or a final state stands.
    Stale,
    /// Worth knowing, not worth waiting for: to be stored at leisure.
    Noted(InstanceState),
    /// To be stored before anyone is told.
    Changed(Box<Change>),
}

/// When the processor of the present attempt began, if that becomes known by this event.
pub fn first_start(before: &InstanceState, folded: &Folded) -> Option<UnixMillis> {
    let after = match folded {
        Folded::Unchanged | Folded::Stale => return None,
        Folded::Noted(next) => next,
        Folded::Changed(change) => change.ended.as_ref().unwrap_or(&change.next),
    };
    after.started_at.filter(|_| before.started_at.is_none())
}

/// A change that is stored before it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub next: InstanceState,
    /// The attempt that ended, when another one follows.
    pub ended: Option<InstanceState>,
}

impl Change {
    fn to(next: InstanceState) -> Folded {
        Folded::Changed(Box::new(Self { next, ended: None }))
    }

    fn after(ended: InstanceState, next: InstanceState) -> Folded {
        Folded::Changed(Box::new(Self {
            next,
            ended: Some(ended),
        }))
    }
}

/// A new instance that waits for its time.
pub fn waiting(expected_at: UnixMillis) -> InstanceState {
    InstanceState {
        status: InstanceStatus::WaitingDispatch,
        attempt: 0,
        running_times: 0,
        unconfirmed_claims: 0,
        expected_at,
        dispatched_at: None,
        received_at: None,
        started_at: None,
        finished_at: None,
        recorded_at: None,
        tracker: None,
        result: None,
    }
}

/// Claims a waiting instance for a worker.
pub fn claim(state: &InstanceState, tracker: TrackerRef, now: UnixMillis) -> InstanceState {
    debug_assert_eq!(state.status, InstanceStatus::WaitingDispatch);
    InstanceState {
        status: InstanceStatus::WaitingWorkerReceive,
        attempt: state.attempt + 1,
        unconfirmed_claims: state.unconfirmed_claims + 1,
        dispatched_at: Some(now),
        tracker: Some(tracker),
        ..cleared(state)
    }
}

/// A worker took the present attempt.
pub fn fold_confirmation(state: &InstanceState, attempt: u32) -> Folded {
    if !is_present(state, attempt) {
        return Folded::Stale;
    }
    if state.unconfirmed_claims == 0 {
        return Folded::Unchanged;
    }
    Folded::Noted(confirmed(state))
}

/// A worker refused the present attempt because it has no room or shuts down.
pub fn fold_refusal(state: &InstanceState, attempt: u32, now: UnixMillis) -> Folded {
    if !is_present(state, attempt) || state.unconfirmed_claims == 0 {
        return Folded::Stale;
    }
    let mut next = waiting_again(state, now);
    next.unconfirmed_claims = state.unconfirmed_claims - 1;
    Change::to(next)
}

/// A worker says that the run can never work.
pub fn fold_invalid(state: &InstanceState, attempt: u32, cause: &str, now: UnixMillis) -> Folded {
    if !is_present(state, attempt) {
        return Folded::Stale;
    }
    Change::to(finished(
        &confirmed(state),
        InstanceStatus::Failed,
        cause,
        now,
    ))
}

/// The claim reached nobody: another worker may have the instance at once.
pub fn fold_unreceived(
    state: &InstanceState,
    attempt: u32,
    cause: &str,
    now: UnixMillis,
) -> Folded {
    if !is_present(state, attempt) {
        return Folded::Stale;
    }
    if state.unconfirmed_claims == 0 {
        return Folded::Unchanged;
    }
    if state.unconfirmed_claims < MAX_UNCONFIRMED_CLAIMS {
        return Change::to(waiting_again(state, now));
    }
    let cause = format!("{MAX_UNCONFIRMED_CLAIMS} workers in a row did not take the run: {cause}");
    Change::to(finished(state, InstanceStatus::Failed, &cause, now))
}

/// The worker of the present attempt is gone, or does not have the run any more.
pub fn fold_lost(
    state: &InstanceState,
    attempt: u32,
    cause: &str,
    retries: u32,
    now: UnixMillis,
) -> Folded {
    if !is_present(state, attempt) {
        return Folded::Stale;
    }
    if state.unconfirmed_claims > 0 {
        return fold_unreceived(state, attempt, cause, now);
    }
    let ended = finished(state, InstanceStatus::Failed, cause, now);
    if state.running_times <= retries {
        return Change::after(ended, waiting_again(state, now));
    }
    Change::to(ended)
}

/// As [`fold_lost`], for an instance with which another worker goes on from where this one was: that
/// is no new try, so it uses up no retry.
pub fn fold_master_lost(
    state: &InstanceState,
    attempt: u32,
    cause: &str,
    retries: u32,
    now: UnixMillis,
) -> Folded {
    let is_confirmed = is_present(state, attempt) && state.unconfirmed_claims == 0;
    if !is_confirmed || attempt >= MOST_MASTERS {
        return fold_lost(state, attempt, cause, retries, now);
    }
    let mut next = waiting_again(state, now);
    next.running_times = state.running_times.saturating_sub(1);
    let ended = finished(state, InstanceStatus::Failed, cause, now);
    Change::after(ended, next)
}

/// A worker reports. A success of an attempt that was given up, but not replaced yet, counts.
pub fn fold_report(
    state: &InstanceState,
    report: &Report,
    retries: Retries<'_>,
    now: UnixMillis,
) -> Folded {
    let Some(attempt) = report.attempt.number(state) else {
        return Folded::Stale;
    };
    let awaits_retry = state.status == InstanceStatus::WaitingDispatch && state.attempt > 0;
    let is_late_success =
        awaits_retry && state.attempt == attempt && report.status == ReportedStatus::Succeed;
    if !is_present(state, attempt) && !is_late_success {
        return Folded::Stale;
    }
    let mut known = confirmed(state);
    known.received_at = report.received_at.or(known.received_at);
    known.started_at = report.started_at.or(known.started_at);
    let status = match report.status {
        ReportedStatus::Running => {
            known.status = InstanceStatus::Running;
            if !report.result.is_empty() {
                known.result = Some(report.result.clone());
            }
            return if known == *state {
                Folded::Unchanged
            } else {
                Folded::Noted(known)
            };
        }
        ReportedStatus::HandedOn => {
            let cause = &report.result;
            return fold_master_lost(&known, attempt, cause, retries.budget, now);
        }
        ReportedStatus::Failed => InstanceStatus::Failed,
        ReportedStatus::Succeed => InstanceStatus::Succeed,
        ReportedStatus::Stopped => InstanceStatus::Stopped,
    };
    let mut ended = finished(&known, status, &report.result, now);
    ended.finished_at = report.finished_at.or(ended.finished_at);
    if status == InstanceStatus::Failed && known.running_times <= retries.budget {
        let next = waiting_again(&known, retries.next_at(&known, now));
        return Change::after(ended, next);
    }
    Change::to(ended)
}

/// The instance can not be given to any worker.
pub fn fail(state: &InstanceState, cause: &str, now: UnixMillis) -> InstanceState {
    finished(state, InstanceStatus::Failed, cause, now)
}

/// A person stops an open instance; `None` when it has ended.
pub fn stop(state: &InstanceState, now: UnixMillis) -> Option<InstanceState> {
    (!state.status.is_finished())
        .then(|| finished(state, InstanceStatus::Stopped, STOPPED_BY_USER, now))
}

/// A person ends an open instance without waiting for its processor; `None` when it has ended.
pub fn kill(state: &InstanceState, now: UnixMillis) -> Option<InstanceState> {
    (!state.status.is_finished())
        .then(|| finished(state, InstanceStatus::Stopped, KILLED_BY_USER, now))
}

/// A person calls off an instance that no worker has; `None` when one has it or it has ended.
pub fn cancel(state: &InstanceState, now: UnixMillis) -> Option<InstanceState> {
    call_off(state, CANCELED_BY_USER, now)
}

/// A run that no worker has is not to be carried out; `None` when one has it or it has ended.
pub fn call_off(state: &InstanceState, cause: &str, now: UnixMillis) -> Option<InstanceState> {
    (state.status == InstanceStatus::WaitingDispatch)
        .then(|| finished(state, InstanceStatus::Canceled, cause, now))
}

/// Its job does not want an open instance any more; `None` when it has ended.
pub fn end_by_job(state: &InstanceState, cause: &str, now: UnixMillis) -> Option<InstanceState> {
    (!state.status.is_finished()).then(|| finished(state, InstanceStatus::Stopped, cause, now))
}

/// Another run takes the place of one that a worker has; `None` when none has it.
pub fn replace(state: &InstanceState, cause: &str, now: UnixMillis) -> Option<InstanceState> {
    is_present(state, state.attempt).then(|| finished(state, InstanceStatus::Stopped, cause, now))
}

/// A person runs a finished instance again, with a fresh budget of retries; `None` when it is open.
pub fn retry(state: &InstanceState, now: UnixMillis) -> Option<Change> {
    if !state.status.is_finished() {
        return None;
    }
    let mut next = waiting_again(state, now);
    (next.running_times, next.unconfirmed_claims) = (0, 0);
    let ended = (state.attempt > 0).then(|| state.clone());
    Some(Change { next, ended })
}

/// A person has the failed tasks of a finished instance carried out once more; `None` when it is open.
/// Should tasks fail again, no retry of everything may follow by itself.
pub fn retry_failed_tasks(state: &InstanceState, retries: u32, now: UnixMillis) -> Option<Change> {
    let mut change = retry(state, now)?;
    change.next.running_times = retries;
    Some(change)
}

/// Whether a worker has this attempt.
fn is_present(state: &InstanceState, attempt: u32) -> bool {
    is_out(state) && state.attempt == attempt
}

fn confirmed(state: &InstanceState) -> InstanceState {
    let mut next = state.clone();
    if next.unconfirmed_claims > 0 {
        next.unconfirmed_claims = 0;
        next.running_times += 1;
    }
    next
}

fn cleared(state: &InstanceState) -> InstanceState {
    InstanceState {
        attempt: state.attempt,
        running_times: state.running_times,
        unconfirmed_claims: state.unconfirmed_claims,
        ..waiting(state.expected_at)
    }
}

fn waiting_again(state: &InstanceState, expected_at: UnixMillis) -> InstanceState {
    InstanceState {
        expected_at,
        ..cleared(state)
    }
}

fn finished(
    state: &InstanceState,
    status: InstanceStatus,
    result: &str,
    now: UnixMillis,
) -> InstanceState {
    InstanceState {
        status,
        result: Some(result.to_owned()),
        finished_at: Some(now),
        recorded_at: Some(now),
        ..state.clone()
    }
}

#[cfg(test)]
mod tests;
