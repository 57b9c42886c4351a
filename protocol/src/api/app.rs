//! Applications. `/v1/apps`, `/v1/apps/{appId}`, `/v1/apps/{appId}/secret`,
//! `/v1/apps/{appId}/client-password`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::id::Id;

/// An application with its state at a glance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct App {
    /// Its id.
    pub id: Id,
    /// Unique name; workers sign in with it.
    pub name: String,
    /// Description.
    pub title: String,
    /// Tags.
    pub tags: Vec<String>,
    /// When it was made, epoch milliseconds.
    pub created_at: i64,
    /// What the asking person may do here: `READ`, `WRITE`, `OPS`, `SU`.
    pub permissions: Vec<String>,
    /// State at a glance.
    pub health: AppHealth,
}

/// State of an application.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppHealth {
    /// Workers online.
    pub workers_online: u32,
    /// Jobs that are not deleted.
    pub jobs: u64,
    /// Instances that wait or run.
    pub open_instances: u64,
    /// Instances that failed in the last 24 hours.
    pub failed_last_day: u64,
    /// Instances that succeeded in the last 24 hours.
    pub succeeded_last_day: u64,
    /// The next time a job is due, epoch milliseconds.
    pub next_trigger_at: Option<i64>,
}

/// `POST /v1/apps`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewApp {
    /// 1 to 64 characters of `A-Z a-z 0-9 . _ -`.
    pub name: String,
    /// Description, at most 255 characters.
    #[serde(default)]
    pub title: String,
    /// Tags.
    #[serde(default)]
    pub tags: Vec<String>,
}

/// `PATCH /v1/apps/{appId}`: absent fields stay.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AppChange {
    /// Description.
    pub title: Option<String>,
    /// Tags.
    pub tags: Option<Vec<String>>,
}

/// Answer to `POST /v1/apps` and `POST /v1/apps/{appId}/secret`.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppWithSecret {
    /// The application.
    pub app: App,
    /// The secret its workers prove; shown only now.
    pub worker_secret: String,
}

impl std::fmt::Debug for AppWithSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AppWithSecret({}, ***)", self.app.name)
    }
}

/// `POST /v1/apps/{appId}/client-password`.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewClientPassword {
    /// What programs with the Java client are configured with, 1 to 128 bytes; absent: one is made up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

impl std::fmt::Debug for NewClientPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let password = self.password.as_ref().map_or("none", |_| "***");
        write!(f, "NewClientPassword({password})")
    }
}

/// Answer to `POST /v1/apps/{appId}/client-password`.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppWithClientPassword {
    /// The application.
    pub app: App,
    /// The password its programs prove; shown only now.
    pub client_password: String,
}

impl std::fmt::Debug for AppWithClientPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AppWithClientPassword({}, ***)", self.app.name)
    }
}
