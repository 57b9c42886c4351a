//! Definitions of workflows: stored, checked and given back. Running them comes with their engine.

use std::collections::HashMap;

use powerjob_common::id::{AppId, JobId};
use powerjob_common::status::SwitchableStatus;
use tracing::info;

use super::access::Person;
use super::{ServiceError, Services};
use crate::domain::workflow_graph::{self, Edge};
use crate::store;
use crate::store::reference::workflow::{NodeRow, WorkflowRow};

/// Why nothing runs yet.
pub const NO_ENGINE: &str = "this server stores workflows, but does not run them yet";

/// Kinds of nodes with the codes of the reference.
pub const NODE_JOB: i64 = 1;
/// Chooses one of two ways.
pub const NODE_DECISION: i64 = 2;
/// Another workflow.
pub const NODE_NESTED: i64 = 3;

/// What is wrong with a workflow or node, in the words of the reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkflowError {
    /// It breaks a rule.
    #[error("{0}")]
    Refused(String),
    /// It does not exist.
    #[error("can't find workflow by id: {0}")]
    Unknown(i64),
    /// A kind of node that nobody knows.
    #[error("unknown WorkflowNodeType of {0}")]
    UnknownKind(i64),
    /// The server could not do it.
    #[error(transparent)]
    Service(#[from] ServiceError),
}

impl From<store::Error> for WorkflowError {
    fn from(error: store::Error) -> Self {
        Self::Service(error.into())
    }
}

fn refuse<T>(text: impl Into<String>) -> Result<T, WorkflowError> {
    Err(WorkflowError::Refused(text.into()))
}

/// The nodes and edges of a workflow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Graph {
    /// Ids of the nodes.
    pub nodes: Vec<i64>,
    /// The ways, with what a decision says to take them.
    pub edges: Vec<(Edge, Option<String>)>,
}

/// A workflow of an application, also a deleted one.
///
/// # Errors
/// [`WorkflowError::Unknown`].
pub async fn find(services: &Services, id: i64) -> Result<WorkflowRow, WorkflowError> {
    let found = services.store.workflow(id).await?;
    found.ok_or(WorkflowError::Unknown(id))
}

/// Stores a workflow with its graph; answers its id. `row.dag` is written by `write_graph`, which
/// gets the nodes.
///
/// # Errors
/// What is wrong with it.
pub async fn save(
    services: &Services,
    person: &Person,
    row: WorkflowRow,
    graph: &Graph,
    write_graph: impl FnOnce(&[NodeRow]) -> String,
) -> Result<i64, WorkflowError> {
    let edges: Vec<Edge> = graph.edges.iter().map(|(edge, _)| *edge).collect();
    if !workflow_graph::check(&graph.nodes, &edges) {
        return refuse("illegal DAG");
    }
    let nodes = services.store.workflow_nodes(graph.nodes.clone()).await?;
    check_nodes(&row, graph, &nodes)?;
    let dag = Some(write_graph(&nodes));
    let saved = WorkflowRow { dag, ..row };
    let name = saved.name.clone();
    let id = services
        .store
        .save_workflow(saved, graph.nodes.clone())
        .await?;
    info!(
        workflow_id = id,
        account = person.account,
        name,
        "saved a workflow"
    );
    Ok(id)
}

fn check_nodes(row: &WorkflowRow, graph: &Graph, nodes: &[NodeRow]) -> Result<(), WorkflowError> {
    let known: HashMap<i64, &NodeRow> = nodes.iter().map(|node| (node.id, node)).collect();
    for id in &graph.nodes {
        let Some(node) = known.get(id) else {
            return refuse(format!("can't find node info by id :{id}"));
        };
        // A node of another application is as unknown as one that is not there.
        if node.app_id != row.app_id {
            return refuse(format!("can't find node info by id :{id}"));
        }
        if node.workflow_id.is_some_and(|owner| owner != row.id) {
            return refuse("can't use another workflow's node");
        }
        if node.kind == NODE_DECISION {
            check_ways(graph, node)?;
        }
        if node.kind == NODE_NESTED && row.id != 0 && node.job_id == Some(row.id) {
            let name = name_of(node);
            return refuse(format!(
                "Illegal nested workflow node,Prohibit circular references!{name}"
            ));
        }
    }
    Ok(())
}

/// A decision has a way for yes and a way for no.
fn check_ways(graph: &Graph, node: &NodeRow) -> Result<(), WorkflowError> {
    let ways = graph.edges.iter().filter(|(edge, _)| edge.from == node.id);
    let mut ways: Vec<&str> = ways
        .map(|(_, says)| says.as_deref().unwrap_or_default())
        .collect();
    ways.sort_unstable();
    let name = name_of(node);
    if ways.len() != 2 {
        return refuse(format!("DecisionNode‘s out-degree must be 2{name}"));
    }
    if ways != ["false", "true"] {
        return refuse(format!(
            "Illegal property of DecisionNode‘s out-degree edge{name}"
        ));
    }
    Ok(())
}

fn name_of(node: &NodeRow) -> String {
    format!(",node name : {}", node.name.as_deref().unwrap_or_default())
}

/// Stores nodes of one application, new ones and in place of former ones.
///
/// # Errors
/// What is wrong with them; then none is stored.
pub async fn save_nodes(
    services: &Services,
    person: &Person,
    mut nodes: Vec<NodeRow>,
) -> Result<Vec<NodeRow>, WorkflowError> {
    let Some(app_id) = nodes.first().map(|node| node.app_id) else {
        return Ok(nodes);
    };
    let former: Vec<i64> = nodes
        .iter()
        .map(|node| node.id)
        .filter(|id| *id != 0)
        .collect();
    let former = services.store.workflow_nodes(former).await?;
    for node in &mut nodes {
        if node.app_id != app_id {
            return refuse("node list must are in the same app");
        }
        check_node(services, node).await?;
        if node.id == 0 {
            continue;
        }
        match former.iter().find(|former| former.id == node.id) {
            Some(former) if former.app_id == app_id => {
                node.workflow_id = former.workflow_id;
                node.extra.clone_from(&former.extra);
                node.created_at = former.created_at;
            }
            _ => return refuse(format!("can't find node info by id :{}", node.id)),
        }
    }
    let count = nodes.len();
    let saved = services.store.save_workflow_nodes(nodes).await?;
    info!(%app_id, account = person.account, count, "saved nodes of workflows");
    Ok(saved)
}

async fn check_node(services: &Services, node: &NodeRow) -> Result<(), WorkflowError> {
    let name = name_of(node);
    match node.kind {
        NODE_JOB => check_job(services, node.app_id, node.job_id, &name).await,
        NODE_DECISION => match &node.params {
            Some(params) if !params.trim().is_empty() => Ok(()),
            _ => refuse(format!("DecisionNode‘s param must be not null{name}")),
        },
        NODE_NESTED => check_nested(services, node, &name).await,
        kind => Err(WorkflowError::UnknownKind(kind)),
    }
}

async fn check_job(
    services: &Services,
    app_id: AppId,
    job: Option<i64>,
    name: &str,
) -> Result<(), WorkflowError> {
    let job = match job {
        Some(id) => services.store.job_row(JobId(id)).await?,
        None => None,
    };
    let Some(job) = job.filter(|job| job.app_id == app_id) else {
        return refuse(format!("Illegal job node,specified job is not exist{name}"));
    };
    if job.status == i64::from(SwitchableStatus::Deleted.code()) {
        return refuse(format!(
            "Illegal job node,specified job has been deleted{name}"
        ));
    }
    Ok(())
}

async fn check_nested(
    services: &Services,
    node: &NodeRow,
    name: &str,
) -> Result<(), WorkflowError> {
    let illegal =
        |what: &str| format!("Illegal nested workflow node,specified workflow {what}{name}");
    let workflow = match node.job_id {
        Some(id) => services.store.workflow(id).await?,
        None => None,
    };
    let Some(workflow) = workflow.filter(|workflow| workflow.app_id == node.app_id) else {
        return refuse(illegal("is not exist"));
    };
    if workflow.status == i64::from(SwitchableStatus::Deleted.code()) {
        return refuse(illegal("has been deleted"));
    }
    let dag = workflow.dag.as_deref().map(serde_json::from_str);
    let Some(Ok(dag)) = dag else {
        return refuse(illegal("is invalidate"));
    };
    if has_nested(&dag) {
        return refuse(illegal("must be a simple workflow"));
    }
    Ok(())
}

fn has_nested(dag: &serde_json::Value) -> bool {
    let nodes = dag["nodes"].as_array().map_or(&[][..], Vec::as_slice);
    nodes.iter().any(|node| node["nodeType"] == NODE_NESTED)
}
