//! What became of the beats of second-level jobs.

use sea_orm_migration::prelude::*;

use super::Names;
use super::table::{Kind, Table, required, unique};
use Kind::{Int, Long, Text};

/// A row for each attempt of an instance that reported beats.
const BEATS: Table = Table {
    name: "pj_beats",
    columns: &[
        required("app_id", Long),
        required("instance_id", Long),
        required("attempt", Int),
        required("reported_at", Long),
        required("body", Text),
    ],
    indexes: &[unique(
        "pj_uidx_beats",
        &["instance_id", "attempt", "app_id"],
    )],
};

pub(super) async fn create(manager: &SchemaManager<'_>, names: &Names) -> Result<(), DbErr> {
    BEATS.create(manager, names).await
}
