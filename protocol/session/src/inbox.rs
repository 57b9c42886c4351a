//! What arrives, and the way back.

use std::time::Duration;

use powerjob_common::id::TraceId;
use powerjob_protocol::wire::codec::{self, CodecError};
use powerjob_protocol::wire::control::{DroppedBody, ErrorCode};
use powerjob_protocol::wire::frame::{FLAG_NOTIFY_DROP, Frame, FrameHead, FrameKind};
use powerjob_protocol::wire::message::{TypeId, WireMessage};
use tokio::time::Instant;

use crate::error::{CloseCause, SessionError};
use crate::session::Session;
use crate::stats;

/// Receives what a peer sends. Called by the task that reads the socket: it must not block and
/// must not do long work. What it cannot take at once it refuses with [`Incoming::refuse`].
pub trait Inbox: Send + Sync + 'static {
    /// The session stands; called once, before any message.
    fn on_open(&self, session: &Session) {
        let _ = session;
    }

    /// A message or a question of a known type.
    fn on_message(&self, session: &Session, message: Incoming);

    /// The peer wants no new messages: it is about to go. Answers still pass.
    fn on_draining(&self, session: &Session, code: ErrorCode, reason: &str) {
        let _ = (session, code, reason);
    }

    /// The session has ended; called once, after the last message.
    fn on_closed(&self, session: &Session, cause: CloseCause);
}

/// A message that arrived.
#[derive(Debug)]
pub struct Incoming {
    /// The way back; `None` when no answer is expected.
    pub responder: Option<Responder>,
    frame: Frame,
    session: Session,
    received_at: Instant,
}

impl Incoming {
    pub(crate) fn new(session: &Session, frame: Frame, is_ask: bool, received_at: Instant) -> Self {
        Self {
            responder: is_ask.then(|| Responder::new(session, &frame)),
            frame,
            session: session.clone(),
            received_at,
        }
    }

    /// Its type.
    pub fn type_id(&self) -> TypeId {
        self.frame.type_id
    }

    /// The layout of its body.
    pub fn revision(&self) -> u16 {
        self.frame.revision
    }

    /// Path of the actor it is meant for.
    pub fn target(&self) -> &str {
        self.frame.target()
    }

    /// Path of the actor that sent it.
    pub fn source(&self) -> &str {
        self.frame.source()
    }

    /// The trace it belongs to.
    pub fn trace(&self) -> TraceId {
        self.frame.trace
    }

    /// Its bytes.
    pub fn body(&self) -> &[u8] {
        self.frame.body()
    }

    /// How long the asker still waits; `None` = it set no limit.
    pub fn time_left(&self) -> Option<Duration> {
        let limit = Duration::from_millis(u64::from(self.frame.deadline_ms));
        (!limit.is_zero()).then(|| limit.saturating_sub(self.received_at.elapsed()))
    }

    /// The message itself.
    ///
    /// # Errors
    /// [`CodecError`] when it is of another type or revision or does not have the layout.
    pub fn decode<M: WireMessage>(&self) -> Result<M, CodecError> {
        codec::decode_message(self.frame.type_id, self.frame.revision, self.frame.body())
    }

    /// The message and the way back; a message that cannot be decoded is refused and counted.
    pub fn open<M: WireMessage>(self) -> Option<(M, Option<Responder>)> {
        match self.decode() {
            Ok(message) => Some((message, self.responder)),
            Err(error) => {
                let code = match error {
                    CodecError::UnsupportedRevision { .. } => ErrorCode::UNSUPPORTED_REVISION,
                    _ => ErrorCode::DECODE_ERROR,
                };
                self.refuse(code, &error.to_string(), 0);
                None
            }
        }
    }

    /// Refuses the message: a question is answered with an error, anything else is counted.
    pub fn refuse(self, code: ErrorCode, message: &str, retry_after_ms: u32) {
        stats::add(&self.session.inner.counters.undeliverable, 1);
        match self.responder {
            Some(responder) => responder.error(code, message, retry_after_ms),
            None => {
                self.session.inner.show_refused(&self.frame, code);
                if self.frame.flags & FLAG_NOTIFY_DROP != 0 {
                    let body = DroppedBody { code: code.0 };
                    let correlation = self.frame.correlation;
                    self.session
                        .inner
                        .send_control(FrameKind::Dropped, correlation, &body);
                }
            }
        }
    }
}

/// The way back to an asker. Dropped without an answer, it tells the asker that the handler failed.
#[derive(Debug)]
pub struct Responder {
    session: Session,
    type_id: TypeId,
    correlation: u64,
    trace: TraceId,
    /// Target and source of the question, one behind the other.
    paths: Box<str>,
    target_bytes: usize,
    is_answered: bool,
}

impl Responder {
    fn new(session: &Session, frame: &Frame) -> Self {
        session.inner.answers_owed(1);
        Self {
            session: session.clone(),
            type_id: frame.type_id,
            correlation: frame.correlation,
            trace: frame.trace,
            paths: [frame.target(), frame.source()].concat().into(),
            target_bytes: frame.target().len(),
            is_answered: false,
        }
    }

    /// Sends the answer.
    ///
    /// # Errors
    /// [`SessionError`] when it cannot be sent: the asker runs into its time limit, or is told that
    /// the answer was too large.
    pub fn reply<A: WireMessage>(mut self, answer: &A) -> Result<(), SessionError> {
        debug_assert_eq!(
            A::TYPE,
            self.type_id.reply(),
            "the answer to another question"
        );
        self.is_answered = true;
        let sent = self.session.send_reply(&self.head(), answer);
        if let Err(error @ (SessionError::TooLarge | SessionError::Codec(_))) = &sent {
            self.send_error(ErrorCode::FRAME_TOO_LARGE, &error.to_string(), 0);
        }
        sent
    }

    /// Sends an error instead of an answer.
    pub fn error(mut self, code: ErrorCode, message: &str, retry_after_ms: u32) {
        self.is_answered = true;
        self.send_error(code, message, retry_after_ms);
    }

    fn send_error(&self, code: ErrorCode, message: &str, retry_after_ms: u32) {
        self.session
            .send_error(&self.head(), code, message, retry_after_ms);
    }

    /// Answers go the way back: source and target change places.
    fn head(&self) -> ReplyHead<'_> {
        let (target, source) = self.paths.split_at(self.target_bytes);
        ReplyHead {
            type_id: self.type_id.reply(),
            correlation: self.correlation,
            trace: self.trace,
            target: source,
            source: target,
        }
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        if !self.is_answered {
            self.send_error(
                ErrorCode::HANDLER_FAILED,
                "the handler ended without an answer",
                0,
            );
        }
        self.session.inner.answers_owed(-1);
    }
}

/// Where an answer goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReplyHead<'a> {
    pub(crate) type_id: TypeId,
    pub(crate) correlation: u64,
    pub(crate) trace: TraceId,
    pub(crate) target: &'a str,
    pub(crate) source: &'a str,
}

impl<'a> ReplyHead<'a> {
    pub(crate) fn head(&self, kind: FrameKind) -> FrameHead<'a> {
        FrameHead {
            type_id: self.type_id,
            trace: self.trace,
            target: self.target,
            source: self.source,
            ..FrameHead::of_session(kind, self.correlation)
        }
    }
}
