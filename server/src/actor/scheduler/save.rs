//! Saving and switching jobs: check, store, follow.

use std::sync::Arc;

use actix::prelude::*;
use powerjob_common::actor::{Mail, Reply};
use powerjob_common::id::JobId;
use powerjob_common::reason::{Reason, ReasonCode};
use powerjob_common::status::SwitchableStatus;
use powerjob_common::time::UnixMillis;

use super::draft::first_of;
use super::{SaveError, SaveJob, Scheduler, SwitchJob};
use crate::actor::instance_manager::{FollowJob, ForgetRuns, shard_of};
use crate::domain::job::JobDefinition;
use crate::live::Event;
use crate::store::job::{JobSave, JobSaved, JobSwitch};
use crate::store::{self, Store};

type JobReply = Reply<Result<Arc<JobDefinition>, SaveError>>;

impl Handler<Mail<SaveJob>> for Scheduler {
    type Result = ();

    fn handle(&mut self, mail: Mail<SaveJob>, ctx: &mut Self::Context) {
        let (letter, ticket) = mail.open();
        let SaveJob {
            draft,
            author,
            base_revision,
            reply,
        } = letter;
        let job_id = draft.id;
        let job = match self.planner.job_of_draft(*draft) {
            Ok(job) => job,
            Err(error) => return reply.send(Err(error)),
        };
        let store = self.parts.store.clone();
        let now = self.parts.clock.now();
        let work = async move {
            if job_id.is_none() {
                let job = store.create_job(job, author).await?;
                return Ok(JobSaved {
                    job,
                    canceled: Vec::new(),
                });
            }
            store
                .save_job(JobSave {
                    job,
                    base_revision,
                    author,
                    cancel_after: Some(now),
                })
                .await
        };
        ctx.spawn(work.into_actor(self).map(move |saved, actor, ctx| {
            drop(ticket); // counted until the store has answered
            actor.saved(job_id, saved, reply, ctx);
        }));
    }
}

impl Handler<Mail<SwitchJob>> for Scheduler {
    type Result = ();

    fn handle(&mut self, mail: Mail<SwitchJob>, ctx: &mut Self::Context) {
        let (letter, ticket) = mail.open();
        let SwitchJob {
            job_id,
            to,
            author,
            reply,
        } = letter;
        let now = self.parts.clock.now();
        let (store, jobs, zone) = (
            self.parts.store.clone(),
            self.parts.jobs.clone(),
            self.parts.zone,
        );
        let work = async move {
            let job = match jobs.get(job_id) {
                Some(job) => job,
                None => Arc::new(store.job(job_id).await?),
            };
            let next_trigger_at = match to {
                SwitchableStatus::Enable => first_of(&job.schedule, zone, now),
                SwitchableStatus::Disable | SwitchableStatus::Deleted => None,
            };
            switch(&store, job_id, to, next_trigger_at, author, now).await
        };
        ctx.spawn(work.into_actor(self).map(move |saved, actor, ctx| {
            drop(ticket); // counted until the store has answered
            actor.saved(Some(job_id), saved, reply, ctx);
        }));
    }
}

async fn switch(
    store: &Store,
    id: JobId,
    status: SwitchableStatus,
    next_trigger_at: Option<UnixMillis>,
    author: Option<powerjob_common::id::UserId>,
    now: UnixMillis,
) -> Result<JobSaved, store::Error> {
    store
        .switch_job(JobSwitch {
            id,
            status,
            next_trigger_at,
            author,
            cancel_after: Some(now),
        })
        .await
}

impl Scheduler {
    /// The store has answered: the schedule follows, then the caller hears of it.
    fn saved(
        &mut self,
        job_id: Option<JobId>,
        saved: Result<JobSaved, store::Error>,
        reply: JobReply,
        ctx: &mut Context<Self>,
    ) {
        let JobSaved { job, canceled } = match saved {
            Ok(saved) => saved,
            Err(error) => return reply.send(Err(self.explain(job_id, error))),
        };
        let job = Arc::new(job);
        let before = self.parts.jobs.get(job.id);
        let was_second_level = before.is_some_and(|job| job.is_second_level());
        self.planner.saved(&job, !canceled.is_empty());
        self.carry_out(ctx);
        self.call_off(&canceled);
        if was_second_level || job.is_second_level() {
            self.tell_its_run(&job);
        }
        self.parts.events.publish(job.app_id, || Event::JobChanged {
            job_id: job.id,
            deleted: job.status == SwitchableStatus::Deleted,
        });
        reply.send(Ok(job));
    }

    fn call_off(&self, canceled: &[powerjob_common::id::InstanceId]) {
        if canceled.is_empty() {
            return;
        }
        let shards = self.parts.forget.len();
        for (place, port) in self.parts.forget.iter().enumerate() {
            let ids: Vec<_> = canceled
                .iter()
                .filter(|id| shard_of(**id, shards) == place)
                .copied()
                .collect();
            // Refused: its claim finds the row canceled.
            if !ids.is_empty()
                && let Err(refused) = port.tell(ForgetRuns { ids })
            {
                tracing::warn!(%refused, "called-off occurrences were not forgotten");
            }
        }
    }

    /// A second-level job has a run that goes on: whoever has it must hear of the change.
    fn tell_its_run(&self, job: &Arc<JobDefinition>) {
        for port in &self.parts.follow {
            let job = job.clone();
            if let Err(refused) = port.tell(FollowJob { job }) {
                tracing::error!(%refused, "an instance manager did not hear of a changed job");
            }
        }
    }

    fn explain(&self, job_id: Option<JobId>, error: store::Error) -> SaveError {
        match error {
            store::Error::NotFound { .. } => SaveError::NotFound,
            store::Error::Conflict { what, reason } if what != "revision" => SaveError::Invalid {
                field: what.to_owned(),
                reason: Reason::new(ReasonCode::Refused, "cause", reason),
            },
            // All saves of an owned job pass here: its present revision is known.
            store::Error::Conflict { .. } => SaveError::Conflict {
                present: job_id
                    .and_then(|id| self.parts.jobs.get(id))
                    .map_or(0, |job| job.revision),
            },
            store::Error::Invalid { field, reason } => SaveError::Invalid {
                field: field.to_owned(),
                reason: Reason::new(ReasonCode::Refused, "cause", reason),
            },
            store::Error::Fenced => SaveError::NotOwner,
            other => SaveError::Unavailable(other.to_string()),
        }
    }
}
