//! What is known of tasks that have ended besides their state? For people, and for the journal.
//!
//! # Invariants
//! 1. It takes a bounded memory, but for a number for each failed task.

use std::collections::{HashMap, VecDeque};

use super::sub_tasks::Holder;
use crate::domain::result_text::limit_chars;

/// Failed tasks whose cause is kept.
const MOST_CAUSES: usize = 10_000;
/// Succeeded tasks whose result is kept: those that ended last.
const MOST_RECENT: usize = 100;
/// Characters of a result.
const RESULT_CHARS: usize = 500;

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Detail {
    /// Its result, or the cause of its failure, shortened.
    pub(super) result: Box<str>,
    /// What else is known of its last try; `None` when another master saw its end.
    pub(super) last: Option<LastTry>,
}

/// The last try of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LastTry {
    pub(super) place: Holder,
    /// How often the task was handed out.
    pub(super) attempts: u32,
    /// How long the try took; `None` if it did not run to its end.
    pub(super) ran_ms: Option<u32>,
}

/// See the head of the file.
#[derive(Debug, Default)]
pub(super) struct EndedTasks {
    /// In the order in which they failed.
    failed: Vec<u32>,
    causes: HashMap<u32, Detail>,
    recent: VecDeque<(u32, Detail)>,
}

impl EndedTasks {
    /// A task has ended for good.
    pub(super) fn note(
        &mut self,
        index: u32,
        is_success: bool,
        result: &str,
        last: Option<LastTry>,
    ) {
        if !is_success {
            self.failed.push(index);
        }
        if !is_success && self.causes.len() == MOST_CAUSES {
            return;
        }
        let result = match result.len() <= RESULT_CHARS {
            true => result.into(),
            false => limit_chars(result.to_owned(), RESULT_CHARS).into(),
        };
        let detail = Detail { result, last };
        if !is_success {
            self.causes.insert(index, detail);
            return;
        }
        if self.recent.len() == MOST_RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((index, detail));
    }

    /// The failed tasks are to be carried out once more.
    pub(super) fn forget_failures(&mut self) {
        self.failed.clear();
        self.causes.clear();
    }

    /// The failed tasks in the order in which they failed.
    pub(super) fn failed(&self) -> &[u32] {
        &self.failed
    }

    /// The tasks that succeeded last, the last one first.
    pub(super) fn succeeded_last(&self) -> impl Iterator<Item = u32> + '_ {
        self.recent.iter().rev().map(|(index, _)| *index)
    }

    /// How a task ended, if that is still known.
    pub(super) fn detail(&self, index: u32) -> Option<&Detail> {
        let recent = || self.recent.iter().find(|(known, _)| *known == index);
        let cause = self.causes.get(&index);
        cause.or_else(|| recent().map(|(_, detail)| detail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAST: LastTry = LastTry {
        place: 1,
        attempts: 2,
        ran_ms: Some(3),
    };

    #[test]
    fn causes_of_failures_stay_and_results_go() {
        let mut ended = EndedTasks::default();
        ended.note(7, false, &"ä".repeat(600), Some(LAST));
        for index in 10..10 + MOST_RECENT as u32 + 5 {
            ended.note(index, true, "fine", None);
        }
        assert_eq!(ended.failed(), [7]);
        let detail = ended.detail(7).expect("kept");
        assert!(detail.result.ends_with("...") && detail.last == Some(LAST));
        assert_eq!(ended.detail(10), None);
        assert_eq!(ended.succeeded_last().next(), Some(114));
        assert!(ended.detail(114).is_some());
        ended.forget_failures();
        assert!(ended.failed().is_empty() && ended.detail(7).is_none());
    }
}
