//! What happens to open instances: reports, verdicts, losses, wishes of people.

use std::collections::HashMap;

use powerjob_common::id::{AppId, InstanceId, NodeRef};
use powerjob_common::status::InstanceStatus;
use powerjob_common::time::UnixMillis;
use powerjob_protocol::wire::server_to_worker::{RunVerdict, StopReason};
use powerjob_protocol::wire::worker_to_server::ReportAnswer;
use powerjob_session::SessionError;

use super::answer::AnswerSlot;
use super::claim::{STORE_PAUSE, WRITE_BEHIND};
use super::letters::{Holdings, NoVerdict, ReconcileWorker, RunsUnanswered, WorkerLost};
use super::message::ChangeError;
use super::run::{Event, Run, Waiter, stop_at_tracker, stop_order};
use super::shard::{Due, Shard};
use crate::actor::dispatcher::Stop;
use crate::domain::fold::{self, Folded, Report};
use crate::domain::instance::{Instance, InstanceState};

/// A worker that refused a run for lack of room is left alone for so long.
const REFUSAL_PAUSE: std::time::Duration = std::time::Duration::from_millis(100);

type ChangeReply = powerjob_common::actor::Reply<Result<Box<Instance>, ChangeError>>;

impl Shard {
    /// Applies an event to an instance about which no write is under way.
    pub(super) fn apply(&mut self, id: InstanceId, event: Event, now: UnixMillis) {
        let Some(run) = self.runs.get(&id) else {
            return;
        };
        let state = &run.instance.state;
        match event {
            Event::Report(report, slot) => {
                let folded = fold::fold_report(state, &report, run.retries(), now);
                if let Some(started_at) = fold::first_start(state, &folded) {
                    self.around.stats.started(&run.instance, started_at);
                }
                if folded != Folded::Stale {
                    self.hear(id, now);
                }
                self.carry_out_report(id, folded, slot, now);
            }
            Event::Confirmed { attempt } => {
                let folded = fold::fold_confirmation(state, attempt);
                if folded != Folded::Stale {
                    self.hear(id, now);
                }
                self.carry_out(id, folded, now);
            }
            Event::Refused { attempt } => {
                let folded = fold::fold_refusal(state, attempt, now);
                if let (Folded::Changed(_), Some(worker)) = (&folded, &run.worker) {
                    worker.refuses_until(self.around.clock.monotonic() + REFUSAL_PAUSE);
                    self.deadlines.push(std::cmp::Reverse((
                        now.after(REFUSAL_PAUSE),
                        Due::Serve,
                        id,
                    )));
                }
                self.carry_out(id, folded, now);
            }
            Event::Invalid { attempt, cause } => {
                let folded = fold::fold_invalid(state, attempt, &cause, now);
                self.carry_out(id, folded, now);
            }
            Event::Unreceived { attempt, cause } => {
                let folded = fold::fold_unreceived(state, attempt, &cause, now);
                self.carry_out(id, folded, now);
            }
            Event::Lost { attempt, cause } => {
                let fold = match run.has_journal() {
                    true => fold::fold_master_lost,
                    false => fold::fold_lost,
                };
                let folded = fold(state, attempt, &cause, run.loss_budget(), now);
                let stop = self.stop_at_tracker(run, StopReason::Superseded);
                self.carry_out(id, folded, now);
                self.stop_then(id, stop);
            }
            Event::JobChanged(job) => self.apply_job(id, job, now),
            Event::Replaced { by } => self.give_place(id, by, now),
            Event::Stop(reply) => {
                let stop = self.stop_at_tracker(run, StopReason::User);
                let next = fold::stop(state, now);
                self.end_by_hand(id, next, stop, (reply, ChangeError::AlreadyFinished));
            }
            Event::Kill(reply) => {
                let stop = self.stop_at_tracker(run, StopReason::User);
                let kill = stop.map(|stop| Stop {
                    is_kill: true,
                    ..stop
                });
                let next = fold::kill(state, now);
                self.end_by_hand(id, next, kill, (reply, ChangeError::AlreadyFinished));
            }
            Event::Cancel(reply) => {
                let next = fold::cancel(state, now);
                self.end_by_hand(id, next, None, (reply, ChangeError::AlreadyStarted));
            }
            Event::Retry(_, reply) => reply.send(Err(ChangeError::NotFinished)),
        }
    }

    fn carry_out(&mut self, id: InstanceId, folded: Folded, now: UnixMillis) {
        match folded {
            Folded::Unchanged | Folded::Stale => {}
            Folded::Noted(next) => {
                if let Some(run) = self.runs.get_mut(&id) {
                    run.instance.state = next;
                }
            }
            Folded::Changed(change) => self.release(id, *change, Vec::new(), now),
        }
    }

    fn carry_out_report(
        &mut self,
        id: InstanceId,
        folded: Folded,
        slot: AnswerSlot,
        now: UnixMillis,
    ) {
        match folded {
            Folded::Unchanged => slot.answer(ReportAnswer::Stored),
            Folded::Stale => slot.answer(ReportAnswer::Stale),
            Folded::Noted(next) => {
                slot.answer(ReportAnswer::Stored);
                self.note(id, next, now);
            }
            Folded::Changed(change) => {
                self.release(id, *change, vec![Waiter::Report(slot)], now);
            }
        }
    }

    /// Keeps a start in memory, shows it, and has it stored at leisure.
    fn note(&mut self, id: InstanceId, next: InstanceState, now: UnixMillis) {
        let Some(run) = self.runs.get_mut(&id) else {
            return;
        };
        run.instance.state = next;
        if !std::mem::replace(&mut run.is_dirty, true) {
            self.remind(now.after(WRITE_BEHIND), Due::Flush, id);
        }
        self.publish(id);
    }

    fn end_by_hand(
        &mut self,
        id: InstanceId,
        next: Option<InstanceState>,
        stop: Option<Stop>,
        (reply, otherwise): (ChangeReply, ChangeError),
    ) {
        let Some(next) = next else {
            return reply.send(Err(otherwise));
        };
        self.end_then(id, next, stop, vec![Waiter::Caller(reply)]);
    }

    /// Ends an instance; if a worker has it, that is told to stop when the end is durable.
    pub(super) fn stop_and_end(
        &mut self,
        id: InstanceId,
        next: InstanceState,
        reason: StopReason,
        waiters: Vec<Waiter>,
    ) {
        let Some(run) = self.runs.get(&id) else {
            return;
        };
        let stop = self.stop_at_tracker(run, reason);
        self.end_then(id, next, stop, waiters);
    }

    fn end_then(
        &mut self,
        id: InstanceId,
        next: InstanceState,
        stop: Option<Stop>,
        waiters: Vec<Waiter>,
    ) {
        self.change(id, fold::Change { next, ended: None }, waiters);
        self.stop_then(id, stop);
    }

    /// The order to stop a run that is out, for its worker as it is connected now.
    fn stop_at_tracker(&self, run: &Run, reason: StopReason) -> Option<Stop> {
        run.is_out()
            .then(|| stop_at_tracker(&self.around.workers, &run.instance, run.epoch, reason))?
    }

    /// Sends an order to stop as soon as the change under way is durable.
    fn stop_then(&mut self, id: InstanceId, stop: Option<Stop>) {
        if let Some(writing) = self.runs.get_mut(&id).and_then(|run| run.writing.as_mut()) {
            writing.stop = stop;
        }
    }

    /// Reports of a worker of an application; what it says about others is not heard.
    pub(super) fn take_reports(
        &mut self,
        app_id: AppId,
        items: Vec<(InstanceId, Report, AnswerSlot)>,
        now: UnixMillis,
    ) {
        for (id, report, slot) in items {
            let run = self.runs.get(&id);
            if run.is_some_and(|run| run.instance.app_id != app_id) {
                slot.answer(ReportAnswer::UnknownInstance);
            } else {
                self.happen(id, Event::Report(report, slot), now);
            }
        }
    }

    pub(super) fn take_verdicts(
        &mut self,
        items: Vec<(InstanceId, u32, RunVerdict)>,
        now: UnixMillis,
    ) {
        for (id, attempt, verdict) in items {
            if !self.runs.contains_key(&id) {
                continue; // it has ended already
            }
            let event = match verdict {
                RunVerdict::Accepted | RunVerdict::Duplicate => Event::Confirmed { attempt },
                RunVerdict::Overloaded | RunVerdict::Draining => Event::Refused { attempt },
                RunVerdict::Invalid(cause) => Event::Invalid { attempt, cause },
            };
            self.happen(id, event, now);
        }
    }

    /// Runs without a verdict. What was surely not taken goes elsewhere; about the rest the worker's
    /// inventory, its loss or the status checker decides, unless it has come back already.
    pub(super) fn take_unanswered(&mut self, letter: RunsUnanswered, now: UnixMillis) {
        for (id, attempt) in letter.items {
            let Some(run) = self.runs.get(&id) else {
                continue;
            };
            let is_same = run.instance.state.attempt == attempt
                && run.instance.state.unconfirmed_claims > 0
                && run.connection == Some(letter.connection);
            if !is_same {
                continue;
            }
            let error = match &letter.why {
                NoVerdict::NotSent => {
                    self.send_later(id, now);
                    continue;
                }
                NoVerdict::Session(error) => error,
            };
            match error {
                SessionError::Overloaded => self.happen(id, Event::Refused { attempt }, now),
                SessionError::Peer { code, .. } if code.is_retryable_elsewhere() => {
                    self.happen(id, Event::Refused { attempt }, now);
                }
                SessionError::TooLarge => {
                    let cause = "the parameters are too large for a message".to_owned();
                    self.happen(id, Event::Invalid { attempt, cause }, now);
                }
                _ => self.send_if_back(id, letter.connection),
            }
        }
    }

    /// A run did not leave. If the lease comes back it goes then; otherwise another server goes on.
    fn send_later(&mut self, id: InstanceId, now: UnixMillis) {
        if let Some(run) = self.runs.get_mut(&id) {
            run.sends = run.sends.saturating_sub(1);
            if run.sends == 0 {
                self.remind(now.after(STORE_PAUSE), Due::Send, id);
            }
        }
    }

    /// Sends a run again when its worker has come back over another connection.
    fn send_if_back(&mut self, id: InstanceId, connection: u64) {
        let Some(run) = self.runs.get(&id) else {
            return;
        };
        let Some(worker) = run.worker.as_ref().filter(|_| run.writing.is_none()) else {
            return;
        };
        let known = self
            .around
            .workers
            .find(run.instance.app_id, &worker.facts.node);
        let link = known.and_then(|entry| entry.link);
        if link.is_some_and(|link| link.connection() != connection) {
            self.send(id);
        }
    }

    pub(super) fn lose_worker(&mut self, lost: &WorkerLost, now: UnixMillis) {
        let runs = self.runs_at(lost.app_id, |node| *node == lost.node);
        for (id, attempt) in runs {
            let cause = lost.cause.clone();
            self.happen(id, Event::Lost { attempt, cause }, now);
        }
        self.has_news = true;
    }

    pub(super) fn reconcile(&mut self, letter: ReconcileWorker, now: UnixMillis) {
        let ReconcileWorker {
            app_id,
            node,
            connection,
            finished,
            held,
        } = letter;
        self.take_reports(app_id, finished, now);
        let Holdings::All(held) = held else {
            return self.trust(app_id, &node, connection, now);
        };
        let known: HashMap<_, _> = held
            .iter()
            .map(|(id, attempt, _)| (*id, *attempt))
            .collect();
        for (id, attempt, slot) in held {
            self.confirm_held((id, attempt), slot, (app_id, &node), connection, now);
        }
        let missing = self.runs_at(app_id, |tracker| tracker.node_id == node.node_id);
        for (id, attempt) in missing {
            let Some(run) = self.runs.get(&id) else {
                continue;
            };
            let is_here = known.get(&id) == Some(&attempt) || run.connection == Some(connection);
            let is_unsent = run.sends == 0 && run.worker.is_some();
            if is_here || is_unsent {
                continue;
            }
            let tracker = run.instance.state.tracker.as_ref();
            let is_same_life = tracker.is_some_and(|tracker| tracker.node == node);
            let cause = if is_same_life {
                format!("worker lost: {} (it does not have the run)", node.node_id)
            } else {
                format!("worker lost: {} (restarted)", node.node_id)
            };
            self.happen(id, Event::Lost { attempt, cause }, now);
        }
        self.has_news = true;
    }

    /// A worker is here that does not say what it holds. What it did not confirm is sent again, which
    /// it takes for a repetition if it has it; what it did confirm it may have.
    fn trust(&mut self, app_id: AppId, node: &NodeRef, connection: u64, now: UnixMillis) {
        for (id, _) in self.runs_at(app_id, |tracker| tracker == node) {
            let worker = self.around.workers.find(app_id, node);
            let Some(run) = self.runs.get_mut(&id) else {
                continue;
            };
            if run.worker.is_none()
                && let Some(worker) = worker
            {
                worker.take();
                run.worker = Some(worker);
            }
            run.connection = Some(connection);
            run.heard_at = self.around.clock.monotonic();
            let is_unconfirmed = run.instance.state.unconfirmed_claims > 0;
            match (is_unconfirmed && run.writing.is_none(), run.sends) {
                (true, 0) => self.advance(id, now),
                (true, _) => self.send(id),
                (false, _) => self.watch_silence(id, now),
            }
        }
        self.has_news = true;
    }

    /// A worker says that it holds a run.
    fn confirm_held(
        &mut self,
        (id, attempt): (InstanceId, u32),
        slot: AnswerSlot,
        (app_id, node): (AppId, &NodeRef),
        connection: u64,
        now: UnixMillis,
    ) {
        let stop = |epoch| stop_order(id, attempt, epoch, StopReason::Superseded);
        let Some(run) = self.runs.get_mut(&id) else {
            return slot.stop(stop(0));
        };
        let state = &run.instance.state;
        let is_present = run.is_out()
            && state.attempt == attempt
            && state
                .tracker
                .as_ref()
                .is_some_and(|tracker| tracker.node == *node);
        let is_ours = run.instance.app_id == app_id;
        if !is_present || !is_ours {
            return slot.stop(stop(run.epoch));
        }
        run.connection = Some(connection);
        run.sends = run.sends.max(1);
        if run.worker.is_none()
            && let Some(worker) = self.around.workers.find(run.instance.app_id, node)
        {
            worker.take();
            run.worker = Some(worker);
        }
        self.happen(id, Event::Confirmed { attempt }, now);
        self.tell_beats(id); // its job may have been changed while the worker was away
    }

    /// The runs that are out at the workers that `is_meant`, oldest first.
    fn runs_at(
        &self,
        app_id: AppId,
        is_meant: impl Fn(&NodeRef) -> bool,
    ) -> Vec<(InstanceId, u32)> {
        let mut runs: Vec<_> = self
            .runs
            .values()
            .filter(|run| run.instance.app_id == app_id && run.is_out())
            .filter(|run| {
                let tracker = run.instance.state.tracker.as_ref();
                tracker.is_some_and(|tracker| is_meant(&tracker.node))
            })
            .map(|run| (run.instance.instance_id, run.instance.state.attempt))
            .collect();
        runs.sort_unstable();
        runs
    }

    /// Occurrences that an edit called off: they are stored as canceled already.
    pub(super) fn forget_called_off(&mut self, ids: &[InstanceId]) {
        for id in ids {
            let is_waiting = self.runs.get(id).is_some_and(|run| {
                run.writing.is_none()
                    && run.instance.state.status == InstanceStatus::WaitingDispatch
            });
            // A claim under way finds the row canceled and is told so.
            if is_waiting {
                self.forget(*id, ChangeError::AlreadyFinished);
            }
        }
    }
}
