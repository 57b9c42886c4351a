//! Orders of operators about workers (`pj_worker_order`).

use powerjob_common::id::AppId;
use powerjob_common::status::WorkerOrderKind;
use sea_orm::QueryResult;

use super::sql::{Columns, Sql};
use super::{Error, Store};
use crate::domain::worker::WorkerOrder;

/// An order to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWorkerOrder {
    pub kind: WorkerOrderKind,
    /// Name of the account that gives it.
    pub given_by: String,
    /// For people; may be empty.
    pub reason: String,
}

const COLUMNS: &str = "node_id, kind, given_by, given_at, reason, revision";

impl Store {
    /// Keeps an order in place of the former one about the node; its revision is one higher.
    pub async fn give_worker_order(
        &self,
        app_id: AppId,
        node_id: String,
        order: NewWorkerOrder,
    ) -> Result<WorkerOrder, Error> {
        let now = self.now();
        self.write(async move |sql: Sql| {
            let key = || vec![app_id.0.into(), node_id.as_str().into()];
            let mut values = vec![
                order.kind.code().into(),
                order.given_by.as_str().into(),
                now.0.into(),
                order.reason.as_str().into(),
            ];
            values.extend(key());
            let text = "update {pj_worker_order} set kind = ?, given_by = ?, given_at = ?, \
                reason = ?, revision = revision + 1 where app_id = ? and node_id = ?";
            if sql.execute(text, values.clone()).await? == 0 {
                let text = "insert into {pj_worker_order} \
                    (kind, given_by, given_at, reason, app_id, node_id, revision) \
                    values (?, ?, ?, ?, ?, ?, 1)";
                sql.execute(text, values).await?;
            }
            let text = format!(
                "select {COLUMNS} from {{pj_worker_order}} where app_id = ? and node_id = ?"
            );
            let row = sql.row(&text, key()).await?;
            let row = row.ok_or_else(|| Error::not_found("worker order"))?;
            Ok(read(&row)?.1)
        })
        .await
    }

    /// The last order about each node of an application that ever got one, by name of the node.
    pub async fn worker_orders(&self, app_id: AppId) -> Result<Vec<(String, WorkerOrder)>, Error> {
        self.read(async move |sql: Sql| {
            let text = format!(
                "select {COLUMNS} from {{pj_worker_order}} where app_id = ? order by node_id"
            );
            let rows = sql.rows(&text, vec![app_id.0.into()]).await?;
            rows.iter().map(read).collect()
        })
        .await
    }
}

fn read(row: &QueryResult) -> Result<(String, WorkerOrder), Error> {
    let mut columns = Columns::of(row);
    let node_id = columns.text()?;
    let order = WorkerOrder {
        kind: columns.code(
            WorkerOrderKind::from_code,
            WorkerOrderKind::Online,
            "an order about a worker",
        )?,
        given_by: columns.text()?,
        given_at: columns.instant()?.unwrap_or_default(),
        reason: columns.text()?,
        revision: columns.number()?,
    };
    Ok((node_id, order))
}
