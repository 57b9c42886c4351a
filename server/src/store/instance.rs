//! Instances: what actors load and people look at. Writing them is the writer's work.

use std::collections::HashMap;

use powerjob_common::id::{AppId, InstanceId, JobId};
use powerjob_common::status::InstanceStatus;
use powerjob_common::time::UnixMillis;

use super::{Error, Store};
use crate::domain::instance::{Instance, InstanceState};

/// Which instances a list shows; `None` or empty does not restrict.
#[derive(Debug, Clone, Default)]
pub struct InstanceFilter {
    /// Empty = of all applications: only for those who may see all.
    pub apps: Vec<AppId>,
    pub job_id: Option<JobId>,
    pub statuses: Vec<InstanceStatus>,
    pub wf_instance_id: Option<i64>,
    /// Meant to start at or after.
    pub expected_from: Option<UnixMillis>,
    /// Meant to start before.
    pub expected_until: Option<UnixMillis>,
}

/// A piece of a list of instances, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstancePage {
    pub instances: Vec<Instance>,
    /// Opaque; gives the next, older piece.
    pub next_cursor: Option<String>,
}

/// A run in a bar chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentRun {
    pub instance_id: InstanceId,
    pub status: InstanceStatus,
    pub expected_at: UnixMillis,
    pub started_at: Option<UnixMillis>,
    pub finished_at: Option<UnixMillis>,
}

impl Store {
    /// One instance.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn instance(&self, id: InstanceId) -> Result<Instance, Error> {
        let _ = id;
        super::pending()
    }

    /// Those of the given instances that exist, in no order.
    pub async fn instances(&self, ids: Vec<InstanceId>) -> Result<Vec<Instance>, Error> {
        let _ = ids;
        super::pending()
    }

    /// The open instances of the given applications in order of their ids, after `after`, at most
    /// `limit`: what a new owner loads, piece by piece.
    pub async fn open_instances(
        &self,
        apps: Vec<AppId>,
        after: Option<InstanceId>,
        limit: u32,
    ) -> Result<Vec<Instance>, Error> {
        let _ = (apps, after, limit);
        super::pending()
    }

    /// A piece of a list, newest first; at most 500.
    ///
    /// # Errors
    /// [`Error::Invalid`] `cursor`.
    pub async fn list_instances(
        &self,
        filter: InstanceFilter,
        cursor: Option<String>,
        limit: u32,
    ) -> Result<InstancePage, Error> {
        let _ = (filter, cursor, limit);
        super::pending()
    }

    /// The ended attempts that were kept, oldest first. The present attempt is in the instance.
    pub async fn attempts(&self, id: InstanceId) -> Result<Vec<InstanceState>, Error> {
        let _ = id;
        super::pending()
    }

    /// The newest `per_job` (at most 100) runs of each job, newest first; jobs without runs are
    /// absent.
    pub async fn recent_runs(
        &self,
        jobs: Vec<JobId>,
        per_job: u32,
    ) -> Result<HashMap<JobId, Vec<RecentRun>>, Error> {
        let _ = (jobs, per_job);
        super::pending()
    }

    /// How many instances of each job are open; jobs without any are absent.
    pub async fn open_counts(&self, jobs: Vec<JobId>) -> Result<HashMap<JobId, u64>, Error> {
        let _ = jobs;
        super::pending()
    }
}
