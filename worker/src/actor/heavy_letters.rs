//! The letters about instances that are spread over several workers.

use std::sync::Arc;

use powerjob_common::actor::Letter;
use powerjob_common::id::{InstanceId, NodeRef};
use powerjob_protocol::wire::server_to_worker::{
    GetTasks, InstanceTeam, RunInstance, TaskOverview,
};
use powerjob_protocol::wire::tasks::{FindTasks, TasksFound};
use powerjob_protocol::wire::worker_to_worker::{
    CloseWork, MapTasks, MapVerdict, OpenWork, ResultsTaken, StartTasks, TaskResults, TasksStarted,
    WorkClosed, WorkOpened,
};
use serde::Serialize;

use super::letters::Answer;
use crate::domain::RunKey;
use crate::domain::ending::CancelReason;
use crate::domain::heavy::results::ResultList;
use crate::domain::heavy::sub_tasks::Holder;

fn about(instance_id: i64) -> Vec<InstanceId> {
    vec![InstanceId(instance_id)]
}

/// Accepted instances whose master this worker is; sent by the task tracker to the heavy tracker.
#[derive(Debug, Serialize)]
pub(crate) struct StartMasters {
    #[serde(serialize_with = "requests")]
    pub(crate) runs: Vec<Arc<RunInstance>>,
}

fn requests<S: serde::Serializer>(
    runs: &[Arc<RunInstance>],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(runs.iter().map(|run| &**run))
}

impl Letter for StartMasters {
    const NAME: &'static str = "StartMasters";
    fn instances(&self) -> Vec<InstanceId> {
        let ids = self.runs.iter().map(|run| InstanceId(run.instance_id));
        ids.collect()
    }
}

/// Instances that must end; sent by the task tracker to the heavy tracker.
#[derive(Debug, Serialize)]
pub(crate) struct CancelMasters {
    pub(crate) runs: Vec<(RunKey, CancelReason)>,
}

impl Letter for CancelMasters {
    const NAME: &'static str = "CancelMasters";
    const LIFE_CYCLE: bool = true;
    fn instances(&self) -> Vec<InstanceId> {
        let ids = self.runs.iter().map(|(key, _)| InstanceId(key.instance_id));
        ids.collect()
    }
}

/// The server names the workers of instances; sent by the server link to the heavy tracker. The
/// last one counts.
#[derive(Debug, Serialize)]
pub(crate) struct TeamsNamed {
    pub(crate) items: Vec<InstanceTeam>,
}

impl Letter for TeamsNamed {
    const NAME: &'static str = "NameTeams";
    fn instances(&self) -> Vec<InstanceId> {
        let ids = self.items.iter().map(|item| InstanceId(item.instance_id));
        ids.collect()
    }
}

/// What became of a connection with another worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum PeerChange {
    /// It stands.
    Here,
    /// It has ended.
    Away,
    /// It did not come about; `is_gone`: nobody is there any more.
    Unreached { is_gone: bool },
}

/// A connection with another worker has changed; sent by it to the heavy and the guest tracker.
#[derive(Debug, Serialize)]
pub(crate) struct PeerChanged {
    pub(crate) node: NodeRef,
    pub(crate) change: PeerChange,
}

impl Letter for PeerChanged {
    const NAME: &'static str = "PeerChanged";
    const LIFE_CYCLE: bool = true;
}

/// The answer of an executor to the question whether it takes part; `None` = none came.
#[derive(Debug, Serialize)]
pub(crate) struct WorkAnswered {
    pub(crate) key: RunKey,
    pub(crate) place: Holder,
    pub(crate) generation: u32,
    pub(crate) answer: Option<WorkOpened>,
}

impl Letter for WorkAnswered {
    const NAME: &'static str = "WorkOpened";
    fn instances(&self) -> Vec<InstanceId> {
        about(self.key.instance_id)
    }
}

/// Tasks may not have reached an executor; a word of the heavy tracker to itself.
#[derive(Debug, Serialize)]
pub(crate) struct TasksAdrift {
    pub(crate) key: RunKey,
    pub(crate) place: Holder,
    pub(crate) generation: u32,
}

impl Letter for TasksAdrift {
    const NAME: &'static str = "TasksAdrift";
    fn instances(&self) -> Vec<InstanceId> {
        about(self.key.instance_id)
    }
}

/// An executor was told that an instance has ended, or was not; a word of the heavy tracker to itself.
#[derive(Debug, Serialize)]
pub(crate) struct CloseAnswered {
    pub(crate) node: NodeRef,
    pub(crate) instance_id: i64,
    pub(crate) is_heard: bool,
}

impl Letter for CloseAnswered {
    const NAME: &'static str = "WorkClosed";
    fn instances(&self) -> Vec<InstanceId> {
        about(self.instance_id)
    }
}

/// Ends of tasks; sent by an executor, here or elsewhere, to the heavy tracker.
#[derive(Debug, Serialize)]
pub(crate) struct ResultsArrived {
    pub(crate) from: NodeRef,
    pub(crate) request: TaskResults,
    #[serde(skip)]
    pub(crate) answer: Answer<ResultsTaken>,
}

impl Letter for ResultsArrived {
    const NAME: &'static str = "TaskResults";
    fn instances(&self) -> Vec<InstanceId> {
        about(self.request.instance_id)
    }
}

/// New tasks of a running one; sent by its context, here or elsewhere, to the heavy tracker.
#[derive(Debug, Serialize)]
pub(crate) struct MapRequested {
    pub(crate) request: MapTasks,
    #[serde(skip)]
    pub(crate) answer: Answer<MapVerdict>,
}

impl Letter for MapRequested {
    const NAME: &'static str = "MapTasks";
    fn instances(&self) -> Vec<InstanceId> {
        about(self.request.instance_id)
    }
}

/// The server asks how tasks fare; sent by the server link to the heavy tracker.
#[derive(Debug, Serialize)]
pub(crate) struct TasksAsked {
    pub(crate) question: TaskQuestion,
}

/// What is asked about the tasks of an instance.
#[derive(Debug, Serialize)]
pub(crate) enum TaskQuestion {
    /// How they fare.
    Overview(GetTasks, #[serde(skip)] Answer<TaskOverview>),
    /// Which fit.
    Find(FindTasks, #[serde(skip)] Answer<TasksFound>),
}

impl Letter for TasksAsked {
    const NAME: &'static str = "GetTasks";
    fn instances(&self) -> Vec<InstanceId> {
        match &self.question {
            TaskQuestion::Overview(request, _) => about(request.instance_id),
            TaskQuestion::Find(request, _) => about(request.instance_id),
        }
    }
}

/// A master, here or elsewhere, asks this worker to take part; sent to the guest tracker.
#[derive(Debug, Serialize)]
pub(crate) struct OpenRequested {
    pub(crate) from: NodeRef,
    pub(crate) request: OpenWork,
    #[serde(skip)]
    pub(crate) answer: Answer<WorkOpened>,
}

impl Letter for OpenRequested {
    const NAME: &'static str = "OpenWork";
    fn instances(&self) -> Vec<InstanceId> {
        about(self.request.run.instance_id)
    }
}

/// Tasks of a master, here or elsewhere; sent to the guest tracker.
#[derive(Debug, Serialize)]
pub(crate) struct StartRequested {
    pub(crate) from: NodeRef,
    pub(crate) request: StartTasks,
    /// The results of all tasks, for the one that comes after them.
    #[serde(skip)]
    pub(crate) results: Option<ResultList>,
    #[serde(skip)]
    pub(crate) answer: Answer<TasksStarted>,
}

impl Letter for StartRequested {
    const NAME: &'static str = "StartTasks";
    fn instances(&self) -> Vec<InstanceId> {
        about(self.request.instance_id)
    }
}

/// A master, here or elsewhere, says that an instance has ended; sent to the guest tracker.
#[derive(Debug, Serialize)]
pub(crate) struct CloseRequested {
    pub(crate) from: NodeRef,
    pub(crate) request: CloseWork,
    #[serde(skip)]
    pub(crate) answer: Answer<WorkClosed>,
}

impl Letter for CloseRequested {
    const NAME: &'static str = "CloseWork";
    const LIFE_CYCLE: bool = true;
    fn instances(&self) -> Vec<InstanceId> {
        about(self.request.instance_id)
    }
}

/// What became of results that were sent to a master; a word of the guest tracker to itself.
#[derive(Debug, Serialize)]
pub(crate) struct ResultsAnswered {
    pub(crate) key: RunKey,
    pub(crate) generation: u32,
    /// Whether the master has the instance; `None` = no answer came.
    pub(crate) is_known: Option<bool>,
}

impl Letter for ResultsAnswered {
    const NAME: &'static str = "ResultsTaken";
    fn instances(&self) -> Vec<InstanceId> {
        about(self.key.instance_id)
    }
}
