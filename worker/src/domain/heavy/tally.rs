//! How many tasks are in which state, in all and by level?
//!
//! # Invariants
//! 1. The counts of all levels add up to those of the whole (spec 04 case W-25).

use powerjob_protocol::wire::server_to_worker::TaskCounts;

use super::sub_tasks::Standing;

/// See the head of the file.
#[derive(Debug, Default)]
pub(super) struct Tally {
    total: TaskCounts,
    /// By the place of their name in the master's list.
    levels: Vec<TaskCounts>,
}

impl Tally {
    pub(super) fn total(&self) -> TaskCounts {
        self.total
    }

    /// The levels by the places of their names; those without tasks have zeros.
    pub(super) fn levels(&self) -> &[TaskCounts] {
        &self.levels
    }

    /// A new task waits.
    pub(super) fn enter(&mut self, level: u16) {
        self.add(level, Standing::Waiting);
    }

    /// A task has another state now.
    pub(super) fn change(&mut self, level: u16, from: Standing, to: Standing) {
        for counts in [&mut self.total, of(&mut self.levels, level)] {
            if let Some(count) = count(counts, from) {
                *count -= 1;
            }
        }
        self.add(level, to);
    }

    fn add(&mut self, level: u16, standing: Standing) {
        for counts in [&mut self.total, of(&mut self.levels, level)] {
            if let Some(count) = count(counts, standing) {
                *count += 1;
            }
        }
    }
}

fn of(levels: &mut Vec<TaskCounts>, level: u16) -> &mut TaskCounts {
    let place = usize::from(level);
    if levels.len() <= place {
        levels.resize(place + 1, TaskCounts::default());
    }
    &mut levels[place]
}

fn count(counts: &mut TaskCounts, standing: Standing) -> Option<&mut u64> {
    match standing {
        Standing::Waiting => Some(&mut counts.waiting),
        Standing::Out => Some(&mut counts.running),
        Standing::Succeeded => Some(&mut counts.succeeded),
        Standing::Failed => Some(&mut counts.failed),
        Standing::Discarded => None,
    }
}
