//! What became of beats, told to the server at a bounded rate: one message at a time, and each
//! instance again only after the others that have news.

use std::collections::{BTreeSet, VecDeque};

use powerjob_protocol::wire::beats::BeatReport;

use crate::domain::RunKey;

/// Instances of one message.
const MAX_ITEMS: usize = 200;
/// Last reports of ended instances that are kept while the server does not answer.
const MAX_LAST: usize = 10_000;

/// See the head of the file.
#[derive(Debug, Default)]
pub(super) struct Reports {
    /// Instances with news.
    changed: BTreeSet<RunKey>,
    /// The last one of a message, behind which the next one begins.
    cursor: Option<RunKey>,
    last: VecDeque<BeatReport>,
    /// What the message under way holds.
    sent: Option<(Vec<RunKey>, Vec<BeatReport>)>,
}

impl Reports {
    /// Something became of a beat.
    pub(super) fn note(&mut self, key: RunKey) {
        self.changed.insert(key);
    }

    /// An instance has ended with this.
    pub(super) fn end(&mut self, key: RunKey, report: BeatReport) {
        self.changed.remove(&key);
        if self.last.len() == MAX_LAST {
            self.last.pop_front();
        }
        self.last.push_back(report);
    }

    pub(super) fn has_last(&self) -> bool {
        !self.last.is_empty()
    }

    /// The next message, unless one is under way or there is nothing new; `report` tells of an
    /// instance, if it is there.
    pub(super) fn next(
        &mut self,
        report: impl Fn(RunKey) -> Option<BeatReport>,
    ) -> Option<Vec<BeatReport>> {
        if self.sent.is_some() {
            return None;
        }
        let count = self.last.len().min(MAX_ITEMS);
        let last: Vec<BeatReport> = self.last.drain(..count).collect();
        let behind = |key: &RunKey| self.cursor.is_some_and(|cursor| *key <= cursor);
        let (before, after): (Vec<_>, Vec<_>) = self.changed.iter().copied().partition(behind);
        let in_turn = after.into_iter().chain(before);
        let keys: Vec<RunKey> = in_turn.take(MAX_ITEMS - count).collect();
        for key in &keys {
            self.changed.remove(key);
        }
        self.cursor = keys.last().copied().or(self.cursor);
        let mut items = last.clone();
        items.extend(keys.iter().filter_map(|key| report(*key)));
        if items.is_empty() {
            return None;
        }
        self.sent = Some((keys, last));
        Some(items)
    }

    /// The server has answered.
    pub(super) fn answered(&mut self, is_stored: bool) {
        let Some((keys, last)) = self.sent.take().filter(|_| !is_stored) else {
            return;
        };
        self.changed.extend(keys);
        for report in last.into_iter().rev() {
            self.last.push_front(report);
        }
        self.last.truncate(MAX_LAST);
    }
}

#[cfg(test)]
mod tests {
    use powerjob_protocol::wire::beats::BeatCounts;

    use super::*;

    fn key(instance_id: i64) -> RunKey {
        RunKey::of_attempt(instance_id, 1)
    }

    fn report(key: RunKey) -> Option<BeatReport> {
        Some(BeatReport {
            instance_id: key.instance_id,
            attempt: key.attempt,
            every_ms: 1,
            first_ms: 1,
            last_ms: 1,
            counts: BeatCounts::default(),
            beats: Vec::new(),
        })
    }

    fn next(reports: &mut Reports) -> Vec<i64> {
        let items = reports.next(report).unwrap_or_default();
        items.iter().map(|item| item.instance_id).collect()
    }

    #[test]
    fn each_instance_has_its_turn() {
        let mut reports = Reports::default();
        let count = MAX_ITEMS as i64 + 50;
        (0..count).for_each(|id| reports.note(key(id)));
        assert_eq!(next(&mut reports).len(), MAX_ITEMS);
        (0..count).for_each(|id| reports.note(key(id)));
        assert_eq!(next(&mut reports), [0; 0], "one at a time");
        reports.answered(true);
        let second = next(&mut reports);
        assert_eq!(second[..50], *(MAX_ITEMS as i64..count).collect::<Vec<_>>());
    }

    #[test]
    fn what_was_not_stored_is_told_again() {
        let mut reports = Reports::default();
        reports.note(key(1));
        reports.note(key(2));
        reports.end(key(1), report(key(1)).expect("a report"));
        assert!(reports.has_last());
        assert_eq!(next(&mut reports), [1, 2]);
        reports.answered(false);
        assert_eq!(next(&mut reports), [1, 2]);
        reports.answered(true);
        assert_eq!(next(&mut reports), [0; 0]);
    }
}
