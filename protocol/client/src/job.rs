//! Jobs and schedules.

use powerjob_protocol::api::calendar::{Calendar, JobTriggers};
use powerjob_protocol::api::id::Id;
use powerjob_protocol::api::instance::RunBar;
use powerjob_protocol::api::job::{
    Diagnosis, Job, JobInput, JobSummary, RunAccepted, RunBatchAccepted, RunBatchInput, RunInput,
};
use powerjob_protocol::api::page::Page;
use powerjob_protocol::api::schedule::{ScheduleCheck, ScheduleChecked};

use crate::client::Client;
use crate::error::Error;
use crate::transport::Request;

/// Which jobs to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobQuery {
    /// Part of the name, description or processor, or an id.
    pub query: Option<String>,
    /// The exact name.
    pub name: Option<String>,
    /// Only those whose schedule runs, or only the others.
    pub enabled: Option<bool>,
    /// The exact tag.
    pub tag: Option<String>,
    /// Order.
    pub sort: Option<JobSort>,
    /// Where to go on, from the page before.
    pub cursor: Option<String>,
    /// Items of a page.
    pub limit: Option<u32>,
}

/// Order of a list of jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobSort {
    /// Failing ones first; what the server does when nothing is said.
    Failing,
    /// By name, A first.
    Name,
    /// By name, Z first.
    NameDescending,
    /// By the next trigger time, soonest first.
    NextTrigger,
    /// Oldest first.
    Id,
    /// Newest first.
    IdDescending,
}

impl JobSort {
    /// All orders.
    pub const ALL: &'static [Self] = &[
        Self::Failing,
        Self::Name,
        Self::NameDescending,
        Self::NextTrigger,
        Self::Id,
        Self::IdDescending,
    ];

    /// As the API spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::Name => "name",
            Self::NameDescending => "-name",
            Self::NextTrigger => "nextTrigger",
            Self::Id => "id",
            Self::IdDescending => "-id",
        }
    }
}

impl Client {
    /// Lists the jobs of an application.
    pub async fn jobs(&self, app: Id, query: &JobQuery) -> Result<Page<JobSummary>, Error> {
        let request = Request::get(format!("/v1/apps/{app}/jobs"))
            .with("query", query.query.as_ref())
            .with("name", query.name.as_ref())
            .with("enabled", query.enabled)
            .with("tag", query.tag.as_ref())
            .with("sort", query.sort.map(JobSort::name))
            .with("cursor", query.cursor.as_ref())
            .with("limit", query.limit);
        self.json(request).await
    }

    /// Makes a job.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every wrong field.
    pub async fn create_job(&self, app: Id, job: &JobInput) -> Result<Job, Error> {
        self.json(Request::post(format!("/v1/apps/{app}/jobs"), job)?)
            .await
    }

    /// Loads a job.
    pub async fn job(&self, id: Id) -> Result<Job, Error> {
        self.json(Request::get(format!("/v1/jobs/{id}"))).await
    }

    /// Replaces the definition of a job.
    ///
    /// # Errors
    /// [`Error::Conflict`] when `base_revision` is given and somebody else saved meanwhile.
    pub async fn replace_job(&self, id: Id, job: &JobInput) -> Result<Job, Error> {
        self.json(Request::put(format!("/v1/jobs/{id}"), job)?)
            .await
    }

    /// Deletes a job; its runs stay until they are cleaned up.
    pub async fn delete_job(&self, id: Id) -> Result<(), Error> {
        self.done(Request::delete(format!("/v1/jobs/{id}"))).await
    }

    /// Switches the schedule of a job on.
    pub async fn enable_job(&self, id: Id) -> Result<Job, Error> {
        self.json(Request::act(format!("/v1/jobs/{id}/enable")))
            .await
    }

    /// Switches the schedule of a job off; open runs go on.
    pub async fn disable_job(&self, id: Id) -> Result<Job, Error> {
        self.json(Request::act(format!("/v1/jobs/{id}/disable")))
            .await
    }

    /// Makes a job with the same definition, switched off.
    pub async fn copy_job(&self, id: Id) -> Result<Job, Error> {
        self.json(Request::act(format!("/v1/jobs/{id}/copy"))).await
    }

    /// Asks why a job runs or not.
    pub async fn diagnose_job(&self, id: Id) -> Result<Diagnosis, Error> {
        self.json(Request::get(format!("/v1/jobs/{id}/diagnosis")))
            .await
    }

    /// The last runs of a job, newest first.
    pub async fn recent_runs(&self, id: Id, limit: u32) -> Result<Vec<RunBar>, Error> {
        let request = Request::get(format!("/v1/jobs/{id}/runs")).with("limit", Some(limit));
        self.json(request).await
    }

    /// Runs a job now or after a delay. The run is durable when this returns.
    ///
    /// Not repeated by itself when the answer is lost: see [`Error::may_have_happened`].
    pub async fn run_job(&self, id: Id, run: &RunInput) -> Result<RunAccepted, Error> {
        self.json(Request::post(format!("/v1/jobs/{id}/runs"), run)?)
            .await
    }

    /// Makes many runs at once: all or none.
    pub async fn run_job_batch(
        &self,
        id: Id,
        runs: &RunBatchInput,
    ) -> Result<RunBatchAccepted, Error> {
        self.json(Request::post(format!("/v1/jobs/{id}/runs:batch"), runs)?)
            .await
    }

    /// The triggers of an application's schedules in the next hours, at most `limit`.
    pub async fn calendar(&self, app: Id, hours: u32, limit: u32) -> Result<Calendar, Error> {
        self.json(Request::get(format!(
            "/v1/apps/{app}/calendar?hours={hours}&limit={limit}"
        )))
        .await
    }

    /// The next triggers of a job.
    pub async fn next_triggers(&self, id: Id, count: u32) -> Result<JobTriggers, Error> {
        self.json(Request::get(format!(
            "/v1/jobs/{id}/triggers?count={count}"
        )))
        .await
    }

    /// Explains a schedule and lists its next trigger times; a wrong schedule is an answer too.
    pub async fn check_schedule(&self, check: &ScheduleCheck) -> Result<ScheduleChecked, Error> {
        self.json(Request::post("/v1/schedules:check", check)?)
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stub::Stub;

    #[tokio::test]
    async fn filters_become_query_parameters() {
        let stub = Stub::start(vec![(200, r#"{"items":[]}"#)]).await;
        let client = Client::builder()
            .server(stub.address())
            .build()
            .expect("client");
        let query = JobQuery {
            name: Some("a b&c".to_owned()),
            enabled: Some(false),
            sort: Some(JobSort::NextTrigger),
            ..JobQuery::default()
        };
        client.jobs(Id(4), &query).await.expect("page");
        assert!(stub.requests()[0].starts_with(
            "GET /v1/apps/4/jobs?name=a+b%26c&enabled=false&sort=nextTrigger HTTP/1.1"
        ));
    }
}
