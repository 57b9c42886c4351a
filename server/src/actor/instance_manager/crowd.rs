//! Runs of one job that are due while others of it are out.
//!
//! All runs of a job that does not simply allow overlap are kept by one shard ([`home_of`]), so that
//! each knows the others.

use powerjob_common::id::InstanceId;
use powerjob_common::time::UnixMillis;
use powerjob_protocol::wire::server_to_worker::StopReason;

use super::run::{Event, Run};
use super::shard::Shard;
use crate::domain::dispatch::WaitsFor;
use crate::domain::fold::{self, Change};
use crate::domain::overlap::{Crowd, Crowded, OutOfMax, on_crowd, run_limit};
use crate::domain::policy::Overlap;

impl Shard {
    /// Takes a run into the table.
    pub(super) fn enter(&mut self, run: Run) {
        let id = run.instance.instance_id;
        if run.job.policy.overlap == Overlap::Replace {
            self.replaceable.entry(run.job.id).or_default().insert(id);
        }
        self.note_beating(&run);
        self.runs.insert(id, run);
    }

    /// Takes a run out of the table.
    pub(super) fn leave(&mut self, id: InstanceId) -> Option<Run> {
        let run = self.runs.remove(&id)?;
        for by_job in [&mut self.replaceable, &mut self.beating] {
            if let Some(ids) = by_job.get_mut(&run.job.id) {
                ids.remove(&id);
                if ids.is_empty() {
                    by_job.remove(&run.job.id);
                }
            }
        }
        Some(run)
    }

    /// What becomes of a new run that is due while `out` others of its job are out: it is born ended,
    /// or waits until it is stored and is looked at again.
    pub(super) fn start_in_crowd(&self, run: &mut Run, out: u32, now: UnixMillis) {
        let state = &run.instance.state;
        match on_crowd(&run.job, false, self.crowd(run, out)) {
            Crowded::Fails(cause) => run.instance.state = fold::fail(state, &cause, now),
            Crowded::CalledOff(cause) => {
                if let Some(next) = fold::call_off(state, &cause, now) {
                    run.instance.state = next;
                }
            }
            Crowded::Waits | Crowded::Replaces => {
                run.waits_for = WaitsFor::Others(OutOfMax::of(&run.job, out));
            }
        }
    }

    /// What becomes of a run that is due while `out` others of its job are out.
    pub(super) fn meet_crowd(&mut self, id: InstanceId, out: u32, now: UnixMillis) {
        let Some(run) = self.runs.get(&id) else {
            return;
        };
        let state = &run.instance.state;
        let waits_for = WaitsFor::Others(OutOfMax::of(&run.job, out));
        match on_crowd(&run.job, state.attempt > 0, self.crowd(run, out)) {
            Crowded::Fails(cause) => {
                let next = fold::fail(state, &cause, now);
                self.change(id, Change { next, ended: None }, Vec::new());
            }
            Crowded::CalledOff(cause) => self.call_off(id, &cause, now),
            Crowded::Waits => self.enqueue(id, waits_for, now),
            Crowded::Replaces => {
                self.enqueue(id, waits_for, now);
                self.make_room_for(id, now);
            }
        }
    }

    fn crowd(&self, run: &Run, out: u32) -> Crowd {
        let queue = self.queues.get(&run.job.id).into_iter().flatten();
        let is_other = |id: &InstanceId| {
            *id != run.instance.instance_id
                && self.runs.get(id).is_some_and(|other| other.is_queued)
        };
        let waiting = match run.job.policy.overlap {
            Overlap::Queue { .. } => queue.filter(|id| is_other(id)).count(),
            Overlap::Allow | Overlap::Skip | Overlap::Replace => 0,
        };
        Crowd { out, waiting }
    }

    fn call_off(&mut self, id: InstanceId, cause: &str, now: UnixMillis) {
        let Some(run) = self.runs.get_mut(&id) else {
            return;
        };
        if let Some(next) = fold::call_off(&run.instance.state, cause, now) {
            run.is_queued = false; // whoever serves the queue passes it over
            self.change(id, Change { next, ended: None }, Vec::new());
        }
    }

    /// Stops the oldest run of the job that is out, and calls off those that wait for the same.
    fn make_room_for(&mut self, id: InstanceId, now: UnixMillis) {
        let Some(run) = self.runs.get(&id) else {
            return;
        };
        let others = self.replaceable.get(&run.job.id).into_iter().flatten();
        let others: Vec<_> = others
            .filter(|other| **other != id)
            .filter_map(|other| self.runs.get(other))
            .collect();
        // A place whose run has been told to end is free as soon as that is stored.
        let out = others.iter().filter(|other| other.is_out());
        let is_full = out.clone().count() >= run_limit(&run.job) as usize;
        let oldest = out
            .filter(|_| is_full)
            .min_by_key(|other| {
                (
                    other.instance.state.dispatched_at,
                    other.instance.instance_id,
                )
            })
            .map(|other| other.instance.instance_id);
        let due = |run: &Run| (run.instance.state.expected_at, run.instance.instance_id);
        let outdated: Vec<_> = others
            .iter()
            .filter(|other| other.is_held_back() && due(other) < due(run))
            .map(|other| other.instance.instance_id)
            .collect();
        for other in outdated {
            self.call_off(
                other,
                &format!("replaced by instance {id} before it started"),
                now,
            );
        }
        if let Some(oldest) = oldest {
            self.happen(oldest, Event::Replaced { by: id }, now);
        }
    }

    /// A newer run takes the place of one that is out.
    pub(super) fn give_place(&mut self, id: InstanceId, by: InstanceId, now: UnixMillis) {
        let Some(run) = self.runs.get(&id) else {
            return;
        };
        let cause = format!("replaced by instance {by}");
        if let Some(next) = fold::replace(&run.instance.state, &cause, now) {
            self.stop_and_end(id, next, StopReason::Superseded, Vec::new());
        }
    }
}
