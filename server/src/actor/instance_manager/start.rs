//! New instances: by call, by schedule, and those that were open when the server started.

use std::sync::Arc;
use std::time::Duration;

use powerjob_common::actor::Ticket;
use powerjob_common::status::{InstanceStatus, SwitchableStatus};
use powerjob_common::time::UnixMillis;

use super::letters::AdoptedRun;
use super::message::{RunRequest, StartError, StartRuns};
use super::placement::Placed;
use super::run::{Event, Run, Writing};
use super::shard::{Due, Shard, Start, token};
use crate::domain::claim_lead;
use crate::domain::dispatch::WaitsFor;
use crate::domain::fold;
use crate::domain::instance::{Instance, TrackerRef, Trigger};
use crate::domain::job::JobDefinition;
use crate::domain::overlap::run_limit;
use crate::live::WorkerEntry;
use crate::store::write::WriteOp;

/// So long before its time an instance is claimed: the claim is durable by then.
pub(super) const CLAIM_LEAD: Duration = Duration::from_millis(30);

impl Shard {
    pub(super) fn start_runs(
        &mut self,
        letter: StartRuns,
        ticket: Option<Ticket>,
        now: UnixMillis,
    ) {
        let StartRuns { job, runs, reply } = letter;
        let Some(epoch) = self.around.ownership.epoch(job.app_id) else {
            return reply.send(Err(StartError::NotOwner));
        };
        if job.status == SwitchableStatus::Deleted {
            return reply.send(Err(StartError::JobDeleted));
        }
        if runs.is_empty() {
            return reply.send(Ok(Vec::new()));
        }
        let number = self.next_start;
        self.next_start += 1;
        let open = runs.len();
        let mut ids = Vec::with_capacity(open);
        for request in runs {
            let instance = self.new_instance(&job, request, now);
            ids.push(instance.instance_id);
            self.insert(Run::new(instance, job.clone(), epoch), number, now);
        }
        let start = Start {
            ids,
            open,
            error: None,
            reply,
            _ticket: ticket,
        };
        self.starts.insert(number, start);
    }

    fn new_instance(
        &mut self,
        job: &Arc<JobDefinition>,
        request: RunRequest,
        now: UnixMillis,
    ) -> Instance {
        let delayed = now.after(Duration::from_millis(request.delay_ms));
        let start_at = request.at.map_or(delayed, |at| at.max(now));
        Instance {
            instance_id: self.next_id(now),
            job_id: job.id,
            app_id: job.app_id,
            job_revision: job.revision,
            trigger: Trigger::Api,
            job_params: (!job.params.is_empty()).then(|| job.params.clone()),
            instance_params: request.params,
            chosen_worker: request.worker,
            created_at: now,
            state: fold::waiting(start_at),
        }
    }

    /// Writes a new instance: claimed already if it goes now and somebody takes it.
    fn insert(&mut self, mut run: Run, start: u64, now: UnixMillis) {
        if run.instance.state.expected_at <= now.after(CLAIM_LEAD) {
            let monotonic = self.around.clock.monotonic();
            match self
                .placement
                .place(&run.job, run.chosen_worker(), None, monotonic)
            {
                Placed::At(worker) => claim(&mut run, worker, now),
                Placed::Waits(reason) => run.waits_for = reason,
                Placed::Crowded { out } => self.start_in_crowd(&mut run, out, now),
            }
        }
        run.writing = Some(Writing {
            previous: None,
            start: Some(start),
            waiters: Vec::new(),
            stop: None,
        });
        let id = run.instance.instance_id;
        let op = WriteOp::Insert(Box::new(run.instance.clone()));
        self.outbox.writes.push((token(id), op));
        self.enter(run);
    }

    /// Takes over instances that are in the store already.
    pub(super) fn adopt(&mut self, adopted: Vec<AdoptedRun>, now: UnixMillis) {
        for adopted in adopted {
            let AdoptedRun {
                instance,
                job,
                epoch,
                is_counted,
                present,
            } = adopted;
            let id = instance.instance_id;
            // What is left of an ownership that ended while it was loaded.
            if self.runs.get(&id).is_some_and(|known| known.epoch < epoch) {
                self.drop_run(id);
            }
            if self.runs.contains_key(&id) || instance.state.status.is_finished() {
                if is_counted {
                    self.placement.leave(job.id);
                }
                continue;
            }
            let mut run = Run::new(*instance, job, epoch);
            run.stored = Some((run.instance.state.status, run.instance.state.attempt));
            if run.is_out() {
                if !is_counted {
                    self.placement.recount(run.job.id);
                }
                run.is_counted = true;
                run.sent_at = self.around.clock.monotonic();
                // One that stayed connected while this server read anew what it owns says nothing by
                // itself: what it has not confirmed is sent again.
                run.worker = self.connected_tracker(&run.instance);
                run.heard_at = run.sent_at;
                let grace = match self.is_worker_restarted(&run.instance) {
                    true => Duration::ZERO,
                    false => self.return_grace(&run),
                };
                self.remind(now.after(grace), Due::Return, id);
            } else if run.instance.state.attempt > 0 {
                let cause = "see its attempts".to_owned();
                run.waits_for = WaitsFor::Retry { cause };
            }
            self.enter(run);
            self.publish(id);
            self.name_team(id);
            self.advance(id, now);
            if let Some(job) = present {
                self.happen(id, Event::JobChanged(job), now);
            }
        }
    }

    /// The worker of an instance, if it is connected; its place is taken.
    fn connected_tracker(&self, instance: &Instance) -> Option<WorkerEntry> {
        let tracker = instance.state.tracker.as_ref()?;
        let worker = self.around.workers.find(instance.app_id, &tracker.node)?;
        worker.link.as_ref()?;
        worker.take();
        Some(worker)
    }

    /// What an instance with a stored state does next.
    pub(super) fn advance(&mut self, id: powerjob_common::id::InstanceId, now: UnixMillis) {
        let Some(run) = self.runs.get(&id) else {
            return;
        };
        let expected_at = run.instance.state.expected_at;
        match run.instance.state.status {
            InstanceStatus::WaitingDispatch => {
                let claim_at = expected_at.before(CLAIM_LEAD);
                if claim_at <= now {
                    return self.claim_or_wait(id, now);
                }
                // Where runs are counted, one that is claimed early may keep another one from going.
                let is_counted = run_limit(&run.job) > 0;
                match self.claim_lead.of(expected_at, now) {
                    Some(lead) if !is_counted => {
                        self.remind(claim_at.before(lead), Due::EarlyClaim, id);
                    }
                    _ => self.remind(claim_at, Due::Claim, id),
                }
            }
            InstanceStatus::WaitingWorkerReceive if run.sends == 0 && run.worker.is_some() => {
                // It waited for its time before; one that is further away was due by a clock that was ahead.
                let is_soon = expected_at <= now.after(CLAIM_LEAD + claim_lead::MOST);
                if expected_at > now && is_soon {
                    self.remind(expected_at, Due::Send, id);
                } else {
                    self.send(id);
                }
            }
            InstanceStatus::WaitingWorkerReceive | InstanceStatus::Running => {}
            InstanceStatus::Failed
            | InstanceStatus::Succeed
            | InstanceStatus::Canceled
            | InstanceStatus::Stopped => self.finish(id, now),
        }
    }
}

/// Claims a run for a worker whose place is taken.
pub(super) fn claim(run: &mut Run, worker: WorkerEntry, now: UnixMillis) {
    let tracker = TrackerRef {
        node: worker.facts.node.clone(),
        address: worker.facts.address.clone(),
    };
    run.instance.state = fold::claim(&run.instance.state, tracker, now);
    run.worker = Some(worker);
    run.is_counted = true;
    run.connection = None;
    run.sends = 0;
    run.waits_since = None;
    run.waits_for = WaitsFor::Time;
}
