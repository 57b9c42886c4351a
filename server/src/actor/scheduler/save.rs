//! Saving and switching jobs: check, store, follow.

use std::sync::Arc;

use actix::prelude::*;
use powerjob_common::actor::{Mail, Reply};
use powerjob_common::id::JobId;
use powerjob_common::reason::{Reason, ReasonCode};
use powerjob_common::status::{SwitchableStatus, TimeExpressionType};
use powerjob_common::time::UnixMillis;
use powerjob_common::time_expression::{InvalidExpression, Schedule};

use super::{SaveError, SaveJob, Scheduler, SwitchJob};
use crate::actor::instance_manager::{ForgetRuns, shard_of};
use crate::domain::job::{JobDefinition, JobDraft, ScheduleSpec};
use crate::domain::trigger::{first_trigger, resume};
use crate::live::Event;
use crate::store::job::{JobSave, JobSaved, JobSwitch};
use crate::store::{self, Store};

type JobReply = Reply<Result<Arc<JobDefinition>, SaveError>>;

/// Reads a schedule; its own zone wins over the server's.
pub(crate) fn parse(
    spec: &ScheduleSpec,
    server_zone: chrono_tz::Tz,
) -> Result<Schedule, InvalidExpression> {
    let zone = match &spec.zone {
        None => server_zone,
        Some(name) => name
            .parse()
            .map_err(|_| InvalidExpression::new("zone", ReasonCode::UnknownZone))?,
    };
    Schedule::parse(spec.kind, &spec.expression, zone)
}

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
        let job = match self.job_of_draft(*draft) {
            Ok(job) => job,
            Err(error) => return reply.send(Err(error)),
        };
        let store = self.parts.store.clone();
        let now = self.now();
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
        ctx.spawn(work.into_actor(self).map(move |saved, actor, _ctx| {
            drop(ticket); // counted until the store has answered
            actor.saved(job_id, saved, reply);
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
        let now = self.now();
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
                SwitchableStatus::Enable => parse(&job.schedule, zone)
                    .ok()
                    .and_then(|schedule| first_trigger(&schedule, &job.schedule.lifecycle, now)),
                SwitchableStatus::Disable | SwitchableStatus::Deleted => None,
            };
            switch(&store, job_id, to, next_trigger_at, author, now).await
        };
        ctx.spawn(work.into_actor(self).map(move |saved, actor, _ctx| {
            drop(ticket); // counted until the store has answered
            actor.saved(Some(job_id), saved, reply);
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
    /// The job that a draft describes, with its next time.
    fn job_of_draft(&mut self, draft: JobDraft) -> Result<JobDefinition, SaveError> {
        if self.parts.ownership.epoch(draft.app_id).is_none() {
            return Err(SaveError::NotOwner);
        }
        let now = self.now();
        let schedule = parse(&draft.schedule, self.parts.zone).map_err(invalid)?;
        let lifecycle = draft.schedule.lifecycle;
        lifecycle.validate(now).map_err(invalid)?;
        let known = draft.id.and_then(|id| self.parts.jobs.get(id));
        let goes_on = known.as_ref().is_some_and(|known| {
            known.status == SwitchableStatus::Enable && known.schedule == draft.schedule
        });
        let next_trigger_at = if draft.status != SwitchableStatus::Enable {
            None
        } else if goes_on {
            let next = draft.id.and_then(|id| self.index.get(id));
            resume(&schedule, &lifecycle, next, now)
        } else {
            first_trigger(&schedule, &lifecycle, now)
        };
        let is_calendar = matches!(
            draft.schedule.kind,
            TimeExpressionType::Cron
                | TimeExpressionType::DailyTimeInterval
                | TimeExpressionType::Once
        );
        let is_on = draft.status == SwitchableStatus::Enable;
        if is_calendar && is_on && next_trigger_at.is_none() {
            return Err(SaveError::Invalid {
                field: "schedule.expression".to_owned(),
                reason: ReasonCode::NoTriggerLeft.into(),
            });
        }
        Ok(draft.into_definition(next_trigger_at, now))
    }

    /// The store has answered: the schedule follows, then the caller hears of it.
    fn saved(
        &mut self,
        job_id: Option<JobId>,
        saved: Result<JobSaved, store::Error>,
        reply: JobReply,
    ) {
        let JobSaved { job, canceled } = match saved {
            Ok(saved) => saved,
            Err(error) => return reply.send(Err(self.explain(job_id, error))),
        };
        let job = Arc::new(job);
        self.follow(job.clone());
        self.keep_loop_going(&job, !canceled.is_empty());
        self.set_deadline();
        self.call_off(&canceled);
        self.parts.events.publish(job.app_id, || Event::JobChanged {
            job_id: job.id,
            deleted: job.status == SwitchableStatus::Deleted,
        });
        reply.send(Ok(job));
    }

    /// A fixed delay goes on when its run ends; if that run was called off, it goes on now.
    fn keep_loop_going(&mut self, job: &JobDefinition, was_called_off: bool) {
        let is_loop = job.schedule.kind == TimeExpressionType::FixedDelay
            && job.status == SwitchableStatus::Enable;
        if is_loop && was_called_off && self.index.get(job.id).is_none() {
            self.index.set(job.id, Some(self.now()));
        }
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

fn invalid(error: InvalidExpression) -> SaveError {
    SaveError::Invalid {
        field: format!("schedule.{}", error.field),
        reason: error.reason,
    }
}
