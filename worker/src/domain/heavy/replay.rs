//! Where does a worker go on that takes the place of a dead master?
//!
//! Input: the parts of the journal in their order. Output: a master that has every task that was made,
//! with the ends that are known; what was out waits again.

use powerjob_common::status::ExecuteType;
use powerjob_protocol::wire::codec;
use powerjob_protocol::wire::server_to_worker::TeamWorker;
use powerjob_protocol::wire::task_journal::{JournalPart, JournalRecord, JournalRecords};
use powerjob_protocol::wire::worker_to_worker::TaskStage;

use super::master::{Master, Setting};
use super::results::TaskResult as ListedResult;
use super::sub_tasks::{NewTask, Standing, mark_of};

/// The journal makes no sense: the instance must begin anew.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the journal of the instance cannot be read: {0}")]
pub(crate) struct Unreadable(String);

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct Replay {
    setting: Setting,
    local: TeamWorker,
    master: Master,
    /// Attempt and number of the last part.
    last: (u32, u32),
    is_decided: bool,
    /// Whether it does not have everything.
    is_broken: bool,
}

impl Replay {
    pub(crate) fn new(setting: Setting, local: TeamWorker) -> Self {
        Self {
            master: Master::new(setting, local.clone()),
            setting,
            local,
            last: (0, 0),
            is_decided: false,
            is_broken: false,
        }
    }

    /// Attempt and number of the last part that was taken; zeros for none.
    pub(crate) fn last(&self) -> (u32, u32) {
        self.last
    }

    /// Takes the next part.
    ///
    /// # Errors
    /// [`Unreadable`]: forget this and begin anew.
    pub(crate) fn take(&mut self, part: &JournalPart) -> Result<(), Unreadable> {
        let records: JournalRecords =
            codec::decode(&part.records).map_err(|error| Unreadable(error.to_string()))?;
        for record in records.items {
            self.apply(record)?;
        }
        self.last = (part.attempt, part.number);
        Ok(())
    }

    fn apply(&mut self, record: JournalRecord) -> Result<(), Unreadable> {
        match record {
            JournalRecord::Broken => (self.is_decided, self.is_broken) = (true, true),
            JournalRecord::Decided => self.is_decided = true,
            JournalRecord::FailedAgain => {
                self.is_decided = false;
                self.master.wake_failed();
            }
            _ if self.is_decided => return Err(Unreadable("it goes on after its end".to_owned())),
            other => self.master.replay(other)?,
        }
        Ok(())
    }

    /// The master that goes on, and whether it begins anew.
    pub(crate) fn finish(self) -> (Master, bool) {
        if self.is_decided || self.is_broken || self.last == (0, 0) {
            return (Master::new(self.setting, self.local), true);
        }
        let mut master = self.master;
        master.go_on();
        (master, false)
    }
}

impl Master {
    fn replay(&mut self, record: JournalRecord) -> Result<(), Unreadable> {
        match record {
            JournalRecord::Made {
                parent,
                ordinal,
                name,
                contents,
            } => self.replay_made(parent, ordinal, name, contents),
            JournalRecord::Ended {
                first,
                count,
                is_success,
                results,
            } => self.replay_ends(first..first.saturating_add(count), is_success, results),
            JournalRecord::Discarded { first, count } => {
                for index in first..self.known(first, count)? {
                    self.tasks.settle(index, Standing::Discarded);
                }
                Ok(())
            }
            JournalRecord::Parted { parent, kept } => {
                self.mappers.entry(parent).or_default().made.truncate(kept);
                Ok(())
            }
            JournalRecord::Decided | JournalRecord::FailedAgain | JournalRecord::Broken => Ok(()),
        }
    }

    /// The end of a range of tasks that all exist.
    fn known(&self, first: u32, count: u32) -> Result<u32, Unreadable> {
        let end = first.saturating_add(count);
        match end as usize <= self.tasks.len() {
            true => Ok(end),
            false => Err(Unreadable(format!("task {end} was never made"))),
        }
    }

    fn replay_made(
        &mut self,
        parent: u32,
        ordinal: u32,
        name: String,
        contents: Vec<Vec<u8>>,
    ) -> Result<(), Unreadable> {
        self.known(parent, 1)?;
        let name = self.intern(name);
        let mapper = self.mappers.entry(parent).or_default();
        for (ordinal, content) in (ordinal..).zip(contents) {
            let mark = mark_of(&content);
            let index = self.tasks.add(NewTask {
                parent: Some(parent),
                ordinal,
                stage: TaskStage::Work,
                name,
                pinned: None,
                content: content.into(),
                mark,
            });
            mapper.made.push(index);
            mapper.next_ordinal = ordinal + 1;
        }
        Ok(())
    }

    fn replay_ends(
        &mut self,
        range: std::ops::Range<u32>,
        is_success: bool,
        results: Vec<String>,
    ) -> Result<(), Unreadable> {
        self.known(range.start, range.end - range.start)?;
        let standing = match is_success {
            true => Standing::Succeeded,
            false => Standing::Failed,
        };
        for (place, index) in range.enumerate() {
            if !self.tasks.settle(index, standing) {
                continue;
            }
            if is_success {
                self.mappers.remove(&index);
            }
            let result = results.get(place).or_else(|| results.first());
            let result = result.cloned().unwrap_or_default();
            self.ended.note(index, is_success, &result, None);
            if self.kind() == ExecuteType::MapReduce {
                self.results().push(ListedResult {
                    task_id: self.tasks.path(index),
                    is_success,
                    result,
                });
            }
        }
        Ok(())
    }

    /// The failed tasks are to be carried out once more.
    fn wake_failed(&mut self) {
        self.tasks.wake_failed();
        self.ended.forget_failures();
        self.results().forget_failures();
    }

    /// All is replayed: from here on things happen.
    fn go_on(&mut self) {
        let tasks = &self.tasks;
        let is_open = |index: u32| {
            let standing = tasks.standing(index);
            matches!(standing, Standing::Waiting | Standing::Out)
        };
        self.mappers.retain(|index, _| is_open(*index));
        for mapper in self.mappers.values_mut() {
            mapper.made.rewind();
        }
        self.told_up_to(u32::try_from(self.tasks.len()).unwrap_or(u32::MAX));
        self.journal.results = self.results().end();
        self.advance();
    }
}
