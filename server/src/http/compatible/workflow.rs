//! `/workflow/...` and `/wfInstance/...` of the console (spec 06 sections 7.7 and 7.8).

use actix_web::http::Method;
use powerjob_common::status::{Permission, SwitchableStatus};
use serde_json::{Value, json};

use super::context::Context;
use super::failure::{Answer, Failure};
use super::render::{self, moment, text};
use super::route::{About, Entry, Needs, Routes};
use super::workflow_request::{self, show_run_graph};
use crate::store::reference::workflow::{WorkflowQuery, WorkflowRunQuery, WorkflowRunRow};

/// States of runs of workflows with the reference's codes.
const STATUSES: [(&str, i64); 5] = [
    ("WAITING", 1),
    ("RUNNING", 2),
    ("FAILED", 3),
    ("SUCCEED", 4),
    ("STOPPED", 10),
];

pub(super) fn configure(routes: &mut Routes) {
    let on = |permission| Entry::params(Needs::Person(permission, About::Workflow));
    let body = |permission, about| Entry::json(Needs::Person(permission, about));
    let saved = body(Permission::Write, About::SavedWorkflow);
    routes.post("/workflow/save", saved, save);
    routes.post("/workflow/copy", on(Permission::Write), copy);
    routes.get("/workflow/disable", on(Permission::Write), disable);
    routes.get("/workflow/enable", on(Permission::Write), enable);
    routes.get("/workflow/delete", on(Permission::Write), delete);
    routes.post("/workflow/list", body(Permission::Read, About::App), list);
    routes.get("/workflow/run", on(Permission::Ops), run);
    routes.get("/workflow/fetch", on(Permission::Read), fetch);
    let nodes = body(Permission::Write, About::SavedNodes);
    routes.post("/workflow/saveNode", nodes, save_nodes);

    let run_of = |permission| Entry::params(Needs::Person(permission, About::WorkflowRun));
    let ops = run_of(Permission::Ops);
    routes.get("/wfInstance/stop", ops, no_engine);
    for method in [Method::GET, Method::POST] {
        routes.add(method.clone(), "/wfInstance/retry", ops, no_engine);
        routes.add(method, "/wfInstance/markNodeAsSuccess", ops, no_engine);
    }
    routes.get("/wfInstance/info", run_of(Permission::Read), run_info);
    routes.post(
        "/wfInstance/list",
        body(Permission::Read, About::App),
        list_runs,
    );
}

async fn save(context: Context) -> Answer {
    Ok(workflow_request::save(&context).await?.into())
}

async fn copy(context: Context) -> Answer {
    Ok(workflow_request::copy(&context).await?.into())
}

async fn disable(context: Context) -> Answer {
    workflow_request::set_status(&context, SwitchableStatus::Disable).await
}

async fn enable(context: Context) -> Answer {
    workflow_request::set_status(&context, SwitchableStatus::Enable).await
}

async fn delete(context: Context) -> Answer {
    workflow_request::set_status(&context, SwitchableStatus::Deleted).await
}

async fn fetch(context: Context) -> Answer {
    workflow_request::show_filled(&context, context.workflow()?).await
}

async fn save_nodes(context: Context) -> Answer {
    workflow_request::save_nodes(&context).await
}

async fn run(_: Context) -> Answer {
    Err(Failure::no_workflow_engine())
}

async fn no_engine(_: Context) -> Answer {
    Err(Failure::no_workflow_engine())
}

async fn list(context: Context) -> Answer {
    let fields = context.call.fields()?;
    let page = render::page_of(fields, None)?;
    let query = WorkflowQuery {
        app: Some(context.app_id()?.0),
        id: fields.long("workflowId")?,
        name_part: fields.filled("keyword")?,
    };
    let rows = context.services().store.workflow_page(query, page).await?;
    Ok(render::page(page, &rows, |row| {
        workflow_request::show(row, None)
    }))
}

async fn run_info(context: Context) -> Answer {
    let run = context.workflow_run()?;
    let found = context.services().store.workflow(run.workflow_id).await?;
    let name = found.map(|row| row.name).unwrap_or_default();
    Ok(show_run(&context, run, &name))
}

async fn list_runs(context: Context) -> Answer {
    let fields = context.call.fields()?;
    let page = render::page_of(fields, None)?;
    let status = match fields.filled("status")? {
        None => None,
        Some(name) => {
            let found = STATUSES.iter().find(|(known, _)| *known == name);
            let unknown = || {
                let class = "tech.powerjob.common.enums.WorkflowInstanceStatus";
                Failure::argument(format!("No enum constant {class}.{name}"))
            };
            Some(found.ok_or_else(unknown)?.1)
        }
    };
    let query = WorkflowRunQuery {
        app: Some(context.app_id()?.0),
        wf_instance_id: fields.long("wfInstanceId")?,
        workflow: fields.long("workflowId")?,
        status,
    };
    let store = &context.services().store;
    let rows = store.workflow_run_page(query, page).await?;
    let mut shown = Vec::new();
    for run in &rows.items {
        let workflow = store.workflow(run.workflow_id).await?;
        let name = workflow.map(|row| row.name).unwrap_or_default();
        shown.push(show_run(&context, run, &name));
    }
    let mut answer = render::page(page, &rows, |_| Value::Null);
    answer["data"] = shown.into();
    Ok(answer)
}

fn show_run(context: &Context, run: &WorkflowRunRow, name: &str) -> Value {
    let zone = context.services().handles.facts.zone;
    json!({
        "wfInstanceId": run.wf_instance_id.to_string(),
        "workflowId": run.workflow_id.to_string(),
        "workflowName": name,
        "status": run.status,
        "wfInitParams": text(run.init_params.as_deref()),
        "wfContext": run.context,
        "peworkflowDAG": show_run_graph(run.dag.as_deref()),
        "result": run.result,
        "expectedTriggerTime": moment(run.expected_trigger_time, zone),
        "actualTriggerTime": moment(run.actual_trigger_time, zone),
        "finishedTime": moment(run.finished_time, zone),
    })
}
