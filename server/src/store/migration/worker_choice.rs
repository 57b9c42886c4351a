//! What the choice of a worker needs beyond the reference: strategies of ours, orders of operators.

use sea_orm_migration::prelude::*;

use super::Names;
use super::table::{Kind, Table, add_columns, nullable, required, unique};
use Kind::{Int, Long, Name, Text};

/// A strategy that the reference does not know; `dispatch_strategy` then holds what comes closest.
const JOB_COLUMNS: &[(&str, Kind)] = &[("pj_dispatch_strategy", Int)];

/// The last order about each node that ever got one; ONLINE rows stay, because their revision counts.
const WORKER_ORDER: Table = Table {
    name: "pj_worker_order",
    columns: &[
        required("app_id", Long),
        required("node_id", Name),
        required("kind", Int),
        required("given_by", Name),
        required("given_at", Long),
        nullable("reason", Text),
        required("revision", Long),
    ],
    indexes: &[unique("pj_uidx_worker_order", &["app_id", "node_id"])],
};

/// The workers that the caller of a run chose.
pub(super) async fn add_chosen_worker(
    manager: &SchemaManager<'_>,
    names: &Names,
) -> Result<(), DbErr> {
    add_columns(
        manager,
        names,
        "instance_info",
        &[("pj_chosen_worker", Name)],
    )
    .await
}

pub(super) async fn create(manager: &SchemaManager<'_>, names: &Names) -> Result<(), DbErr> {
    add_columns(manager, names, "job_info", JOB_COLUMNS).await?;
    WORKER_ORDER.create(manager, names).await
}
