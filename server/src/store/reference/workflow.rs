//! Workflows, their nodes and what is stored of their runs.

use powerjob_common::id::AppId;
use powerjob_common::time::UnixMillis;
use sea_orm::{QueryResult, Value};

use super::conditions::Conditions;
use super::{PageOf, Rows, page_of};
use crate::store::dialect::id_list;
use crate::store::sql::{Columns, Sql, date_text};
use crate::store::{Error, Store};

const COLUMNS: &str = "\
w.id, w.app_id, w.wf_name, w.wf_description, w.time_expression_type, w.time_expression, w.lifecycle,
w.max_wf_instance_num, w.next_trigger_time, w.notify_user_ids, w.pedag, w.status, w.extra,
w.gmt_create, w.gmt_modified";

const NODE_COLUMNS: &str = "\
n.id, n.app_id, n.workflow_id, n.type, n.job_id, n.node_name, n.node_params, n.enable,
n.skip_when_failed, n.extra, n.gmt_create, n.gmt_modified";

const RUN_COLUMNS: &str = "\
r.id, r.app_id, r.wf_instance_id, r.workflow_id, r.status, r.wf_init_params, r.wf_context, r.dag,
r.result, r.expected_trigger_time, r.actual_trigger_time, r.finished_time, r.gmt_create,
r.gmt_modified";

/// A row of `workflow_info`; codes and JSON texts as they are stored.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkflowRow {
    /// 0 = not stored yet.
    pub id: i64,
    pub app_id: AppId,
    pub name: String,
    pub description: Option<String>,
    pub time_expression_type: i64,
    pub time_expression: Option<String>,
    /// JSON.
    pub lifecycle: Option<String>,
    pub max_instances: i64,
    pub next_trigger_time: Option<i64>,
    /// Ids separated by commas.
    pub notify_user_ids: Option<String>,
    /// Nodes and edges as JSON.
    pub dag: Option<String>,
    pub status: i64,
    pub extra: Option<String>,
    pub created_at: UnixMillis,
    pub modified_at: UnixMillis,
}

/// A row of `workflow_node_info`.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeRow {
    /// 0 = not stored yet.
    pub id: i64,
    pub app_id: AppId,
    /// `None` until a workflow uses it.
    pub workflow_id: Option<i64>,
    pub kind: i64,
    /// The job, or the workflow of a nested one.
    pub job_id: Option<i64>,
    pub name: Option<String>,
    pub params: Option<String>,
    pub is_enabled: bool,
    pub skip_when_failed: bool,
    pub extra: Option<String>,
    pub created_at: UnixMillis,
    pub modified_at: UnixMillis,
}

/// A row of `workflow_instance_info`.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkflowRunRow {
    pub id: i64,
    pub app_id: AppId,
    pub wf_instance_id: i64,
    pub workflow_id: i64,
    pub status: i64,
    pub init_params: Option<String>,
    pub context: Option<String>,
    /// JSON.
    pub dag: Option<String>,
    pub result: Option<String>,
    pub expected_trigger_time: Option<i64>,
    pub actual_trigger_time: Option<i64>,
    pub finished_time: Option<i64>,
    pub created_at: UnixMillis,
    pub modified_at: UnixMillis,
}

/// Which workflows; `None` does not restrict.
#[derive(Debug, Clone, Default)]
pub struct WorkflowQuery {
    pub app: Option<i64>,
    pub id: Option<i64>,
    pub name_part: Option<String>,
}

/// Which runs of workflows; `None` does not restrict.
#[derive(Debug, Clone, Default)]
pub struct WorkflowRunQuery {
    pub app: Option<i64>,
    pub wf_instance_id: Option<i64>,
    pub workflow: Option<i64>,
    pub status: Option<i64>,
}

impl Store {
    /// One workflow, also a deleted one.
    pub async fn workflow(&self, id: i64) -> Result<Option<WorkflowRow>, Error> {
        self.read(async move |sql: Sql| load(&sql, id).await).await
    }

    /// A page of the workflows that fit and are not deleted, newest first.
    pub async fn workflow_page(
        &self,
        query: WorkflowQuery,
        page: PageOf,
    ) -> Result<Rows<WorkflowRow>, Error> {
        let mut all = Conditions::default();
        all.number("w.app_id = ?", query.app);
        all.number("w.id = ?", query.id);
        all.contains("w.wf_name", query.name_part.as_ref());
        all.number("w.status <> ?", Some(99));
        self.read(async move |sql: Sql| {
            let from = format!("from {{workflow_info}} w where {}", all.text());
            let select = format!("select {COLUMNS} {from} order by w.gmt_create desc, w.id desc");
            page_of(&sql, (&select, &from), all.values, page, read).await
        })
        .await
    }

    /// Stores a workflow, new or in place of the former one, with the nodes that belong to it:
    /// `nodes` are given to it, its other nodes are deleted. Answers its id.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the one to be replaced is gone.
    pub async fn save_workflow(&self, row: WorkflowRow, nodes: Vec<i64>) -> Result<i64, Error> {
        let now = self.now();
        self.write(async move |sql: Sql| {
            let id = put(&sql, &row, now).await?;
            let text = "update {workflow_node_info} set workflow_id = ?, gmt_modified = {date} \
                where workflow_id is null and id in {ids}";
            let list = id_list(nodes.iter().copied());
            let values = vec![id.into(), date_text(now).into(), list.clone()];
            sql.execute(text, values).await?;
            let text = "delete from {workflow_node_info} where workflow_id = ? and id not in {ids}";
            sql.execute(text, vec![id.into(), list]).await?;
            Ok(id)
        })
        .await
    }

    /// Switches a workflow on or off or deletes it: one of the codes of the reference.
    pub async fn set_workflow_status(&self, id: i64, status: i64) -> Result<(), Error> {
        let now = self.now();
        self.write(async move |sql: Sql| {
            let text = "update {workflow_info} set status = ?, gmt_modified = {date} where id = ?";
            let values = vec![status.into(), date_text(now).into(), id.into()];
            sql.execute(text, values).await.map(drop)
        })
        .await
    }

    /// Stores nodes, new ones and in place of former ones, all or none; as they are now.
    ///
    /// # Errors
    /// [`Error::NotFound`] when one to be replaced is gone.
    pub async fn save_workflow_nodes(&self, nodes: Vec<NodeRow>) -> Result<Vec<NodeRow>, Error> {
        let now = self.now();
        self.write(async move |sql: Sql| {
            let mut saved = Vec::with_capacity(nodes.len());
            for mut node in nodes {
                put_node(&sql, &mut node, now).await?;
                saved.push(node);
            }
            Ok(saved)
        })
        .await
    }

    /// Those of the given nodes that exist, by their ids.
    pub async fn workflow_nodes(&self, ids: Vec<i64>) -> Result<Vec<NodeRow>, Error> {
        self.read(async move |sql: Sql| {
            let text = format!(
                "select {NODE_COLUMNS} from {{workflow_node_info}} n where n.id in {{ids}} \
                 order by n.id"
            );
            let rows = sql.rows(&text, vec![id_list(ids.iter().copied())]).await?;
            rows.iter().map(read_node).collect()
        })
        .await
    }

    /// A page of the runs of workflows that fit, newest first.
    pub async fn workflow_run_page(
        &self,
        query: WorkflowRunQuery,
        page: PageOf,
    ) -> Result<Rows<WorkflowRunRow>, Error> {
        let mut all = Conditions::default();
        all.number("r.app_id = ?", query.app);
        all.number("r.wf_instance_id = ?", query.wf_instance_id);
        all.number("r.workflow_id = ?", query.workflow);
        all.number("r.status = ?", query.status);
        self.read(async move |sql: Sql| {
            let from = format!("from {{workflow_instance_info}} r where {}", all.text());
            let select =
                format!("select {RUN_COLUMNS} {from} order by r.gmt_modified desc, r.id desc");
            page_of(&sql, (&select, &from), all.values, page, read_run).await
        })
        .await
    }
}

async fn load(sql: &Sql, id: i64) -> Result<Option<WorkflowRow>, Error> {
    let text = format!("select {COLUMNS} from {{workflow_info}} w where w.id = ?");
    let row = sql.row(&text, vec![id.into()]).await?;
    row.map(|row| read(&row)).transpose()
}

async fn put(sql: &Sql, row: &WorkflowRow, now: UnixMillis) -> Result<i64, Error> {
    let date = date_text(now);
    let mut values: Vec<Value> = vec![
        row.app_id.0.into(),
        row.name.as_str().into(),
        row.description.clone().into(),
        row.time_expression_type.into(),
        row.time_expression.clone().into(),
        row.lifecycle.clone().into(),
        row.max_instances.into(),
        row.next_trigger_time.into(),
        row.notify_user_ids.clone().into(),
        row.dag.clone().into(),
        row.status.into(),
        row.extra.clone().into(),
        date.as_str().into(),
    ];
    if row.id == 0 {
        let text = "insert into {workflow_info} (app_id, wf_name, wf_description, \
            time_expression_type, time_expression, lifecycle, max_wf_instance_num, \
            next_trigger_time, notify_user_ids, pedag, status, extra, gmt_modified, gmt_create) \
            values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, {date}, {date})";
        values.push(date.as_str().into());
        return sql.insert(text, values).await;
    }
    let text = "update {workflow_info} set app_id = ?, wf_name = ?, wf_description = ?, \
        time_expression_type = ?, time_expression = ?, lifecycle = ?, max_wf_instance_num = ?, \
        next_trigger_time = ?, notify_user_ids = ?, pedag = ?, status = ?, extra = ?, \
        gmt_modified = {date} where id = ?";
    values.push(row.id.into());
    match sql.execute(text, values).await? {
        0 => Err(Error::not_found("workflow")),
        _ => Ok(row.id),
    }
}

async fn put_node(sql: &Sql, node: &mut NodeRow, now: UnixMillis) -> Result<(), Error> {
    let date = date_text(now);
    let mut values: Vec<Value> = vec![
        node.app_id.0.into(),
        node.kind.into(),
        node.job_id.into(),
        node.name.clone().into(),
        node.params.clone().into(),
        node.is_enabled.into(),
        node.skip_when_failed.into(),
        date.as_str().into(),
    ];
    node.modified_at = now;
    if node.id == 0 {
        let text = "insert into {workflow_node_info} (app_id, type, job_id, node_name, \
            node_params, enable, skip_when_failed, gmt_modified, gmt_create) \
            values (?, ?, ?, ?, ?, ?, ?, {date}, {date})";
        values.push(date.as_str().into());
        node.id = sql.insert(text, values).await?;
        node.created_at = now;
        return Ok(());
    }
    let text = "update {workflow_node_info} set app_id = ?, type = ?, job_id = ?, node_name = ?, \
        node_params = ?, enable = ?, skip_when_failed = ?, gmt_modified = {date} where id = ?";
    values.push(node.id.into());
    match sql.execute(text, values).await? {
        0 => Err(Error::not_found("workflow node")),
        _ => Ok(()),
    }
}

fn read(row: &QueryResult) -> Result<WorkflowRow, Error> {
    let mut columns = Columns::of(row);
    Ok(WorkflowRow {
        id: columns.number()?,
        app_id: AppId(columns.number()?),
        name: columns.text()?,
        description: columns.get()?,
        time_expression_type: columns.number()?,
        time_expression: columns.get()?,
        lifecycle: columns.get()?,
        max_instances: columns.number()?,
        next_trigger_time: columns.get()?,
        notify_user_ids: columns.get()?,
        dag: columns.get()?,
        status: columns.number()?,
        extra: columns.get()?,
        created_at: columns.date()?.unwrap_or_default(),
        modified_at: columns.date()?.unwrap_or_default(),
    })
}

fn read_node(row: &QueryResult) -> Result<NodeRow, Error> {
    let mut columns = Columns::of(row);
    Ok(NodeRow {
        id: columns.number()?,
        app_id: AppId(columns.number()?),
        workflow_id: columns.get()?,
        kind: columns.number()?,
        job_id: columns.get()?,
        name: columns.get()?,
        params: columns.get()?,
        is_enabled: columns.get()?,
        skip_when_failed: columns.get()?,
        extra: columns.get()?,
        created_at: columns.date()?.unwrap_or_default(),
        modified_at: columns.date()?.unwrap_or_default(),
    })
}

fn read_run(row: &QueryResult) -> Result<WorkflowRunRow, Error> {
    let mut columns = Columns::of(row);
    Ok(WorkflowRunRow {
        id: columns.number()?,
        app_id: AppId(columns.number()?),
        wf_instance_id: columns.number()?,
        workflow_id: columns.number()?,
        status: columns.number()?,
        init_params: columns.get()?,
        context: columns.get()?,
        dag: columns.get()?,
        result: columns.get()?,
        expected_trigger_time: columns.get()?,
        actual_trigger_time: columns.get()?,
        finished_time: columns.get()?,
        created_at: columns.date()?.unwrap_or_default(),
        modified_at: columns.date()?.unwrap_or_default(),
    })
}
