//! Files with tasks and results of instances for which there is not enough memory.

use std::sync::Arc;

use actix::prelude::*;
use powerjob_common::actor::Mail;

use super::{HeavyTracker, note};
use crate::actor::spill_letters::{BlockRead, BlockWritten};
use crate::domain::RunKey;
use crate::domain::heavy::spilling::SpillBlock;

impl HeavyTracker {
    pub(super) fn write(&mut self, key: RunKey, block: SpillBlock, bytes: Arc<[u8]>) {
        let port = self.parts.written.clone();
        let Some(mastered) = self.masters.get_mut(&key) else {
            return;
        };
        mastered.has_files = true;
        let name = match block {
            SpillBlock::Contents(number) => contents_name(number),
            SpillBlock::Results(number) => format!("results-{number}"),
        };
        self.parts
            .spill
            .write((folder(key), name), bytes, move |file| {
                let file = file.map_err(|error| error.to_string());
                note(port.tell(BlockWritten { key, block, file }));
            });
    }

    pub(super) fn read(&self, key: RunKey, block: u32) {
        let port = self.parts.read.clone();
        let file = (folder(key), contents_name(block));
        self.parts.spill.take(file, move |bytes| {
            let bytes = bytes.map_err(|error| error.to_string());
            note(port.tell(BlockRead { key, block, bytes }));
        });
    }

    /// An instance has ended.
    pub(super) fn remove_files(&self, key: RunKey) {
        self.parts.spill.remove(folder(key));
    }
}

fn folder(key: RunKey) -> String {
    format!("{}-{}", key.instance_id, key.attempt)
}

fn contents_name(number: u32) -> String {
    format!("contents-{number}")
}

impl Handler<Mail<BlockWritten>> for HeavyTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<BlockWritten>, _ctx: &mut Self::Context) {
        let (BlockWritten { key, block, file }, _ticket) = mail.open();
        self.with(key, |mastered, _now| mastered.master.written(block, file));
    }
}

impl Handler<Mail<BlockRead>> for HeavyTracker {
    type Result = ();

    fn handle(&mut self, mail: Mail<BlockRead>, _ctx: &mut Self::Context) {
        let (BlockRead { key, block, bytes }, _ticket) = mail.open();
        self.with(key, |mastered, _now| mastered.master.read(block, bytes));
    }
}
