//! What workers send to each other about an instance that is spread over several of them.
//!
//! The *master* of an instance has its tasks; *executors* carry them out. The master dials.

use serde::{Deserialize, Serialize};

use super::codec::{Decode, Encode};
use super::server_to_worker::RunInstance;

/// Makes a worker an executor of an instance; master to executor. Repeating it is harmless, and is
/// how both find out after a broken connection what the executor still has.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct OpenWork {
    /// The instance as the server described it to the master.
    pub run: RunInstance,
    /// Grows when the master has given the executor up and takes it again: what the executor has of
    /// an earlier generation must end, its results count no more.
    pub generation: u32,
}

/// Answers [`OpenWork`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct WorkOpened {
    /// Whether the executor takes part.
    pub verdict: OpenVerdict,
    /// Tasks that the master may have outstanding there.
    pub window: u32,
    /// Tasks that the executor has, unacknowledged results included; the master sends all others again.
    pub held: Vec<TaskRef>,
}

/// What an executor makes of [`OpenWork`]. Grows only at the end.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub enum OpenVerdict {
    /// It takes part.
    Opened,
    /// The instance was closed there, or a later attempt of it runs.
    Closed,
    /// It cannot run it; the text says why.
    Invalid(String),
}

/// One try of one task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize)]
pub struct TaskRef {
    /// Number of the task within the instance.
    pub task: u32,
    /// The fence: grows whenever the task is given to an executor.
    pub attempt: u32,
}

/// Tasks to carry out; master to executor, within the window. Repeating it is harmless.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct StartTasks {
    /// The instance.
    pub instance_id: i64,
    /// Its attempt.
    pub attempt: u32,
    /// See [`OpenWork::generation`].
    pub generation: u32,
    /// The tasks, in the order in which they should start.
    pub tasks: Vec<TaskStart>,
}

/// One task to carry out.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct TaskStart {
    /// Which one, and its fence.
    pub task: TaskRef,
    /// What part of the instance it is.
    pub stage: TaskStage,
    /// How often it has failed before.
    pub retry: u32,
    /// Its path for people, such as `0.3.1`.
    pub id: String,
    /// Name of its level.
    pub name: String,
    /// What the processor that made it put in; never looked into on the way.
    pub content: Vec<u8>,
}

/// What part of an instance a task is. Grows only at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub enum TaskStage {
    /// The first task of a map or map-reduce.
    Root,
    /// `preProcess` of a broadcast.
    Prepare,
    /// A mapped task, or the share of one worker in a broadcast.
    Work,
    /// `reduce`, or `postProcess` of a broadcast.
    Finish,
}

/// Answers [`StartTasks`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct TasksStarted {
    /// Whether the executor has taken them; otherwise it must be opened again.
    pub is_taken: bool,
}

/// How tasks ended; executor to master.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct TaskResults {
    /// The instance.
    pub instance_id: i64,
    /// Its attempt.
    pub attempt: u32,
    /// See [`OpenWork::generation`].
    pub generation: u32,
    /// Tasks that the master may have outstanding there from now on.
    pub window: u32,
    /// The ends, in the order in which they happened.
    pub items: Vec<TaskResult>,
}

/// How one task ended.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct TaskResult {
    /// Which one, and the fence it was given with.
    pub task: TaskRef,
    /// How.
    pub end: TaskEnd,
    /// Its result, or the cause of the failure.
    pub result: String,
    /// How long its code ran, in milliseconds.
    pub ran_ms: u32,
}

/// How a task ended. Grows only at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub enum TaskEnd {
    /// It succeeded.
    Succeeded,
    /// It failed.
    Failed,
    /// The executor gives it back, because it shuts down: it has not failed.
    GivenBack,
}

/// Answers [`TaskResults`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct ResultsTaken {
    /// Whether the master has the instance; otherwise the executor ends what it has of it.
    pub is_known: bool,
}

/// New tasks that a running one has made; executor to master. Recognised by its number when repeated.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct MapTasks {
    /// The instance.
    pub instance_id: i64,
    /// Its attempt.
    pub attempt: u32,
    /// Who made them.
    pub parent: TaskRef,
    /// Number of this list within the try of the parent, from 0.
    pub batch: u32,
    /// Name of their level.
    pub name: String,
    /// Their contents.
    pub contents: Vec<Vec<u8>>,
}

/// Answers [`MapTasks`]; may take as long as the master has no room.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct TasksMapped {
    /// What became of them.
    pub verdict: MapVerdict,
}

/// What a master makes of [`MapTasks`]. Grows only at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub enum MapVerdict {
    /// They will be carried out.
    Stored,
    /// This try of the parent counts no more, or the instance has ended: nothing was stored.
    Stale,
    /// The instance has as many tasks as it may have: nothing was stored.
    Full,
    /// A list before this one is missing: nothing was stored.
    Gap,
    /// Jobs of this kind have no further tasks: nothing was stored.
    NotAllowed,
}

/// Ends the part of an executor in an instance; master to executor, repeated until it is answered.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct CloseWork {
    /// The instance.
    pub instance_id: i64,
    /// This attempt and every earlier one.
    pub attempt: u32,
    /// Why what still runs there must end.
    pub reason: CloseReason,
}

/// Why an instance ends. Grows only at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub enum CloseReason {
    /// It is decided.
    Decided,
    /// A person or a program stopped it.
    Stopped,
    /// Its time limit has passed.
    TimeLimit,
    /// The server has given it to another master, or the master shuts down.
    Abandoned,
}

/// Answers [`CloseWork`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct WorkClosed {}
