//! Which occurrences of a scheduled job are to be made now? In: its schedule and policy, its next
//! nominal time, the present and how far to look ahead. Out: the occurrences and the next nominal
//! time after them.
//!
//! Invariants:
//! 1. Nominal times grow strictly and lie on the schedule's grid.
//! 2. What is at most [`LATE_MS`] late is made, each for itself. Are times older than that still to
//!    be made, then all that lie before the present are missed, and the policy decides: none of
//!    them, the first, or the last n. The grid goes on after the present.
//! 3. The next nominal time is later than every occurrence made.
//! 4. An occurrence starts at its nominal time or later, by less than its job's jitter, or now. The
//!    delay depends on job and nominal time alone.

use std::time::Duration;

use powerjob_common::id::JobId;
use powerjob_common::status::SwitchableStatus;
use powerjob_common::time::UnixMillis;
use powerjob_common::time_expression::{Lifecycle, Schedule, ScheduleWords};
use serde::Serialize;

use super::job::JobDefinition;
use super::missed::last_missed;
use super::mix::mix;
use super::policy::{Misfire, SchedulePolicy};

/// What is no later than this is late, not missed: longer than a take-over by another server.
pub const LATE_MS: i64 = 3_000;
/// So long after its end a second-level instance is followed by the next one.
const RESTART_PAUSE: Duration = Duration::from_secs(1);
/// The same after a failure: as soon as the reference looks (spec 01 section 2.4).
const FAILURE_PAUSE: Duration = Duration::from_secs(15);
/// Occurrences of one job that are made at once.
const MAX_AT_ONCE: usize = 2_000;

/// When a job runs, and what of it is made when it is late.
#[derive(Debug, Clone, Copy)]
pub struct Timetable<'a> {
    pub job_id: JobId,
    pub schedule: &'a Schedule,
    pub lifecycle: &'a Lifecycle,
    pub policy: SchedulePolicy,
    /// Whether the next time is known only when the run before has ended.
    pub is_loop: bool,
}

/// What to make.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    pub occurrences: Vec<Occurrence>,
    /// `None`: the schedule has ended, or goes on when this run has ended (fixed delay).
    pub next: Option<UnixMillis>,
    /// The first time that was missed, if any was: the policy has decided on all up to now.
    pub missed_since: Option<UnixMillis>,
}

/// One occurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occurrence {
    /// The time on the schedule's grid.
    pub nominal: UnixMillis,
    /// When to start: the nominal time and its jitter, or now if that is over.
    pub start_at: UnixMillis,
}

impl<'a> Timetable<'a> {
    /// That of a job; `schedule` is its schedule as parsed.
    pub fn of(job: &'a JobDefinition, schedule: &'a Schedule) -> Self {
        Self {
            job_id: job.id,
            schedule,
            lifecycle: &job.schedule.lifecycle,
            policy: job.policy,
            is_loop: job.is_loop(),
        }
    }

    fn next_after(&self, previous: UnixMillis) -> Option<UnixMillis> {
        if self.is_loop {
            return None;
        }
        self.schedule.next_after(previous, self.lifecycle, previous)
    }

    fn occurrence(&self, nominal: UnixMillis, now: UnixMillis) -> Occurrence {
        let jitter = jitter_ms(self.job_id, nominal, self.policy.jitter_ms);
        let start_at = UnixMillis(nominal.0.saturating_add(jitter.into())).max(now);
        Occurrence { nominal, start_at }
    }

    /// The missed times up to `now` that run nevertheless; `first` is one of them.
    fn caught_up(&self, first: UnixMillis, now: UnixMillis) -> Vec<UnixMillis> {
        match self.policy.misfire {
            // A loop has one open time; without it, it would stand still.
            _ if self.is_loop => vec![first],
            Misfire::Skip => Vec::new(),
            Misfire::Once => vec![first],
            Misfire::CatchUp { runs } => last_missed(
                self.schedule,
                self.lifecycle,
                first..=now,
                (runs as usize).min(MAX_AT_ONCE),
            ),
        }
    }
}

/// Plans the occurrences from `next` until `now` + `look_ahead`.
pub fn plan(
    table: &Timetable<'_>,
    next: UnixMillis,
    now: UnixMillis,
    look_ahead: Duration,
) -> Plan {
    let mut plan = Plan::default();
    let mut cursor = Some(next);
    if now.0.saturating_sub(next.0) > LATE_MS {
        let caught_up = table.caught_up(next, now).into_iter();
        plan.occurrences = caught_up.map(|time| table.occurrence(time, now)).collect();
        plan.missed_since = Some(next);
        cursor = go_on_after(table, next, now);
    }
    let horizon = now.after(look_ahead);
    while let Some(nominal) = cursor
        && nominal <= horizon
        && plan.occurrences.len() < MAX_AT_ONCE
    {
        plan.occurrences.push(table.occurrence(nominal, now));
        cursor = table.next_after(nominal);
    }
    plan.next = cursor;
    plan
}

/// The delay of an occurrence, up to `most`: spread evenly over nominal times and jobs, the same
/// for the same whenever it is asked.
fn jitter_ms(job_id: JobId, nominal: UnixMillis, most: u32) -> u32 {
    let mixed = mix(job_id.0.cast_unsigned().rotate_left(32) ^ nominal.0.cast_unsigned());
    (((mixed >> 32) * (u64::from(most) + 1)) >> 32) as u32
}

/// The first time of a job that was saved or switched on at `now`; `None`: its schedule has none.
pub fn first_trigger(
    schedule: &Schedule,
    lifecycle: &Lifecycle,
    now: UnixMillis,
) -> Option<UnixMillis> {
    match schedule.words() {
        // A loop begins at once, or where its life begins.
        ScheduleWords::FixedDelay { .. } | ScheduleWords::FixedRate { .. } => {
            let first = lifecycle.start.unwrap_or(now).max(now);
            lifecycle
                .end
                .is_none_or(|end| first <= end)
                .then_some(first)
        }
        _ => schedule.next_after(now, lifecycle, now),
    }
}

/// How the run of a loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LoopRunEnd {
    pub at: UnixMillis,
    pub is_failure: bool,
}

/// The next time of a loop whose run has ended.
pub fn after_run(job: &JobDefinition, schedule: &Schedule, end: LoopRunEnd) -> Option<UnixMillis> {
    let pause = match schedule.words() {
        // The one that makes the beats is not meant to end.
        _ if job.is_second_level() && end.is_failure => FAILURE_PAUSE,
        _ if job.is_second_level() => RESTART_PAUSE,
        ScheduleWords::FixedDelay { every_ms } => {
            Duration::from_millis(u64::try_from(every_ms).unwrap_or(u64::MAX))
        }
        _ => return None,
    };
    let next = end.at.after(pause);
    let is_alive = |end: UnixMillis| next <= end;
    job.schedule
        .lifecycle
        .end
        .is_none_or(is_alive)
        .then_some(next)
}

/// The next time of a job that is taken over at `now` and has none in the store: a loop without a
/// run (`is_busy`: it has one), and what the reference never gives a time.
pub fn take_up(
    job: &JobDefinition,
    schedule: &Schedule,
    is_busy: bool,
    now: UnixMillis,
) -> Option<UnixMillis> {
    if !job.is_loop() {
        return first_trigger(schedule, &job.schedule.lifecycle, now);
    }
    let end = LoopRunEnd {
        at: now,
        is_failure: false,
    };
    match is_busy {
        true => None,
        false => after_run(job, schedule, end),
    }
}

/// Whether a job that is changed goes on with the times it has.
pub fn goes_on(before: &JobDefinition, after: &JobDefinition) -> bool {
    let is_on = |job: &JobDefinition| job.status == SwitchableStatus::Enable;
    let are_second_level = (before.is_second_level(), after.is_second_level());
    let is_same_schedule = match are_second_level {
        // The run that is there is told the rest.
        (true, true) => before.schedule.lifecycle.start == after.schedule.lifecycle.start,
        (false, false) => before.schedule == after.schedule,
        _ => false,
    };
    is_on(before) && is_on(after) && is_same_schedule
}

/// The next time of a job that [`goes_on`]: what is due is made yet, and what was made ahead and
/// called off (`called_off`: the first of it) is made again.
pub fn resume(next: Option<UnixMillis>, called_off: Option<UnixMillis>) -> Option<UnixMillis> {
    next.into_iter().chain(called_off).min()
}

/// The first time on the grid after `now`, when `missed` was the last one used.
pub fn go_on_after(
    table: &Timetable<'_>,
    missed: UnixMillis,
    now: UnixMillis,
) -> Option<UnixMillis> {
    let previous = match table.schedule.words() {
        // The grid of a fixed rate hangs on its own past: jump along it.
        ScheduleWords::FixedRate { every_ms } => {
            let every = every_ms.max(1);
            UnixMillis(missed.0 + (now.0 - missed.0) / every * every)
        }
        _ => now,
    };
    table.next_after(previous)
}

#[cfg(test)]
mod tests;
