//! The group-committing writer of a server: everything that arrived during the running commit goes
//! into the next one.

use std::collections::VecDeque;

use powerjob_server::simulation::Sink;
use powerjob_server::store::write::{Lane, WriteOp, WriteOutcome};

use crate::database::Fence;
use crate::time::Micros;

/// Writes of one commit.
const LIMIT: usize = 200;

/// A transaction on its way.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    /// What the server thought it owned.
    pub(crate) fence: Fence,
    /// Who waits for each write.
    pub(crate) tokens: Vec<(Sink, u64)>,
    /// The writes.
    pub(crate) ops: Vec<WriteOp>,
    /// What became of them, once it is known to the database.
    pub(crate) outcomes: Option<Vec<WriteOutcome>>,
    /// When it was sent first.
    pub(crate) begun: Micros,
}

/// See the head of the file.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    /// By lane, in the order of [`Lane::ALL`].
    lanes: [VecDeque<(Sink, u64, WriteOp)>; Lane::ALL.len()],
    is_busy: bool,
}

impl Writer {
    /// Puts writes in line; whether a commit is to begin.
    pub(crate) fn submit(&mut self, sink: Sink, lane: Lane, items: Vec<(u64, WriteOp)>) -> bool {
        let items = items.into_iter().map(|(token, op)| (sink, token, op));
        self.lanes[lane as usize].extend(items);
        !self.is_busy
    }

    /// Takes what waits, unless a commit runs.
    pub(crate) fn begin(&mut self, fence: Fence, now: Micros) -> Option<Batch> {
        if self.is_busy || self.is_idle() {
            return None;
        }
        self.is_busy = true;
        let mut batch = Batch {
            fence,
            tokens: Vec::new(),
            ops: Vec::new(),
            outcomes: None,
            begun: now,
        };
        for lane in &mut self.lanes {
            let count = lane.len().min(LIMIT);
            for (sink, token, op) in lane.drain(..count) {
                batch.tokens.push((sink, token));
                batch.ops.push(op);
            }
        }
        Some(batch)
    }

    /// The commit has ended.
    pub(crate) fn end(&mut self) {
        self.is_busy = false;
    }

    /// Whether nothing waits and nothing is on its way.
    pub(crate) fn is_idle(&self) -> bool {
        !self.is_busy && self.lanes.iter().all(VecDeque::is_empty)
    }
}
