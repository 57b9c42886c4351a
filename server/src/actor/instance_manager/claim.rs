//! Claiming, sending, waiting: the way of an instance to a worker.

use std::cmp::Reverse;
use std::time::Duration;

use powerjob_common::id::InstanceId;
use powerjob_common::status::InstanceStatus;
use powerjob_common::time::UnixMillis;

use super::placement::{Placed, Placement};
use super::run::{Event, Run, Unconfirmed, Waiter, Writing};
use super::shard::{Due, Shard, token};
use super::start::{CLAIM_LEAD, claim};
use crate::actor::dispatcher::Dispatch;
use crate::domain::dispatch::{WaitsFor, no_worker_available};
use crate::domain::fold::{self, Change};
use crate::domain::instance::Instance;
use crate::domain::status_check::{Facts, SILENCE_LIMIT, UNCONFIRMED_AFTER, Verdict, judge_run};
use crate::domain::worker::WorkerState;
use crate::live::WorkerEntry;
use crate::store::write::{InstanceUpdate, WriteOp};

/// Start reports are stored so long after they came, unless the end comes first.
pub(super) const WRITE_BEHIND: Duration = Duration::from_secs(1);
/// A claim that the store did not take is tried again so much later.
pub(super) const STORE_PAUSE: Duration = Duration::from_millis(200);
/// A run whose worker is away is looked at again so much later.
const RETURN_PAUSE: Duration = Duration::from_secs(1);

impl Shard {
    /// Claims a waiting instance, or puts it into the queue.
    pub(super) fn claim_or_wait(&mut self, id: InstanceId, now: UnixMillis) {
        if !self.is_idle_waiting(id) {
            return;
        }
        let monotonic = self.around.clock.monotonic();
        let Some(run) = self.runs.get_mut(&id) else {
            return;
        };
        match self
            .placement
            .place(&run.job, run.chosen_worker(), run.avoid.as_ref(), monotonic)
        {
            Placed::Waits(reason) => self.enqueue(id, reason, now),
            Placed::Crowded { out } => self.meet_crowd(id, out, now),
            Placed::At(worker) => {
                let before = run.instance.state.clone();
                claim(run, worker, now);
                let next = std::mem::replace(&mut run.instance.state, before);
                self.change(id, Change { next, ended: None }, Vec::new());
            }
        }
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

    /// Sends a claimed run to its worker.
    pub(super) fn send(&mut self, id: InstanceId) {
        let monotonic = self.around.clock.monotonic();
        let Some(run) = self.runs.get_mut(&id) else {
            return;
        };
        let Some(worker) = &run.worker else { return };
        // The worker may have come back over another connection since it was chosen.
        let known = self
            .around
            .workers
            .find(run.instance.app_id, &worker.facts.node);
        let is_there = |entry: &WorkerEntry| entry.facts.state != WorkerState::Offline;
        let link = known.filter(is_there).and_then(|entry| entry.link);
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
        let item = run.request();
        self.outbox.dispatches.push(Dispatch { link, item });
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
        while let Some(Reverse((at, due, id))) = self.deadlines.peek().copied()
            && at <= now
        {
            self.deadlines.pop();
            match due {
                Due::Claim => self.claim_due(id, now),
                Due::Send => self.send_due(id, now),
                Due::Grace => self.end_grace(id, now),
                Due::Flush => self.flush(id, now),
                Due::Return => self.check_return(id, now),
                Due::Serve => self.has_news = true,
            }
        }
    }

    fn claim_due(&mut self, id: InstanceId, now: UnixMillis) {
        let is_due = self.runs.get(&id).is_some_and(|run| {
            !run.is_queued && run.instance.state.expected_at <= now.after(CLAIM_LEAD)
        });
        if is_due {
            self.claim_or_wait(id, now);
        }
    }

    fn send_due(&mut self, id: InstanceId, now: UnixMillis) {
        let is_due = self.runs.get(&id).is_some_and(|run| {
            run.writing.is_none()
                && run.sends == 0
                && run.instance.state.status == InstanceStatus::WaitingWorkerReceive
                && run.instance.state.expected_at <= now
        });
        if is_due {
            self.send(id);
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

    /// A run whose worker was away: is it here again?
    fn check_return(&mut self, id: InstanceId, now: UnixMillis) {
        if let Some(run) = self.runs.get_mut(&id) {
            run.is_watched = false;
        }
        let Some((attempt, verdict)) = self.judge(id) else {
            return;
        };
        let Some(run) = self.runs.get(&id) else {
            return;
        };
        if verdict == Verdict::Lost {
            let tracker = run.instance.state.tracker.as_ref();
            let name = tracker.map_or("?", |tracker| tracker.node.node_id.as_str());
            let grace_s = self.return_grace(run).as_secs_f64();
            let why = if self.is_worker_here(run) {
                format!("no report about the run within {grace_s} s")
            } else if self.is_worker_restarted(&run.instance) {
                "restarted".to_owned()
            } else {
                format!("not back within {grace_s} s")
            };
            let cause = format!("worker lost: {name} ({why})");
            self.happen(id, Event::Lost { attempt, cause }, now);
        } else if !self.is_worker_here(run) {
            self.remind(now.after(RETURN_PAUSE), Due::Return, id);
        } else {
            self.watch_silence(id, now);
        }
    }

    /// Its worker spoke of a run.
    pub(super) fn hear(&mut self, id: InstanceId, now: UnixMillis) {
        if let Some(run) = self.runs.get_mut(&id)
            && run.is_told_by_silence()
        {
            run.heard_at = self.around.clock.monotonic();
            self.watch_silence(id, now);
        }
    }

    /// From now on a run is given up when its worker says nothing about it, if it would say nothing
    /// of its loss either.
    pub(super) fn watch_silence(&mut self, id: InstanceId, now: UnixMillis) {
        let Some(run) = self.runs.get_mut(&id) else {
            return;
        };
        if run.is_told_by_silence() && !std::mem::replace(&mut run.is_watched, true) {
            let monotonic = self.around.clock.monotonic();
            let silent_for = monotonic.saturating_sub(run.heard_at);
            let left = SILENCE_LIMIT.saturating_sub(silent_for);
            self.remind(now.after(left.max(RETURN_PAUSE)), Due::Return, id);
        }
    }

    /// How long the worker of a run may stay away.
    pub(super) fn return_grace(&self, run: &Run) -> Duration {
        let grace = self.around.return_grace;
        match run.is_told_by_silence() {
            true => grace.max(SILENCE_LIMIT),
            false => grace,
        }
    }

    /// Looks after runs that nobody confirmed in time; sent again, or given to another worker.
    pub(super) fn check_runs(&mut self, now: UnixMillis) {
        let monotonic = self.around.clock.monotonic();
        self.has_news = true;
        while let Some(sent) = self.unconfirmed.front().copied()
            && sent.look_at <= monotonic
        {
            self.unconfirmed.pop_front();
            let id = sent.id;
            let is_same = |run: &Run| {
                run.sent_at == sent.sent_at && run.instance.state.attempt == sent.attempt
            };
            if !self.runs.get(&id).is_some_and(is_same) {
                continue;
            }
            match self.judge(id) {
                Some((_, Verdict::SendAgain)) => self.send(id),
                Some((attempt, Verdict::Release)) => {
                    let cause = "the worker did not confirm the run".to_owned();
                    self.happen(id, Event::Unreceived { attempt, cause }, now);
                }
                Some((_, Verdict::Lost)) => self.check_return(id, now),
                // Its worker is away: look again when that is decided.
                Some((_, Verdict::Fine)) => {
                    let run = self.runs.get(&id);
                    if run.is_some_and(|run| run.instance.state.unconfirmed_claims > 0) {
                        let look_at = monotonic + UNCONFIRMED_AFTER;
                        self.unconfirmed.push_back(Unconfirmed { look_at, ..sent });
                    }
                }
                None => {}
            }
        }
    }

    fn judge(&self, id: InstanceId) -> Option<(u32, Verdict)> {
        let run = self.runs.get(&id).filter(|run| run.is_out())?;
        let monotonic = self.around.clock.monotonic();
        let facts = Facts {
            is_confirmed: run.instance.state.unconfirmed_claims == 0,
            is_worker_here: self.is_worker_here(run),
            is_worker_restarted: self.is_worker_restarted(&run.instance),
            since_sent: monotonic.saturating_sub(run.sent_at),
            sends: run.sends,
            return_grace: self.return_grace(run),
            silent_for: run
                .is_told_by_silence()
                .then(|| monotonic.saturating_sub(run.heard_at)),
        };
        Some((run.instance.state.attempt, judge_run(&facts)))
    }

    /// Whether a later life of the worker of an instance is connected.
    pub(super) fn is_worker_restarted(&self, instance: &Instance) -> bool {
        let tracker = instance.state.tracker.as_ref();
        tracker.is_some_and(|tracker| {
            let workers = &self.around.workers;
            workers.has_later_life(instance.app_id, &tracker.node)
        })
    }

    fn is_worker_here(&self, run: &Run) -> bool {
        let tracker = run.instance.state.tracker.as_ref();
        let worker = tracker
            .and_then(|tracker| self.around.workers.find(run.instance.app_id, &tracker.node));
        worker.is_some_and(|entry| entry.link.is_some())
    }
}
