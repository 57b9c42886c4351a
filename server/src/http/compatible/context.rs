//! What a handler of a compatible route gets: who asks, what for, and about what.

use std::sync::Arc;

use powerjob_common::id::AppId;

use super::call::Call;
use super::failure::Failure;
use crate::domain::instance::Instance;
use crate::http::State;
use crate::service::access::Person;
use crate::service::{ServiceError, Services};
use crate::store::app::App;
use crate::store::reference::job::JobRow;
use crate::store::reference::workflow::{WorkflowRow, WorkflowRunRow};

/// A request that was let in.
#[derive(Clone)]
pub(super) struct Context {
    pub(super) state: State,
    pub(super) call: Arc<Call>,
    /// Who asks; for everybody a person without rights.
    pub(super) person: Arc<Person>,
    /// Address of the connection.
    pub(super) address: String,
    /// The server as the caller calls it, e.g. `http://host:7700`.
    pub(super) origin: String,
    pub(super) subject: Subject,
}

/// What a request is about, as far as it was found.
#[derive(Debug, Clone, Default)]
pub(super) struct Subject {
    pub(super) app_id: Option<AppId>,
    pub(super) app: Option<Arc<App>>,
    pub(super) job: Option<Arc<JobRow>>,
    pub(super) instance: Option<Arc<Instance>>,
    pub(super) workflow: Option<Arc<WorkflowRow>>,
    pub(super) workflow_run: Option<Arc<WorkflowRunRow>>,
}

impl Subject {
    /// An instance, and with it its application.
    pub(super) fn of(instance: Arc<Instance>) -> Self {
        Self {
            app_id: Some(instance.app_id),
            instance: Some(instance),
            ..Self::default()
        }
    }
}

impl Context {
    pub(super) fn services(&self) -> &Services {
        &self.state.services
    }

    pub(super) fn app_id(&self) -> Result<AppId, Failure> {
        found(self.subject.app_id.as_ref(), "application").copied()
    }

    pub(super) fn app(&self) -> Result<&Arc<App>, Failure> {
        found(self.subject.app.as_ref(), "application")
    }

    pub(super) fn job(&self) -> Result<&Arc<JobRow>, Failure> {
        found(self.subject.job.as_ref(), "job")
    }

    pub(super) fn instance(&self) -> Result<&Arc<Instance>, Failure> {
        found(self.subject.instance.as_ref(), "instance")
    }

    pub(super) fn workflow(&self) -> Result<&Arc<WorkflowRow>, Failure> {
        found(self.subject.workflow.as_ref(), "workflow")
    }

    pub(super) fn workflow_run(&self) -> Result<&Arc<WorkflowRunRow>, Failure> {
        found(self.subject.workflow_run.as_ref(), "run of a workflow")
    }
}

/// The guard has put it there for every route that says it is about such a thing.
fn found<'a, T>(thing: Option<&'a T>, what: &str) -> Result<&'a T, Failure> {
    let missing = || ServiceError::Internal(format!("the route does not provide: {what}"));
    thing.ok_or_else(|| missing().into())
}
