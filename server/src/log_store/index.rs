//! The index of a segment: where the records of an instance lie.

use std::collections::HashMap;

use powerjob_common::id::InstanceId;

use super::ranges::Ranges;
use super::record::{Record, fingerprint};

/// Where a record lies and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    /// Offset of its frame in the segment.
    pub(super) offset: u32,
    /// Length of its frame.
    pub(super) length: u32,
    /// Number of its first line.
    pub(super) first_sequence: u64,
    /// Number of its lines.
    pub(super) lines: u32,
    /// Lost lines before it; stays at the end of its range instead of overflowing.
    pub(super) lost_before: u32,
    pub(super) attempt: u32,
    /// See [`fingerprint`].
    pub(super) worker: u32,
}

/// What one life of a worker writes for one attempt of an instance; sequence numbers count in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Stream {
    pub(super) instance: InstanceId,
    pub(super) attempt: u32,
    /// See [`fingerprint`].
    pub(super) worker: u32,
}

impl Slot {
    /// The slot of a record.
    pub(super) fn of(record: &Record<'_>, offset: u32, length: u32) -> Self {
        Self {
            offset,
            length,
            first_sequence: record.first_sequence,
            lines: u32::try_from(record.lines.len()).unwrap_or(u32::MAX),
            lost_before: u32::try_from(record.lost_before).unwrap_or(u32::MAX),
            attempt: record.attempt,
            worker: fingerprint(record.worker, record.incarnation),
        }
    }

    /// Adds the sequence numbers of the record to `ranges` if it belongs to the stream.
    pub(super) fn add_to(&self, ranges: &mut Ranges, stream: &Stream) {
        if (self.attempt, self.worker) == (stream.attempt, stream.worker) {
            let start = self.first_sequence.saturating_sub(self.lost_before.into());
            ranges.insert(start..self.first_sequence.saturating_add(self.lines.into()));
        }
    }
}

/// The index of a segment that still grows.
#[derive(Debug, Clone, Default)]
pub(super) struct OpenIndex {
    by_instance: HashMap<InstanceId, Vec<Slot>>,
    count: usize,
}

impl OpenIndex {
    /// Adds a record that lies behind all others.
    pub(super) fn push(&mut self, instance: InstanceId, slot: Slot) {
        self.by_instance.entry(instance).or_default().push(slot);
        self.count += 1;
    }

    /// The records of an instance in the order of their offsets.
    pub(super) fn slots(&self, instance: InstanceId) -> &[Slot] {
        self.by_instance
            .get(&instance)
            .map_or(&[], |slots| slots.as_slice())
    }

    /// Number of records.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// All records, by instance and offset.
    pub(super) fn sorted(&self) -> Vec<(InstanceId, Slot)> {
        let mut instances: Vec<_> = self.by_instance.iter().collect();
        instances.sort_unstable_by_key(|(instance, _)| **instance);
        instances
            .into_iter()
            .flat_map(|(instance, slots)| slots.iter().map(|slot| (*instance, *slot)))
            .collect()
    }
}
