//! What this server owns, as the writer checks it in every transaction.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use powerjob_common::id::AppId;

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
