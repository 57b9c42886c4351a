//! What can be written on the hot path, and what became of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use powerjob_common::id::{AppId, InstanceId, JobId};
use powerjob_common::status::InstanceStatus;
use powerjob_common::time::UnixMillis;

use crate::domain::instance::{Instance, InstanceState};

/// One write. Each is applied completely or not at all, and alone: a batch has no order that
/// matters, except that writes about one instance in one lane are applied in the order of their
/// submission. Whoever changes the lane waits for the outcome first.
#[derive(Debug, Clone)]
pub enum WriteOp {
    /// Inserts a new instance, waiting or already claimed.
    Insert(Box<Instance>),
    /// Replaces the state of an instance, if it still is as expected (compare-and-set).
    Update(Box<InstanceUpdate>),
    /// Makes the instances of a job's next occurrences and moves its `next_trigger_time` on.
    Trigger(Box<TriggerWrite>),
}

impl WriteOp {
    /// The application whose epoch is the fence.
    pub(super) fn app_id(&self) -> AppId {
        match self {
            Self::Insert(instance) => instance.app_id,
            Self::Update(update) => update.app_id,
            Self::Trigger(trigger) => trigger.app_id,
        }
    }
}

/// A compare-and-set on an instance.
#[derive(Debug, Clone)]
pub struct InstanceUpdate {
    /// The application of the instance: its epoch is the fence.
    pub app_id: AppId,
    pub instance_id: InstanceId,
    pub expect_status: InstanceStatus,
    pub expect_attempt: u32,
    pub state: InstanceState,
    /// Whether the trigger key is given up (a pre-created occurrence called off by an edit).
    pub release_trigger_key: bool,
    /// The attempt that ends here, to be kept as history (from the second attempt on, and when an
    /// attempt is followed by another).
    pub ended_attempt: Option<InstanceState>,
}

/// Materialises occurrences of a scheduled job.
#[derive(Debug, Clone)]
pub struct TriggerWrite {
    /// The application of the job: its epoch is the fence.
    pub app_id: AppId,
    pub job_id: JobId,
    /// The revision the occurrences were computed from; another one makes the write stale.
    pub job_revision: i64,
    pub expect_next: Option<UnixMillis>,
    pub next: Option<UnixMillis>,
    pub instances: Vec<Instance>,
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteOutcome {
    /// Durable.
    Applied,
    /// The row is not as expected: nothing was written; load it and decide again, or drop.
    Stale,
    /// The row or trigger key exists already: nothing was written.
    Duplicate,
    /// This server no longer owns the application: nothing was written; stop acting.
    Fenced,
    /// The database refused it; the text names the cause. Nothing was written.
    Failed(String),
}

/// Small operations overtake bulk ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Someone waits for it.
    Express,
    /// Batches, cleaning, write-behind.
    Bulk,
    /// Ends that workers reported: in a commit full of claims they have little room.
    Ends,
}

impl Lane {
    /// All of them, in the order in which they are looked at.
    pub const ALL: [Self; 3] = [Self::Express, Self::Bulk, Self::Ends];
}

/// The rows that wait for the writer, as anybody may look at them at any time.
#[derive(Debug, Clone, Default)]
pub struct Backlog(Arc<AtomicUsize>);

impl Backlog {
    /// From so many on, what can wait should.
    const BUSY_ROWS: usize = 1_000;

    /// Rows that wait.
    pub fn rows(&self) -> usize {
        self.0.load(Relaxed)
    }

    /// Whether so many wait that what nobody needs yet should not be added.
    pub fn is_long(&self) -> bool {
        self.rows() >= Self::BUSY_ROWS
    }

    pub(crate) fn grow(&self, rows: usize) {
        self.0.fetch_add(rows, Relaxed);
    }

    pub(crate) fn shrink(&self, rows: usize) {
        self.0.fetch_sub(rows, Relaxed);
    }
}

/// Receives what became of submitted writes, once per commit.
pub trait CommitSink: Send + Sync + 'static {
    /// `results`: token of the submission and its outcome. Runs on the writer's task: hand over
    /// and return.
    fn committed(&self, results: Vec<(u64, WriteOutcome)>);
}

/// The writer's queue is full; the submission comes back whole.
#[derive(Debug)]
pub struct Overloaded {
    /// What was submitted.
    pub items: Vec<(u64, WriteOp)>,
}

/// Longest text of a column of the type varchar(255).
const NAME_LENGTH: usize = 255;
/// Longest parameter or result: half of what a transaction may carry.
const TEXT_BYTES: usize = 64 << 20;

/// Whether a write can be stored at all; otherwise what is wrong with it.
pub(super) fn check(op: &WriteOp) -> Result<(), String> {
    match op {
        WriteOp::Insert(instance) => check_instance(instance),
        WriteOp::Update(update) => {
            check_state(&update.state)?;
            update.ended_attempt.as_ref().map_or(Ok(()), check_state)
        }
        WriteOp::Trigger(trigger) => trigger.instances.iter().try_for_each(|instance| {
            if (instance.job_id, instance.app_id) != (trigger.job_id, trigger.app_id) {
                return Err(format!(
                    "instance {} is of another job",
                    instance.instance_id
                ));
            }
            check_instance(instance)
        }),
    }
}

fn check_instance(instance: &Instance) -> Result<(), String> {
    check_text("job parameters", instance.job_params.as_deref())?;
    check_text("instance parameters", instance.instance_params.as_deref())?;
    if let Some(chosen) = &instance.chosen_worker
        && chosen.len() > NAME_LENGTH
    {
        return Err(format!("the chosen worker has {} bytes", chosen.len()));
    }
    check_state(&instance.state)
}

fn check_state(state: &InstanceState) -> Result<(), String> {
    check_text("result", state.result.as_deref())?;
    let Some(tracker) = &state.tracker else {
        return Ok(());
    };
    let names = [&tracker.address, &tracker.node.node_id];
    match names.into_iter().find(|name| name.len() > NAME_LENGTH) {
        Some(name) => Err(format!(
            "the worker's name or address has {} bytes",
            name.len()
        )),
        None => Ok(()),
    }
}

fn check_text(what: &str, text: Option<&str>) -> Result<(), String> {
    match text {
        Some(text) if text.len() > TEXT_BYTES => {
            Err(format!("the {what} has {} bytes", text.len()))
        }
        _ => Ok(()),
    }
}
