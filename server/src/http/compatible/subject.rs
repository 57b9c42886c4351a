//! Finds what a request is about, and whether the asker may touch it (spec 06 sections 4.12, 9.3).

use std::sync::Arc;

use powerjob_common::id::{AppId, InstanceId, JobId, NamespaceId};
use powerjob_common::status::Permission;

use super::call::{Call, Fields};
use super::context::Subject;
use super::failure::{ErrorCode, Failure};
use super::guard::Asker;
use super::job_request;
use super::route::About;
use crate::domain::instance::Instance;
use crate::service::access::Person;
use crate::service::{ServiceError, Services, Thing, apps, instances, workflows};
use crate::store::reference::PageOf;
use crate::store::reference::job::JobRow;
use crate::store::reference::workflow::{WorkflowRow, WorkflowRunQuery, WorkflowRunRow};

const ONE: PageOf = PageOf { index: 0, size: 1 };

/// For a person: what is named, if they may do this with it.
pub(super) async fn of_person(
    services: &Services,
    (permission, about): (Permission, About),
    call: &Call,
    asker: &Asker,
    header: Option<&str>,
) -> Result<Subject, Failure> {
    let Asker::Person(person) = asker else {
        return Err(Failure::denied());
    };
    if let About::SavedNamespace | About::Namespace = about {
        return of_namespace(person, permission, about, call);
    }
    let mut subject = find(services, about, call, header).await?;
    let Some(app_id) = subject.app_id else {
        // A new application belongs to nobody; of anything else the application has to be named.
        return match about {
            About::SavedApp | About::SavedNodes => Ok(subject),
            _ if person.may_everywhere(permission) => Err(not_given("appId")),
            _ => Err(Failure::denied()),
        };
    };
    let app = match apps::find(services, app_id).await {
        Ok(app) => app,
        Err(ServiceError::NotFound(Thing::App)) => return Err(unknown_app(about, app_id)),
        Err(error) => return Err(error.into()),
    };
    let names_other = header.is_some_and(|header| header.trim() != app_id.to_string());
    if !person.may(&app, permission) || names_other {
        return Err(Failure::denied());
    }
    subject.app = Some(app);
    Ok(subject)
}

fn unknown_app(about: About, app_id: AppId) -> Failure {
    match about {
        About::SavedApp => Failure::argument(format!("can't find appInfo by id:{app_id}")),
        _ => Failure::power("can't find app info"),
    }
}

fn not_given(name: &str) -> Failure {
    Failure::coded(ErrorCode::IllegalArguments, &format!("{name} is missing"))
}

fn of_namespace(
    person: &Person,
    permission: Permission,
    about: About,
    call: &Call,
) -> Result<Subject, Failure> {
    let id = match about {
        About::SavedNamespace => call.fields()?.long("id")?,
        _ => Some(call.long("id")?.ok_or_else(|| not_given("id"))?),
    };
    match id {
        Some(id) if !person.may_in_namespace(NamespaceId(id), permission) => Err(Failure::denied()),
        _ => Ok(Subject::default()),
    }
}

/// Finds what a person's request names; the application is that of the object.
async fn find(
    services: &Services,
    about: About,
    call: &Call,
    header: Option<&str>,
) -> Result<Subject, Failure> {
    match about {
        About::App | About::Query => Ok(of_app(app_of(call)?)),
        About::Header => Ok(of_app(
            header.and_then(|id| id.trim().parse().ok()).map(AppId),
        )),
        About::SavedApp => Ok(of_app(call.fields()?.long("id")?.map(AppId))),
        About::Job | About::SwitchedJob | About::StartedJob => {
            let id = call.number("jobId")?;
            let unknown = || {
                Failure::argument(match about {
                    About::SwitchedJob => format!("can't find job by jobId:{id}"),
                    About::StartedJob => format!("can't find job by id:{id}"),
                    _ => format!("can't find job by jobId: {id}"),
                })
            };
            Ok(of_job(job(services, id).await?.ok_or_else(unknown)?))
        }
        About::SavedJob => saved_job(services, call).await,
        About::AnyJob => Err(Failure::denied()),
        About::Instance | About::AnyInstance => any_instance(services, call).await,
        About::InstanceLog => instance_log(services, call).await,
        About::Workflow => {
            let found = workflow(services, call, "workflowId").await?;
            let app_id = app_of(call)?.ok_or_else(|| not_given("appId"))?;
            of_workflow(found, app_id)
        }
        About::SavedWorkflow => saved_workflow(services, call).await,
        About::SavedNodes => saved_nodes(call),
        About::WorkflowRun => {
            let found = workflow_run(services, call).await?;
            let app_id = app_of(call)?.ok_or_else(|| not_given("appId"))?;
            of_workflow_run(found, app_id)
        }
        About::SavedNamespace | About::Namespace => Ok(Subject::default()),
    }
}

/// For a program: what is named, if it is its own application's.
pub(super) async fn of_program(
    services: &Services,
    about: About,
    call: &Call,
    asker: &Asker,
) -> Result<Subject, Failure> {
    let own = match asker {
        Asker::Program(app) => app.as_ref(),
        Asker::Nobody | Asker::Person(_) => return Err(Failure::denied()),
    };
    let given = match about {
        About::Query => call.fields()?.long("appIdEq")?.map(AppId),
        About::SavedNodes => saved_nodes(call)?.app_id,
        _ => app_of(call)?,
    };
    let own_id = own.map(|app| app.id);
    if own_id.is_some() && given.is_some() && own_id != given {
        return Err(foreign());
    }
    let app_id = own_id.or(given);
    let needed = || app_id.ok_or_else(|| Failure::missing("appId"));
    let mut subject = match about {
        About::App => of_app(Some(needed()?)),
        About::Query => of_app(Some(app_id.ok_or_else(|| not_given("appIdEq"))?)),
        About::Job => {
            let id = call.long("jobId")?;
            let row = match id {
                Some(id) => job(services, id).await?,
                None => None,
            };
            let row = row.ok_or_else(|| unknown_job(id))?;
            check_job(&row, needed()?)?;
            of_job(row)
        }
        About::AnyJob => {
            let id = call.long("jobId")?;
            let row = match id {
                Some(id) => job(services, id).await?,
                None => None,
            };
            own_only(own_id, of_job(row.ok_or_else(|| unknown_job(id))?))?
        }
        About::AnyInstance => own_only(own_id, any_instance(services, call).await?)?,
        About::SavedJob => {
            let subject = saved_job(services, call).await?;
            if let Some(row) = &subject.job {
                check_job(row, needed()?)?;
            }
            subject
        }
        About::Instance => {
            let id = instance_id(call)?;
            let found = instance(services, id).await?;
            let unknown =
                || Failure::argument(format!("can't find instance by instanceId: {}", shown(id)));
            let found = found.ok_or_else(unknown)?;
            let app_id = needed()?;
            if found.app_id != app_id {
                return Err(Failure::argument(format!(
                    "instance is not belong to the app whose appId is {app_id}"
                )));
            }
            Subject::of(found)
        }
        About::Workflow => of_workflow(workflow(services, call, "workflowId").await?, needed()?)?,
        About::WorkflowRun => of_workflow_run(workflow_run(services, call).await?, needed()?)?,
        About::SavedWorkflow => {
            let subject = saved_workflow(services, call).await?;
            if subject.workflow.is_some() && subject.app_id != app_id {
                return Err(foreign_workflow());
            }
            subject
        }
        About::SavedNodes => of_app(given),
        About::Header
        | About::SwitchedJob
        | About::StartedJob
        | About::InstanceLog
        | About::SavedApp
        | About::SavedNamespace
        | About::Namespace => {
            return Err(Failure::denied());
        }
    };
    subject.app_id = subject.app_id.or(app_id);
    Ok(subject)
}

/// What the reference gives to everybody is given to programs of its own application.
fn own_only(own: Option<AppId>, subject: Subject) -> Result<Subject, Failure> {
    if own.is_some() && own != subject.app_id {
        return Err(foreign());
    }
    Ok(subject)
}

/// It is not a failed authentication: the client would repeat the call.
pub(super) fn foreign() -> Failure {
    Failure::coded(ErrorCode::InvalidRequest, "not_of_the_app_of_the_token")
}

fn foreign_workflow() -> Failure {
    Failure::power("Permission Denied! can't operate other app's workflow!")
}

fn check_job(row: &JobRow, app_id: AppId) -> Result<(), Failure> {
    if row.app_id == app_id {
        return Ok(());
    }
    Err(Failure::argument(format!(
        "this job is not belong to the app whose appId is {app_id}"
    )))
}

/// `appId` of the body, or of the parameters.
fn app_of(call: &Call) -> Result<Option<AppId>, Failure> {
    let id = match Fields::of(&call.body) {
        Ok(fields) => fields.long("appId")?,
        Err(_) => call.long("appId")?,
    };
    Ok(id.map(AppId))
}

fn instance_id(call: &Call) -> Result<Option<i64>, Failure> {
    match Fields::of(&call.body) {
        Ok(fields) => fields.long("instanceId"),
        Err(_) => call.long("instanceId"),
    }
}

fn shown(id: Option<i64>) -> String {
    id.map_or_else(|| "null".to_owned(), |id| id.to_string())
}

fn unknown_job(id: Option<i64>) -> Failure {
    Failure::argument(format!("can't find job by jobId: {}", shown(id)))
}

fn of_app(app_id: Option<AppId>) -> Subject {
    Subject {
        app_id,
        ..Subject::default()
    }
}

async fn job(services: &Services, id: i64) -> Result<Option<JobRow>, Failure> {
    Ok(services.store.job_row(JobId(id)).await?)
}

fn of_job(row: JobRow) -> Subject {
    Subject {
        app_id: Some(row.app_id),
        job: Some(Arc::new(row)),
        ..Subject::default()
    }
}

async fn instance(services: &Services, id: Option<i64>) -> Result<Option<Arc<Instance>>, Failure> {
    let Some(id) = id else { return Ok(None) };
    match instances::find(services, InstanceId(id)).await {
        Ok(found) => Ok(Some(found)),
        Err(ServiceError::NotFound(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// An instance that is not there (any more) is asked about in the application of the request.
async fn instance_log(services: &Services, call: &Call) -> Result<Subject, Failure> {
    let id = instance_id(call)?;
    Ok(match instance(services, id).await? {
        Some(found) => Subject::of(found),
        None => of_app(app_of(call)?),
    })
}

async fn any_instance(services: &Services, call: &Call) -> Result<Subject, Failure> {
    let id = instance_id(call)?;
    let found = instance(services, id).await?;
    let unknown = || Failure::argument(format!("invalid instanceId: {}", shown(id)));
    Ok(Subject::of(found.ok_or_else(unknown)?))
}

/// A job that is saved again has to be one of the application it is saved for.
async fn saved_job(services: &Services, call: &Call) -> Result<Subject, Failure> {
    let fields = call.fields()?;
    let (id, app_id) = (fields.long("id")?, fields.long("appId")?.map(AppId));
    let Some(id) = id else {
        job_request::check_required(fields)?;
        return Ok(of_app(app_id));
    };
    let row = job(services, id).await?;
    let row = row.ok_or_else(|| unknown_job(Some(id)))?;
    job_request::check_required(fields)?;
    if let Some(app_id) = app_id {
        check_job(&row, app_id)?;
    }
    Ok(of_job(row))
}

async fn workflow(services: &Services, call: &Call, name: &str) -> Result<WorkflowRow, Failure> {
    let id = call.long(name)?.ok_or_else(null_id)?;
    Ok(workflows::find(services, id).await?)
}

fn null_id() -> Failure {
    Failure::exception(
        "InvalidDataAccessApiUsageException",
        "The given id must not be null!",
    )
}

fn of_workflow(row: WorkflowRow, app_id: AppId) -> Result<Subject, Failure> {
    if row.app_id != app_id {
        return Err(foreign_workflow());
    }
    Ok(Subject {
        app_id: Some(app_id),
        workflow: Some(Arc::new(row)),
        ..Subject::default()
    })
}

async fn saved_workflow(services: &Services, call: &Call) -> Result<Subject, Failure> {
    let fields = call.fields()?;
    let app_id = fields.long("appId")?.map(AppId);
    let Some(id) = fields.long("id")? else {
        return Ok(of_app(app_id));
    };
    let row = services.store.workflow(id).await?;
    let unknown = || Failure::argument(format!("can't find workflow by id:{id}"));
    let row = row.ok_or_else(unknown)?;
    of_workflow(row, app_id.unwrap_or(AppId(0)))
}

fn saved_nodes(call: &Call) -> Result<Subject, Failure> {
    let nodes = call.body.as_array();
    let nodes = nodes.ok_or_else(|| Failure::unreadable("a list of nodes is expected"))?;
    let Some(first) = nodes.first() else {
        return Ok(Subject::default());
    };
    match Fields::of(first)?.long("appId")? {
        Some(app_id) => Ok(of_app(Some(AppId(app_id)))),
        None => Err(Failure::power("appId can't be empty")),
    }
}

async fn workflow_run(services: &Services, call: &Call) -> Result<WorkflowRunRow, Failure> {
    let id = call.long("wfInstanceId")?;
    let unknown = || {
        let text = format!(
            "can't find workflow instance by wfInstanceId: {}",
            shown(id)
        );
        Failure::argument(text)
    };
    let query = WorkflowRunQuery {
        wf_instance_id: Some(id.ok_or_else(unknown)?),
        ..WorkflowRunQuery::default()
    };
    let found = services.store.workflow_run_page(query, ONE).await?;
    found.items.into_iter().next().ok_or_else(unknown)
}

fn of_workflow_run(row: WorkflowRunRow, app_id: AppId) -> Result<Subject, Failure> {
    if row.app_id != app_id {
        return Err(Failure::power("Permission Denied!"));
    }
    Ok(Subject {
        app_id: Some(app_id),
        workflow_run: Some(Arc::new(row)),
        ..Subject::default()
    })
}
