//! What is coming.

use std::time::Duration;

use powerjob_common::time::UnixMillis;
use powerjob_protocol::api::calendar::{Calendar, CalendarTrigger, JobTriggers, OftenJob};
use powerjob_protocol::api::id::Id;

use super::{ServiceError, Services, schedules};
use crate::domain::job::JobDefinition;
use crate::domain::upcoming::upcoming;
use crate::store::app::App;

/// A job with more triggers in the span is shown as one line.
const FEW: usize = 24;

/// The triggers of an application's jobs in the next `span`, at most `limit`.
pub async fn of_app(
    services: &Services,
    app: &App,
    span: Duration,
    limit: usize,
) -> Result<Calendar, ServiceError> {
    let zone = services.handles.facts.zone;
    let now = services.now();
    let until = now.after(span);
    let (mut triggers, mut often) = (Vec::new(), Vec::new());
    for job in services.store.load_jobs(vec![app.id]).await? {
        let Ok(schedule) = schedules::of_job(&job.schedule, zone) else {
            continue;
        };
        let times = upcoming(&job, &schedule, (now, until), FEW + 1);
        match times.first() {
            Some(next) if times.len() > FEW => often.push(OftenJob {
                job_id: Id(job.id.0),
                job_name: job.name,
                schedule_text: schedule.describe(),
                next_at: next.0,
            }),
            _ => triggers.extend(times.into_iter().map(|at| CalendarTrigger {
                at: at.0,
                job_id: Id(job.id.0),
                job_name: job.name.clone(),
            })),
        }
    }
    triggers.sort_by_key(|trigger| (trigger.at, trigger.job_id.0));
    often.sort_by_key(|job| (job.next_at, job.job_id.0));
    let is_cut = triggers.len() > limit || often.len() > limit;
    triggers.truncate(limit);
    often.truncate(limit);
    Ok(Calendar {
        from: now.0,
        until: until.0,
        triggers,
        often,
        is_cut,
    })
}

/// The next triggers of a job, from the time that the store holds.
pub async fn of_job(
    services: &Services,
    job: &JobDefinition,
    count: usize,
) -> Result<JobTriggers, ServiceError> {
    let zone = services.handles.facts.zone;
    let stored = services.store.job(job.id).await?;
    let schedule = schedules::of_job(&stored.schedule, zone)
        .map_err(|error| ServiceError::field("schedule", error.reason))?;
    let span = (services.now(), UnixMillis(i64::MAX));
    let next = upcoming(&stored, &schedule, span, count);
    Ok(JobTriggers {
        text: schedule.describe(),
        zone: stored
            .schedule
            .zone
            .unwrap_or_else(|| zone.name().to_owned()),
        next: next.into_iter().map(|at| at.0).collect(),
    })
}
