//! The sending side of a session.

use std::sync::Arc;
use std::time::Duration;

use powerjob_protocol::wire::codec;
use powerjob_protocol::wire::control::{self, ErrorBody, ErrorCode, FarewellBody, shorten};
use powerjob_protocol::wire::frame::{Frame, FrameHead, FrameKind};
use powerjob_protocol::wire::handshake::Terms;
use powerjob_protocol::wire::message::{Lane, WireMessage, WireQuestion};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::connection::{Connection, Drain};
use crate::error::SessionError;
use crate::inbox::ReplyHead;
use crate::outbound::Claim;
use crate::peer::PeerInfo;
use crate::stats::{self, SessionStats};

/// Nobody waits longer for an answer.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3_600);

/// A connection to a peer. Clones are handles to the same session; dropping them does not end it.
#[derive(Debug, Clone)]
pub struct Session {
    pub(crate) inner: Arc<Connection>,
}

impl PartialEq for Session {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

impl Eq for Session {}

impl Session {
    /// Sends a message to the actor `target` in the name of the actor `source`. It never waits:
    /// `Ok` means that the message is queued, not that it arrives.
    ///
    /// # Errors
    /// [`SessionError::Overloaded`] when the queue is full, `Disconnected`, `TooLarge`, `Codec`.
    pub fn tell<M: WireMessage>(
        &self,
        target: &str,
        source: &str,
        message: &M,
    ) -> Result<(), SessionError> {
        self.check_open()?;
        let head = head_of::<M>(FrameKind::Tell, target, source);
        self.send(&head, M::LANE, Claim::Message, message)
    }

    /// Asks the actor `target` in the name of the actor `source` and waits for the answer, for at
    /// most `limit`.
    ///
    /// # Errors
    /// See [`SessionError`]. After `Timeout` and `Disconnected` the peer may or may not have done it.
    pub async fn ask<Q: WireQuestion>(
        &self,
        target: &str,
        source: &str,
        question: &Q,
        limit: Duration,
    ) -> Result<Q::Answer, SessionError> {
        let (sender, answer) = oneshot::channel();
        self.ask_then(target, source, question, limit, move |result| {
            // Nobody waits any more if the asker was dropped.
            drop(sender.send(result));
        });
        answer.await.unwrap_or(Err(SessionError::Disconnected))
    }

    /// As [`Session::ask`], for actors: `on_answer` is called exactly once, at once if the question
    /// cannot be sent, else by a task of the session. It must not block.
    pub fn ask_then<Q: WireQuestion>(
        &self,
        target: &str,
        source: &str,
        question: &Q,
        limit: Duration,
        on_answer: impl FnOnce(Result<Q::Answer, SessionError>) + Send + 'static,
    ) {
        if let Err(error) = self.check_open() {
            on_answer(Err(error));
            return;
        }
        let limit = limit.min(LONGEST_WAIT);
        let now = Instant::now();
        let on_frame = Box::new(move |result: Result<Frame, SessionError>| {
            on_answer(result.and_then(|frame| answer_of(&frame)));
        });
        match self.inner.pending.enter(now, now + limit, on_frame) {
            Err((error, on_frame)) => {
                stats::add(&self.inner.counters.refused, 1);
                on_frame(Err(error));
            }
            Ok(correlation) => {
                let head = FrameHead {
                    correlation,
                    deadline_ms: u32::try_from(limit.as_millis()).unwrap_or(u32::MAX).max(1),
                    ..head_of::<Q>(FrameKind::Ask, target, source)
                };
                let sent = self.send(&head, Q::LANE, Claim::Message, question);
                if let Err(error) = sent
                    && let Some(pending) = self.inner.pending.take(correlation)
                {
                    pending.finish(Err(error));
                }
            }
        }
    }

    /// Who is at the other end.
    pub fn peer(&self) -> &PeerInfo {
        &self.inner.peer
    }

    /// What was agreed in the handshake: number of the session, application, its owner.
    pub fn terms(&self) -> &Terms {
        &self.inner.terms
    }

    /// Whether messages and questions can be sent: neither side has said that it goes.
    pub fn is_open(&self) -> bool {
        !self.inner.is_closing() && !self.inner.is_draining()
    }

    /// Says that this side goes, writes what waits and closes; questions without an answer end with
    /// `Disconnected`.
    pub fn close(&self, code: ErrorCode, message: &str) {
        self.inner.close(code, message);
    }

    /// Says that this side goes; nothing new is sent or taken, and the session closes when the last
    /// answer in either direction has passed, at the latest after `drain_timeout`.
    pub fn drain(&self, code: ErrorCode, message: &str) {
        if !self.is_open() {
            return;
        }
        let body = FarewellBody::new(code, message);
        self.inner.send_control(FrameKind::GoAway, 0, &body);
        self.inner.start_draining(Drain {
            code,
            message: message.to_owned(),
            ends_at: Instant::now() + self.inner.config.drain_timeout.min(LONGEST_WAIT),
        });
    }

    /// Resolves when the session has ended.
    pub async fn closed(&self) {
        self.inner.closing.cancelled().await;
    }

    /// The last measured time from a PING to its answer.
    pub fn round_trip(&self) -> Option<Duration> {
        self.inner.pulse.round_trip()
    }

    /// How far the peer's wall clock is ahead, in milliseconds, as the last PING showed it.
    pub fn clock_offset_ms(&self) -> Option<i64> {
        self.inner.pulse.clock_offset_ms()
    }

    /// What it has done so far.
    pub fn stats(&self) -> SessionStats {
        self.inner.counters.read()
    }

    /// Questions of this side that wait for an answer.
    pub fn pending_asks(&self) -> usize {
        self.inner.pending.len()
    }

    pub(crate) fn send_reply<A: WireMessage>(
        &self,
        to: &ReplyHead<'_>,
        answer: &A,
    ) -> Result<(), SessionError> {
        let head = FrameHead {
            revision: A::REVISION,
            type_id: A::TYPE,
            ..to.head(FrameKind::Reply)
        };
        self.send(&head, A::LANE, Claim::Answer, answer)
    }

    pub(crate) fn send_error(
        &self,
        to: &ReplyHead<'_>,
        code: ErrorCode,
        message: &str,
        retry_after_ms: u32,
    ) {
        let body = ErrorBody {
            code: code.0,
            message: shorten(message).to_owned(),
            retry_after_ms,
        };
        let head = to.head(FrameKind::Error);
        let sent = self
            .inner
            .enqueue(&head, Lane::Control, Claim::Answer, |out| {
                codec::encode_into(&body, out)
            });
        match sent {
            Ok(size) => self.inner.show_sent_error(&head, size),
            Err(error) => {
                tracing::debug!(peer = %self.inner.peer_address, %error, "error not sent")
            }
        }
    }

    fn send<M: WireMessage>(
        &self,
        head: &FrameHead<'_>,
        lane: Lane,
        claim: Claim,
        message: &M,
    ) -> Result<(), SessionError> {
        let size = self
            .inner
            .enqueue(head, lane, claim, |out| codec::encode_into(message, out))?;
        if self.inner.is_watched() {
            self.inner.show_sent(head, size, message);
        }
        Ok(())
    }

    fn check_open(&self) -> Result<(), SessionError> {
        if self.is_open() {
            Ok(())
        } else {
            Err(SessionError::Disconnected)
        }
    }
}

fn head_of<'a, M: WireMessage>(kind: FrameKind, target: &'a str, source: &'a str) -> FrameHead<'a> {
    FrameHead {
        revision: M::REVISION,
        type_id: M::TYPE,
        target,
        source,
        ..FrameHead::of_session(kind, 0)
    }
}

/// The answer in a REPLY, the error in an ERROR.
fn answer_of<A: WireMessage>(frame: &Frame) -> Result<A, SessionError> {
    if frame.kind == FrameKind::Error {
        let body: ErrorBody = control::decode(frame.body())?;
        return Err(SessionError::Peer {
            code: ErrorCode(body.code),
            message: body.message,
            retry_after_ms: body.retry_after_ms,
        });
    }
    Ok(codec::decode_message(
        frame.type_id,
        frame.revision,
        frame.body(),
    )?)
}
