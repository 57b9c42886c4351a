//! What servers tell each other about workers of the reference.

use sea_orm_migration::prelude::*;

use super::Names;
use super::table::{Kind, add_columns};

const LEASE_COLUMNS: &[(&str, Kind)] = &[("http_worker_address", Kind::Name)];

pub(super) async fn create(manager: &SchemaManager<'_>, names: &Names) -> Result<(), DbErr> {
    add_columns(manager, names, "pj_server_lease", LEASE_COLUMNS).await
}
