//! Sends requests, goes on to the next server, reads answers.

use std::sync::atomic::Ordering;
use std::time::Duration;

use reqwest::Method;
use reqwest::header;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::client::Client;
use crate::error::Error;

/// A request before it is known which server gets it.
#[derive(Debug)]
pub(crate) struct Request {
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    body: Option<Vec<u8>>,
    is_stream: bool,
}

impl Request {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn delete(path: impl Into<String>) -> Self {
        Self::new(Method::DELETE, path)
    }

    /// A `POST` without a body.
    pub(crate) fn act(path: impl Into<String>) -> Self {
        Self::new(Method::POST, path)
    }

    pub(crate) fn post(path: impl Into<String>, body: &impl Serialize) -> Result<Self, Error> {
        Self::new(Method::POST, path).json(body)
    }

    pub(crate) fn put(path: impl Into<String>, body: &impl Serialize) -> Result<Self, Error> {
        Self::new(Method::PUT, path).json(body)
    }

    pub(crate) fn patch(path: impl Into<String>, body: &impl Serialize) -> Result<Self, Error> {
        Self::new(Method::PATCH, path).json(body)
    }

    /// A `GET` whose answer is a stream of events.
    pub(crate) fn stream(path: impl Into<String>) -> Self {
        let mut request = Self::get(path);
        request.is_stream = true;
        request
    }

    /// Adds a query parameter unless it is absent.
    pub(crate) fn with(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.query
            .extend(value.map(|value| (name, value.to_string())));
        self
    }

    /// Adds `name=true` when it is set.
    pub(crate) fn with_flag(self, name: &'static str, is_set: bool) -> Self {
        self.with(name, is_set.then_some("true"))
    }

    fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            body: None,
            is_stream: false,
        }
    }

    fn json(mut self, body: &impl Serialize) -> Result<Self, Error> {
        let bytes = serde_json::to_vec(body)
            .map_err(|error| Error::Setup(format!("body is not JSON: {error}")))?;
        self.body = Some(bytes);
        Ok(self)
    }

    /// Whether sending it twice does the same as sending it once.
    fn is_idempotent(&self) -> bool {
        self.method.is_idempotent()
    }
}

/// A successful answer and who gave it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) response: reqwest::Response,
    pub(crate) server: String,
}

impl Client {
    /// Sends a request and reads the JSON of its answer.
    pub(crate) async fn json<T: DeserializeOwned>(&self, request: Request) -> Result<T, Error> {
        let Answer { response, server } = self.send(&request).await?;
        let bytes = response.bytes().await.map_err(|error| Error::Unavailable {
            server: server.clone(),
            reason: describe(&error),
            may_have_happened: true,
        })?;
        serde_json::from_slice(&bytes).map_err(|error| Error::Unexpected {
            server,
            reason: error.to_string(),
        })
    }

    /// Sends a request whose answer says nothing more than that it succeeded.
    pub(crate) async fn done(&self, request: Request) -> Result<(), Error> {
        self.send(&request).await.map(drop)
    }

    /// Sends a request to the preferred server and, where that is safe, to the others in turn.
    pub(crate) async fn send(&self, request: &Request) -> Result<Answer, Error> {
        let count = self.servers.len();
        let first = self.preferred.load(Ordering::Relaxed);
        let mut offset = 0;
        loop {
            let index = (first + offset) % count;
            let (error, may_try_next) = match self.send_to(&self.servers[index], request).await {
                Ok(answer) => {
                    self.preferred.store(index, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(failure) => failure,
            };
            offset += 1;
            if !may_try_next || offset == count {
                return Err(error);
            }
        }
    }

    /// One attempt; a failure says whether another server may be asked.
    async fn send_to(&self, server: &str, request: &Request) -> Result<Answer, (Error, bool)> {
        let response = self
            .prepare(server, request)
            .send()
            .await
            .map_err(|error| {
                let was_sent = !error.is_connect();
                let failure = Error::Unavailable {
                    server: server.to_owned(),
                    reason: describe(&error),
                    may_have_happened: was_sent && !request.is_idempotent(),
                };
                (failure, !was_sent || request.is_idempotent())
            })?;
        if response.status().is_success() {
            let server = server.to_owned();
            return Ok(Answer { response, server });
        }
        let error = read_problem(server, response).await;
        let may_try_next = match &error {
            Error::Unavailable {
                may_have_happened, ..
            } => !may_have_happened || request.is_idempotent(),
            _ => false,
        };
        Err((error, may_try_next))
    }

    fn prepare(&self, server: &str, request: &Request) -> reqwest::RequestBuilder {
        let mut builder = self
            .http
            .request(request.method.clone(), format!("{server}{}", request.path))
            .query(&request.query);
        if let Some(token) = &self.token {
            builder = builder.bearer_auth(token.expose());
        }
        if let Some(body) = &request.body {
            builder = builder
                .header(header::CONTENT_TYPE, "application/json")
                .body(body.clone());
        }
        if request.is_stream {
            builder.header(header::ACCEPT, "text/event-stream")
        } else {
            builder.timeout(self.answer_limit)
        }
    }
}

async fn read_problem(server: &str, response: reqwest::Response) -> Error {
    let status = response.status().as_u16();
    let retry_after = response
        .headers()
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .map(Duration::from_secs);
    // a body that breaks off is as good as none: the status is known
    let body = response.bytes().await.unwrap_or_default();
    Error::from_answer(server, status, retry_after, &body)
}

/// The innermost cause says it best ("connection refused"); the outer ones repeat the address.
pub(crate) fn describe(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stub::{Stub, closed_address};
    use powerjob_protocol::api::id::Id;
    use powerjob_protocol::api::job::RunInput;

    const APPS: &str = r#"{"items":[]}"#;

    #[tokio::test]
    async fn a_dead_server_is_left_for_the_next_and_remembered() {
        let alive = Stub::start(vec![(200, APPS), (200, APPS)]).await;
        let client = Client::builder()
            .server(closed_address().await)
            .server(alive.address())
            .build()
            .expect("client");
        client.apps(&Default::default()).await.expect("first call");
        assert_eq!(client.preferred.load(Ordering::Relaxed), 1);
        client.apps(&Default::default()).await.expect("second call");
    }

    #[tokio::test]
    async fn a_call_that_was_never_sent_goes_to_the_next_server() {
        let alive = Stub::start(vec![(201, r#"{"instanceId":"7"}"#)]).await;
        let client = Client::builder()
            .server(closed_address().await)
            .server(alive.address())
            .build()
            .expect("client");
        let accepted = client.run_job(Id(1), &RunInput::default()).await;
        assert_eq!(accepted.expect("run").instance_id, Id(7));
    }

    #[tokio::test]
    async fn a_call_that_may_have_happened_is_not_repeated() {
        let broken = Stub::start(vec![(504, "")]).await;
        let alive = Stub::start(vec![(201, r#"{"instanceId":"7"}"#)]).await;
        let client = Client::builder()
            .server(broken.address())
            .server(alive.address())
            .build()
            .expect("client");
        let error = client
            .run_job(Id(1), &RunInput::default())
            .await
            .expect_err("must not be repeated");
        assert!(error.may_have_happened());
        assert!(alive.requests().is_empty());
    }

    #[tokio::test]
    async fn the_token_goes_along_and_a_missing_one_is_told() {
        let stub = Stub::start(vec![(200, APPS), (401, "")]).await;
        let client = Client::builder()
            .server(stub.address())
            .build()
            .expect("client")
            .with_token("t0ken");
        client.apps(&Default::default()).await.expect("apps");
        let refused = client.apps(&Default::default()).await;
        assert!(matches!(refused, Err(Error::NotSignedIn(_))));
        assert!(stub.requests()[0].contains("authorization: Bearer t0ken"));
    }

    #[tokio::test]
    async fn another_program_at_the_address_is_recognised() {
        let stub = Stub::start(vec![(200, "<html>")]).await;
        let client = Client::builder()
            .server(stub.address())
            .build()
            .expect("client");
        let answer = client.apps(&Default::default()).await;
        assert!(matches!(answer, Err(Error::Unexpected { .. })));
    }
}
