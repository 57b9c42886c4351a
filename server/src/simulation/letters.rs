//! The mailboxes of a simulated server.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use powerjob_common::id::{AppId, JobId};

use crate::actor::dispatcher::{DispatchRuns, StopRuns};
use crate::actor::instance_manager::RunEnded;
use crate::actor::instance_manager::simulation::ShardLetter;
use crate::actor::scheduler::ScheduleApp;
use crate::actor::worker_registry::simulation::RegistryLetter;
use crate::domain::job::JobDefinition;
use crate::store::Error;
use crate::store::job::JobSaved;
use crate::store::write::WriteOutcome;

/// The actors that have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mailbox {
    /// The scheduler.
    Scheduler,
    /// An instance manager.
    Instances(usize),
    /// The worker registry.
    Registry,
    /// The dispatcher.
    Dispatcher,
}

/// What the scheduler hears.
#[derive(Debug)]
pub(super) enum SchedulerLetter {
    Due,
    Committed(Vec<(u64, WriteOutcome)>),
    Schedule(ScheduleApp),
    Unschedule(AppId),
    Ended(RunEnded),
    Reloaded(JobId, Result<Box<JobDefinition>, Error>),
    SwitchedOff(Arc<JobDefinition>),
    Saved(Box<JobSaved>),
    Settle,
}

/// What the dispatcher hears.
#[derive(Debug)]
pub(super) enum DispatcherLetter {
    Dispatch(DispatchRuns),
    Stop(StopRuns),
}

#[derive(Debug, Default)]
pub(super) struct Boxes {
    pub(super) scheduler: VecDeque<SchedulerLetter>,
    pub(super) shards: Vec<VecDeque<ShardLetter>>,
    pub(super) registry: VecDeque<RegistryLetter>,
    pub(super) dispatcher: VecDeque<DispatcherLetter>,
}

/// The post of one server.
#[derive(Debug, Clone, Default)]
pub(super) struct Post(Arc<Mutex<Boxes>>);

impl Post {
    pub(super) fn new(shards: usize) -> Self {
        let boxes = Boxes {
            shards: (0..shards).map(|_| VecDeque::new()).collect(),
            ..Boxes::default()
        };
        Self(Arc::new(Mutex::new(boxes)))
    }

    pub(super) fn open(&self) -> MutexGuard<'_, Boxes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn shard(&self, place: usize, letter: ShardLetter) {
        self.open().shards[place].push_back(letter);
    }

    pub(super) fn all_shards(&self, letter: impl Fn() -> ShardLetter) {
        for letters in &mut self.open().shards {
            letters.push_back(letter());
        }
    }

    pub(super) fn scheduler(&self, letter: SchedulerLetter) {
        self.open().scheduler.push_back(letter);
    }

    pub(super) fn registry(&self, letter: RegistryLetter) {
        self.open().registry.push_back(letter);
    }

    /// The mailboxes that hold letters.
    pub(super) fn filled(&self) -> Vec<Mailbox> {
        let boxes = self.open();
        let mut filled = Vec::new();
        let mut note = |mailbox, is_empty: bool| {
            if !is_empty {
                filled.push(mailbox);
            }
        };
        note(Mailbox::Scheduler, boxes.scheduler.is_empty());
        for (place, letters) in boxes.shards.iter().enumerate() {
            note(Mailbox::Instances(place), letters.is_empty());
        }
        note(Mailbox::Registry, boxes.registry.is_empty());
        note(Mailbox::Dispatcher, boxes.dispatcher.is_empty());
        filled
    }
}
