//! Applications and their worker secrets.

use powerjob_common::id::{AppId, NamespaceId, UserId};
use powerjob_common::secret::Secret;
use powerjob_common::time::UnixMillis;

use super::{Error, Store};

/// An application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    pub id: AppId,
    pub name: String,
    pub title: String,
    pub tags: Vec<String>,
    pub namespace_id: Option<NamespaceId>,
    /// `host:port` of the server that owns it, for Java and for display.
    pub current_server: Option<String>,
    pub created_at: UnixMillis,
}

/// What is needed to make an application.
#[derive(Debug, Clone)]
pub struct NewApp {
    pub name: String,
    pub title: String,
    pub tags: Vec<String>,
    pub namespace_id: Option<NamespaceId>,
    pub creator: Option<UserId>,
    /// The first secret of its workers.
    pub worker_secret: Secret<String>,
}

/// A change of an application; `None` stays as it is.
#[derive(Debug, Clone, Default)]
pub struct AppChange {
    pub title: Option<String>,
    pub tags: Option<Vec<String>>,
    pub modifier: Option<UserId>,
}

/// The state of an application at a glance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppHealth {
    pub app_id: AppId,
    /// Jobs that are not deleted.
    pub jobs: u64,
    pub open_instances: u64,
    /// Counted among the newest 50,000 runs of the span: at least so many.
    pub failed: u64,
    /// Counted among the newest 50,000 runs of the span: at least so many.
    pub succeeded: u64,
    pub next_trigger_at: Option<UnixMillis>,
}

/// A secret that workers of an application may prove.
#[derive(Debug, Clone)]
pub struct AppSecret {
    pub id: i64,
    pub value: Secret<String>,
    pub created_at: UnixMillis,
}

impl Store {
    /// All applications by name. One read.
    pub async fn apps(&self) -> Result<Vec<App>, Error> {
        super::pending()
    }

    /// One application.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn app(&self, id: AppId) -> Result<App, Error> {
        let _ = id;
        super::pending()
    }

    /// The application of a name, in the exact spelling.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn app_by_name(&self, name: String) -> Result<App, Error> {
        let _ = name;
        super::pending()
    }

    /// Counts for the given applications; ends are those of runs made since `since`.
    pub async fn app_health(
        &self,
        ids: Vec<AppId>,
        since: UnixMillis,
    ) -> Result<Vec<AppHealth>, Error> {
        let _ = (ids, since);
        super::pending()
    }

    /// Makes an application with its first secret and makes the creator its administrator.
    ///
    /// # Errors
    /// [`Error::Conflict`] `name` when the name is taken, [`Error::Invalid`] for unfit values.
    pub async fn create_app(&self, new: NewApp) -> Result<App, Error> {
        let _ = new;
        super::pending()
    }

    /// Changes title and tags.
    pub async fn change_app(&self, id: AppId, change: AppChange) -> Result<App, Error> {
        let _ = (id, change);
        super::pending()
    }

    /// Deletes an application with its jobs, grants and secrets; finished instances stay until
    /// they are cleaned.
    ///
    /// # Errors
    /// [`Error::Conflict`] `open_instances` while an instance is open.
    pub async fn delete_app(&self, id: AppId) -> Result<(), Error> {
        let _ = id;
        super::pending()
    }

    /// The valid secrets of an application, newest first.
    pub async fn app_secrets(&self, id: AppId) -> Result<Vec<AppSecret>, Error> {
        let _ = id;
        super::pending()
    }

    /// Adds a secret and keeps the newest `keep` (at least 1, counting the new one); the others
    /// end at once.
    pub async fn rotate_app_secret(
        &self,
        id: AppId,
        value: Secret<String>,
        keep: u32,
    ) -> Result<AppSecret, Error> {
        let _ = (id, value, keep);
        super::pending()
    }
}
