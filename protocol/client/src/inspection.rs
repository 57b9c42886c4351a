//! The inside of the nodes: actors and the messages between them. Administrators only.

use powerjob_protocol::api::event::{Hello, Lagged};
use powerjob_protocol::api::id::Id;
use powerjob_protocol::api::inspection::{NodeActors, TappedMessage};

use crate::client::Client;
use crate::error::Error;
use crate::sse::{EventStream, Frame, data};
use crate::transport::Request;

/// Which messages to watch; the default is all, without bodies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TapFilter {
    /// Messages that concern this run.
    pub instance: Option<Id>,
    /// Messages from or to actors whose path contains this text.
    pub actor: Option<String>,
    /// Messages of this type.
    pub kind: Option<String>,
    /// Only those that failed or were dropped.
    pub errors: bool,
    /// Send bodies along.
    pub bodies: bool,
}

/// What a watcher gets.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum TapEvent {
    /// The first event: who answers.
    Hello(Hello),
    /// A message that passed.
    Message(Box<TappedMessage>),
    /// The watcher was too slow.
    Lagged(Lagged),
}

impl Client {
    /// The actors of all nodes with their numbers.
    pub async fn actors(&self) -> Result<Vec<NodeActors>, Error> {
        self.json(Request::get("/v1/actors")).await
    }

    /// Watches messages as they pass.
    pub async fn tap(&self, filter: &TapFilter) -> Result<EventStream<TapEvent>, Error> {
        let request = with_filter(Request::stream("/v1/tap"), filter);
        self.events(request, decode_event).await
    }

    /// The messages that are kept although nobody watched: errors and life cycle.
    pub async fn recent_messages(&self, filter: &TapFilter) -> Result<Vec<TappedMessage>, Error> {
        self.json(with_filter(Request::get("/v1/tap/recent"), filter))
            .await
    }
}

fn with_filter(request: Request, filter: &TapFilter) -> Request {
    request
        .with("instanceId", filter.instance)
        .with("actor", filter.actor.as_ref())
        .with("kind", filter.kind.as_ref())
        .with_flag("errors", filter.errors)
        .with_flag("bodies", filter.bodies)
}

fn decode_event(frame: &Frame) -> Option<Result<TapEvent, Error>> {
    match frame.event.as_str() {
        "hello" => Some(data(frame).map(TapEvent::Hello)),
        "message" => Some(data(frame).map(TapEvent::Message)),
        "lagged" => Some(data(frame).map(TapEvent::Lagged)),
        _ => None,
    }
}
