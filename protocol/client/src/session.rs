//! Signing in, and what a server says about itself.

use powerjob_protocol::api::session::{SessionInfo, SignIn, SignedIn, Ticket};

use crate::client::Client;
use crate::error::Error;
use crate::transport::Request;

impl Client {
    /// Signs in; give the token to [`Client::with_token`].
    ///
    /// # Errors
    /// [`Error::NotSignedIn`] when account or password are wrong, [`Error::TooMany`] after too
    /// many wrong attempts.
    pub async fn sign_in(&self, account: &str, password: &str) -> Result<SignedIn, Error> {
        let body = SignIn {
            account: account.to_owned(),
            password: password.to_owned(),
        };
        self.json(Request::post("/v1/session", &body)?).await
    }

    /// Says who is signed in and which server answers.
    pub async fn session(&self) -> Result<SessionInfo, Error> {
        self.json(Request::get("/v1/session")).await
    }

    /// Ends the session: its token is worthless from now on.
    pub async fn sign_out(&self) -> Result<(), Error> {
        self.done(Request::delete("/v1/session")).await
    }

    /// Gets a ticket that lets a browser's `EventSource` in once.
    pub async fn ticket(&self) -> Result<Ticket, Error> {
        self.json(Request::act("/v1/session/tickets")).await
    }

    /// Succeeds when the server's process lives.
    pub async fn health(&self) -> Result<(), Error> {
        self.done(Request::get("/health")).await
    }

    /// Succeeds when the server is ready to work: its database answers and its lease is held.
    pub async fn ready(&self) -> Result<(), Error> {
        self.done(Request::get("/ready")).await
    }

    /// The description of the API, OpenAPI 3.1.
    pub async fn openapi(&self) -> Result<serde_json::Value, Error> {
        self.json(Request::get("/v1/openapi.json")).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stub::Stub;

    #[tokio::test]
    async fn signing_in_sends_account_and_password_as_json() {
        let stub = Stub::start(vec![(
            200,
            r#"{"token":"t","expiresAt":5,"user":{"id":"1","account":"admin","nick":"A","isAdministrator":true}}"#,
        )])
        .await;
        let client = Client::builder()
            .server(stub.address())
            .build()
            .expect("client");
        let signed_in = client.sign_in("admin", "pw").await.expect("signed in");
        assert_eq!(signed_in.token, "t");
        assert!(signed_in.user.is_administrator);
        let request = &stub.requests()[0];
        assert!(request.starts_with("POST /v1/session HTTP/1.1"));
        assert!(request.ends_with(r#"{"account":"admin","password":"pw"}"#));
    }
}
