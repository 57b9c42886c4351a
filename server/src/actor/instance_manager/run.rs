//! One open instance in the memory of its instance manager.

use std::sync::Arc;
use std::time::Duration;

use powerjob_common::actor::Reply;
use powerjob_common::id::{InstanceId, NodeRef, TraceId};
use powerjob_common::reason::Reason;
use powerjob_common::status::InstanceStatus;
use powerjob_common::time::UnixMillis;
use powerjob_protocol::wire::server_to_worker::{RunInstance, StopInstance, StopReason};
use powerjob_protocol::wire::worker_to_server::ReportAnswer;

use super::answer::AnswerSlot;
use super::message::ChangeError;
use super::teams::NamedTeam;
use crate::actor::dispatcher::Stop;
use crate::domain::dispatch::WaitsFor;
use crate::domain::fold::Report;
use crate::domain::instance::{Instance, InstanceState, Trigger, is_out};
use crate::domain::job::JobDefinition;
use crate::domain::retry_scope::RetryScope;
use crate::live::{WorkerEntry, WorkerTable, nominal_of};

/// An open instance. At most one write about it is under way; what happens meanwhile waits.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) instance: Instance,
    pub(super) job: Arc<JobDefinition>,
    pub(super) epoch: i64,
    /// Status and attempt in the store; `None` before the first write.
    pub(super) stored: Option<(InstanceStatus, u32)>,
    pub(super) writing: Option<Writing>,
    pub(super) deferred: Vec<Event>,
    /// Whether it counts among the runs of its job that are out.
    pub(super) is_counted: bool,
    /// The worker whose place it has.
    pub(super) worker: Option<WorkerEntry>,
    /// The connection over which the present attempt was sent or confirmed.
    pub(super) connection: Option<u64>,
    /// How often, and when (monotonic), the present attempt was sent.
    pub(super) sends: u32,
    pub(super) sent_at: Duration,
    /// When (monotonic) its worker last spoke of it; only kept where its silence tells something.
    pub(super) heard_at: Duration,
    /// Whether its worker's silence is watched.
    pub(super) is_watched: bool,
    pub(super) waits_for: WaitsFor,
    /// Since when it could go if somebody took it.
    pub(super) waits_since: Option<UnixMillis>,
    /// Whether it stands in the queue for workers.
    pub(super) is_queued: bool,
    /// Whether the store does not know all that memory knows.
    pub(super) is_dirty: bool,
    /// The worker that had the last attempt.
    pub(super) avoid: Option<NodeRef>,
    pub(super) named_team: Option<NamedTeam>,
}

/// A run that was sent and is looked after until its worker confirms it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unconfirmed {
    pub(super) id: InstanceId,
    pub(super) attempt: u32,
    /// When (monotonic) it was sent, and is looked at next.
    pub(super) sent_at: Duration,
    pub(super) look_at: Duration,
}

/// A write under way.
#[derive(Debug)]
pub(super) struct Writing {
    /// The state before it, to go back to when it fails; `None` for an insert.
    pub(super) previous: Option<InstanceState>,
    /// The call that waits for this insert.
    pub(super) start: Option<u64>,
    /// Who waits for it.
    pub(super) waiters: Vec<Waiter>,
    /// What must reach the worker then.
    pub(super) stop: Option<Stop>,
}

/// Someone who waits until a change is durable.
#[derive(Debug)]
pub(super) enum Waiter {
    Report(AnswerSlot),
    Caller(Reply<Result<Box<Instance>, ChangeError>>),
}

/// Something that happens to an instance.
#[derive(Debug)]
pub(super) enum Event {
    Report(Report, AnswerSlot),
    Confirmed {
        attempt: u32,
    },
    Refused {
        attempt: u32,
    },
    Invalid {
        attempt: u32,
        cause: String,
    },
    Unreceived {
        attempt: u32,
        cause: String,
    },
    Lost {
        attempt: u32,
        cause: String,
    },
    /// A newer run of the job takes its place.
    Replaced {
        by: InstanceId,
    },
    /// The second-level job whose beats it makes was changed.
    JobChanged(Arc<JobDefinition>),
    Stop(Reply<Result<Box<Instance>, ChangeError>>),
    Kill(Reply<Result<Box<Instance>, ChangeError>>),
    Cancel(Reply<Result<Box<Instance>, ChangeError>>),
    Retry(RetryScope, Reply<Result<Box<Instance>, ChangeError>>),
}

impl Run {
    /// The workers that its caller chose.
    pub(super) fn chosen_worker(&self) -> Option<&str> {
        self.instance.chosen_worker.as_deref()
    }

    pub(super) fn new(instance: Instance, job: Arc<JobDefinition>, epoch: i64) -> Self {
        Self {
            instance,
            job,
            epoch,
            stored: None,
            writing: None,
            deferred: Vec::new(),
            is_counted: false,
            worker: None,
            connection: None,
            sends: 0,
            sent_at: Duration::ZERO,
            heard_at: Duration::ZERO,
            is_watched: false,
            waits_for: WaitsFor::Time,
            waits_since: None,
            is_queued: false,
            is_dirty: false,
            avoid: None,
            named_team: None,
        }
    }

    /// Whether a worker has it, as far as is known.
    pub(super) fn is_out(&self) -> bool {
        is_out(&self.instance.state)
    }

    /// Whether its worker tells of a run it lost only by saying nothing more about it.
    pub(super) fn is_told_by_silence(&self) -> bool {
        let tracker = self.instance.state.tracker.as_ref();
        tracker.is_some_and(|tracker| !tracker.node.has_lives())
    }

    /// Whether it was never started, is due, and waits for other runs of its job only.
    pub(super) fn is_held_back(&self) -> bool {
        let is_idle = self.writing.is_none() && self.is_queued && !self.is_out();
        is_idle && self.instance.state.attempt == 0 && matches!(self.waits_for, WaitsFor::Others(_))
    }

    /// What people may see: nothing that is not stored yet, except starts.
    pub(super) fn shown(&self) -> Option<Instance> {
        let Some(writing) = &self.writing else {
            return Some(self.instance.clone());
        };
        let state = writing.previous.clone()?;
        Some(Instance {
            state,
            ..self.instance.clone()
        })
    }

    /// Why it waits; `None` when it does not wait.
    pub(super) fn why_waiting(&self) -> Option<Reason> {
        (self.instance.state.status == InstanceStatus::WaitingDispatch)
            .then(|| self.waits_for.reason())
    }

    /// The request for its worker.
    pub(super) fn request(&self) -> RunInstance {
        let instance = &self.instance;
        let job = &self.job;
        let wf_instance_id = match instance.trigger {
            Trigger::Workflow { wf_instance_id } => Some(wf_instance_id),
            Trigger::Schedule { .. } | Trigger::Api => None,
        };
        RunInstance {
            instance_id: instance.instance_id.0,
            attempt: instance.state.attempt,
            epoch: self.epoch,
            job_revision: job.revision,
            trace_id: trace_bytes(instance.instance_id),
            job_id: job.id.0,
            job_name: job.name.clone(),
            execute_type: job.execute_type.code() as u8,
            processor_type: job.processor_type.code() as u8,
            processor_info: job.processor.clone(),
            job_params: instance.job_params.clone().unwrap_or_default(),
            instance_params: instance.instance_params.clone().unwrap_or_default(),
            time_limit_ms: job.time_limit_ms,
            concurrency: job.concurrency,
            task_retry_num: job.task_retries,
            nominal_time_ms: nominal_of(instance).0,
            wf_instance_id,
            log_level: job.log_level.code() as u8,
        }
    }
}

/// The order to stop a run.
pub(super) fn stop_order(
    id: InstanceId,
    attempt: u32,
    epoch: i64,
    reason: StopReason,
) -> StopInstance {
    StopInstance {
        instance_id: id.0,
        attempt,
        epoch,
        trace_id: trace_bytes(id),
        reason,
    }
}

/// The order to stop an instance, for its worker as it is connected now; `None` without one.
pub(super) fn stop_at_tracker(
    workers: &WorkerTable,
    instance: &Instance,
    epoch: i64,
    reason: StopReason,
) -> Option<Stop> {
    let tracker = instance.state.tracker.as_ref()?;
    let link = workers.find(instance.app_id, &tracker.node)?.link?;
    let item = stop_order(instance.instance_id, instance.state.attempt, epoch, reason);
    Some(Stop {
        link,
        item,
        is_kill: false,
    })
}

fn trace_bytes(id: InstanceId) -> [u8; 16] {
    TraceId::of_instance(id).0.to_be_bytes()
}

impl Waiter {
    /// The change is durable.
    pub(super) fn done(self, instance: &Instance) {
        match self {
            Self::Report(slot) => slot.answer(ReportAnswer::Stored),
            Self::Caller(reply) => reply.send(Ok(Box::new(instance.clone()))),
        }
    }

    /// The change did not happen.
    pub(super) fn failed(self, error: ChangeError) {
        match self {
            Self::Report(slot) => slot.answer(ReportAnswer::Again),
            Self::Caller(reply) => reply.send(Err(error)),
        }
    }
}

impl Event {
    /// It concerns an instance that is not open here.
    pub(super) fn refuse(self, error: ChangeError) {
        match self {
            Self::Report(_, slot) if error == ChangeError::NotOwner => {
                slot.answer(ReportAnswer::Again);
            }
            Self::Report(_, slot) => slot.answer(ReportAnswer::Stale),
            Self::Stop(reply) | Self::Kill(reply) | Self::Cancel(reply) | Self::Retry(_, reply) => {
                reply.send(Err(error));
            }
            Self::Confirmed { .. }
            | Self::Refused { .. }
            | Self::Invalid { .. }
            | Self::Unreceived { .. }
            | Self::Lost { .. }
            | Self::Replaced { .. }
            | Self::JobChanged(_) => {}
        }
    }
}
