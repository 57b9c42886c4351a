//! What this server owns, as the writer checks it in every transaction.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use powerjob_common::id::AppId;

use super::Error;
use super::sql::Sql;

/// The fencing tokens of this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fence {
    pub(super) node_id: String,
    pub(super) server_epoch: i64,
    pub(super) apps: HashMap<AppId, i64>,
}

/// The present fence; `None` before the first lease: then nothing is checked.
#[derive(Debug, Default)]
pub(super) struct FenceCell(RwLock<Option<Arc<Fence>>>);

/// Locks the assignment of an application until the end of the transaction, so that nobody takes the
/// application over meanwhile.
///
/// # Errors
/// [`Error::Fenced`] when this server does not own it (any more).
pub(super) async fn hold(sql: &Sql, fence: Option<&Fence>, app_id: AppId) -> Result<(), Error> {
    let Some(fence) = fence else { return Ok(()) };
    let epoch = *fence.apps.get(&app_id).ok_or(Error::Fenced)?;
    let text = "select epoch from {pj_app_assignment} where app_id = ? and shard = 0 \
        and node_id = ? and server_epoch = ? and epoch = ? {for_update}";
    let values = vec![
        app_id.0.into(),
        fence.node_id.as_str().into(),
        fence.server_epoch.into(),
        epoch.into(),
    ];
    sql.row(text, values).await?.ok_or(Error::Fenced).map(drop)
}

impl FenceCell {
    pub(super) fn get(&self) -> Option<Arc<Fence>> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Changes the present fence; does nothing before the first lease.
    pub(super) fn change(&self, change: impl FnOnce(&mut Fence)) {
        let mut present = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(fence) = present.as_mut() {
            change(Arc::make_mut(fence));
        }
    }

    pub(super) fn set(&self, fence: Fence) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(fence));
    }
}
