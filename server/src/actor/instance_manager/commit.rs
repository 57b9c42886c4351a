//! After the commit: answering, sending, going back when a write failed.

use powerjob_common::id::InstanceId;
use powerjob_common::status::InstanceStatus;
use powerjob_common::time::UnixMillis;

use super::claim::STORE_PAUSE;
use super::letters::RunEnded;
use super::message::{ChangeError, StartError};
use super::run::Writing;
use super::shard::{Due, Shard};
use super::start::CLAIM_LEAD;
use crate::domain::dispatch::WaitsFor;
use crate::domain::instance::{Instance, Trigger};
use crate::domain::trigger::LoopRunEnd;
use crate::store::write::WriteOutcome;

impl Shard {
    /// The outcomes of one commit.
    pub(super) fn committed(&mut self, results: Vec<(u64, WriteOutcome)>, now: UnixMillis) {
        for (token, outcome) in results {
            let id = InstanceId(token.cast_signed());
            if outcome == WriteOutcome::Stale {
                self.outbox.reloads.push(id); // the write stays under way until the answer is here
                continue;
            }
            let Some(writing) = self.runs.get_mut(&id).and_then(|run| run.writing.take()) else {
                continue;
            };
            match outcome {
                WriteOutcome::Applied => self.applied(id, writing, now),
                WriteOutcome::Fenced => self.fenced(id, writing),
                WriteOutcome::Failed(reason) => self.failed(id, writing, &reason, now),
                WriteOutcome::Stale | WriteOutcome::Duplicate => {
                    self.failed(id, writing, "the row exists already", now);
                }
            }
        }
    }

    fn applied(&mut self, id: InstanceId, writing: Writing, now: UnixMillis) {
        let Some(run) = self.runs.get_mut(&id) else {
            return;
        };
        run.stored = Some((run.instance.state.status, run.instance.state.attempt));
        let is_out = run.is_out();
        for waiter in writing.waiters {
            waiter.done(&run.instance);
        }
        self.outbox.stops.extend(writing.stop);
        if !is_out {
            self.give_back(id);
        }
        self.publish(id);
        self.end_start(writing.start, None);
        self.go_on(id, now);
    }

    /// The next step of an instance, then what happened to it during the write.
    fn go_on(&mut self, id: InstanceId, now: UnixMillis) {
        self.advance(id, now);
        self.drain_deferred(id, now);
    }

    fn fenced(&mut self, id: InstanceId, writing: Writing) {
        self.end_start(writing.start, Some(StartError::NotOwner));
        for waiter in writing.waiters {
            waiter.failed(ChangeError::NotOwner);
        }
        self.forget(id, ChangeError::NotOwner);
    }

    /// Goes back to the state before a write that did not happen.
    fn failed(&mut self, id: InstanceId, writing: Writing, reason: &str, now: UnixMillis) {
        tracing::warn!(instance_id = %id, reason, "a write about an instance failed");
        let error = StartError::Unavailable(reason.to_owned());
        self.end_start(writing.start, Some(error));
        for waiter in writing.waiters {
            waiter.failed(ChangeError::Unavailable(reason.to_owned()));
        }
        let Some(previous) = writing.previous else {
            return self.forget(id, ChangeError::NotFound);
        };
        let Some(run) = self.runs.get_mut(&id) else {
            return;
        };
        run.instance.state = previous;
        let is_out = run.is_out();
        let claim_at = run.instance.state.expected_at.before(CLAIM_LEAD);
        if !is_out {
            run.waits_for = WaitsFor::Store(reason.to_owned());
        }
        self.free_worker(id);
        if is_out {
            self.take_back(id);
            self.remind(now.after(STORE_PAUSE), Due::Return, id);
            self.advance(id, now); // it may not be sent yet
        } else {
            self.give_back(id);
            self.remind(now.after(STORE_PAUSE).max(claim_at), Due::Claim, id);
        }
        self.drain_deferred(id, now);
    }

    /// A run is out after all: takes its place at its worker again, and counts it unless it counts still.
    fn take_back(&mut self, id: InstanceId) {
        let Some(run) = self.runs.get_mut(&id) else {
            return;
        };
        let tracker = run.instance.state.tracker.as_ref();
        run.worker = tracker
            .and_then(|tracker| self.around.workers.find(run.instance.app_id, &tracker.node));
        if let Some(worker) = &run.worker {
            worker.take();
        }
        if !std::mem::replace(&mut run.is_counted, true) {
            self.placement.recount(run.job.id);
        }
    }

    fn drain_deferred(&mut self, id: InstanceId, now: UnixMillis) {
        while let Some(run) = self.runs.get_mut(&id)
            && run.writing.is_none()
            && !run.deferred.is_empty()
        {
            let event = run.deferred.remove(0);
            self.apply(id, event, now);
        }
    }

    /// The store's own view of an instance whose write was stale; `None`: it does not exist.
    pub(super) fn reloaded(&mut self, id: InstanceId, found: Option<Instance>, now: UnixMillis) {
        let Some(writing) = self.runs.get_mut(&id).and_then(|run| run.writing.take()) else {
            return;
        };
        for waiter in writing.waiters {
            let reason = "the instance was changed meanwhile".to_owned();
            waiter.failed(ChangeError::Unavailable(reason));
        }
        self.end_start(
            writing.start,
            Some(StartError::Unavailable("the row is gone".to_owned())),
        );
        let Some(found) = found.filter(|found| !found.state.status.is_finished()) else {
            return self.forget(id, ChangeError::AlreadyFinished);
        };
        self.give_back(id);
        let Some(run) = self.leave(id) else {
            return;
        };
        let (job, epoch, deferred) = (run.job, run.epoch, run.deferred);
        self.adopt(
            vec![super::letters::AdoptedRun {
                instance: Box::new(found),
                job,
                epoch,
                is_counted: false,
                present: None,
            }],
            now,
        );
        if let Some(run) = self.runs.get_mut(&id) {
            run.deferred = deferred;
        }
        self.drain_deferred(id, now);
    }

    /// An instance has ended and that is stored.
    pub(super) fn finish(&mut self, id: InstanceId, now: UnixMillis) {
        let Some(run) = self.runs.get(&id) else {
            return;
        };
        let by_schedule = matches!(run.instance.trigger, Trigger::Schedule { .. });
        if run.job.is_loop() && by_schedule {
            let state = &run.instance.state;
            let end = LoopRunEnd {
                // By the clock of this server: that of the worker may be wrong.
                at: state.recorded_at.unwrap_or(now),
                is_failure: state.status == InstanceStatus::Failed,
            };
            let job_id = run.job.id;
            self.outbox.ended.push(RunEnded { job_id, end });
        }
        if run.leaves_journal() {
            self.outbox.journals.push(id);
        }
        self.around.stats.ended(&run.instance);
        self.around.traces.ended(&run.instance, &run.job.name);
        self.forget(id, ChangeError::AlreadyFinished);
    }
}
