//! What a server sends to a worker.

use serde::{Deserialize, Serialize};

use super::codec::{Decode, Encode};

/// Asks a worker to run instances that the server has claimed for it. Repeating it is harmless: the
/// worker answers [`RunVerdict::Duplicate`] for an attempt it knows.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct RunInstances {
    /// The instances, in the order in which they should start.
    pub items: Vec<RunInstance>,
}

/// One instance to run.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct RunInstance {
    /// The instance.
    pub instance_id: i64,
    /// The fence: grows by one with every claim; every report carries it back.
    pub attempt: u32,
    /// Epoch of the server's ownership of the application.
    pub epoch: i64,
    /// Revision of the job definition that this run uses.
    pub job_revision: i64,
    /// Trace of the instance, W3C byte order.
    pub trace_id: [u8; 16],
    /// The job.
    pub job_id: i64,
    /// Its name, for people.
    pub job_name: String,
    /// Code of `ExecuteType`.
    pub execute_type: u8,
    /// Code of `ProcessorType`.
    pub processor_type: u8,
    /// Which processor, or the script itself for the script types.
    pub processor_info: String,
    /// Parameters of the job; empty = none.
    pub job_params: String,
    /// Parameters of this run; empty = none.
    pub instance_params: String,
    /// Time limit of the run in milliseconds; 0 = none.
    pub time_limit_ms: u64,
    /// Tasks that may run at once on one worker.
    pub concurrency: u32,
    /// Repetitions of a failed task.
    pub task_retry_num: u32,
    /// The time the run was meant for, epoch milliseconds.
    pub nominal_time_ms: i64,
    /// Workflow instance it belongs to.
    pub wf_instance_id: Option<i64>,
    /// Code of the lowest `LogLevel` that is kept.
    pub log_level: u8,
}

/// Answers [`RunInstances`], one answer per item and in its order.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct RunAnswers {
    /// The answers.
    pub items: Vec<RunAnswer>,
}

/// The worker's answer about one instance.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct RunAnswer {
    /// The instance.
    pub instance_id: i64,
    /// The attempt that was asked for.
    pub attempt: u32,
    /// What the worker makes of it.
    pub verdict: RunVerdict,
}

/// What a worker makes of a request to run. Grows only at the end.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub enum RunVerdict {
    /// It will run, and its end will be reported.
    Accepted,
    /// This attempt runs or ran already.
    Duplicate,
    /// No room: choose another worker.
    Overloaded,
    /// The worker shuts down: choose another worker.
    Draining,
    /// It cannot run here or anywhere; the text says why.
    Invalid(String),
}

/// Asks a worker to stop instances. Repeating it is harmless.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct StopInstances {
    /// The instances.
    pub items: Vec<StopInstance>,
}

/// Asks a worker to end instances without waiting for their processors: what still runs is given up.
/// Repeating it is harmless. A worker that does not know it is asked to stop them instead.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct KillInstances {
    /// The instances.
    pub items: Vec<StopInstance>,
}

/// Answers [`KillInstances`], one answer per item and in its order.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct KillAnswers {
    /// Whether the worker knew the instance.
    pub known: Vec<bool>,
}

/// One instance to stop.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct StopInstance {
    /// The instance.
    pub instance_id: i64,
    /// Stops this attempt and every earlier one.
    pub attempt: u32,
    /// Epoch of the server's ownership of the application.
    pub epoch: i64,
    /// Trace of the instance, W3C byte order.
    pub trace_id: [u8; 16],
    /// Why.
    pub reason: StopReason,
}

/// Why a run is stopped. Grows only at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub enum StopReason {
    /// A person or a program asked for it.
    User,
    /// Another attempt has taken its place.
    Superseded,
    /// Its time limit has passed.
    TimeLimit,
}

/// Answers [`StopInstances`], one answer per item and in its order.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct StopAnswers {
    /// Whether the worker knew the instance; a run it does not know has ended or never began.
    pub known: Vec<bool>,
}

/// Tells a worker that its application has another owner now. The session ends; the worker goes on
/// with what it runs, and reports it there.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct OwnerMoved {
    /// `host:port` of the new owner.
    pub owner: String,
    /// Epoch of its ownership; commands of an earlier one are stale. 0 = unknown.
    pub epoch: i64,
}

/// Names the workers that may take part in instances whose master is the receiver. Sent before the
/// request to run, and again whenever the list changes; each list takes the place of the last one.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct NameTeams {
    /// The instances with their workers.
    pub items: Vec<InstanceTeam>,
}

/// The workers that may take part in one instance.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct InstanceTeam {
    /// The instance.
    pub instance_id: i64,
    /// The attempt.
    pub attempt: u32,
    /// Epoch of the server's ownership of the application.
    pub epoch: i64,
    /// The workers, the master among them if it may carry out tasks itself; the best ones first.
    pub workers: Vec<TeamWorker>,
}

/// A worker that may take part in an instance.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct TeamWorker {
    /// Name of its node.
    pub node_id: String,
    /// Its life.
    pub incarnation: u64,
    /// Its name for people.
    pub name: String,
    /// `host:port` where other workers reach it; empty = nowhere.
    pub address: String,
}

/// Asks a worker how the tasks of an instance fare whose master it is.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct GetTasks {
    /// The instance.
    pub instance_id: i64,
    /// The attempt.
    pub attempt: u32,
    /// Tasks to be listed at most, the failed ones first.
    pub limit: u32,
}

/// Answers [`GetTasks`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct TaskOverview {
    /// Whether the worker is the master of this attempt; otherwise the rest is empty.
    pub is_known: bool,
    /// All tasks.
    pub total: TaskCounts,
    /// By worker.
    pub workers: Vec<WorkerTasks>,
    /// Failed ones, running ones, then those that ended last.
    pub tasks: Vec<TaskLine>,
    /// By level.
    pub levels: Vec<LevelTasks>,
    /// Tasks that end in 1,000 seconds, going by the last ten; 0 = none, or not known yet.
    pub ended_per_1000_s: u64,
    /// How long the rest takes at this rate; `None` = nobody knows.
    pub left_ms: Option<u64>,
}

/// The tasks of one level.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct LevelTasks {
    /// Its name.
    pub name: String,
    /// Its tasks.
    pub counts: TaskCounts,
}

/// How many tasks are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct TaskCounts {
    /// Given to no worker.
    pub waiting: u64,
    /// Given to a worker.
    pub running: u64,
    /// Ended well.
    pub succeeded: u64,
    /// Failed for good.
    pub failed: u64,
}

impl TaskCounts {
    /// All of them.
    pub const fn total(&self) -> u64 {
        self.waiting + self.running + self.succeeded + self.failed
    }
}

/// The tasks of one worker.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct WorkerTasks {
    /// Name of its node.
    pub node_id: String,
    /// Its name for people.
    pub name: String,
    /// Whether it can be given tasks now.
    pub is_ready: bool,
    /// Its tasks; none is waiting.
    pub counts: TaskCounts,
}

/// One task for people.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct TaskLine {
    /// Its path, such as `0.3.1`.
    pub id: String,
    /// Name of its level.
    pub name: String,
    /// 1 waiting, 4 running, 5 failed, 6 succeeded.
    pub status: u8,
    /// Name of the worker that has or had it; empty = none.
    pub worker: String,
    /// How often it was given to a worker.
    pub attempts: u32,
    /// Its result or the cause of its last failure, shortened.
    pub result: String,
    /// Its content, shortened; empty when it has none, or none is kept.
    pub content: String,
    /// How long its last try took, if that is known.
    pub ran_ms: Option<u32>,
}
