//! `/openApi/...`: what programs call, the official Java client among them (spec 06 section 9).

use powerjob_common::secret::Secret;
use powerjob_common::status::SwitchableStatus;
use powerjob_protocol::api::job::RunInput;
use serde_json::{Value, json};

use actix_web::HttpResponse;

use super::call::{Fields, Input};
use super::context::Context;
use super::failure::{Answer, Failure};
use super::instance_actions::act;
use super::job_request::live_job;
use super::route::{About, Entry, Needs, Place, Routes};
use super::{instance_view, job_request, job_view, render, workflow_request};
use crate::domain::retry_scope::RetryScope;
use crate::service::instances::Action;
use crate::service::programs::{self, Proof};
use crate::service::{instances, jobs, runs};
use crate::store::reference::instance::{InstanceOrder, InstanceQuery, SORTABLE};
use crate::store::reference::job::JobQuery;

const fn form(about: About) -> Entry {
    Entry::params(Needs::Program(about))
}

const fn json_of(about: About) -> Entry {
    Entry::json(Needs::Program(about))
}

pub(super) fn configure(routes: &mut Routes) {
    routes.post(
        "/openApi/assert",
        Entry::params(Needs::ProgramEntrance),
        assert,
    );
    let entrance = Entry {
        needs: Needs::ProgramEntrance,
        input: Input::Json,
        place: Place::Anywhere,
    };
    routes.post("/openApi/authApp", entrance, auth_app);
    routes.post(
        "/openApi/saveJob",
        json_of(About::SavedJob).by_owner(),
        save_job,
    );
    routes.post("/openApi/copyJob", form(About::AnyJob).by_owner(), copy_job);
    routes.post("/openApi/exportJob", form(About::Job), export_job);
    routes.post("/openApi/fetchJob", form(About::Job), fetch_job);
    routes.post("/openApi/fetchAllJob", form(About::App), fetch_all_jobs);
    routes.post("/openApi/queryJob", json_of(About::Query), query_jobs);
    routes.post(
        "/openApi/deleteJob",
        form(About::Job).by_owner(),
        delete_job,
    );
    routes.post(
        "/openApi/disableJob",
        form(About::Job).by_owner(),
        disable_job,
    );
    routes.post(
        "/openApi/enableJob",
        form(About::Job).by_owner(),
        enable_job,
    );
    routes.post("/openApi/runJob", form(About::Job).by_owner(), run_job);
    routes.post(
        "/openApi/stopInstance",
        form(About::Instance).by_owner(),
        stop,
    );
    routes.post(
        "/openApi/cancelInstance",
        form(About::Instance).by_owner(),
        cancel,
    );
    routes.post(
        "/openApi/retryInstance",
        form(About::Instance).by_owner(),
        retry,
    );
    routes.post(
        "/openApi/fetchInstanceStatus",
        form(About::AnyInstance),
        instance_status,
    );
    routes.post(
        "/openApi/fetchInstanceInfo",
        form(About::AnyInstance),
        instance_info,
    );
    routes.post(
        "/openApi/queryInstance",
        json_of(About::Query),
        query_instances,
    );
    configure_workflows(routes);
}

fn configure_workflows(routes: &mut Routes) {
    routes.post(
        "/openApi/saveWorkflow",
        json_of(About::SavedWorkflow),
        save_workflow,
    );
    routes.post(
        "/openApi/addWorkflowNode",
        json_of(About::SavedNodes),
        save_nodes,
    );
    routes.post(
        "/openApi/copyWorkflow",
        form(About::Workflow),
        copy_workflow,
    );
    routes.post(
        "/openApi/fetchWorkflow",
        form(About::Workflow),
        fetch_workflow,
    );
    routes.post(
        "/openApi/deleteWorkflow",
        form(About::Workflow),
        delete_workflow,
    );
    routes.post(
        "/openApi/disableWorkflow",
        form(About::Workflow),
        disable_workflow,
    );
    routes.post(
        "/openApi/enableWorkflow",
        form(About::Workflow),
        enable_workflow,
    );
    routes.post("/openApi/runWorkflow", form(About::Workflow), run_workflow);
    routes.post(
        "/openApi/stopWfInstance",
        form(About::WorkflowRun),
        no_engine,
    );
    routes.post(
        "/openApi/retryWfInstance",
        form(About::WorkflowRun),
        no_engine,
    );
    routes.post(
        "/openApi/markWorkflowNodeAsSuccess",
        form(About::WorkflowRun),
        no_engine,
    );
    routes.post(
        "/openApi/fetchWfInstanceInfo",
        form(About::WorkflowRun),
        workflow_run_info,
    );
}

fn secret(text: Option<String>) -> Option<Secret<String>> {
    text.map(Secret::new)
}

/// The way in of clients of 4.x.
async fn assert(context: Context) -> Answer {
    let text = |name: &str| context.call.text(name).map(str::to_owned);
    let proof = Proof {
        app_name: text("appName"),
        password: secret(text("password")),
        encryption: None,
    };
    let app_id = programs::prove(context.services(), proof, &context.address).await?;
    Ok(app_id.0.into())
}

/// The way in of clients of 5.x. Its refusals have no class before the text.
async fn auth_app(context: Context) -> Result<HttpResponse, Failure> {
    let admitted = match read_proof(context.call.fields()?) {
        Ok(proof) => programs::admit(context.services(), proof, &context.address)
            .await
            .map_err(Failure::from),
        Err(failure) => Err(failure),
    };
    let admitted = admitted.map_err(Failure::without_class)?;
    Ok(HttpResponse::Ok().json(json!({
        "success": true,
        "data": {
            "appId": admitted.app_id.0, "token": admitted.token.expose(), "extra": null,
        },
        "message": null,
        "code": null,
    })))
}

fn read_proof(fields: Fields<'_>) -> Result<Proof, Failure> {
    Ok(Proof {
        app_name: fields.text("appName")?,
        password: secret(fields.text("encryptedPassword")?),
        encryption: fields.text("encryptType")?,
    })
}

async fn save_job(context: Context) -> Answer {
    Ok(job_request::save(&context).await?.into())
}

async fn copy_job(context: Context) -> Answer {
    Ok(job_request::copy(&context).await?.0.into())
}

async fn export_job(context: Context) -> Answer {
    Ok(job_view::for_export(
        context.job()?,
        context.services().now(),
    ))
}

async fn fetch_job(context: Context) -> Answer {
    Ok(job_view::for_program(context.job()?))
}

async fn fetch_all_jobs(context: Context) -> Answer {
    let query = JobQuery {
        app: Some(context.app_id()?.0),
        with_deleted: true,
        ..JobQuery::default()
    };
    job_rows(&context, query).await
}

async fn job_rows(context: &Context, query: JobQuery) -> Answer {
    let rows = context.services().store.job_rows(query).await?;
    Ok(rows.iter().map(job_view::for_program).collect())
}

async fn query_jobs(context: Context) -> Answer {
    let fields = context.call.fields()?;
    let query = JobQuery {
        app: Some(context.app_id()?.0),
        id: fields.long("idEq")?,
        id_below: fields.long("idLt")?,
        id_above: fields.long("idGt")?,
        name: fields.text("jobNameEq")?,
        name_part: fields.text("jobNameLike")?,
        description_part: fields.text("jobDescriptionLike")?,
        params_part: fields.text("jobParamsLike")?,
        time_expression_types: fields.longs("timeExpressionTypeIn")?,
        execute_types: fields.longs("executeTypeIn")?,
        processor_types: fields.longs("processorTypeIn")?,
        statuses: fields.longs("statusIn")?,
        processor: fields.text("processorInfoEq")?,
        processor_part: fields.text("processorInfoLike")?,
        next_trigger_after: fields.long("nextTriggerTimeGt")?,
        next_trigger_before: fields.long("nextTriggerTimeLt")?,
        notify_user_ids_part: fields.text("notifyUserIdsLike")?,
        created_before: fields.date("gmtCreateLt")?,
        created_after: fields.date("gmtCreateGt")?,
        modified_before: fields.date("gmtModifiedLt")?,
        modified_after: fields.date("gmtModifiedGt")?,
        dispatch_strategy: fields.long("dispatchStrategyEq")?,
        tag: fields.text("tagEq")?,
        with_deleted: true,
    };
    job_rows(&context, query).await
}

async fn delete_job(context: Context) -> Answer {
    let job = live_job(&context).await?;
    jobs::remove(context.services(), &context.person, &job).await?;
    Ok(Value::Null)
}

async fn disable_job(context: Context) -> Answer {
    switch(context, false).await
}

async fn enable_job(context: Context) -> Answer {
    switch(context, true).await
}

async fn switch(context: Context, is_enabled: bool) -> Answer {
    let job = live_job(&context).await?;
    jobs::switch(context.services(), &context.person, &job, is_enabled).await?;
    Ok(Value::Null)
}

async fn run_job(context: Context) -> Answer {
    let delay = context.call.long("delay")?.unwrap_or(0).max(0);
    let params = context.call.text("instanceParams");
    let input = RunInput {
        params: params.filter(|text| !text.is_empty()).map(str::to_owned),
        delay_ms: delay.unsigned_abs(),
        ..RunInput::default()
    };
    let job = live_job(&context).await?;
    let started = runs::start(context.services(), &job, input).await?;
    Ok(started.0.into())
}

async fn stop(context: Context) -> Answer {
    act(&context, Action::Stop).await.map(|()| Value::Null)
}

async fn cancel(context: Context) -> Answer {
    act(&context, Action::Cancel).await.map(|()| Value::Null)
}

async fn retry(context: Context) -> Answer {
    act(&context, Action::Retry(RetryScope::Whole))
        .await
        .map(|()| Value::Null)
}

async fn instance_status(context: Context) -> Answer {
    let present = instances::current(context.services(), context.instance()?).await;
    Ok(present.state.status.code().into())
}

async fn instance_info(context: Context) -> Answer {
    let present = instances::current(context.services(), context.instance()?).await;
    Ok(instance_view::for_program(&present))
}

async fn query_instances(context: Context) -> Answer {
    let fields = context.call.fields()?;
    let page = render::page_of(fields, Some((0, 10)))?;
    let query = InstanceQuery {
        app: Some(context.app_id()?.0),
        id: fields.long("instanceIdEq")?,
        id_below: fields.long("instanceIdLt")?,
        id_above: fields.long("instanceIdGt")?,
        job: fields.long("jobIdEq")?,
        statuses: fields.longs("statusIn")?,
        created_before: fields.date("gmtCreateLt")?,
        created_after: fields.date("gmtCreateGt")?,
        modified_before: fields.date("gmtModifiedLt")?,
        modified_after: fields.date("gmtModifiedGt")?,
        ..InstanceQuery::default()
    };
    let order = order_of(fields)?;
    let rows = context
        .services()
        .store
        .instance_page(query, order, page)
        .await?;
    Ok(render::page(page, &rows, instance_view::for_program))
}

/// The order of a list. The reference sorts upwards whatever `asc` says, and its callers have got
/// used to it.
fn order_of(fields: Fields<'_>) -> Result<InstanceOrder, Failure> {
    let Some(name) = fields.filled("sortBy")? else {
        return Ok(InstanceOrder::default());
    };
    let known = SORTABLE.iter().find(|(known, _)| *known == name);
    let Some((_, column)) = known else {
        return Err(Failure::exception(
            "PropertyReferenceException",
            format!("No property '{name}' found for type 'InstanceInfoDO'"),
        ));
    };
    Ok(InstanceOrder {
        column: Some(column),
        ascending: true,
    })
}

async fn save_workflow(context: Context) -> Answer {
    Ok(workflow_request::save(&context).await?.into())
}

async fn save_nodes(context: Context) -> Answer {
    workflow_request::save_nodes(&context).await
}

async fn copy_workflow(context: Context) -> Answer {
    Ok(workflow_request::copy(&context).await?.into())
}

async fn fetch_workflow(context: Context) -> Answer {
    workflow_request::show_filled(&context, context.workflow()?).await
}

async fn delete_workflow(context: Context) -> Answer {
    workflow_request::set_status(&context, SwitchableStatus::Deleted).await
}

async fn disable_workflow(context: Context) -> Answer {
    workflow_request::set_status(&context, SwitchableStatus::Disable).await
}

async fn enable_workflow(context: Context) -> Answer {
    workflow_request::set_status(&context, SwitchableStatus::Enable).await
}

async fn run_workflow(context: Context) -> Answer {
    context.workflow()?;
    Err(Failure::no_workflow_engine())
}

async fn no_engine(_: Context) -> Answer {
    Err(Failure::no_workflow_engine())
}

async fn workflow_run_info(context: Context) -> Answer {
    workflow_request::show_run(&context)
}
