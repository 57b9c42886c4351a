//! The database that all servers share: rows, transactions, constraints. What a transaction may do
//! is told by the statements in `server/src/store`; here are their meanings.

mod jobs;
mod leases;
mod writes;

use std::collections::BTreeMap;

use powerjob_common::id::{AppId, InstanceId, JobId};
use powerjob_common::time::UnixMillis;
use powerjob_server::domain::instance::Instance;
use powerjob_server::domain::job::JobDefinition;
use powerjob_server::store::Error;
use powerjob_server::store::assignment::Holder;

use crate::ledger::Ledger;
use crate::plant::Plant;

pub(crate) use self::leases::LeaseTaken;

/// A lease.
#[derive(Debug, Clone)]
struct Lease {
    epoch: i64,
    /// Milliseconds of the database's clock.
    expires_at: i64,
    address: String,
    is_leaving: bool,
    changes: i64,
}

/// Who has an application.
#[derive(Debug, Clone)]
struct Assigned {
    holder: Holder,
    epoch: i64,
}

/// An instance with its trigger key.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// As stored.
    pub(crate) instance: Instance,
    key: Option<(JobId, UnixMillis)>,
}

/// What a server thinks it owns, as the store checks it in every transaction.
#[derive(Debug, Clone)]
pub(crate) struct Fence {
    /// Its lease.
    pub(crate) holder: Holder,
    /// Its applications with their epochs.
    pub(crate) apps: BTreeMap<AppId, i64>,
}

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct Database {
    leases: BTreeMap<String, Lease>,
    apps: BTreeMap<AppId, Option<Assigned>>,
    jobs: BTreeMap<JobId, JobDefinition>,
    history: BTreeMap<(JobId, i64), JobDefinition>,
    instances: BTreeMap<InstanceId, Row>,
    keys: BTreeMap<(JobId, UnixMillis), InstanceId>,
    next_server_id: u16,
    plant: Option<Plant>,
    /// What is held against the rules after every transaction.
    pub(crate) ledger: Ledger,
}

impl Database {
    /// A database with these jobs and their applications.
    pub(crate) fn new(jobs: Vec<JobDefinition>, plant: Option<Plant>) -> Self {
        let history = jobs.iter().map(|job| ((job.id, job.revision), job.clone()));
        Self {
            leases: BTreeMap::new(),
            apps: jobs.iter().map(|job| (job.app_id, None)).collect(),
            history: history.collect(),
            jobs: jobs.into_iter().map(|job| (job.id, job)).collect(),
            instances: BTreeMap::new(),
            keys: BTreeMap::new(),
            next_server_id: 0,
            plant,
            ledger: Ledger::default(),
        }
    }

    /// All instances.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.instances.values()
    }

    /// One instance.
    pub(crate) fn row(&self, id: InstanceId) -> Option<&Instance> {
        self.instances.get(&id).map(|row| &row.instance)
    }

    /// A job.
    pub(crate) fn job(&self, id: JobId) -> Option<&JobDefinition> {
        self.jobs.get(&id)
    }

    /// All jobs.
    pub(crate) fn jobs(&self) -> impl Iterator<Item = &JobDefinition> {
        self.jobs.values()
    }

    /// A job as it was at a revision.
    pub(crate) fn job_at(&self, id: JobId, revision: i64) -> Option<&JobDefinition> {
        self.history.get(&(id, revision))
    }

    /// The epoch of an application.
    pub(crate) fn epoch(&self, app_id: AppId) -> Option<i64> {
        let assigned = self.apps.get(&app_id)?.as_ref()?;
        Some(assigned.epoch)
    }

    /// The epoch under which a server has an application.
    pub(crate) fn epoch_of(&self, app_id: AppId, holder: &Holder) -> Option<i64> {
        let assigned = self.apps.get(&app_id)?.as_ref()?;
        (assigned.holder == *holder).then_some(assigned.epoch)
    }

    fn hold(&self, fence: &Fence, app_id: AppId) -> Result<(), Error> {
        if self.plant == Some(Plant::NoFence) {
            return Ok(());
        }
        let lease = self.leases.get(&fence.holder.node_id);
        let is_alive = lease.is_some_and(|lease| lease.epoch == fence.holder.server_epoch);
        let claimed = fence.apps.get(&app_id).copied();
        let is_ours = claimed.is_some() && claimed == self.epoch(app_id);
        if is_alive && is_ours {
            Ok(())
        } else {
            Err(Error::Fenced)
        }
    }
}
