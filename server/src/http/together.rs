//! What several servers know together: each has only the workers of its own applications.

use std::time::Duration;

use actix_web::web::Bytes;
use actix_web::{HttpMessage, HttpRequest};
use futures_util::future::join_all;
use serde::de::DeserializeOwned;

use super::State;
use super::forward::{Forwarded, prepare};

/// A server that does not answer within this time is left out.
const LIMIT: Duration = Duration::from_millis(1_000);

/// What the other servers answer to the same reading request; nothing when it came from one of them.
pub(super) async fn ask_others<T>(state: &State, request: &HttpRequest) -> Vec<T>
where
    T: DeserializeOwned + Send + 'static,
{
    let handles = &state.services.handles;
    let is_forwarded = request.extensions().contains::<Forwarded>();
    if is_forwarded || !handles.cluster.is_shared() {
        return Vec::new();
    }
    let view = handles.cluster.view();
    let others = view
        .servers
        .iter()
        .filter(|server| server.node_id != handles.facts.node && !server.is_late);
    let asking = others.filter_map(|server| {
        let address = server.http_address.as_ref()?;
        let question = prepare(state, address, request, Bytes::new())?.timeout(LIMIT);
        let server_addr = address.clone();
        Some(handles.runtime.spawn(async move {
            let answer = question.send().await?.error_for_status()?.json().await;
            answer.inspect_err(|error| tracing::warn!(%error, server_addr, "a server was left out"))
        }))
    });
    let answers = join_all(asking).await;
    answers.into_iter().flatten().flatten().collect()
}
