//! Claiming, sending, waiting: the way of an instance to a worker.

use std::cmp::Reverse;
use std::time::Duration;

use powerjob_common::id::InstanceId;
use powerjob_common::status::InstanceStatus;
use powerjob_common::time::UnixMillis;

use super::placement::{Placed, Placement};
use super::run::{Unconfirmed, Waiter, Writing};
use super::shard::{Due, Shard, token};
use super::start::{CLAIM_LEAD, claim};
use crate::actor::dispatcher::Dispatch;
use crate::domain::claim_lead;
use crate::domain::dispatch::{WaitsFor, no_worker_available};
use crate::domain::fold::{self, Change};
use crate::domain::status_check::UNCONFIRMED_AFTER;
use crate::domain::worker::WorkerState;
use crate::live::WorkerEntry;
use crate::store::write::{InstanceUpdate, WriteOp};

/// Start reports are stored so long after they came, unless the end comes first.
pub(super) const WRITE_BEHIND: Duration = Duration::from_secs(1);
/// A claim that the store did not take is tried again so much later.
pub(super) const STORE_PAUSE: Duration = Duration::from_millis(200);

impl Shard {
    /// Claims a waiting instance, or puts it into the queue.
    pub(super) fn claim_or_wait(&mut self, id: InstanceId, now: UnixMillis) {
        match self.place(id) {
            None => {}
            Some(Placed::Waits(reason)) => self.enqueue(id, reason, now),
            Some(Placed::Crowded { out }) => self.meet_crowd(id, out, now),
            Some(Placed::At(worker)) => self.claim_at(id, worker, now),
        }
    }

    /// Looks for a place for an instance; `None` when it does not wait for one.
    fn place(&mut self, id: InstanceId) -> Option<Placed> {
        if !self.is_idle_waiting(id) {
            return None;
        }
        let monotonic = self.around.clock.monotonic();
        let run = self.runs.get(&id)?;
        let (chosen, avoid) = (run.chosen_worker(), run.avoid.as_ref());
        Some(self.placement.place(&run.job, chosen, avoid, monotonic))
    }

    /// Stores a change into waiting; if the instance may go at once and somebody takes it, the claim
    /// goes into the same write.
    pub(super) fn release(
        &mut self,
        id: InstanceId,
        mut change: Change,
        waiters: Vec<Waiter>,
        now: UnixMillis,
    ) {
        self.free_worker(id);
        let monotonic = self.around.clock.monotonic();
        let Some(run) = self.runs.get_mut(&id) else {
            return;
        };
        if change.next.status != InstanceStatus::WaitingDispatch {
            return self.change(id, change, waiters);
        }
        if let Some(ended) = &change.ended {
            let cause = ended.result.clone().unwrap_or_default();
            run.waits_for = WaitsFor::Retry { cause };
        }
        let (chosen, avoid) = (run.chosen_worker(), run.avoid.as_ref());
        let place = |placement: &mut Placement| match run.is_counted {
            true => placement.choose(&run.job, chosen, avoid, monotonic),
            false => placement.place(&run.job, chosen, avoid, monotonic),
        };
        if change.next.expected_at <= now
            && let Placed::At(worker) = place(&mut self.placement)
        {
            let before = std::mem::replace(&mut run.instance.state, change.next);
            claim(run, worker, now);
            change.next = std::mem::replace(&mut run.instance.state, before);
        }
        self.change(id, change, waiters);
    }

    /// Sends a claimed run to its worker, while its application is ours.
    pub(super) fn send(&mut self, id: InstanceId) {
        let monotonic = self.around.clock.monotonic();
        let Some(run) = self.runs.get_mut(&id) else {
            return;
        };
        let is_ours = self.around.ownership.epoch(run.instance.app_id) == Some(run.epoch);
        if !is_ours && run.sends == 0 {
            // The lease is late: it comes back, or another server goes on with the run.
            let again = self.around.clock.now().after(STORE_PAUSE);
            return self.remind(again, Due::Send, id);
        }
        let Some(worker) = &run.worker else { return };
        // The worker may have come back over another connection since it was chosen.
        let known = self
            .around
            .workers
            .find(run.instance.app_id, &worker.facts.node);
        let is_there = |entry: &WorkerEntry| entry.facts.state != WorkerState::Offline;
        let link = known.filter(is_there).and_then(|entry| entry.link);
        let link = link.filter(|_| is_ours);
        run.sends += 1;
        run.sent_at = monotonic;
        while let Some(first) = self.unconfirmed.front()
            && !self.runs.contains_key(&first.id)
        {
            self.unconfirmed.pop_front();
        }
        let Some(run) = self.runs.get_mut(&id) else {
            return;
        };
        self.unconfirmed.push_back(Unconfirmed {
            id,
            attempt: run.instance.state.attempt,
            sent_at: monotonic,
            look_at: monotonic + UNCONFIRMED_AFTER,
        });
        let Some(link) = link else { return }; // its return, its loss or the status checker goes on
        run.connection = Some(link.connection());
        let (item, beats) = (run.request(), run.beat_plan());
        let app_id = run.instance.app_id;
        self.outbox.dispatches.push(Dispatch {
            link,
            app_id,
            item,
            beats,
        });
        self.name_team(id);
    }

    /// Claims what waits for workers, as far as they take it.
    pub(super) fn serve_queues(&mut self, now: UnixMillis) {
        if !std::mem::take(&mut self.has_news) || self.queues.is_empty() {
            return;
        }
        let jobs: Vec<_> = self.queues.keys().copied().collect();
        for job_id in jobs {
            while let Some(id) = self.queues.get_mut(&job_id).and_then(|ids| ids.pop_front()) {
                if let Some(run) = self.runs.get_mut(&id) {
                    run.is_queued = false;
                }
                self.claim_or_wait(id, now);
                let is_back = self.runs.get(&id).is_some_and(|run| run.is_queued);
                if is_back {
                    // Nobody took it, so nobody takes the next one of the same job: keep the order.
                    if let Some(ids) = self.queues.get_mut(&job_id)
                        && let Some(last) = ids.pop_back()
                    {
                        ids.push_front(last);
                    }
                    break;
                }
            }
            if self.queues.get(&job_id).is_some_and(|ids| ids.is_empty()) {
                self.queues.remove(&job_id);
            }
        }
    }

    /// Carries out all deadlines that are reached.
    pub(super) fn meet_deadlines(&mut self, now: UnixMillis) {
        self.follow_clock();
        while let Some(Reverse((at, due, id))) = self.deadlines.peek().copied()
            && at <= now
        {
            self.deadlines.pop();
            match due {
                Due::EarlyClaim => self.claim_early(id, now),
                Due::Claim => self.claim_due(id, now),
                Due::Send => self.send_due(id, now),
                Due::Grace => self.end_grace(id, now),
                Due::Flush => self.flush(id, now),
                Due::Return => self.check_return(id, now),
                Due::Serve => self.has_news = true,
            }
        }
    }

    /// Claims a run of a crowd before its time, if somebody takes it; otherwise it has to wait for that.
    fn claim_early(&mut self, id: InstanceId, now: UnixMillis) {
        let Some(placed) = self.place(id) else {
            return;
        };
        if let Placed::At(worker) = placed {
            if claim_lead::leaves_room(worker.assigned() - 1, worker.facts.capacity) {
                return self.claim_at(id, worker, now);
            }
            worker.give_back();
            if let Some(run) = self.runs.get(&id) {
                self.placement.leave(run.job.id);
            }
        }
        if let Some(run) = self.runs.get(&id) {
            let usual = run.instance.state.expected_at.before(CLAIM_LEAD);
            self.remind(usual, Due::Claim, id);
        }
    }

    /// Claims a run for a worker whose place is taken.
    fn claim_at(&mut self, id: InstanceId, worker: WorkerEntry, now: UnixMillis) {
        let Some(run) = self.runs.get_mut(&id) else {
            return;
        };
        let before = run.instance.state.clone();
        claim(run, worker, now);
        let next = std::mem::replace(&mut run.instance.state, before);
        self.change(id, Change { next, ended: None }, Vec::new());
    }

    fn claim_due(&mut self, id: InstanceId, now: UnixMillis) {
        let is_due = self.runs.get(&id).is_some_and(|run| {
            !run.is_queued && run.instance.state.expected_at <= now.after(CLAIM_LEAD)
        });
        if is_due {
            self.claim_or_wait(id, now);
        }
    }

    /// Sends a claimed run, or waits for its time after all if the clock was set back meanwhile.
    fn send_due(&mut self, id: InstanceId, now: UnixMillis) {
        let is_claimed = self.runs.get(&id).is_some_and(|run| {
            run.writing.is_none()
                && run.sends == 0
                && run.instance.state.status == InstanceStatus::WaitingWorkerReceive
        });
        if is_claimed {
            self.advance(id, now);
        }
    }

    /// The next deadline.
    pub(super) fn next_deadline(&self) -> Option<UnixMillis> {
        self.deadlines.peek().map(|Reverse((at, _, _))| *at)
    }

    fn end_grace(&mut self, id: InstanceId, now: UnixMillis) {
        if !self.is_idle_waiting(id) {
            return;
        }
        let Some(run) = self.runs.get_mut(&id) else {
            return;
        };
        let Some(since) = run.waits_since.filter(|_| run.is_queued) else {
            return;
        };
        let waited = now.since(since);
        if waited < Duration::from_millis(run.job.no_worker_grace_ms) {
            return;
        }
        match &run.waits_for {
            // It takes the place of all that would follow it.
            _ if run.has_beats() => {}
            WaitsFor::Worker(reason) => {
                let cause = no_worker_available(reason, waited);
                let next = fold::fail(&run.instance.state, &cause, now);
                run.is_queued = false; // whoever serves the queue passes it over
                self.change(id, Change { next, ended: None }, Vec::new());
            }
            // Somebody can run it: look again later whether that is still so.
            _ => self.remind(now.after(Duration::from_secs(1)), Due::Grace, id),
        }
    }

    /// Stores what a start report said, if nothing else has done so since and the store has time.
    fn flush(&mut self, id: InstanceId, now: UnixMillis) {
        let Some(run) = self.runs.get_mut(&id) else {
            return;
        };
        let Some((expect_status, expect_attempt)) = run.stored else {
            return;
        };
        if !run.is_dirty || run.writing.is_some() {
            return;
        }
        if self.around.backlog.is_long() {
            return self.remind(now.after(WRITE_BEHIND), Due::Flush, id);
        }
        run.is_dirty = false;
        run.writing = Some(Writing {
            previous: Some(run.instance.state.clone()),
            start: None,
            waiters: Vec::new(),
            stop: None,
        });
        let update = InstanceUpdate {
            app_id: run.instance.app_id,
            instance_id: id,
            expect_status,
            expect_attempt,
            state: run.instance.state.clone(),
            release_trigger_key: false,
            ended_attempt: None,
        };
        self.outbox
            .later_writes
            .push((token(id), WriteOp::Update(Box::new(update))));
    }
}
