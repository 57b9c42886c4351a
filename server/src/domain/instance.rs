//! An instance as the server knows it, and the pure rules of its life.

use powerjob_common::id::{AppId, InstanceId, JobId, NodeRef};
use powerjob_common::status::InstanceStatus;
use powerjob_common::time::UnixMillis;
use serde::Serialize;

/// A run of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Instance {
    pub instance_id: InstanceId,
    pub job_id: JobId,
    pub app_id: AppId,
    pub job_revision: i64,
    pub trigger: Trigger,
    pub job_params: Option<String>,
    pub instance_params: Option<String>,
    /// Name, address or tag of the workers that its caller chose, in the place of those that the job
    /// designates.
    pub chosen_worker: Option<String>,
    pub created_at: UnixMillis,
    pub state: InstanceState,
}

/// What made an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Trigger {
    /// The job's schedule; the unique trigger key is (job, nominal time).
    Schedule { nominal: UnixMillis },
    /// A call.
    Api,
    /// A workflow instance.
    Workflow { wf_instance_id: i64 },
}

/// The part of an instance that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InstanceState {
    pub status: InstanceStatus,
    /// The fence: 0 = never claimed, +1 at every claim.
    pub attempt: u32,
    /// Attempts that a worker confirmed: the retry budget.
    pub running_times: u32,
    /// Claims in a row that no worker confirmed; at most 10.
    pub unconfirmed_claims: u32,
    /// When it should (next) start; a retry moves it, the trigger's nominal time stays.
    pub expected_at: UnixMillis,
    /// When the present attempt was claimed and sent.
    pub dispatched_at: Option<UnixMillis>,
    pub received_at: Option<UnixMillis>,
    pub started_at: Option<UnixMillis>,
    /// When the processor ended (worker) or the server gave it up.
    pub finished_at: Option<UnixMillis>,
    /// When the server stored the end.
    pub recorded_at: Option<UnixMillis>,
    pub tracker: Option<TrackerRef>,
    pub result: Option<String>,
}

/// Whether a worker has an instance, as far as is known.
pub fn is_out(state: &InstanceState) -> bool {
    matches!(
        state.status,
        InstanceStatus::WaitingWorkerReceive | InstanceStatus::Running
    )
}

/// The worker that an attempt was given to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct TrackerRef {
    pub node: NodeRef,
    /// For display, and for Java.
    pub address: String,
}
