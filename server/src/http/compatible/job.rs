//! `/job/...` and `/validate/...` of the console (spec 06 sections 7.5 and 7.10).

use powerjob_common::id::JobId;
use powerjob_common::status::{Permission, SwitchableStatus};
use powerjob_common::time::UnixMillis;
use powerjob_common::time_expression::Lifecycle;
use powerjob_protocol::api::job::RunInput;
use serde_json::{Value, json};

use super::context::Context;
use super::failure::{Answer, Failure};
use super::job_request::live_job;
use super::render::{self, moment};
use super::route::{About, Entry, Needs, Routes};
use super::time_expression::{TimeExpression, kind_of};
use super::{job_request, job_view};
use crate::service::{jobs, runs};
use crate::store::reference::Rows;
use crate::store::reference::job::JobQuery;

/// Times that a check of an expression shows.
const PREVIEW: usize = 5;

pub(super) fn configure(routes: &mut Routes) {
    let on_job = |permission| Entry::params(Needs::Person(permission, About::Job));
    let write = on_job(Permission::Write).by_owner();
    let saved = Needs::Person(Permission::Write, About::SavedJob);
    routes.post("/job/save", Entry::json(saved).by_owner(), save);
    routes.post("/job/copy", write, copy);
    routes.get("/job/export", on_job(Permission::Read), export);
    let switched = Needs::Person(Permission::Write, About::SwitchedJob);
    let switched = Entry::params(switched).by_owner();
    routes.get("/job/disable", switched, disable);
    routes.get("/job/delete", switched, delete);
    let started = Needs::Person(Permission::Ops, About::StartedJob);
    routes.get("/job/run", Entry::params(started).by_owner(), run);
    let of_app = Needs::Person(Permission::Read, About::App);
    routes.post("/job/list", Entry::json(of_app), list);
    let signed_in = Entry::params(Needs::SignedIn);
    routes.get("/validate/timeExpression", signed_in, check_expression);
}

async fn save(context: Context) -> Answer {
    job_request::save(&context).await?;
    Ok(Value::Null)
}

async fn copy(context: Context) -> Answer {
    let services = context.services();
    let row = context.job()?;
    if row.status == i64::from(SwitchableStatus::Deleted.code()) {
        return Err(Failure::exception(
            "IllegalStateException",
            "can't copy the job which has been deleted!",
        ));
    }
    let id = job_request::copy(&context).await?;
    let row = services.store.job_row(id).await?;
    let gone = || Failure::argument(format!("can't find job by jobId: {id}"));
    let zone = services.handles.facts.zone;
    Ok(job_view::for_console(&row.ok_or_else(gone)?, zone))
}

async fn export(context: Context) -> Answer {
    Ok(job_view::for_export(
        context.job()?,
        context.services().now(),
    ))
}

async fn disable(context: Context) -> Answer {
    let job = live_job(&context).await?;
    jobs::switch(context.services(), &context.person, &job, false).await?;
    Ok(Value::Null)
}

async fn delete(context: Context) -> Answer {
    let job = live_job(&context).await?;
    jobs::remove(context.services(), &context.person, &job).await?;
    Ok(Value::Null)
}

async fn run(context: Context) -> Answer {
    let params = context.call.text("instanceParams");
    let input = RunInput {
        params: params.filter(|text| !text.is_empty()).map(str::to_owned),
        ..RunInput::default()
    };
    if let Some(given) = context.call.text("appId") {
        let given = super::call::parse_number(Some(given))?;
        if given != context.app_id()?.0 {
            return Err(Failure::power("can't find app info"));
        }
    }
    let job = live_job(&context).await?;
    let started = runs::start(context.services(), &job, input).await?;
    Ok(started.0.into())
}

async fn list(context: Context) -> Answer {
    let fields = context.call.fields()?;
    let page = render::page_of(fields, None)?;
    let services = context.services();
    let zone = services.handles.facts.zone;
    let app_id = context.app_id()?;
    if let Some(id) = fields.long("jobId")? {
        return Ok(match services.store.job_row(JobId(id)).await? {
            Some(row) if row.app_id == app_id => {
                let one = Rows {
                    items: vec![row],
                    total: 1,
                };
                let first = crate::store::reference::PageOf { index: 0, ..page };
                render::page(first, &one, |row| job_view::for_console(row, zone))
            }
            Some(_) => return Err(Failure::plain("请输入该app下的jobId")),
            None => render::empty_page(json!([])),
        });
    }
    let query = JobQuery {
        app: Some(app_id.0),
        name_part: fields.filled("keyword")?,
        ..JobQuery::default()
    };
    let rows = services.store.job_page(query, page).await?;
    Ok(render::page(page, &rows, |row| {
        job_view::for_console(row, zone)
    }))
}

/// Says when something would run next, or what is wrong: a success all the same.
async fn check_expression(context: Context) -> Answer {
    let call = &context.call;
    let name = call.text("timeExpressionType").unwrap_or_default();
    let Some(kind) = kind_of(name) else {
        return Err(Failure::exception(
            "MethodArgumentTypeMismatchException",
            format!("Failed to convert '{name}' to a type of time expressions"),
        ));
    };
    let time = TimeExpression {
        kind,
        expression: call.text("timeExpression").unwrap_or_default().to_owned(),
        lifecycle: Lifecycle {
            start: call.long("startTime")?.map(UnixMillis),
            end: call.long("endTime")?.map(UnixMillis),
        },
    };
    let services = context.services();
    let zone = services.handles.facts.zone;
    Ok(match time.upcoming(zone, services.now(), PREVIEW) {
        Ok(times) if times.is_empty() => {
            json!(["It is valid, but has not trigger time list!"])
        }
        Ok(times) => times
            .into_iter()
            .map(|at| Value::from(moment(Some(at.0), zone)))
            .collect(),
        Err(failure) => json!([failure.message()]),
    })
}
