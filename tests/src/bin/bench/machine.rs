//! Limits of the machine, measured beside the figures of a run.

use std::path::Path;

use powerjob_tests::bench::limits;

use super::Outcome;

pub(super) struct Machine {
    pub(super) disk_sync_ms: f64,
    pub(super) loopback_us: f64,
    pub(super) bare_sqlite_200: f64,
    pub(super) bare_sqlite_1000: f64,
}

impl Machine {
    pub(super) async fn measure(folder: &Path) -> Outcome<Self> {
        Ok(Self {
            disk_sync_ms: limits::disk_sync_ms(folder)?,
            loopback_us: limits::loopback_us().await?,
            bare_sqlite_200: limits::bare_sqlite_rows_per_s(folder, 200).await?,
            bare_sqlite_1000: limits::bare_sqlite_rows_per_s(folder, 1000).await?,
        })
    }
}
