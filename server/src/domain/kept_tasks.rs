//! What became of the tasks of an instance that nobody leads now? In: its journal, record by record.
//! Out: counts, and the tasks that failed or had not ended.
//!
//! Invariants:
//! 1. Records about tasks that were never made are passed over: a person who looks is no reason to fail.
//! 2. It takes a bounded memory for each task, and for the causes of failures.

use std::collections::{BTreeMap, HashMap};

use powerjob_protocol::wire::server_to_worker::TaskCounts;
use powerjob_protocol::wire::task_journal::JournalRecord;

/// Name of the level of the first task.
const FIRST_LEVEL: &str = "OMS_ROOT_TASK";
/// Failed tasks whose cause is remembered.
const MOST_CAUSES: usize = 10_000;
/// Characters of a content.
const CONTENT_CHARS: usize = 200;

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It has not ended.
    Open,
    Succeeded,
    Failed,
    /// It counts as if it had never been.
    Discarded,
}

#[derive(Debug, Clone, Copy)]
struct Task {
    parent: u32,
    ordinal: u32,
    level: u16,
    standing: Standing,
}

/// See the head of the file.
#[derive(Debug)]
pub struct KeptTasks {
    tasks: Vec<Task>,
    levels: Vec<String>,
    causes: HashMap<u32, String>,
}

impl Default for KeptTasks {
    fn default() -> Self {
        let first = Task {
            parent: u32::MAX,
            ordinal: 0,
            level: 0,
            standing: Standing::Open,
        };
        Self {
            tasks: vec![first],
            levels: vec![FIRST_LEVEL.to_owned()],
            causes: HashMap::new(),
        }
    }
}

impl KeptTasks {
    /// The next record of the journal.
    pub fn apply(&mut self, record: JournalRecord) {
        match record {
            JournalRecord::Made {
                parent,
                ordinal,
                name,
                contents,
            } => {
                let level = self.level(name);
                let made = (ordinal..).zip(contents).map(|(ordinal, _)| Task {
                    parent,
                    ordinal,
                    level,
                    standing: Standing::Open,
                });
                self.tasks.extend(made);
            }
            JournalRecord::Ended {
                first,
                count,
                is_success,
                results,
            } => self.end(first, count, is_success, results),
            JournalRecord::Discarded { first, count } => {
                for task in self.open(first, count) {
                    task.standing = Standing::Discarded;
                }
            }
            JournalRecord::FailedAgain => {
                let failed = self.tasks.iter_mut();
                for task in failed.filter(|task| task.standing == Standing::Failed) {
                    task.standing = Standing::Open;
                }
                self.causes.clear();
            }
            JournalRecord::Parted { .. } | JournalRecord::Decided | JournalRecord::Broken => {}
        }
    }

    fn end(&mut self, first: u32, count: u32, is_success: bool, results: Vec<String>) {
        let standing = match is_success {
            true => Standing::Succeeded,
            false => Standing::Failed,
        };
        for task in self.open(first, count) {
            task.standing = standing;
        }
        if is_success {
            return;
        }
        let made = u32::try_from(self.tasks.len()).unwrap_or(u32::MAX);
        for place in 0..count.min(made) {
            let result = results.get(place as usize).or_else(|| results.first());
            if let Some(result) = result
                && self.causes.len() < MOST_CAUSES
            {
                self.causes
                    .insert(first.saturating_add(place), result.clone());
            }
        }
    }

    fn open(&mut self, first: u32, count: u32) -> impl Iterator<Item = &mut Task> {
        let first = first as usize;
        let rest = self.tasks.iter_mut().skip(first).take(count as usize);
        rest.filter(|task| task.standing == Standing::Open)
    }

    fn level(&mut self, name: String) -> u16 {
        let known = self.levels.iter().position(|known| *known == name);
        let place = known.unwrap_or_else(|| {
            self.levels.push(name);
            self.levels.len() - 1
        });
        u16::try_from(place).unwrap_or(u16::MAX)
    }

    /// The counts by level, in the order in which the levels came.
    pub fn levels(&self) -> Vec<(&str, TaskCounts)> {
        let none = TaskCounts::default();
        let mut levels: Vec<_> = self
            .levels
            .iter()
            .map(|name| (name.as_str(), none))
            .collect();
        for task in &self.tasks {
            let Some((_, counts)) = levels.get_mut(usize::from(task.level)) else {
                continue;
            };
            match task.standing {
                Standing::Open => counts.waiting += 1,
                Standing::Succeeded => counts.succeeded += 1,
                Standing::Failed => counts.failed += 1,
                Standing::Discarded => {}
            }
        }
        levels
    }

    /// The numbers of the tasks that failed, then of those that had not ended.
    pub fn failed_and_open(&self) -> impl Iterator<Item = u32> + '_ {
        let all = |standing| {
            let tasks = self.tasks.iter().zip(0..);
            tasks.filter_map(move |(task, index)| (task.standing == standing).then_some(index))
        };
        all(Standing::Failed).chain(all(Standing::Open))
    }

    /// Where a task stands; `None` for a number without one.
    pub fn standing(&self, index: u32) -> Option<Standing> {
        Some(self.tasks.get(index as usize)?.standing)
    }

    /// The name of a task's level.
    pub fn level_of(&self, index: u32) -> &str {
        let task = self.tasks.get(index as usize);
        let level = task.and_then(|task| self.levels.get(usize::from(task.level)));
        level.map_or("", String::as_str)
    }

    /// Why a task failed, if that is known.
    pub fn cause(&self, index: u32) -> &str {
        self.causes.get(&index).map_or("", String::as_str)
    }

    /// The way to a task from the first one, such as `0.3.1`.
    pub fn path(&self, index: u32) -> String {
        let mut numbers = Vec::new();
        let mut place = index;
        while let Some(task) = self.tasks.get(place as usize)
            && numbers.len() <= self.tasks.len()
        {
            numbers.push(task.ordinal.to_string());
            place = task.parent;
        }
        numbers.reverse();
        numbers.join(".")
    }
}

/// Finds the contents of some tasks in a journal that is read once more.
#[derive(Debug)]
pub struct ContentFinder {
    /// The contents by number; those that were not found are empty.
    pub contents: BTreeMap<u32, String>,
    next: u32,
}

impl ContentFinder {
    /// Looks for the contents of these.
    pub fn new(wanted: impl IntoIterator<Item = u32>) -> Self {
        let wanted = wanted.into_iter().map(|index| (index, String::new()));
        Self {
            contents: wanted.collect(),
            next: 1, // the first task has none
        }
    }

    /// The next record of the journal.
    pub fn look_at(&mut self, record: JournalRecord) {
        let JournalRecord::Made { contents, .. } = record else {
            return;
        };
        for content in contents {
            if let Some(found) = self.contents.get_mut(&self.next) {
                let text = String::from_utf8_lossy(&content);
                *found = text.chars().take(CONTENT_CHARS).collect();
            }
            self.next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(parent: u32, name: &str, contents: &[&str]) -> JournalRecord {
        JournalRecord::Made {
            parent,
            ordinal: 0,
            name: name.to_owned(),
            contents: contents.iter().map(|it| it.as_bytes().to_vec()).collect(),
        }
    }

    fn ended(first: u32, count: u32, is_success: bool, results: &[&str]) -> JournalRecord {
        JournalRecord::Ended {
            first,
            count,
            is_success,
            results: results.iter().map(|it| (*it).to_owned()).collect(),
        }
    }

    fn journal() -> Vec<JournalRecord> {
        vec![
            made(0, "a", &["one", "two", "three", "four"]),
            made(2, "b", &["five"]),
            ended(1, 1, true, &[]),
            ended(2, 2, false, &["boom"]),
            ended(0, 1, true, &[]),
            JournalRecord::Discarded { first: 4, count: 1 },
        ]
    }

    fn replay(records: Vec<JournalRecord>) -> KeptTasks {
        let mut kept = KeptTasks::default();
        records.into_iter().for_each(|record| kept.apply(record));
        kept
    }

    #[test]
    fn failed_tasks_come_with_path_level_and_cause() {
        let kept = replay(journal());
        let failed: Vec<u32> = kept.failed_and_open().collect();
        assert_eq!(failed, [2, 3, 5]);
        assert_eq!((kept.path(5).as_str(), kept.level_of(5)), ("0.1.0", "b"));
        assert_eq!((kept.cause(3), kept.cause(5)), ("boom", ""));
        let counts: Vec<_> = kept.levels().into_iter().map(|(_, it)| it).collect();
        assert_eq!(counts.iter().map(TaskCounts::total).sum::<u64>(), 5);
        assert_eq!((counts[1].failed, counts[2].waiting), (2, 1));
        let mut finder = ContentFinder::new(failed);
        journal()
            .into_iter()
            .for_each(|record| finder.look_at(record));
        let contents: Vec<String> = finder.contents.into_values().collect();
        assert_eq!(contents, ["two", "three", "five"]);
    }

    #[test]
    fn what_makes_no_sense_is_passed_over() {
        let mut records = journal();
        records.push(JournalRecord::Decided);
        records.push(JournalRecord::FailedAgain);
        records.push(ended(2, 1, true, &[]));
        records.push(ended(90, u32::MAX, false, &[]));
        let kept = replay(records);
        assert_eq!(kept.failed_and_open().collect::<Vec<_>>(), [3, 5]);
        assert_eq!(kept.cause(3), "", "it was to run again");
        assert_eq!((kept.path(99), kept.standing(99)), (String::new(), None));
    }
}
