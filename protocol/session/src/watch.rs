//! Shows frames to people who watch.
//!
//! Frames of the handshake, signs of life and the records of the tap itself are never shown: the
//! first hold proofs, the last would feed on themselves.

use std::time::Duration;

use powerjob_common::actor::{Outcome, Sighting};
use powerjob_common::id::InstanceId;
use powerjob_protocol::wire::control::ErrorCode;
use powerjob_protocol::wire::frame::{Frame, FrameHead, FrameKind};
use powerjob_protocol::wire::message::{self, TypeId, WireMessage};
use powerjob_protocol::wire::node::TapRecords;
use serde_json::{Value, json};

use crate::connection::Connection;
use crate::error::CloseCause;

/// A session began, in the ring of the tap.
const SESSION_OPENED: &str = "SessionOpened";
/// A session ended, in the ring of the tap.
const SESSION_CLOSED: &str = "SessionClosed";
/// The answer bit of a type.
const ANSWER_BIT: u32 = 0x8000;

impl Connection {
    /// Whether anyone sees frames that go well.
    pub(crate) fn is_watched(&self) -> bool {
        self.scope.tap().wants(false)
    }

    pub(crate) fn show_sent<M: WireMessage>(&self, head: &FrameHead<'_>, size: usize, message: &M) {
        let instances = message.instances();
        let body = self
            .scope
            .tap()
            .wants_bodies()
            .then(|| serde_json::to_value(message).unwrap_or(Value::Null));
        self.show(Seen {
            is_sent: true,
            size,
            instances,
            body,
            ..Seen::of_head(head)
        });
    }

    pub(crate) fn show_sent_error(&self, head: &FrameHead<'_>, size: usize) {
        self.show(Seen {
            is_sent: true,
            size,
            outcome: Outcome::Failed,
            ..Seen::of_head(head)
        });
    }

    /// Shows a frame that arrived; `round_trip` is zero for anything but an answer.
    pub(crate) fn show_received(&self, frame: &Frame, round_trip: Duration) {
        let outcome = match frame.kind {
            FrameKind::Error => Outcome::Failed,
            _ => Outcome::Ok,
        };
        if outcome == Outcome::Ok && !self.is_watched() {
            return;
        }
        self.show(Seen {
            round_trip,
            outcome,
            ..self.seen_in(frame)
        });
    }

    /// Shows a message that arrived and that nobody took.
    pub(crate) fn show_refused(&self, frame: &Frame, code: ErrorCode) {
        tracing::debug!(peer = %self.peer_address, %code, target = frame.target(), "refused a message");
        self.show(Seen {
            outcome: Outcome::Dropped,
            ..self.seen_in(frame)
        });
    }

    pub(crate) fn show_opened(&self) {
        self.show_life(SESSION_OPENED, Outcome::Ok, || {
            json!({ "remote_addr": self.peer.remote_addr.to_string(), "software": self.peer.software })
        });
    }

    pub(crate) fn show_closed(&self, cause: &CloseCause) {
        let outcome = if cause.is_orderly() {
            Outcome::Ok
        } else {
            Outcome::Failed
        };
        self.show_life(
            SESSION_CLOSED,
            outcome,
            || json!({ "cause": cause.to_string() }),
        );
    }

    fn show_life(&self, name: &'static str, outcome: Outcome, body: impl FnOnce() -> Value) {
        let tap = self.scope.tap();
        tap.offer(Sighting {
            from: self.peer_address.as_str().into(),
            to: self.own_address.as_str().into(),
            name,
            life_cycle: true,
            size_bytes: 0,
            waited: Duration::ZERO,
            handling: Duration::ZERO,
            outcome,
            instances: Vec::new(),
            body: tap.wants_bodies().then(body),
        });
    }

    fn seen_in<'a>(&self, frame: &'a Frame) -> Seen<'a> {
        let is_message = frame.kind != FrameKind::Error && self.is_watched();
        let (type_id, body) = (frame.type_id, frame.body());
        let instances = if is_message {
            message::instances(type_id, body)
        } else {
            Vec::new()
        };
        Seen {
            is_sent: false,
            type_id,
            target: frame.target(),
            source: frame.source(),
            size: frame.wire_bytes(),
            round_trip: Duration::ZERO,
            outcome: Outcome::Ok,
            instances,
            body: (is_message && self.scope.tap().wants_bodies())
                .then(|| message::to_json(type_id, body).unwrap_or(Value::Null)),
        }
    }

    fn show(&self, seen: Seen<'_>) {
        if seen.type_id == TapRecords::TYPE {
            return;
        }
        let (from, to) = if seen.is_sent {
            (&self.own_address, &self.peer_address)
        } else {
            (&self.peer_address, &self.own_address)
        };
        self.scope.tap().offer(Sighting {
            from: full_address(from, seen.source).into(),
            to: full_address(to, seen.target).into(),
            name: display_name(seen.type_id),
            life_cycle: false,
            size_bytes: seen.size,
            waited: Duration::ZERO,
            handling: seen.round_trip,
            outcome: seen.outcome,
            instances: seen.instances.into_iter().map(InstanceId).collect(),
            body: seen.body,
        });
    }
}

/// A frame as the tap wants it.
struct Seen<'a> {
    is_sent: bool,
    type_id: TypeId,
    target: &'a str,
    source: &'a str,
    size: usize,
    round_trip: Duration,
    outcome: Outcome,
    instances: Vec<i64>,
    body: Option<Value>,
}

impl<'a> Seen<'a> {
    fn of_head(head: &FrameHead<'a>) -> Self {
        Self {
            is_sent: true,
            type_id: head.type_id,
            target: head.target,
            source: head.source,
            size: 0,
            round_trip: Duration::ZERO,
            outcome: Outcome::Ok,
            instances: Vec::new(),
            body: None,
        }
    }
}

fn full_address(node: &str, path: &str) -> String {
    if path.is_empty() {
        node.to_owned()
    } else {
        format!("{node}/{path}")
    }
}

/// The name of a type; for an answer that has no name of its own, that of the question.
fn display_name(type_id: TypeId) -> &'static str {
    message::name(type_id)
        .or_else(|| message::name(TypeId(type_id.0 & !ANSWER_BIT)))
        .unwrap_or("unknown")
}
