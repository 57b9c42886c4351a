//! The jobs of the applications this server owns.

use std::sync::Arc;

use dashmap::DashMap;
use powerjob_common::id::{AppId, JobId};

use crate::domain::job::JobDefinition;

/// The present definition of each job of an owned application. The scheduler writes, all may read.
/// The next trigger time is that of the last save: it moves on in the store with every occurrence.
#[derive(Debug, Clone, Default)]
pub struct JobTable {
    jobs: Arc<DashMap<JobId, Arc<JobDefinition>>>,
}

impl JobTable {
    /// The present definition; `None` for a job that is unknown here (load it from the store).
    pub fn get(&self, id: JobId) -> Option<Arc<JobDefinition>> {
        self.jobs.get(&id).map(|job| job.value().clone())
    }

    /// Puts a definition in, unless a later revision is known.
    pub fn put(&self, job: Arc<JobDefinition>) {
        let mut present = self.jobs.entry(job.id).or_insert_with(|| job.clone());
        if present.revision <= job.revision {
            *present = job;
        }
    }

    /// Forgets a job.
    pub fn remove(&self, id: JobId) {
        self.jobs.remove(&id);
    }

    /// The known jobs of an application.
    pub fn ids_of_app(&self, app_id: AppId) -> Vec<JobId> {
        let of_app = self.jobs.iter().filter(|job| job.app_id == app_id);
        of_app.map(|job| job.id).collect()
    }

    /// Forgets all jobs of an application.
    pub fn remove_app(&self, app_id: AppId) {
        self.jobs.retain(|_, job| job.app_id != app_id);
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
