//! What the scheduler is asked for.

use std::sync::Arc;

use powerjob_common::actor::{Letter, Reply};
use powerjob_common::id::{AppId, JobId, UserId};
use powerjob_common::reason::Reason;
use powerjob_common::status::SwitchableStatus;
use powerjob_common::time::UnixMillis;
use serde::Serialize;

use crate::domain::job::{JobDefinition, JobDraft};
use crate::store::write::WriteOutcome;

/// Saves a job, new or changed; sent by `service`. Answered when the change is durable and the
/// schedule follows it. Occurrences made ahead from an earlier definition are called off.
#[derive(Debug, Serialize)]
pub struct SaveJob {
    /// What to save.
    pub draft: Box<JobDraft>,
    /// Who saves it.
    pub author: Option<UserId>,
    /// The revision the change is based on; `None`: the change wins.
    pub base_revision: Option<i64>,
    /// The job as stored.
    #[serde(skip)]
    pub reply: Reply<Result<Arc<JobDefinition>, SaveError>>,
}

/// Enables, disables or deletes a job; sent by `service`. Repeating it is harmless. Occurrences
/// made ahead are called off in the same transaction; runs by call go on.
#[derive(Debug, Serialize)]
pub struct SwitchJob {
    /// The job.
    pub job_id: JobId,
    /// What it shall be.
    pub to: SwitchableStatus,
    /// Who switches it.
    pub author: Option<UserId>,
    /// The job as stored.
    #[serde(skip)]
    pub reply: Reply<Result<Arc<JobDefinition>, SaveError>>,
}

/// Why a job was not saved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SaveError {
    /// There is no such job.
    #[error("no such job")]
    NotFound,
    /// Someone else saved it in between.
    #[error("the job is at revision {present} by now")]
    Conflict {
        /// The present revision.
        present: i64,
    },
    /// The definition cannot be saved.
    #[error("{field}: {reason}")]
    Invalid {
        /// Name of the field as the API spells it.
        field: String,
        /// Why.
        reason: Reason,
    },
    /// This server does not own the application (now).
    #[error("this server does not own the application")]
    NotOwner,
    /// Not stored; try again.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
}

impl Letter for SaveJob {
    const NAME: &'static str = "SaveJob";
}

impl Letter for SwitchJob {
    const NAME: &'static str = "SwitchJob";
}

/// Jobs of an application that this server is taking; sent by the elector, in pieces.
#[derive(Debug, Serialize)]
pub(crate) struct ScheduleApp {
    pub(crate) app_id: AppId,
    /// Whether the application is ours already: then nothing is done when it is not any more.
    pub(crate) is_entered: bool,
    /// All jobs, also those that are switched off.
    #[serde(skip)]
    pub(crate) jobs: Vec<LoadedJob>,
}

/// A job and the time from which its schedule goes on; `None` without one.
#[derive(Debug)]
pub(crate) struct LoadedJob {
    pub(crate) job: JobDefinition,
    pub(crate) next: Option<UnixMillis>,
}

/// The application is not ours any more; sent by the elector.
#[derive(Debug, Serialize)]
pub(crate) struct UnscheduleApp {
    pub(crate) app_id: AppId,
}

/// Is everything planned that is due by now? Sent by the elector after it handed applications over.
/// Answered when no trigger of the past is left without a durable occurrence.
#[derive(Debug, Serialize)]
pub(crate) struct AwaitPlanning {
    #[serde(skip)]
    pub(crate) reply: Reply<()>,
}

/// Sent by the elector before it reads anew what it had let go. Answered when all that was told before
/// is handled and what came of it is submitted to the store.
#[derive(Debug, Serialize)]
pub(crate) struct SettleTriggers {
    #[serde(skip)]
    pub(crate) reply: Reply<()>,
}

/// What became of triggers; sent by the store's writer, once per commit. The token is the job.
#[derive(Debug, Serialize)]
pub(crate) struct TriggersCommitted {
    #[serde(skip)]
    pub(crate) results: Vec<(u64, WriteOutcome)>,
}

/// A job is due; sent by the timer. Carries no data.
#[derive(Debug, Serialize)]
pub(crate) struct JobsDue {}

impl Letter for ScheduleApp {
    const NAME: &'static str = "ScheduleApp";
    const LIFE_CYCLE: bool = true;
}

impl Letter for UnscheduleApp {
    const NAME: &'static str = "UnscheduleApp";
    const LIFE_CYCLE: bool = true;
}

impl Letter for AwaitPlanning {
    const NAME: &'static str = "AwaitPlanning";
    const LIFE_CYCLE: bool = true;
}

impl Letter for SettleTriggers {
    const NAME: &'static str = "SettleTriggers";
    const LIFE_CYCLE: bool = true;
}

impl Letter for TriggersCommitted {
    const NAME: &'static str = "TriggersCommitted";
}

impl Letter for JobsDue {
    const NAME: &'static str = "JobsDue";
}
