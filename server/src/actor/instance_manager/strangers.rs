//! Instances that are not in memory, or that the store knows better: asked of the store.
//!
//! These are rare (a retry by hand, a stop that came too late), so each may be a future of its own.

use std::sync::Arc;

use actix::prelude::*;
use powerjob_common::id::InstanceId;
use powerjob_common::status::{ExecuteType, InstanceStatus};
use powerjob_common::time::UnixMillis;
use powerjob_protocol::wire::server_to_worker::StopReason;

use super::InstanceManager;
use super::message::ChangeError;
use super::run::{Event, Run, Waiter, stop_at_tracker};
use super::shard::Shard;
use crate::actor::dispatcher::Stop;
use crate::domain::fold;
use crate::domain::instance::{Instance, Trigger};
use crate::domain::job::JobDefinition;
use crate::domain::retry_scope::{RetryScope, check_failed_tasks};
use crate::store::{self, Store};

type ChangeReply = powerjob_common::actor::Reply<Result<Box<Instance>, ChangeError>>;
/// What the store says about an instance.
pub(super) type Found = Result<(Instance, Option<Arc<JobDefinition>>), ChangeError>;

impl InstanceManager {
    /// Loads an instance whose write found another state than expected.
    pub(super) fn reload(&mut self, id: InstanceId, ctx: &mut Context<Self>) {
        let store = self.parts.store.clone();
        let work = async move { store.instance(id).await };
        ctx.spawn(work.into_actor(self).map(move |found, actor, ctx| {
            let found = match found {
                Ok(instance) => Some(instance),
                Err(store::Error::NotFound { .. }) => None,
                Err(error) => {
                    tracing::warn!(instance_id = %id, %error, "an instance could not be loaded");
                    return actor.reload_later(id, ctx);
                }
            };
            let now = actor.now();
            actor.shard.reloaded(id, found, now);
            actor.end_turn(ctx);
        }));
    }

    fn reload_later(&mut self, id: InstanceId, ctx: &mut Context<Self>) {
        let pause = tokio::time::sleep(super::claim::STORE_PAUSE);
        ctx.spawn(
            pause
                .into_actor(self)
                .map(move |(), actor, ctx| actor.reload(id, ctx)),
        );
    }

    /// Decides about an event whose instance is not open here.
    pub(super) fn ask_store(&mut self, id: InstanceId, event: Event, ctx: &mut Context<Self>) {
        let Some(event) = self.shard.meet_stranger(event) else {
            return;
        };
        let store = self.parts.store.clone();
        let jobs = self.parts.around.jobs.clone();
        let scope = match &event {
            Event::Retry(scope, _) => Some(*scope),
            _ => None,
        };
        if scope.is_some() && !self.retrying.insert(id) {
            return event.refuse(ChangeError::NotFinished); // somebody else was faster
        }
        let work = async move {
            let instance = store.instance(id).await.map_err(explain)?;
            let job = match jobs.get(instance.job_id) {
                Some(job) => Some(job),
                None if scope.is_some() => Some(load_job(&store, &instance).await?.into()),
                None => None,
            };
            if let (Some(scope), Some(job)) = (scope, &job) {
                prepare_retry(&store, &instance, job, scope).await?;
            }
            Ok((instance, job))
        };
        ctx.spawn(work.into_actor(self).map(move |found, actor, ctx| {
            if scope.is_some() {
                actor.retrying.remove(&id);
            }
            let now = actor.now();
            actor.shard.know_stranger(event, found, now);
            actor.end_turn(ctx);
        }));
    }
}

impl Shard {
    /// Answers an event whose instance is not open here, unless the store must be asked first.
    pub(super) fn meet_stranger(&self, event: Event) -> Option<Event> {
        match event {
            Event::Stop(_) | Event::Cancel(_) | Event::Kill(_) | Event::Retry(..) => Some(event),
            // While an application is being taken over its instances are not all here yet.
            Event::Report(..) if self.around.ownership.apps().is_empty() => {
                event.refuse(ChangeError::NotOwner);
                None
            }
            other => {
                other.refuse(ChangeError::NotFound);
                None
            }
        }
    }

    /// The store has answered: the instance, and its job if it is known or was wanted.
    pub(super) fn know_stranger(&mut self, event: Event, found: Found, now: UnixMillis) {
        let (instance, job) = match found {
            Ok(found) => found,
            Err(error) => return event.refuse(error),
        };
        let is_finished = instance.state.status.is_finished();
        match event {
            Event::Retry(scope, reply) if let Some(job) = job => {
                self.retry_finished(instance, (job, scope), reply, now);
            }
            Event::Kill(reply) if instance.state.status == InstanceStatus::Stopped => {
                self.kill_remains(&instance);
                reply.send(Ok(Box::new(instance)));
            }
            Event::Stop(reply) | Event::Cancel(reply) | Event::Kill(reply) if is_finished => {
                reply.send(Err(ChangeError::AlreadyFinished));
            }
            other => other.refuse(ChangeError::NotOwner),
        }
    }

    /// What a stopped instance left running at its worker is given up at once.
    fn kill_remains(&mut self, instance: &Instance) {
        let epoch = self.around.ownership.epoch(instance.app_id);
        let epoch = epoch.unwrap_or_default();
        let stop = stop_at_tracker(&self.around.workers, instance, epoch, StopReason::User);
        let kill = stop.map(|stop| Stop {
            is_kill: true,
            ..stop
        });
        self.outbox.stops.extend(kill);
    }

    fn retry_finished(
        &mut self,
        mut instance: Instance,
        (job, scope): (Arc<JobDefinition>, RetryScope),
        reply: ChangeReply,
        now: UnixMillis,
    ) {
        let id = instance.instance_id;
        let Some(epoch) = self.around.ownership.epoch(instance.app_id) else {
            return reply.send(Err(ChangeError::NotOwner));
        };
        if matches!(instance.trigger, Trigger::Workflow { .. }) {
            return reply.send(Err(ChangeError::PartOfWorkflow));
        }
        let change = match scope {
            RetryScope::Whole => fold::retry(&instance.state, now),
            RetryScope::FailedTasks => {
                fold::retry_failed_tasks(&instance.state, job.instance_retries, now)
            }
        };
        let Some(change) = change else {
            return reply.send(Err(ChangeError::NotOwner));
        };
        if self.runs.contains_key(&id) {
            return reply.send(Err(ChangeError::NotFinished)); // somebody else was faster
        }
        instance.job_revision = job.revision;
        let mut run = Run::new(instance, job, epoch);
        run.stored = Some((run.instance.state.status, run.instance.state.attempt));
        self.enter(run);
        self.change(id, change, vec![Waiter::Caller(reply)]);
    }
}

/// Has the journal of an ended instance tell what its next attempt begins with.
async fn prepare_retry(
    store: &Store,
    instance: &Instance,
    job: &JobDefinition,
    scope: RetryScope,
) -> Result<(), ChangeError> {
    let state = &instance.state;
    if !state.status.is_finished() {
        return Ok(()); // whoever decides refuses it
    }
    if matches!(instance.trigger, Trigger::Workflow { .. }) {
        return Err(ChangeError::PartOfWorkflow);
    }
    if scope == RetryScope::FailedTasks {
        check_failed_tasks(state.status, job)?;
    }
    let has_journal = matches!(job.execute_type, ExecuteType::Map | ExecuteType::MapReduce);
    if !has_journal || state.attempt == 0 {
        return Ok(());
    }
    let id = instance.instance_id;
    let prepared = store
        .prepare_journal(instance.app_id, id, state.attempt, scope)
        .await
        .map_err(explain)?;
    match prepared {
        Some(prepared) => Ok(prepared?),
        None => Err(ChangeError::NotFinished),
    }
}

async fn load_job(store: &Store, instance: &Instance) -> Result<JobDefinition, ChangeError> {
    store
        .job(instance.job_id)
        .await
        .map_err(|error| match error {
            store::Error::NotFound { .. } => ChangeError::JobMissing,
            other => explain(other),
        })
}

fn explain(error: store::Error) -> ChangeError {
    match error {
        store::Error::NotFound { .. } => ChangeError::NotFound,
        store::Error::Fenced => ChangeError::NotOwner,
        other => ChangeError::Unavailable(other.to_string()),
    }
}
