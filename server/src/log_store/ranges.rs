//! Which sequence numbers of a stream are stored. A stream is what one life of a worker writes for
//! one attempt of an instance.
//!
//! Invariants: 1. ranges are sorted, not empty, and neither overlap nor touch; 2. there are at most
//! [`MAX_RANGES`]: beyond that the lowest holes count as stored, so that no peer can fill the memory.

use std::ops::Range;

/// Holes come from chunks that were refused while later ones were not; few are open at a time.
const MAX_RANGES: usize = 64;

/// A set of sequence numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ranges(Vec<Range<u64>>);

impl Ranges {
    /// Adds a range; what is in the set already stays in it.
    pub(super) fn insert(&mut self, added: Range<u64>) {
        if added.is_empty() {
            return;
        }
        match self.0.last_mut() {
            Some(last) if last.end == added.start => last.end = added.end,
            Some(last) if last.end > added.start => self.merge(added),
            _ => self.0.push(added),
        }
        if self.0.len() > MAX_RANGES {
            let lowest = self.0.remove(0);
            self.0[0].start = lowest.start;
        }
    }

    fn merge(&mut self, added: Range<u64>) {
        let from = self.0.partition_point(|range| range.end < added.start);
        let to = self.0.partition_point(|range| range.start <= added.end);
        let merged = self.0[from..to].iter().fold(added, |all, range| {
            all.start.min(range.start)..all.end.max(range.end)
        });
        self.0.splice(from..to, [merged]);
    }

    /// The parts of `wanted` that are not in the set, in order.
    pub(super) fn missing(&self, wanted: Range<u64>) -> Vec<Range<u64>> {
        let mut parts = Vec::new();
        let mut from = wanted.start;
        let first = self.0.partition_point(|range| range.end <= wanted.start);
        for range in &self.0[first..] {
            if range.start >= wanted.end {
                break;
            }
            if range.start > from {
                parts.push(from..range.start);
            }
            from = range.end;
        }
        if from < wanted.end {
            parts.push(from..wanted.end);
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ranges_do_what_a_set_of_numbers_does(
            added in prop::collection::vec((0_u64..80, 0_u64..12), 0..20),
            wanted in (0_u64..80, 0_u64..30),
        ) {
            let mut ranges = Ranges::default();
            let mut numbers = BTreeSet::new();
            for (start, length) in added {
                ranges.insert(start..start + length);
                numbers.extend(start..start + length);
            }
            for pair in ranges.0.windows(2) {
                prop_assert!(pair[0].end < pair[1].start, "{:?}", ranges);
            }
            let wanted = wanted.0..wanted.0 + wanted.1;
            let missing: Vec<u64> = ranges.missing(wanted.clone()).into_iter().flatten().collect();
            let expected: Vec<u64> = wanted.filter(|number| !numbers.contains(number)).collect();
            prop_assert_eq!(missing, expected);
        }
    }

    #[test]
    fn too_many_holes_close_from_below() {
        let mut ranges = Ranges::default();
        for n in 0..1_000_u64 {
            ranges.insert(10 * n..10 * n + 1);
        }
        assert_eq!(ranges.0.len(), MAX_RANGES);
        assert_eq!(ranges.missing(0..100).len(), 0);
        assert_eq!(
            ranges.missing(9_981..9_990).into_iter().flatten().count(),
            9
        );
    }
}
