//! Which running tasks must wait before they make more, because so many wait to be carried out?
//!
//! The first task of an instance always can: it takes no place from others. Any other that waits keeps
//! its place, which those that it waits for may need.
//!
//! # Invariants
//! 1. Of the tasks that run at once on a worker, at most half are held back, so that the others go on.
//! 2. When no task ends for [`QUIET`], each that is held back may have one list of new tasks stored:
//!    the worker may carry out fewer at once than the job allows, or all of the others may wait as well.

use std::collections::BTreeMap;
use std::time::Duration;

use super::sub_tasks::Holder;

/// So long nothing ends before the brake gives way.
const QUIET: Duration = Duration::from_millis(500);

/// See the head of the file.
#[derive(Debug, Default)]
pub(super) struct Brake {
    /// Tasks that are held back, each with its executor.
    held: BTreeMap<u32, Holder>,
    /// Lists that may pass.
    passes: usize,
    ended: u64,
    /// Since when no task has ended.
    since: Option<Duration>,
}

impl Brake {
    /// Whether a task must wait with its next list; `slots`: tasks that run at once where it does.
    pub(super) fn holds(&mut self, task: u32, place: Holder, slots: u32) -> bool {
        if self.held.contains_key(&task) {
            let Some(left) = self.passes.checked_sub(1) else {
                return true;
            };
            self.passes = left;
            self.held.remove(&task);
            return false;
        }
        let held_there = self.held.values().filter(|its| **its == place).count();
        let is_held = held_there < slots as usize / 2;
        if is_held {
            self.held.insert(task, place);
        }
        is_held
    }

    /// A task waits no longer: its list was taken, or its try is over.
    pub(super) fn release(&mut self, task: u32) {
        self.held.remove(&task);
        self.passes = self.passes.min(self.held.len());
    }

    /// Whether a list that waits may pass although much waits.
    pub(super) fn gives_way(&self) -> bool {
        self.passes > 0
    }

    /// Looks at the time; `ended`: how many tasks have ended so far.
    pub(super) fn tick(&mut self, ended: u64, now: Duration) {
        let since = *self.since.get_or_insert(now);
        if ended != self.ended || self.held.is_empty() {
            (self.ended, self.since, self.passes) = (ended, Some(now), 0);
        } else if now.saturating_sub(since) >= QUIET {
            (self.since, self.passes) = (Some(now), self.held.len());
        }
    }
}

#[cfg(test)]
#[path = "brake_tests.rs"]
mod tests;
