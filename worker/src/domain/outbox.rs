//! Which reports go into the next message to the server?
//!
//! # Invariants
//! 1. At most `frames` messages are on their way at once; each is within its limits, except that one
//!    report always fits.
//! 2. A final report goes after the report of its start, or alone if that has not left yet.
//! 3. Without a session nothing leaves; what was on its way belongs to the next inventory.

use std::collections::{HashMap, VecDeque};

use powerjob_protocol::wire::worker_to_server::InstanceReport;

use super::RunKey;
use super::task_table::is_final;

/// Bounds of one message and of the messages on their way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FrameLimits {
    /// Messages on their way.
    pub(crate) frames: usize,
    /// Reports in one message.
    pub(crate) items: usize,
    /// Bytes in one message, roughly.
    pub(crate) bytes: usize,
}

/// A report that left, as far as its answer needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) key: RunKey,
    pub(crate) was_final: bool,
}

/// A message to the server.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) id: u64,
    pub(crate) items: Vec<InstanceReport>,
}

/// Bytes of a report besides its result, roughly.
const REPORT_BYTES: usize = 80;

/// Reports that wait for their message, and messages that wait for their answer.
#[derive(Debug)]
pub(crate) struct Outbox {
    limits: FrameLimits,
    is_open: bool,
    starts: VecDeque<InstanceReport>,
    finals: VecDeque<InstanceReport>,
    on_the_way: HashMap<u64, Vec<Sent>>,
    next_id: u64,
}

impl Outbox {
    pub(crate) fn new(limits: FrameLimits) -> Self {
        Self {
            limits,
            is_open: false,
            starts: VecDeque::new(),
            finals: VecDeque::new(),
            on_the_way: HashMap::new(),
            next_id: 0,
        }
    }

    /// A session has begun, and its inventory is made from what is held and owed now: all that waits is
    /// known from there.
    pub(crate) fn taken_into_inventory(&mut self) {
        self.close();
    }

    /// The inventory is answered: reports may leave.
    pub(crate) fn open(&mut self) {
        self.is_open = true;
    }

    /// The session has ended.
    pub(crate) fn close(&mut self) {
        self.is_open = false;
        self.starts.clear();
        self.finals.clear();
        self.on_the_way.clear();
    }

    /// Puts a report in line.
    pub(crate) fn push(&mut self, report: InstanceReport) {
        if is_final(&report) {
            self.finals.push_back(report);
        } else {
            self.starts.push_back(report);
        }
    }

    /// Puts several reports in line.
    pub(crate) fn extend(&mut self, reports: impl IntoIterator<Item = InstanceReport>) {
        reports.into_iter().for_each(|report| self.push(report));
    }

    /// Whether nothing waits and nothing is on its way.
    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        self.starts.is_empty() && self.finals.is_empty() && self.on_the_way.is_empty()
    }

    /// The next message, if one may leave; starts of runs that are `held` no longer are left out.
    pub(crate) fn next_frame(&mut self, held: impl Fn(RunKey) -> bool) -> Option<Frame> {
        if !self.is_open || self.on_the_way.len() >= self.limits.frames {
            return None;
        }
        let mut items = Vec::new();
        let mut bytes = 0;
        while items.len() < self.limits.items && bytes < self.limits.bytes {
            let Some(report) = self.take_next(&held) else {
                break;
            };
            bytes += REPORT_BYTES + report.result.len();
            items.push(report);
        }
        if items.is_empty() {
            return None;
        }
        let id = self.next_id;
        self.next_id += 1;
        let sent = items
            .iter()
            .map(|report| Sent {
                key: RunKey::of_report(report),
                was_final: is_final(report),
            })
            .collect();
        self.on_the_way.insert(id, sent);
        Some(Frame { id, items })
    }

    fn take_next(&mut self, held: &impl Fn(RunKey) -> bool) -> Option<InstanceReport> {
        while let Some(start) = self.starts.pop_front() {
            if held(RunKey::of_report(&start)) {
                return Some(start);
            }
        }
        self.finals.pop_front()
    }

    /// The reports of an answered message in their order; `None` if it belongs to an ended session.
    pub(crate) fn answered(&mut self, id: u64) -> Option<Vec<Sent>> {
        self.on_the_way.remove(&id)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: FrameLimits = FrameLimits {
        frames: 2,
        items: 3,
        bytes: 1_000,
    };

    fn report(instance_id: i64, status: u8) -> InstanceReport {
        InstanceReport {
            instance_id,
            attempt: 1,
            epoch: 0,
            job_revision: 0,
            trace_id: [0; 16],
            status,
            result: String::new(),
            received_at_ms: 0,
            started_at_ms: 0,
            finished_at_ms: 0,
        }
    }

    fn open_outbox() -> Outbox {
        let mut outbox = Outbox::new(LIMITS);
        outbox.open();
        outbox
    }

    #[test]
    fn a_final_report_that_catches_up_with_its_start_goes_alone() {
        let mut outbox = open_outbox();
        outbox.push(report(1, 3));
        outbox.push(report(1, 5));
        let frame = outbox.next_frame(|_| false).expect("a message");
        assert_eq!(frame.items, [report(1, 5)]);
    }

    #[test]
    fn starts_of_running_instances_leave() {
        let mut outbox = open_outbox();
        outbox.push(report(1, 3));
        assert_eq!(
            outbox.next_frame(|_| true).map(|frame| frame.items.len()),
            Some(1)
        );
    }

    #[test]
    fn messages_are_bounded_and_so_is_their_number() {
        let mut outbox = open_outbox();
        for instance_id in 0..10 {
            outbox.push(report(instance_id, 5));
        }
        let sizes: Vec<_> = std::iter::from_fn(|| outbox.next_frame(|_| true))
            .map(|frame| frame.items.len())
            .collect();
        assert_eq!(sizes, [3, 3]);
        assert_eq!(outbox.answered(0).map(|sent| sent.len()), Some(3));
        assert!(outbox.next_frame(|_| true).is_some());
    }

    #[test]
    fn without_a_session_nothing_leaves_and_old_answers_mean_nothing() {
        let mut outbox = open_outbox();
        outbox.push(report(1, 5));
        let frame = outbox.next_frame(|_| true).expect("a message");
        outbox.close();
        outbox.push(report(2, 5));
        assert!(outbox.next_frame(|_| true).is_none());
        assert_eq!(outbox.answered(frame.id), None);
    }

    proptest! {
        #[test]
        fn every_final_report_leaves_once(statuses in prop::collection::vec(prop::sample::select(vec![3_u8, 4, 5]), 0..60)) {
            let mut outbox = open_outbox();
            for (index, status) in statuses.iter().enumerate() {
                outbox.push(report(i64::try_from(index).expect("small"), *status));
            }
            let mut finals = 0;
            while let Some(frame) = outbox.next_frame(|_| true) {
                prop_assert!(frame.items.len() <= LIMITS.items);
                finals += frame.items.iter().filter(|report| is_final(report)).count();
                prop_assert!(outbox.answered(frame.id).is_some());
            }
            prop_assert!(outbox.is_idle());
            prop_assert_eq!(finals, statuses.iter().filter(|status| **status != 3).count());
        }
    }
}
