//! What other actors and connections tell the instance managers.

use std::sync::Arc;

use powerjob_common::actor::{Letter, Reply};
use powerjob_common::id::{AppId, InstanceId, JobId, NodeRef};
use powerjob_protocol::wire::server_to_worker::RunVerdict;
use powerjob_session::SessionError;
use serde::Serialize;

use super::answer::AnswerSlot;
use crate::domain::fold::Report;
use crate::domain::instance::{Instance, is_out};
use crate::domain::job::JobDefinition;
use crate::domain::trigger::LoopRunEnd;
use crate::live::RunningCounts;
use crate::store::write::WriteOutcome;

/// Hands over stored instances: occurrences made ahead (by the scheduler), or what was open when the
/// application was taken over (by the elector). An instance that is known already stays as it is.
#[derive(Debug, Serialize)]
pub(crate) struct AdoptRuns {
    pub(crate) runs: Vec<AdoptedRun>,
}

/// An instance and what it runs by.
#[derive(Debug, Serialize)]
pub(crate) struct AdoptedRun {
    pub(crate) instance: Box<Instance>,
    #[serde(skip)]
    pub(crate) job: Arc<JobDefinition>,
    pub(crate) epoch: i64,
    /// Whether it counts among the runs of its job that are out.
    pub(crate) is_counted: bool,
    /// What became since of the job of an instance with beats, which goes on by it.
    #[serde(skip)]
    pub(crate) present: Option<Arc<JobDefinition>>,
}

impl AdoptedRun {
    /// An instance as the store has it. One that is out counts from now on: all that are out must
    /// count before one that waits is handed over, to whatever shard.
    pub(crate) fn loaded(
        instance: Instance,
        job: Arc<JobDefinition>,
        epoch: i64,
        running: &RunningCounts,
    ) -> Self {
        let is_counted = is_out(&instance.state);
        if is_counted {
            // Whatever the limit of its job says now.
            running.enter(job.id, 0).ok();
        }
        Self {
            instance: Box::new(instance),
            job,
            epoch,
            is_counted,
            present: None,
        }
    }
}

/// What became of writes; sent by the store's writer, once per commit.
#[derive(Debug, Serialize)]
pub(crate) struct WritesCommitted {
    #[serde(skip)]
    pub(crate) results: Vec<(u64, WriteOutcome)>,
}

/// What a worker makes of the runs it was sent; sent by its session.
#[derive(Debug, Serialize)]
pub(crate) struct RunVerdicts {
    #[serde(serialize_with = "verdicts_as_text")]
    pub(crate) items: Vec<(InstanceId, u32, RunVerdict)>,
}

fn verdicts_as_text<S: serde::Serializer>(
    items: &[(InstanceId, u32, RunVerdict)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(
        items
            .iter()
            .map(|(id, attempt, verdict)| (id, attempt, format!("{verdict:?}"))),
    )
}

/// Why there is no verdict about runs.
#[derive(Debug, Clone)]
pub(crate) enum NoVerdict {
    /// They did not leave: the lease of this server was late, or their application has left.
    NotSent,
    /// They left, or could not, for this reason.
    Session(SessionError),
}

/// Runs whose worker gave no verdict; sent by its session or the dispatcher.
#[derive(Debug, Serialize)]
pub(crate) struct RunsUnanswered {
    pub(crate) items: Vec<(InstanceId, u32)>,
    pub(crate) connection: u64,
    #[serde(skip)]
    pub(crate) why: NoVerdict,
}

/// Reports of a worker, those about instances of this shard; sent by its connection.
#[derive(Debug, Serialize)]
pub(crate) struct ApplyReports {
    /// The application of the worker: it has no say about instances of others.
    pub(crate) app_id: AppId,
    pub(crate) worker: String,
    #[serde(skip)]
    pub(crate) items: Vec<(InstanceId, Report, AnswerSlot)>,
}

/// What a worker holds after it connected; sent by the registry. First the ended runs are
/// recorded, then those it holds are confirmed, then those it should hold and does not are given up.
#[derive(Debug, Serialize)]
pub(crate) struct ReconcileWorker {
    pub(crate) app_id: AppId,
    pub(crate) node: NodeRef,
    pub(crate) connection: u64,
    #[serde(skip)]
    pub(crate) finished: Vec<(InstanceId, Report, AnswerSlot)>,
    #[serde(skip)]
    pub(crate) held: Holdings,
}

/// What a worker says it holds.
#[derive(Debug)]
pub(crate) enum Holdings {
    /// All of it, with the attempts.
    All(Vec<(InstanceId, u32, AnswerSlot)>),
    /// Nothing is known: it may have all it was given.
    Unknown,
}

impl Holdings {
    pub(crate) fn ids(&self) -> Vec<InstanceId> {
        match self {
            Self::All(held) => held.iter().map(|item| item.0).collect(),
            Self::Unknown => Vec::new(),
        }
    }
}

impl Default for Holdings {
    fn default() -> Self {
        Self::All(Vec::new())
    }
}

/// A life of a worker has ended; sent by the registry.
#[derive(Debug, Serialize)]
pub(crate) struct WorkerLost {
    pub(crate) app_id: AppId,
    pub(crate) node: NodeRef,
    pub(crate) cause: String,
}

/// Workers came or changed: instances that wait may go; sent by the registry. Carries no data.
#[derive(Debug, Serialize)]
pub(crate) struct WorkersChanged {}

/// The earliest deadline of the shard is reached; sent by the timer. Carries no data.
#[derive(Debug, Serialize)]
pub(crate) struct RunsDue {}

/// Look after runs that are out; sent by the status checker. Carries no data.
#[derive(Debug, Serialize)]
pub(crate) struct CheckRuns {}

/// Occurrences that an edit called off, already stored as canceled; sent by the scheduler.
#[derive(Debug, Serialize)]
pub(crate) struct ForgetRuns {
    pub(crate) ids: Vec<InstanceId>,
}

/// A second-level job was changed, or has become or ceased to be one; sent by the scheduler.
#[derive(Debug, Serialize)]
pub(crate) struct FollowJob {
    pub(crate) job: Arc<JobDefinition>,
}

/// The application is not ours any more; sent by the elector.
#[derive(Debug, Serialize)]
pub(crate) struct DropApp {
    pub(crate) app_id: AppId,
}

/// Sent by the elector before it reads anew what it had let go. Answered when all that was told before
/// is handled and what came of it is submitted to the store.
#[derive(Debug, Serialize)]
pub(crate) struct SettleRuns {
    #[serde(skip)]
    pub(crate) reply: Reply<()>,
}

/// A run of a loop has ended; sent to the scheduler.
#[derive(Debug, Serialize)]
pub(crate) struct RunEnded {
    pub(crate) job_id: JobId,
    pub(crate) end: LoopRunEnd,
}

macro_rules! letters {
    ($($letter:ident: $life_cycle:literal, $this:ident => $instances:expr, $that:ident => $weight:expr;)+) => {
        $(impl Letter for $letter {
            const NAME: &'static str = stringify!($letter);
            const LIFE_CYCLE: bool = $life_cycle;

            fn instances(&self) -> Vec<InstanceId> {
                let name: fn(&Self) -> Vec<InstanceId> = |$this| $instances;
                name(self)
            }

            fn weight(&self) -> usize {
                let weigh: fn(&Self) -> usize = |$that| $weight;
                weigh(self)
            }
        })+
    };
}

letters! {
    AdoptRuns: false,
        it => it.runs.iter().map(|run| run.instance.instance_id).collect(), it => it.runs.len();
    WritesCommitted: false,
        it => it.results.iter().map(|(token, _)| InstanceId(token.cast_signed())).collect(), _it => 1;
    RunVerdicts: false, it => it.items.iter().map(|item| item.0).collect(), it => it.items.len();
    RunsUnanswered: true, it => it.items.iter().map(|item| item.0).collect(), it => it.items.len();
    ApplyReports: false, it => it.items.iter().map(|item| item.0).collect(), it => it.items.len();
    ReconcileWorker: true,
        it => it.held.ids().into_iter()
            .chain(it.finished.iter().map(|item| item.0)).collect(),
        it => it.held.ids().len() + it.finished.len();
    WorkerLost: true, _it => Vec::new(), _it => 1;
    WorkersChanged: false, _it => Vec::new(), _it => 1;
    RunsDue: false, _it => Vec::new(), _it => 1;
    CheckRuns: false, _it => Vec::new(), _it => 1;
    FollowJob: false, _it => Vec::new(), _it => 1;
    ForgetRuns: false, it => it.ids.clone(), it => it.ids.len();
    DropApp: true, _it => Vec::new(), _it => 1;
    SettleRuns: true, _it => Vec::new(), _it => 1;
    RunEnded: false, _it => Vec::new(), _it => 1;
}
