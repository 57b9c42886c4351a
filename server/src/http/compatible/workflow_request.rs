//! Workflows and their nodes as they are sent, stored and shown (spec 06 section 6.5).

use std::collections::HashMap;

use powerjob_common::id::AppId;
use powerjob_common::status::SwitchableStatus;
use powerjob_common::time::UnixMillis;
use powerjob_common::time_expression::Lifecycle;
use serde_json::{Value, json};

use super::call::Fields;
use super::context::Context;
use super::failure::Failure;
use super::render::{self, date, fields_of, ids, join_ids, stored_json, text};
use super::time_expression::{TimeExpression, kind_of, lifecycle};
use crate::domain::workflow_graph::Edge;
use crate::service::workflows::{self, Graph};
use crate::store::reference::workflow::{NodeRow, WorkflowRow};

/// Saves the workflow of the body; its id.
pub(super) async fn save(context: &Context) -> Result<i64, Failure> {
    let services = context.services();
    let fields = context.call.fields()?;
    let empty = |name: &str| Failure::power(format!("{name} can't be empty"));
    let name = fields.filled("wfName")?;
    let name = name.ok_or_else(|| empty("workflow name"))?;
    let app_id = fields.long("appId")?.ok_or_else(|| empty("appId"))?;
    let kind = fields.one_of("timeExpressionType", kind_of)?;
    let kind = kind.ok_or_else(|| empty("timeExpressionType"))?;
    let former = context.subject.workflow.as_deref();
    let mut time = TimeExpression {
        kind,
        expression: fields.text("timeExpression")?.unwrap_or_default(),
        lifecycle: lifecycle(fields)?.unwrap_or(Lifecycle::ALWAYS),
    };
    let is_beat = matches!(kind.name(), "FIXED_RATE" | "FIXED_DELAY");
    let next = if is_beat {
        time.expression.clear();
        None
    } else {
        time.check(services.handles.facts.zone, services.now())?
    };
    let lifecycle = match fields.object("lifeCycle")? {
        Some(_) => serde_json::to_string(&time.lifecycle).ok(),
        None => former.and_then(|former| former.lifecycle.clone()),
    };
    let graph = graph(fields)?;
    let row = WorkflowRow {
        id: former.map_or(0, |former| former.id),
        app_id: AppId(app_id),
        name,
        description: fields.text("wfDescription")?,
        time_expression_type: kind.code().into(),
        time_expression: Some(time.expression).filter(|text| !text.is_empty()),
        lifecycle,
        max_instances: fields.long("maxWfInstanceNum")?.unwrap_or(1),
        next_trigger_time: next.map(|at| at.0),
        notify_user_ids: fields.longs("notifyUserIds")?.map(|ids| join_ids(&ids)),
        dag: None,
        status: status_of(fields.flag("enable", true)?),
        extra: former.and_then(|former| former.extra.clone()),
        created_at: UnixMillis(0),
        modified_at: UnixMillis(0),
    };
    let person = &context.person;
    let write = |nodes: &[NodeRow]| write_graph(&graph, nodes);
    Ok(workflows::save(services, person, row, &graph, write).await?)
}

fn status_of(is_enabled: bool) -> i64 {
    let status = if is_enabled {
        SwitchableStatus::Enable
    } else {
        SwitchableStatus::Disable
    };
    status.code().into()
}

/// Nodes and edges of the body; without either it is no workflow.
fn graph(fields: Fields<'_>) -> Result<Graph, Failure> {
    let illegal = || Failure::power("illegal DAG");
    let dag = fields.object("dag")?.ok_or_else(illegal)?;
    let nodes = dag.list("nodes")?.ok_or_else(illegal)?;
    let edges = dag.list("edges")?.ok_or_else(illegal)?;
    let mut graph = Graph::default();
    for node in nodes {
        let id = Fields::of(node)?.long("nodeId")?;
        graph.nodes.push(id.ok_or_else(illegal)?);
    }
    for edge in edges {
        let edge = Fields::of(edge)?;
        let (from, to) = (edge.long("from")?, edge.long("to")?);
        let edge_ids = Edge {
            from: from.ok_or_else(illegal)?,
            to: to.ok_or_else(illegal)?,
        };
        graph.edges.push((edge_ids, edge.text("property")?));
    }
    Ok(graph)
}

/// The graph as the reference stores it: ids, kinds and edges; nothing that is `null`.
fn write_graph(graph: &Graph, nodes: &[NodeRow]) -> String {
    let kinds: HashMap<i64, i64> = nodes.iter().map(|node| (node.id, node.kind)).collect();
    let nodes = graph.nodes.iter().map(|id| {
        let kind = kinds.get(id).copied().unwrap_or(workflows::NODE_JOB);
        json!({"nodeId": id, "nodeType": kind})
    });
    let edges = graph.edges.iter().map(|(edge, says)| {
        let mut written = json!({"from": edge.from, "to": edge.to});
        if let Some(says) = says {
            written["property"] = says.as_str().into();
        }
        written
    });
    let (nodes, edges): (Vec<_>, Vec<_>) = (nodes.collect(), edges.collect());
    json!({"edges": edges, "nodes": nodes}).to_string()
}

/// A workflow as it is shown; `nodes` fills its graph, where the whole of it is asked for.
pub(super) fn show(row: &WorkflowRow, nodes: Option<&[NodeRow]>) -> Value {
    let kind = i32::try_from(row.time_expression_type).ok();
    let kind = kind.and_then(powerjob_common::status::TimeExpressionType::from_code);
    let users = row.notify_user_ids.as_deref().filter(|ids| !ids.is_empty());
    json!({
        "id": row.id,
        "wfName": row.name,
        "wfDescription": text(row.description.as_deref()),
        "appId": row.app_id.0,
        "timeExpressionType": kind.map(|kind| kind.name()),
        "timeExpression": text(row.time_expression.as_deref()),
        "maxWfInstanceNum": row.max_instances,
        "enable": row.status == i64::from(SwitchableStatus::Enable.code()),
        "notifyUserIds": users.map(|users| ids(Some(users))),
        "lifeCycle": row.lifecycle.as_deref().map(|it| fields_of(Some(it), &["start", "end"])),
        "gmtCreate": date(row.created_at),
        "gmtModified": date(row.modified_at),
        "peworkflowDAG": show_graph(row.dag.as_deref(), nodes),
    })
}

const NODE_FIELDS: &[&str] = &[
    "nodeId",
    "nodeType",
    "jobId",
    "nodeName",
    "instanceId",
    "nodeParams",
    "status",
    "result",
    "enable",
    "disableByControlNode",
    "skipWhenFailed",
    "startTime",
    "finishedTime",
];

fn show_graph(dag: Option<&str>, nodes: Option<&[NodeRow]>) -> Value {
    let dag = stored_json(dag);
    let list = |name: &str| dag[name].as_array().cloned().unwrap_or_default();
    if dag.is_null() {
        return Value::Null;
    }
    let known: HashMap<i64, &NodeRow> = nodes
        .unwrap_or_default()
        .iter()
        .map(|node| (node.id, node))
        .collect();
    let show_node = |stored: &Value| {
        let mut shown = fields_of(Some(&stored.to_string()), NODE_FIELDS);
        // Ids of instances are texts here: browsers would round them.
        if let Some(id) = shown["instanceId"].as_i64() {
            shown["instanceId"] = id.to_string().into();
        }
        let Some(node) = shown["nodeId"].as_i64().and_then(|id| known.get(&id)) else {
            return shown;
        };
        shown["nodeType"] = node.kind.into();
        shown["jobId"] = node.job_id.into();
        shown["nodeName"] = node.name.clone().into();
        shown["nodeParams"] = node.params.clone().into();
        shown["enable"] = node.is_enabled.into();
        shown["skipWhenFailed"] = node.skip_when_failed.into();
        shown
    };
    let show_edge = |stored: &Value| {
        fields_of(
            Some(&stored.to_string()),
            &["from", "to", "property", "enable"],
        )
    };
    let nodes: Vec<_> = list("nodes").iter().map(show_node).collect();
    let edges: Vec<_> = list("edges").iter().map(show_edge).collect();
    json!({"nodes": nodes, "edges": edges})
}

/// The graph of a run as the console gets it.
pub(super) fn show_run_graph(dag: Option<&str>) -> Value {
    show_graph(dag, None)
}

/// The ids of the nodes of a stored graph.
pub(super) fn node_ids(dag: Option<&str>) -> Vec<i64> {
    let dag = stored_json(dag);
    let nodes = dag["nodes"].as_array().cloned().unwrap_or_default();
    nodes
        .iter()
        .filter_map(|node| node["nodeId"].as_i64())
        .collect()
}

/// A workflow with its whole graph.
pub(super) async fn show_filled(context: &Context, row: &WorkflowRow) -> Result<Value, Failure> {
    let ids = node_ids(row.dag.as_deref());
    let nodes = context.services().store.workflow_nodes(ids).await?;
    Ok(show(row, Some(&nodes)))
}

/// A copy with nodes of its own; its id. It is switched off.
pub(super) async fn copy(context: &Context) -> Result<i64, Failure> {
    let services = context.services();
    let row = context.workflow()?;
    if row.status == i64::from(SwitchableStatus::Deleted.code()) {
        return Err(Failure::exception(
            "IllegalStateException",
            "can't copy the workflow which has been deleted!",
        ));
    }
    let former_ids = node_ids(row.dag.as_deref());
    let former = services.store.workflow_nodes(former_ids).await?;
    let fresh = former.iter().map(|node| NodeRow {
        id: 0,
        workflow_id: None,
        ..node.clone()
    });
    let copied = services.store.save_workflow_nodes(fresh.collect()).await?;
    let renamed: HashMap<i64, i64> = former
        .iter()
        .zip(&copied)
        .map(|(former, copy)| (former.id, copy.id))
        .collect();
    let graph = renamed_graph(row.dag.as_deref(), &renamed);
    let copy = WorkflowRow {
        id: 0,
        name: format!("{}_COPY", row.name),
        status: status_of(false),
        next_trigger_time: None,
        ..WorkflowRow::clone(row)
    };
    let write = |nodes: &[NodeRow]| write_graph(&graph, nodes);
    let person = &context.person;
    Ok(workflows::save(services, person, copy, &graph, write).await?)
}

fn renamed_graph(dag: Option<&str>, renamed: &HashMap<i64, i64>) -> Graph {
    let dag = stored_json(dag);
    let id = |value: &Value| value.as_i64().and_then(|id| renamed.get(&id).copied());
    let edges = dag["edges"].as_array().cloned().unwrap_or_default();
    let edge = |edge: &Value| {
        let ids = Edge {
            from: id(&edge["from"])?,
            to: id(&edge["to"])?,
        };
        Some((ids, edge["property"].as_str().map(str::to_owned)))
    };
    let nodes = dag["nodes"].as_array().cloned().unwrap_or_default();
    Graph {
        nodes: nodes
            .iter()
            .filter_map(|node| id(&node["nodeId"]))
            .collect(),
        edges: edges.iter().filter_map(edge).collect(),
    }
}

/// Saves the nodes of the body; as they are shown.
pub(super) async fn save_nodes(context: &Context) -> Result<Value, Failure> {
    let list = context.call.body.as_array();
    let mut nodes = Vec::new();
    for node in list.map_or(&[][..], Vec::as_slice) {
        nodes.push(read_node(Fields::of(node)?)?);
    }
    let services = context.services();
    let saved = workflows::save_nodes(services, &context.person, nodes).await?;
    Ok(saved.iter().map(show_node_row).collect())
}

fn read_node(fields: Fields<'_>) -> Result<NodeRow, Failure> {
    let empty = |name: &str| Failure::power(format!("{name} can't be empty"));
    let app_id = fields.long("appId")?.ok_or_else(|| empty("appId"))?;
    let kind = fields.long("type")?.ok_or_else(|| empty("type"))?;
    let job_id = fields.long("jobId")?;
    if matches!(kind, workflows::NODE_JOB | workflows::NODE_NESTED) && job_id.is_none() {
        return Err(empty("jobId"));
    }
    Ok(NodeRow {
        id: fields.long("id")?.unwrap_or(0),
        app_id: AppId(app_id),
        workflow_id: None,
        kind,
        job_id,
        name: fields.text("nodeName")?,
        params: fields.text("nodeParams")?,
        is_enabled: fields.flag("enable", true)?,
        skip_when_failed: fields.flag("skipWhenFailed", false)?,
        extra: None,
        created_at: UnixMillis(0),
        modified_at: UnixMillis(0),
    })
}

fn show_node_row(node: &NodeRow) -> Value {
    json!({
        "id": node.id,
        "appId": node.app_id.0,
        "workflowId": node.workflow_id,
        "type": node.kind,
        "jobId": node.job_id,
        "nodeName": node.name,
        "nodeParams": node.params,
        "enable": node.is_enabled,
        "skipWhenFailed": node.skip_when_failed,
        "extra": node.extra,
        "gmtCreate": date(node.created_at),
        "gmtModified": date(node.modified_at),
    })
}

/// Switches the workflow of a request.
pub(super) async fn set_status(
    context: &Context,
    status: SwitchableStatus,
) -> Result<Value, Failure> {
    let id = context.workflow()?.id;
    let store = &context.services().store;
    store.set_workflow_status(id, status.code().into()).await?;
    tracing::info!(
        workflow_id = id,
        account = context.person.account,
        status_to = status.name(),
        "switched a workflow"
    );
    Ok(Value::Null)
}

/// The run of a workflow for programs.
pub(super) fn show_run(context: &Context) -> Result<Value, Failure> {
    let run = context.workflow_run()?;
    Ok(json!({
        "id": run.id,
        "appId": run.app_id.0,
        "wfInstanceId": run.wf_instance_id,
        "workflowId": run.workflow_id,
        "status": run.status,
        "wfInitParams": run.init_params,
        "wfContext": run.context,
        "dag": run.dag,
        "result": run.result,
        "expectedTriggerTime": run.expected_trigger_time,
        "actualTriggerTime": run.actual_trigger_time,
        "finishedTime": run.finished_time,
        "gmtCreate": render::date(run.created_at),
        "gmtModified": render::date(run.modified_at),
    }))
}
