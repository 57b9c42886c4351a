//! Signing in. `POST/GET/DELETE /v1/session`, `POST /v1/session/tickets`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::id::Id;

/// `POST /v1/session`.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignIn {
    /// Account name.
    pub account: String,
    /// Password.
    pub password: String,
}

impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SignIn({}, ***)", self.account)
    }
}

/// Answer to a successful sign-in; a browser also gets it as the cookie `pj_session`.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignedIn {
    /// To be sent as `Authorization: Bearer ...`.
    pub token: String,
    /// When it ends, epoch milliseconds.
    pub expires_at: i64,
    /// Who signed in.
    pub user: Me,
}

impl std::fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SignedIn({:?}, ***)", self.user)
    }
}

/// `GET /v1/session`: who am I, and where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionInfo {
    /// The signed-in person.
    pub user: Me,
    /// The server that answered.
    pub server: ServerFacts,
}

/// The signed-in person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    /// Id of the account.
    pub id: Id,
    /// Account name.
    pub account: String,
    /// Name for display.
    pub nick: String,
    /// Whether the person may do everything, also watch messages.
    pub is_administrator: bool,
}

/// Facts about the server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServerFacts {
    /// Node name.
    pub node: String,
    /// Version of the software.
    pub version: String,
    /// Time zone of schedules, e.g. `Europe/Berlin`.
    pub zone: String,
    /// Its time, epoch milliseconds.
    pub now: i64,
    /// When it started, epoch milliseconds.
    pub started_at: i64,
    /// Address for workers, `host:port`.
    pub worker_address: String,
}

/// `POST /v1/session/tickets`: lets an `EventSource` in once, as `?ticket=`, for a minute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ticket {
    /// The ticket.
    pub ticket: String,
    /// When it ends, epoch milliseconds.
    pub expires_at: i64,
}
