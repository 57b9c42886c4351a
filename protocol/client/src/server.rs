//! The server itself. Administrators only.

use powerjob_protocol::api::server::{CleaningStatus, ServerStatus};

use crate::client::Client;
use crate::error::Error;
use crate::transport::Request;

impl Client {
    /// How the server is that answers.
    pub async fn server_status(&self) -> Result<ServerStatus, Error> {
        self.json(Request::get("/v1/server")).await
    }

    /// What the server deleted because it was too old.
    pub async fn cleaning(&self) -> Result<CleaningStatus, Error> {
        self.json(Request::get("/v1/server/cleaning")).await
    }

    /// Has the server delete what is too old now. Answered when that is done, or after some seconds
    /// with `is_running`.
    pub async fn clean_now(&self) -> Result<CleaningStatus, Error> {
        self.json(Request::act("/v1/server/cleaning")).await
    }
}
