//! Server-sent events.
//!
//! Invariants:
//! 1. A stream is read as fast as its client takes it; what its source throws away meanwhile is told.
//! 2. The number of streams is limited, for the server and for each person.
//! 3. A stream ends when the server shuts down, when its session ends or when a permission is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Bytes;
use dashmap::DashMap;
use futures_util::stream::unfold;
use powerjob_common::id::UserId;
use powerjob_protocol::api::event::Hello;
use serde::Serialize;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::State;
use super::error::{ApiError, Code};
use super::guard::Caller;
use crate::service::access::Person;

/// A sign of life after so long without an event.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// Streams of one person.
const PER_PERSON: usize = 32;

/// Open streams.
#[derive(Debug)]
pub(super) struct Streams {
    open: AtomicUsize,
    limit: usize,
    by_person: DashMap<UserId, usize>,
    shutdown: CancellationToken,
}

impl Streams {
    pub(super) fn new(limit: usize, shutdown: CancellationToken) -> Self {
        Self {
            open: AtomicUsize::new(0),
            limit,
            by_person: DashMap::new(),
            shutdown,
        }
    }

    /// Waits for the end of all streams.
    pub(super) fn ended(&self) -> WaitForCancellationFutureOwned {
        self.shutdown.clone().cancelled_owned()
    }

    fn enter(self: &Arc<Self>, person: UserId) -> Result<Place, ApiError> {
        if self.shutdown.is_cancelled() {
            return Err(Code::Unavailable.into());
        }
        let place = Place {
            streams: self.clone(),
            person,
        };
        let open = self.open.fetch_add(1, Relaxed);
        let own = {
            let mut own = self.by_person.entry(person).or_insert(0);
            *own += 1;
            *own
        };
        if open >= self.limit || own > PER_PERSON {
            let detail = format!("at most {} in all, {PER_PERSON} for one person", self.limit);
            return Err(ApiError::from(Code::TooManyStreams).with_detail(detail));
        }
        Ok(place)
    }
}

/// A stream's place in the count.
#[derive(Debug)]
struct Place {
    streams: Arc<Streams>,
    person: UserId,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.streams.open.fetch_sub(1, Relaxed);
        if let Some(mut own) = self.streams.by_person.get_mut(&self.person) {
            *own = own.saturating_sub(1);
        }
        self.streams
            .by_person
            .remove_if(&self.person, |_, own| *own == 0);
    }
}

/// Where the events of a stream come from.
pub(super) trait Source {
    /// The next events, as text on the wire; `None` = nothing more will come. Is cancelled for a
    /// sign of life and called again: nothing may be lost by that.
    async fn next(&mut self) -> Option<Bytes>;
}

/// One event.
pub(super) fn event(name: &str, id: Option<&str>, data: &impl Serialize) -> String {
    let data = serde_json::to_string(data).unwrap_or_else(|_| "null".to_owned());
    match id {
        Some(id) => format!("event: {name}\nid: {id}\ndata: {data}\n\n"),
        None => format!("event: {name}\ndata: {data}\n\n"),
    }
}

struct Open<S> {
    state: State,
    caller: Caller,
    may_stay: fn(&S, &Person) -> bool,
    source: S,
    beat_at: Instant,
    first: Option<Bytes>,
    _place: Place,
}

/// Answers with the events of a source, a `hello` before them.
pub(super) fn respond<S: Source + 'static>(
    state: &State,
    caller: Caller,
    source: S,
    may_stay: fn(&S, &Person) -> bool,
) -> Result<HttpResponse, ApiError> {
    let hello = Hello {
        node: state.services.handles.facts.node.clone(),
        now: state.services.now().0,
    };
    let open = Open {
        state: state.clone(),
        _place: state.streams.enter(caller.person.id)?,
        caller,
        may_stay,
        source,
        beat_at: Instant::now() + HEARTBEAT,
        first: Some(event("hello", None, &hello).into()),
    };
    let body = unfold(open, |mut open| async move {
        let bytes = open.next().await?;
        Some((Ok::<_, actix_web::Error>(bytes), open))
    });
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header(("x-accel-buffering", "no"))
        .streaming(body))
}

impl<S: Source> Open<S> {
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        let shutdown = self.state.streams.shutdown.clone();
        tokio::select! {
            biased;
            () = shutdown.cancelled() => None,
            () = sleep_until(self.beat_at) => self.beat().await,
            bytes = self.source.next() => bytes,
        }
    }

    /// A sign of life, if the person may still be here.
    async fn beat(&mut self) -> Option<Bytes> {
        self.beat_at = Instant::now() + HEARTBEAT;
        let services = &self.state.services;
        let person = services
            .sessions
            .person(services, self.caller.session, None)
            .await
            .ok()?;
        (self.may_stay)(&self.source, &person).then(|| Bytes::from_static(b": alive\n\n"))
    }
}
