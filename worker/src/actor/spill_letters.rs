//! The letters about files of instances for which there is not enough memory.

use std::path::Path;
use std::sync::Arc;

use powerjob_common::actor::Letter;
use powerjob_common::id::InstanceId;
use serde::Serialize;

use crate::domain::RunKey;
use crate::domain::heavy::spilling::SpillBlock;

/// A block of tasks or results is in a file, or cannot be written; sent by the thread of the files to
/// the heavy tracker.
#[derive(Debug, Serialize)]
pub(crate) struct BlockWritten {
    pub(crate) key: RunKey,
    #[serde(skip)]
    pub(crate) block: SpillBlock,
    #[serde(skip)]
    pub(crate) file: Result<Arc<Path>, String>,
}

impl Letter for BlockWritten {
    const NAME: &'static str = "BlockWritten";
    fn instances(&self) -> Vec<InstanceId> {
        vec![InstanceId(self.key.instance_id)]
    }
}

/// A block of tasks is back, or cannot be read; sent by the thread of the files to the heavy tracker.
#[derive(Debug, Serialize)]
pub(crate) struct BlockRead {
    pub(crate) key: RunKey,
    pub(crate) block: u32,
    #[serde(skip)]
    pub(crate) bytes: Result<Vec<u8>, String>,
}

impl Letter for BlockRead {
    const NAME: &'static str = "BlockRead";
    fn instances(&self) -> Vec<InstanceId> {
        vec![InstanceId(self.key.instance_id)]
    }
}
