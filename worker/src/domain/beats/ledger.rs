//! What became of the beats of an instance? Counts of all, and the last ones by name.
//!
//! # Invariants
//! 1. Each beat that was begun stands in exactly one count.
//! 2. The list of ended beats is bounded.

use std::collections::{BTreeMap, VecDeque};

use powerjob_common::status::InstanceStatus;
use powerjob_protocol::wire::beats::{BeatCounts, SubInstance};

use crate::domain::result_text::limit_chars;
use crate::domain::task_table::RunEnd;

/// Ended beats that are kept.
const KEPT: usize = 100;
/// Characters of a result in a list.
const RESULT_CHARS: usize = 500;

/// See the head of the file.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    counts: BeatCounts,
    /// Nominal time and start of beats that run, by number.
    running: BTreeMap<u64, (i64, i64)>,
    /// Oldest first.
    ended: VecDeque<SubInstance>,
}

impl Ledger {
    pub(crate) fn counts(&self) -> BeatCounts {
        BeatCounts {
            running: self.running.len() as u64,
            ..self.counts
        }
    }

    pub(crate) fn running_count(&self) -> usize {
        self.running.len()
    }

    /// The beats that run, oldest first.
    pub(crate) fn running(&self) -> impl Iterator<Item = u64> {
        self.running.keys().copied()
    }

    /// A beat is handed to its code.
    pub(crate) fn begin(&mut self, number: u64, nominal_ms: i64) {
        self.running.insert(number, (nominal_ms, 0));
    }

    /// The code of a beat has begun.
    pub(crate) fn started(&mut self, number: u64, at_ms: i64) {
        if let Some((_, started_at_ms)) = self.running.get_mut(&number) {
            *started_at_ms = at_ms;
        }
    }

    /// A beat has ended; whether it ran.
    pub(crate) fn end(&mut self, number: u64, end: RunEnd) -> bool {
        let Some((nominal_ms, _)) = self.running.remove(&number) else {
            return false;
        };
        match end.ending.status {
            InstanceStatus::Succeed => self.counts.succeeded += 1,
            InstanceStatus::Stopped => self.counts.skipped += 1,
            _ => self.counts.failed += 1,
        }
        self.keep(SubInstance {
            number,
            nominal_ms,
            started_at_ms: end.started_at_ms,
            finished_at_ms: end.finished_at_ms,
            status: code(end.ending.status),
            result: limit_chars(end.ending.text, RESULT_CHARS),
        });
        true
    }

    /// A beat failed without being run.
    pub(crate) fn refuse(&mut self, number: u64, nominal_ms: i64, cause: &str) {
        self.counts.failed += 1;
        self.keep(SubInstance {
            number,
            nominal_ms,
            started_at_ms: 0,
            finished_at_ms: 0,
            status: code(InstanceStatus::Failed),
            result: cause.to_owned(),
        });
    }

    /// Beats were called off.
    pub(crate) fn skip(&mut self, count: u64) {
        self.counts.skipped += count;
    }

    /// Beats were not made.
    pub(crate) fn miss(&mut self, count: u64) {
        self.counts.missed += count;
    }

    /// Those that run, then those that ended last; the newest first, at most `limit`.
    pub(crate) fn newest(&self, limit: usize) -> Vec<SubInstance> {
        let running = self.running.iter().rev();
        let running = running.map(|(number, (nominal_ms, started_at_ms))| SubInstance {
            number: *number,
            nominal_ms: *nominal_ms,
            started_at_ms: *started_at_ms,
            finished_at_ms: 0,
            status: code(InstanceStatus::Running),
            result: String::new(),
        });
        running.chain(self.last_ended(limit)).take(limit).collect()
    }

    /// Those that ended last, the newest first, at most `limit`.
    pub(crate) fn last_ended(&self, limit: usize) -> Vec<SubInstance> {
        self.ended.iter().rev().take(limit).cloned().collect()
    }

    fn keep(&mut self, beat: SubInstance) {
        if self.ended.len() == KEPT {
            self.ended.pop_front();
        }
        self.ended.push_back(beat);
    }
}

fn code(status: InstanceStatus) -> u8 {
    u8::try_from(status.code()).unwrap_or(0)
}
