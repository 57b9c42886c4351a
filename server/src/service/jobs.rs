//! Jobs.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use powerjob_common::id::JobId;
use powerjob_common::status::{InstanceStatus, SwitchableStatus};
use powerjob_protocol::api::id::Id;
use powerjob_protocol::api::instance::RunBar;
use powerjob_protocol::api::job::{self as api, Diagnosis, JobInput, JobSummary};
use powerjob_protocol::api::page::Page;
use powerjob_protocol::api::schedule::ScheduleInput;
use tracing::info;
use utoipa::ToSchema;

use super::access::Person;
use super::job_draft::{DraftContext, draft};
use super::{
    CHANGE_LIMIT, ServiceError, Services, Thing, ask, cursor, diagnosis, missing, policies,
    schedules,
};
use crate::actor::scheduler::{SaveError, SaveJob, SwitchJob};
use crate::domain::job::JobDefinition;
use crate::store::app::App;
use crate::store::instance::RecentRun;

/// Bars of each job in a list.
const LIST_BARS: u32 = 10;

/// Which jobs, in which order.
#[derive(Debug, Clone, Default)]
pub struct JobFilter {
    /// Part of name, description or processor, in any letter case; or an id.
    pub query: Option<String>,
    /// The exact name.
    pub name: Option<String>,
    /// Only jobs that are switched on, or off.
    pub enabled: Option<bool>,
    /// One tag.
    pub tag: Option<String>,
    /// The order.
    pub order: JobOrder,
    /// Where to go on.
    pub cursor: Option<String>,
    /// Items of a page.
    pub limit: u32,
}

/// The order of a list of jobs; the id decides among equals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ToSchema)]
pub enum JobOrder {
    /// Those whose last run failed first, then by name.
    #[default]
    #[schema(rename = "failing")]
    Failing,
    /// By name.
    #[schema(rename = "name")]
    Name,
    /// By name, backwards.
    #[schema(rename = "-name")]
    NameBackwards,
    /// Due soonest first, unscheduled ones last.
    #[schema(rename = "nextTrigger")]
    NextTrigger,
    /// Oldest first.
    #[schema(rename = "id")]
    Oldest,
    /// Newest first.
    #[schema(rename = "-id")]
    Newest,
}

impl JobOrder {
    /// The order of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "failing" => Self::Failing,
            "name" => Self::Name,
            "-name" => Self::NameBackwards,
            "nextTrigger" => Self::NextTrigger,
            "id" => Self::Oldest,
            "-id" => Self::Newest,
            _ => return None,
        })
    }

    /// Cursors of one order make no sense in another.
    fn list_name(self) -> &'static str {
        match self {
            Self::Failing => "jobs/failing",
            Self::Name => "jobs/name",
            Self::NameBackwards => "jobs/-name",
            Self::NextTrigger => "jobs/nextTrigger",
            Self::Oldest => "jobs/id",
            Self::Newest => "jobs/-id",
        }
    }
}

/// The job of an id, from memory where this server owns it.
///
/// # Errors
/// [`ServiceError::NotFound`], also for a deleted job.
pub async fn find(services: &Services, id: JobId) -> Result<Arc<JobDefinition>, ServiceError> {
    let job = match services.handles.jobs.get(id) {
        Some(job) => job,
        None => Arc::new(services.store.job(id).await.map_err(missing(Thing::Job))?),
    };
    if job.status == SwitchableStatus::Deleted {
        return Err(ServiceError::NotFound(Thing::Job));
    }
    Ok(job)
}

/// A job with its next trigger as of now: the definition in memory knows that of its last save only.
async fn as_of_now(
    services: &Services,
    job: &JobDefinition,
) -> Result<JobDefinition, ServiceError> {
    let next_trigger_at = match services.store.job(job.id).await {
        Ok(stored) => stored.next_trigger_at,
        Err(error) => return Err(missing(Thing::Job)(error)),
    };
    Ok(JobDefinition {
        next_trigger_at,
        ..job.clone()
    })
}

/// One job, with its next trigger.
pub async fn look_at(services: &Services, job: &JobDefinition) -> Result<api::Job, ServiceError> {
    Ok(show(services, &as_of_now(services, job).await?))
}

/// The jobs of an application. Sorted in memory: applications have thousands of jobs at most.
pub async fn list(
    services: &Services,
    app: &App,
    filter: &JobFilter,
) -> Result<Page<JobSummary>, ServiceError> {
    let mut jobs = services.store.load_jobs(vec![app.id]).await?;
    jobs.retain(|job| fits(job, filter));
    let failing = match filter.order {
        JobOrder::Failing => failing(services, &jobs).await?,
        _ => HashMap::new(),
    };
    jobs.sort_by(|a, b| compare(a, b, filter.order, &failing));
    let order = filter.order.list_name();
    let page = cursor::page(
        order,
        jobs,
        |job| job.id.0,
        filter.cursor.as_deref(),
        filter.limit,
    )?;
    Ok(Page {
        items: summaries(services, page.items).await?,
        next_cursor: page.next_cursor,
        total: page.total,
    })
}

fn fits(job: &JobDefinition, filter: &JobFilter) -> bool {
    let found = |part: &String| {
        let part = part.to_lowercase();
        [&job.name, &job.description, &job.processor]
            .iter()
            .any(|text| text.to_lowercase().contains(&part))
            || job.id.to_string() == part
    };
    let is_enabled = job.status == SwitchableStatus::Enable;
    filter.query.as_ref().is_none_or(found)
        && filter.name.as_ref().is_none_or(|name| job.name == *name)
        && filter.enabled.is_none_or(|wanted| wanted == is_enabled)
        && filter.tag.as_ref().is_none_or(|tag| job.tag == *tag)
}

/// Whether the last run of a job failed.
async fn failing(
    services: &Services,
    jobs: &[JobDefinition],
) -> Result<HashMap<JobId, bool>, ServiceError> {
    let ids = jobs.iter().map(|job| job.id).collect();
    let last = services.store.recent_runs(ids, 2).await?;
    let has_failed = |runs: Vec<RecentRun>| {
        let ended = runs.iter().find(|run| run.status.is_finished());
        ended.is_some_and(|run| run.status == InstanceStatus::Failed)
    };
    Ok(last
        .into_iter()
        .map(|(id, runs)| (id, has_failed(runs)))
        .collect())
}

fn compare(
    a: &JobDefinition,
    b: &JobDefinition,
    order: JobOrder,
    failing: &HashMap<JobId, bool>,
) -> Ordering {
    let name = |job: &JobDefinition| job.name.to_lowercase();
    let is_well = |job: &JobDefinition| !failing.get(&job.id).copied().unwrap_or(false);
    let due = |job: &JobDefinition| job.next_trigger_at.map_or(i64::MAX, |at| at.0);
    let by_order = match order {
        JobOrder::Failing => is_well(a)
            .cmp(&is_well(b))
            .then_with(|| name(a).cmp(&name(b))),
        JobOrder::Name => name(a).cmp(&name(b)),
        JobOrder::NameBackwards => name(b).cmp(&name(a)),
        JobOrder::NextTrigger => due(a).cmp(&due(b)),
        JobOrder::Oldest => Ordering::Equal,
        JobOrder::Newest => b.id.cmp(&a.id),
    };
    by_order.then_with(|| a.id.cmp(&b.id))
}

async fn summaries(
    services: &Services,
    jobs: Vec<JobDefinition>,
) -> Result<Vec<JobSummary>, ServiceError> {
    let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
    let mut recent = services.store.recent_runs(ids.clone(), LIST_BARS).await?;
    let open = services.store.open_counts(ids).await?;
    let summary = |job: JobDefinition| JobSummary {
        recent_runs: recent
            .remove(&job.id)
            .unwrap_or_default()
            .into_iter()
            .map(bar)
            .collect(),
        open_instances: open.get(&job.id).copied().unwrap_or(0),
        job: show(services, &job),
    };
    Ok(jobs.into_iter().map(summary).collect())
}

fn bar(run: RecentRun) -> RunBar {
    RunBar {
        id: Id(run.instance_id.0),
        status: run.status,
        expected_at: run.expected_at.0,
        started_at: run.started_at.map(|at| at.0),
        finished_at: run.finished_at.map(|at| at.0),
    }
}

/// The last runs of a job, newest first.
pub async fn bars(
    services: &Services,
    job: &JobDefinition,
    limit: u32,
) -> Result<Vec<RunBar>, ServiceError> {
    let mut recent = services.store.recent_runs(vec![job.id], limit).await?;
    Ok(recent
        .remove(&job.id)
        .unwrap_or_default()
        .into_iter()
        .map(bar)
        .collect())
}

/// Makes a job.
pub async fn create(
    services: &Services,
    person: &Person,
    app: &App,
    input: JobInput,
) -> Result<api::Job, ServiceError> {
    let context = DraftContext {
        app_id: app.id,
        job_id: None,
        server_zone: services.handles.facts.zone,
        now: services.now(),
    };
    save(services, person, input, context).await
}

/// Replaces the definition of a job.
pub async fn replace(
    services: &Services,
    person: &Person,
    job: &JobDefinition,
    input: JobInput,
) -> Result<api::Job, ServiceError> {
    let context = DraftContext {
        app_id: job.app_id,
        job_id: Some(job.id),
        server_zone: services.handles.facts.zone,
        now: services.now(),
    };
    save(services, person, input, context).await
}

async fn save(
    services: &Services,
    person: &Person,
    input: JobInput,
    context: DraftContext,
) -> Result<api::Job, ServiceError> {
    let base_revision = input.base_revision;
    let draft = Box::new(draft(input, context)?);
    let author = person.author();
    let saved = ask(CHANGE_LIMIT, |reply| {
        services.handles.save_job.tell(SaveJob {
            draft,
            author,
            base_revision,
            reply,
        })
    })
    .await?
    .map_err(|error| save_error(error, base_revision))?;
    info!(job_id = %saved.id, account = person.account, revision = saved.revision, "saved a job");
    Ok(show(services, &saved))
}

fn save_error(error: SaveError, base_revision: Option<i64>) -> ServiceError {
    match error {
        SaveError::NotFound => ServiceError::NotFound(Thing::Job),
        SaveError::Conflict { present } => ServiceError::RevisionConflict {
            expected: base_revision.unwrap_or(present),
            present,
        },
        SaveError::Invalid { field, reason } => ServiceError::field(field, reason),
        SaveError::NotOwner => ServiceError::NotOwner(None),
        SaveError::Unavailable(why) => ServiceError::Unavailable(why),
    }
}

/// Switches a job on or off. A schedule that is over cannot be switched on.
pub async fn switch(
    services: &Services,
    person: &Person,
    job: &JobDefinition,
    enabled: bool,
) -> Result<api::Job, ServiceError> {
    if enabled {
        let server_zone = services.handles.facts.zone;
        let definition = definition(job).schedule;
        let parsed = schedules::parse(&definition, server_zone, "schedule.")
            .map_err(ServiceError::Invalid)?;
        schedules::check_future(&parsed, services.now(), "schedule.")
            .map_err(|error| ServiceError::Invalid(vec![error]))?;
    }
    let to = if enabled {
        SwitchableStatus::Enable
    } else {
        SwitchableStatus::Disable
    };
    let switched = set_status(services, person, job, to).await?;
    Ok(show(services, &switched))
}

/// Deletes a job; its instances stay.
pub async fn remove(
    services: &Services,
    person: &Person,
    job: &JobDefinition,
) -> Result<(), ServiceError> {
    set_status(services, person, job, SwitchableStatus::Deleted)
        .await
        .map(drop)
}

async fn set_status(
    services: &Services,
    person: &Person,
    job: &JobDefinition,
    to: SwitchableStatus,
) -> Result<Arc<JobDefinition>, ServiceError> {
    let (job_id, author) = (job.id, person.author());
    let switched = ask(CHANGE_LIMIT, |reply| {
        services.handles.switch_job.tell(SwitchJob {
            job_id,
            to,
            author,
            reply,
        })
    })
    .await?
    .map_err(|error| save_error(error, None))?;
    info!(%job_id, account = person.account, status_to = %to, "switched a job");
    Ok(switched)
}

/// Makes a copy that is switched off.
pub async fn copy(
    services: &Services,
    person: &Person,
    job: &JobDefinition,
) -> Result<api::Job, ServiceError> {
    const SUFFIX: &str = "_COPY";
    let mut input = definition(job);
    let kept = input.name.chars().take(255 - SUFFIX.len());
    input.name = kept.chain(SUFFIX.chars()).collect();
    input.enabled = false;
    let context = DraftContext {
        app_id: job.app_id,
        job_id: None,
        server_zone: services.handles.facts.zone,
        now: services.now(),
    };
    save(services, person, input, context).await
}

/// Explains why a job runs or does not run.
pub async fn diagnose(services: &Services, job: &JobDefinition) -> Result<Diagnosis, ServiceError> {
    let job = &as_of_now(services, job).await?;
    let open = services.store.open_counts(vec![job.id]).await?;
    let workers = services.handles.workers.of_app(job.app_id);
    let loaded: Vec<_> = workers
        .iter()
        .map(|entry| (entry.facts.as_ref(), entry.assigned()))
        .collect();
    let open = open.get(&job.id).copied().unwrap_or(0);
    Ok(diagnosis::diagnose(job, &loaded, open, services.now()))
}

/// A job as the API shows it.
fn show(services: &Services, job: &JobDefinition) -> api::Job {
    api::Job {
        id: Id(job.id.0),
        app_id: Id(job.app_id.0),
        revision: job.revision,
        definition: definition(job),
        schedule_text: schedules::in_plain_words(&job.schedule, services.handles.facts.zone),
        next_trigger_at: job.next_trigger_at.map(|at| at.0),
        created_at: job.created_at.0,
        modified_at: job.modified_at.0,
    }
}

/// The definition of a job as a person would write it.
pub fn definition(job: &JobDefinition) -> JobInput {
    JobInput {
        name: job.name.clone(),
        description: job.description.clone(),
        schedule: ScheduleInput {
            kind: job.schedule.kind,
            expression: job.schedule.expression.clone(),
            zone: job.schedule.zone.clone(),
            start_at: job.schedule.lifecycle.start.map(|at| at.0),
            end_at: job.schedule.lifecycle.end.map(|at| at.0),
        },
        policy: policies::show_policy(job),
        execute_type: job.execute_type,
        processor_type: job.processor_type,
        processor: job.processor.clone(),
        params: job.params.clone(),
        enabled: job.status == SwitchableStatus::Enable,
        max_instances: job.max_instances,
        concurrency: job.concurrency,
        time_limit_ms: job.time_limit_ms,
        instance_retries: job.instance_retries,
        retry: policies::show_retry(job.retry),
        task_retries: job.task_retries,
        dispatch_strategy: job.dispatch_strategy,
        dispatch_config: job.dispatch_config.clone(),
        designated_workers: job.designated_workers.clone(),
        max_workers: job.max_workers,
        min_cpu_cores: job.min_cpu_cores,
        min_memory_gib: job.min_memory_gib,
        min_disk_gib: job.min_disk_gib,
        log_level: job.log_level,
        tag: job.tag.clone(),
        no_worker_grace_ms: job.no_worker_grace_ms,
        base_revision: None,
    }
}
