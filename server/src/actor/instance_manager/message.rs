//! What callers ask the instance managers for.

use std::sync::Arc;

use powerjob_common::actor::{Letter, Reply};
use powerjob_common::id::InstanceId;
use powerjob_common::reason::Reason;
use powerjob_common::time::UnixMillis;
use serde::Serialize;

use crate::domain::instance::Instance;
use crate::domain::job::JobDefinition;
use crate::domain::retry_scope::{NoFailedTasks, RetryScope};

/// Runs a job now or later, once or many times; sent by `service`. Answered when all runs are
/// durable. Not idempotent: a repeated call makes further runs.
#[derive(Debug, Serialize)]
pub struct StartRuns {
    /// The job; disabled jobs can be run, too.
    #[serde(skip)]
    pub job: Arc<JobDefinition>,
    /// The runs.
    pub runs: Vec<RunRequest>,
    /// The new instances in the order of `runs`; after an error some may exist nevertheless.
    #[serde(skip)]
    pub reply: Reply<Result<Vec<InstanceId>, StartError>>,
}

/// One wanted run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RunRequest {
    /// Parameters of this run.
    pub params: Option<String>,
    /// Workers chosen for it, as a job designates them.
    pub worker: Option<String>,
    /// Wait this long before it starts, in milliseconds.
    pub delay_ms: u64,
    /// Start it then instead; at once if that is over.
    pub at: Option<UnixMillis>,
}

/// Why runs were not started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// This server does not own the application (now).
    #[error("this server does not own the application")]
    NotOwner,
    /// The job is deleted.
    #[error("the job is deleted")]
    JobDeleted,
    /// Not stored; try again.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
}

/// Stops an open instance, waiting or running; sent by `service`. Answered when it is durable;
/// the worker is told until it has stopped.
#[derive(Debug, Serialize)]
pub struct StopInstance {
    /// The instance.
    pub instance_id: InstanceId,
    /// The instance as it is then.
    #[serde(skip)]
    pub reply: Reply<Result<Box<Instance>, ChangeError>>,
}

/// Ends an open instance without waiting for its processor, or the code that a stopped one left
/// behind; sent by `service`. Answered when it is durable.
#[derive(Debug, Serialize)]
pub struct KillInstance {
    /// The instance.
    pub instance_id: InstanceId,
    /// The instance as it is then.
    #[serde(skip)]
    pub reply: Reply<Result<Box<Instance>, ChangeError>>,
}

/// Calls off an instance that has not started; sent by `service`.
#[derive(Debug, Serialize)]
pub struct CancelInstance {
    /// The instance.
    pub instance_id: InstanceId,
    /// The instance as it is then.
    #[serde(skip)]
    pub reply: Reply<Result<Box<Instance>, ChangeError>>,
}

/// Runs a finished instance again, under the same id and with the present job definition; sent by
/// `service`.
#[derive(Debug, Serialize)]
pub struct RetryInstance {
    /// The instance.
    pub instance_id: InstanceId,
    /// How much of it.
    pub scope: RetryScope,
    /// The instance as it is then.
    #[serde(skip)]
    pub reply: Reply<Result<Box<Instance>, ChangeError>>,
}

/// Why an instance was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// There is no such instance.
    #[error("no such instance")]
    NotFound,
    /// It has ended already.
    #[error("the instance has ended already")]
    AlreadyFinished,
    /// It has not ended yet.
    #[error("the instance has not ended yet")]
    NotFinished,
    /// It was claimed for a worker or runs already: stop it instead.
    #[error("the instance is up and running already")]
    AlreadyStarted,
    /// It belongs to a workflow: retry that.
    #[error("an instance of a workflow cannot be retried by itself")]
    PartOfWorkflow,
    /// Its failed tasks alone cannot be carried out.
    #[error(transparent)]
    NoFailedTasks(#[from] NoFailedTasks),
    /// Its job is gone.
    #[error("the job of the instance does not exist any more")]
    JobMissing,
    /// This server does not own the application (now).
    #[error("this server does not own the application")]
    NotOwner,
    /// Not stored; try again.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
}

/// Reads open instances from memory, where starts show before they are stored; sent by `service`.
#[derive(Debug, Serialize)]
pub struct ReadInstances {
    /// The instances of this shard.
    pub ids: Vec<InstanceId>,
    /// Those that are open, with the reason why one waits; the others are as stored.
    #[serde(skip)]
    pub reply: Reply<Vec<(Box<Instance>, Option<Reason>)>>,
}

impl Letter for StartRuns {
    const NAME: &'static str = "StartRuns";

    fn weight(&self) -> usize {
        self.runs.len()
    }
}

macro_rules! about_one_instance {
    ($($letter:ident),+) => {
        $(impl Letter for $letter {
            const NAME: &'static str = stringify!($letter);
            const LIFE_CYCLE: bool = true;

            fn instances(&self) -> Vec<InstanceId> {
                vec![self.instance_id]
            }
        })+
    };
}

about_one_instance!(StopInstance, KillInstance, CancelInstance, RetryInstance);

impl Letter for ReadInstances {
    const NAME: &'static str = "ReadInstances";

    fn instances(&self) -> Vec<InstanceId> {
        self.ids.clone()
    }
}
