//! Instances in the lists of the reference.

use powerjob_common::time::UnixMillis;

use super::conditions::Conditions;
use super::{PageOf, Rows, page_of};
use crate::domain::instance::Instance;
use crate::store::instance::{COLUMNS, read_instance};
use crate::store::sql::Sql;
use crate::store::{Error, Store};

/// Which instances; `None` does not restrict.
#[derive(Debug, Clone, Default)]
pub struct InstanceQuery {
    pub app: Option<i64>,
    pub id: Option<i64>,
    pub id_below: Option<i64>,
    pub id_above: Option<i64>,
    pub job: Option<i64>,
    pub workflow_instance: Option<i64>,
    /// 1 = of jobs, 2 = of workflows.
    pub kind: Option<i64>,
    pub statuses: Option<Vec<i64>>,
    pub created_before: Option<UnixMillis>,
    pub created_after: Option<UnixMillis>,
    pub modified_before: Option<UnixMillis>,
    pub modified_after: Option<UnixMillis>,
}

/// The order of a list of instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InstanceOrder {
    /// One of [`SORTABLE`]; `None` = by their making.
    pub column: Option<&'static str>,
    pub ascending: bool,
}

/// What can be sorted by: the reference's name and the column.
pub const SORTABLE: &[(&str, &str)] = &[
    ("id", "i.id"),
    ("jobId", "i.job_id"),
    ("appId", "i.app_id"),
    ("instanceId", "i.instance_id"),
    ("wfInstanceId", "i.wf_instance_id"),
    ("type", "i.type"),
    ("status", "i.status"),
    ("expectedTriggerTime", "i.expected_trigger_time"),
    ("actualTriggerTime", "i.actual_trigger_time"),
    ("finishedTime", "i.finished_time"),
    ("lastReportTime", "i.last_report_time"),
    ("taskTrackerAddress", "i.task_tracker_address"),
    ("runningTimes", "i.running_times"),
    ("gmtCreate", "i.gmt_create"),
    ("gmtModified", "i.gmt_modified"),
];

impl InstanceQuery {
    fn conditions(&self) -> Conditions {
        let mut all = Conditions::default();
        all.number("i.app_id = ?", self.app);
        all.number("i.instance_id = ?", self.id);
        all.number("i.instance_id < ?", self.id_below);
        all.number("i.instance_id > ?", self.id_above);
        all.number("i.job_id = ?", self.job);
        all.number("i.wf_instance_id = ?", self.workflow_instance);
        all.number("coalesce(i.type, 1) = ?", self.kind);
        all.among("i.status", self.statuses.as_ref());
        all.date("i.gmt_create", "<", self.created_before);
        all.date("i.gmt_create", ">", self.created_after);
        all.date("i.gmt_modified", "<", self.modified_before);
        all.date("i.gmt_modified", ">", self.modified_after);
        all
    }
}

impl Store {
    /// A page of the instances that fit.
    pub async fn instance_page(
        &self,
        query: InstanceQuery,
        order: InstanceOrder,
        page: PageOf,
    ) -> Result<Rows<Instance>, Error> {
        self.read(async move |sql: Sql| {
            let conditions = query.conditions();
            let from = format!("from {{instance_info}} i where {}", conditions.text());
            let direction = if order.ascending { "asc" } else { "desc" };
            let column = order.column.unwrap_or("i.id");
            let select =
                format!("select {COLUMNS} {from} order by {column} {direction}, i.id {direction}");
            page_of(
                &sql,
                (&select, &from),
                conditions.values,
                page,
                read_instance,
            )
            .await
        })
        .await
    }
}
