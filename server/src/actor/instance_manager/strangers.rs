//! Instances that are not in memory, or that the store knows better: asked of the store.
//!
//! These are rare (a retry by hand, a stop that came too late), so each may be a future of its own.

use actix::prelude::*;
use powerjob_common::id::InstanceId;
use powerjob_common::status::InstanceStatus;
use powerjob_protocol::wire::server_to_worker::StopReason;

use super::InstanceManager;
use super::message::ChangeError;
use super::run::{Event, Run, Waiter, stop_at_tracker};
use crate::actor::dispatcher::Stop;
use crate::domain::fold;
use crate::domain::instance::{Instance, Trigger};
use crate::domain::job::JobDefinition;
use crate::store::{self, Store};

type ChangeReply = powerjob_common::actor::Reply<Result<Box<Instance>, ChangeError>>;

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
        match event {
            Event::Stop(reply) | Event::Cancel(reply) => {
                let store = self.parts.store.clone();
                ctx.spawn(
                    async move {
                        reply.send(Err(match store.instance(id).await {
                            Ok(found) if found.state.status.is_finished() => {
                                ChangeError::AlreadyFinished
                            }
                            Ok(_) => ChangeError::NotOwner,
                            Err(error) => explain(error),
                        }));
                    }
                    .into_actor(self),
                );
            }
            Event::Kill(reply) => self.kill_remains(id, reply, ctx),
            Event::Retry(reply) => self.retry_finished(id, reply, ctx),
            // While an application is being taken over its instances are not all here yet.
            Event::Report(..) if self.parts.around.ownership.apps().is_empty() => {
                event.refuse(ChangeError::NotOwner);
            }
            other => other.refuse(ChangeError::NotFound),
        }
    }

    /// What a stopped instance left running at its worker is given up at once.
    fn kill_remains(&mut self, id: InstanceId, reply: ChangeReply, ctx: &mut Context<Self>) {
        let store = self.parts.store.clone();
        let work = async move { store.instance(id).await };
        ctx.spawn(work.into_actor(self).map(move |found, actor, ctx| {
            let instance = match found {
                Ok(instance) if instance.state.status == InstanceStatus::Stopped => instance,
                Ok(found) if found.state.status.is_finished() => {
                    return reply.send(Err(ChangeError::AlreadyFinished));
                }
                Ok(_) => return reply.send(Err(ChangeError::NotOwner)),
                Err(error) => return reply.send(Err(explain(error))),
            };
            let around = &actor.parts.around;
            let epoch = around.ownership.epoch(instance.app_id).unwrap_or_default();
            let stop = stop_at_tracker(&around.workers, &instance, epoch, StopReason::User);
            let kill = stop.map(|stop| Stop {
                is_kill: true,
                ..stop
            });
            actor.shard.outbox.stops.extend(kill);
            reply.send(Ok(Box::new(instance)));
            actor.end_turn(ctx);
        }));
    }

    fn retry_finished(&mut self, id: InstanceId, reply: ChangeReply, ctx: &mut Context<Self>) {
        let store = self.parts.store.clone();
        let jobs = self.parts.around.jobs.clone();
        let work = async move {
            let instance = store.instance(id).await.map_err(explain)?;
            let job = match jobs.get(instance.job_id) {
                Some(job) => job,
                None => load_job(&store, &instance).await?.into(),
            };
            Ok((instance, job))
        };
        ctx.spawn(work.into_actor(self).map(move |found, actor, ctx| {
            match found {
                Ok((instance, job)) => actor.retry_loaded(instance, job, reply),
                Err(error) => reply.send(Err(error)),
            }
            actor.end_turn(ctx);
        }));
    }

    fn retry_loaded(
        &mut self,
        mut instance: Instance,
        job: std::sync::Arc<JobDefinition>,
        reply: ChangeReply,
    ) {
        let id = instance.instance_id;
        let now = self.now();
        let Some(epoch) = self.parts.around.ownership.epoch(instance.app_id) else {
            return reply.send(Err(ChangeError::NotOwner));
        };
        if matches!(instance.trigger, Trigger::Workflow { .. }) {
            return reply.send(Err(ChangeError::PartOfWorkflow));
        }
        let Some(change) = fold::retry(&instance.state, now) else {
            return reply.send(Err(ChangeError::NotOwner));
        };
        if self.shard.runs.contains_key(&id) {
            return reply.send(Err(ChangeError::NotFinished)); // somebody else was faster
        }
        instance.job_revision = job.revision;
        let mut run = Run::new(instance, job, epoch);
        run.stored = Some((run.instance.state.status, run.instance.state.attempt));
        self.shard.enter(run);
        self.shard.change(id, change, vec![Waiter::Caller(reply)]);
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
