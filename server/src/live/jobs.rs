//! The jobs of the applications this server owns.

use std::sync::Arc;

use dashmap::DashMap;
use powerjob_common::id::{AppId, JobId};

use super::packed_job::PackedJob;
use crate::domain::job::JobDefinition;

/// Definitions that are kept unpacked beside the packed ones.
const UNPACKED: usize = 10_000;

/// The present definition of each job of an owned application. The scheduler writes, all may read.
/// The next trigger time is that of the last save: it moves on in the store with every occurrence.
///
/// A million jobs must fit into some hundred megabytes, so they are packed; those in use are kept
/// unpacked as well.
#[derive(Debug, Clone, Default)]
pub struct JobTable {
    jobs: Arc<DashMap<JobId, PackedJob>>,
    unpacked: Arc<DashMap<JobId, Arc<JobDefinition>>>,
}

impl JobTable {
    /// The present definition; `None` for a job that is unknown here (load it from the store).
    pub fn get(&self, id: JobId) -> Option<Arc<JobDefinition>> {
        if let Some(job) = self.unpacked.get(&id) {
            return Some(job.value().clone());
        }
        // The entry stays locked, so that no later revision comes between.
        let packed = self.jobs.get(&id)?;
        let job = Arc::new(packed.unpack(id)?);
        if self.unpacked.len() >= UNPACKED {
            self.unpacked.clear();
        }
        self.unpacked.insert(id, job.clone());
        Some(job)
    }

    /// Puts a definition in, unless a later revision is known; whether it is the present one now.
    pub fn put(&self, job: &JobDefinition) -> bool {
        let packed = PackedJob::of(job);
        let present = self.jobs.entry(job.id);
        if let dashmap::Entry::Occupied(known) = &present
            && known.get().revision() > job.revision
        {
            return false;
        }
        let _locked = present.insert(packed);
        self.unpacked.remove(&job.id);
        true
    }

    /// Forgets a job.
    pub fn remove(&self, id: JobId) {
        self.jobs.remove(&id);
        self.unpacked.remove(&id);
    }

    /// The known jobs of an application.
    pub fn ids_of_app(&self, app_id: AppId) -> Vec<JobId> {
        let of_app = self.jobs.iter().filter(|job| job.app_id() == app_id);
        of_app.map(|job| *job.key()).collect()
    }

    /// Forgets all jobs of an application.
    pub fn remove_app(&self, app_id: AppId) {
        self.jobs.retain(|_, job| job.app_id() != app_id);
        self.unpacked.retain(|_, job| job.app_id != app_id);
    }

    /// How many jobs are known.
    pub fn len(&self) -> usize {
        self.jobs.len()
    }

    /// Whether no job is known.
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }
}
