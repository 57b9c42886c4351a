//! What a saved job means for its schedule.

use std::sync::Arc;

use powerjob_common::reason::ReasonCode;
use powerjob_common::status::{SwitchableStatus, TimeExpressionType};
use powerjob_common::time::UnixMillis;
use powerjob_common::time_expression::{InvalidExpression, Schedule};

use super::SaveError;
use super::planner::Planner;
use crate::domain::job::{JobDefinition, JobDraft, ScheduleSpec};
use crate::domain::trigger::{first_trigger, goes_on};

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

/// The first time of a job that is switched on at `now`.
pub(crate) fn first_of(
    spec: &ScheduleSpec,
    zone: chrono_tz::Tz,
    now: UnixMillis,
) -> Option<UnixMillis> {
    let schedule = parse(spec, zone).ok()?;
    first_trigger(&schedule, &spec.lifecycle, now)
}

impl Planner {
    /// The job that a draft describes, with its next time.
    pub(crate) fn job_of_draft(&mut self, draft: JobDraft) -> Result<JobDefinition, SaveError> {
        if self.parts.ownership.epoch(draft.app_id).is_none() {
            return Err(SaveError::NotOwner);
        }
        let now = self.now();
        let schedule = parse(&draft.schedule, self.parts.zone).map_err(invalid)?;
        let lifecycle = draft.schedule.lifecycle;
        lifecycle.validate(now).map_err(invalid)?;
        let job = draft.into_definition(None, now);
        let next_trigger_at = self.next_of_saved(&job, &schedule, now);
        let is_calendar = matches!(
            job.schedule.kind,
            TimeExpressionType::Cron
                | TimeExpressionType::DailyTimeInterval
                | TimeExpressionType::Once
        );
        let is_on = job.status == SwitchableStatus::Enable;
        if is_calendar && is_on && next_trigger_at.is_none() {
            return Err(SaveError::Invalid {
                field: "schedule.expression".to_owned(),
                reason: ReasonCode::NoTriggerLeft.into(),
            });
        }
        Ok(JobDefinition {
            next_trigger_at,
            ..job
        })
    }

    /// The next time of a job that is saved at `now`; one that is new has the id 0.
    pub(crate) fn next_of_saved(
        &self,
        job: &JobDefinition,
        schedule: &Schedule,
        now: UnixMillis,
    ) -> Option<UnixMillis> {
        if job.status != SwitchableStatus::Enable {
            return None;
        }
        let known = self.parts.jobs.get(job.id);
        let has_grid = matches!(
            job.schedule.kind,
            TimeExpressionType::FixedRate | TimeExpressionType::FixedDelay
        );
        let known_next = self.known_next(job.id);
        if known.is_some_and(|known| goes_on(&known, job)) && (has_grid || known_next.is_some()) {
            return known_next; // what is called off is made again: the store knows what it is
        }
        first_trigger(schedule, &job.schedule.lifecycle, now)
    }

    /// A job is saved; `was_called_off`: an occurrence of it was.
    pub(crate) fn saved(&mut self, job: &Arc<JobDefinition>, was_called_off: bool) {
        self.follow(job.clone());
        self.keep_loop_going(job, was_called_off);
    }

    /// A loop goes on when its run ends; if that run was called off, it goes on now.
    fn keep_loop_going(&mut self, job: &JobDefinition, was_called_off: bool) {
        let is_loop = job.is_loop() && job.status == SwitchableStatus::Enable;
        if is_loop && was_called_off && self.index.get(job.id).is_none() {
            self.index.set(job.id, Some(self.now()));
        }
    }
}

fn invalid(error: InvalidExpression) -> SaveError {
    SaveError::Invalid {
        field: format!("schedule.{}", error.field),
        reason: error.reason,
    }
}
