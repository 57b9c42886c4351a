//! Calls to workers: kept-alive connections, the reference's time limits, bounded answers.

use std::time::Duration;

use powerjob_protocol::json::{self, AskResponse};
use serde::Serialize;

/// A worker that takes no connection within this time is not there (the reference's time).
const CONNECT_LIMIT: Duration = Duration::from_secs(3);
/// A message to which there is no answer.
const TELL_LIMIT: Duration = Duration::from_secs(10);
/// A question (the reference's time).
const ASK_LIMIT: Duration = Duration::from_secs(5);
/// Java closes unused connections after 300 s.
const IDLE_LIMIT: Duration = Duration::from_secs(60);
/// Unused connections kept for one worker.
const MAX_IDLE: usize = 16;
/// The largest answer that is read.
const MAX_ANSWER_BYTES: usize = 8 << 20;

/// The way to all workers; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct JavaClient(reqwest::Client);

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("it cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    #[error("no answer in time, or the connection broke")]
    Broken(#[source] reqwest::Error),
    #[error("it answered with status {0}")]
    Status(u16),
    #[error("its answer is too large")]
    TooLarge,
    #[error("its answer is none: {0}")]
    Senseless(json::JsonError),
}

impl JavaClient {
    pub(crate) fn new() -> Self {
        let client = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(CONNECT_LIMIT)
            .pool_idle_timeout(IDLE_LIMIT)
            .pool_max_idle_per_host(MAX_IDLE)
            .tcp_nodelay(true)
            .redirect(reqwest::redirect::Policy::none())
            .build();
        Self(client.unwrap_or_default())
    }

    /// Sends a message; done when the worker has taken it.
    ///
    /// # Errors
    /// After a broken or late answer nobody knows whether it was taken.
    pub(super) async fn tell<M: Serialize>(
        &self,
        address: &str,
        route: &str,
        message: &M,
    ) -> Result<(), CallError> {
        self.call(address, route, message, TELL_LIMIT)
            .await
            .map(drop)
    }

    /// Asks a question.
    ///
    /// # Errors
    /// As [`JavaClient::tell`]; an empty answer is an error, too.
    pub(super) async fn ask<M: Serialize>(
        &self,
        address: &str,
        route: &str,
        message: &M,
    ) -> Result<AskResponse, CallError> {
        let body = self.call(address, route, message, ASK_LIMIT).await?;
        json::decode(&body).map_err(CallError::Senseless)
    }

    async fn call<M: Serialize>(
        &self,
        address: &str,
        route: &str,
        message: &M,
        limit: Duration,
    ) -> Result<Vec<u8>, CallError> {
        let request = self
            .0
            .post(format!("http://{address}{route}"))
            .header("content-type", "application/json")
            .timeout(limit)
            .body(json::encode(message));
        let mut answer = request
            .send()
            .await
            .map_err(|error| match error.is_connect() {
                true => CallError::Unreachable(error),
                false => CallError::Broken(error),
            })?;
        if answer.status() != reqwest::StatusCode::OK {
            return Err(CallError::Status(answer.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(CallError::Broken)? {
            if body.len() + piece.len() > MAX_ANSWER_BYTES {
                return Err(CallError::TooLarge);
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }
}
