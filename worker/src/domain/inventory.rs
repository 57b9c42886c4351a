//! How does what a worker holds fit into messages?
//!
//! # Invariants
//! 1. Every run and every end is in exactly one part, and only the last part says that it is the last.
//! 2. A part has a bounded number of items and, but for one end, a bounded number of bytes.

use powerjob_protocol::wire::worker_to_server::{HeldInstance, InstanceReport, WorkerInventory};

/// Items of each kind, and bytes of results, in one part.
const PART_ITEMS: usize = 2_000;
const PART_BYTES: usize = 1 << 20;

/// Splits an inventory into parts; there is always one.
pub(crate) fn split(
    running: Vec<HeldInstance>,
    finished: Vec<InstanceReport>,
) -> Vec<WorkerInventory> {
    let mut parts = Vec::new();
    let (mut running, mut finished) = (running.into_iter(), finished.into_iter().peekable());
    loop {
        let mut part = WorkerInventory {
            running: running.by_ref().take(PART_ITEMS).collect(),
            finished: Vec::new(),
            is_last: false,
        };
        let mut bytes = 0;
        while part.finished.len() < PART_ITEMS
            && bytes < PART_BYTES
            && let Some(report) = finished.next()
        {
            bytes += report.result.len();
            part.finished.push(report);
        }
        part.is_last = running.len() == 0 && finished.peek().is_none();
        let is_last = part.is_last;
        parts.push(part);
        if is_last {
            return parts;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::report_of;

    #[test]
    fn an_empty_inventory_is_one_part() {
        let parts = split(Vec::new(), Vec::new());
        assert!(parts.len() == 1 && parts[0].is_last);
    }

    #[test]
    fn everything_is_in_one_part_and_the_last_says_so() {
        let running: Vec<_> = (0..5_000)
            .map(|instance_id| HeldInstance {
                instance_id,
                attempt: 1,
            })
            .collect();
        let finished: Vec<_> = (0..300)
            .map(|instance_id| InstanceReport {
                result: "x".repeat(8_192),
                ..report_of(instance_id)
            })
            .collect();
        let parts = split(running, finished);
        assert_eq!(
            parts.iter().map(|part| part.running.len()).sum::<usize>(),
            5_000
        );
        assert_eq!(
            parts.iter().map(|part| part.finished.len()).sum::<usize>(),
            300
        );
        let last: Vec<_> = parts.iter().map(|part| part.is_last).collect();
        assert_eq!(last, [false, false, true]);
    }
}
