//! The journals of maps and map-reduces, by which another worker goes on when a master dies.

use sea_orm_migration::prelude::*;

use super::Names;
use super::table::{Kind, Table, required, unique};
use Kind::{Bytes, Int, Long};

/// A part of a journal; `total_bytes` is the length of the journal up to its end.
const TASK_JOURNAL: Table = Table {
    name: "pj_task_journal",
    columns: &[
        required("instance_id", Long),
        required("attempt", Int),
        required("number", Int),
        required("total_bytes", Long),
        required("records", Bytes),
    ],
    indexes: &[unique(
        "pj_uidx_task_journal",
        &["instance_id", "attempt", "number"],
    )],
};

pub(super) async fn create(manager: &SchemaManager<'_>, names: &Names) -> Result<(), DbErr> {
    TASK_JOURNAL.create(manager, names).await
}
