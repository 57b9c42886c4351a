//! What the tasks and handles of one session share.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use powerjob_common::actor::ActorScope;
use powerjob_protocol::wire::codec::{self, CodecError};
use powerjob_protocol::wire::control::{ErrorCode, FarewellBody};
use powerjob_protocol::wire::frame::{FrameHead, FrameKind, encode_with};
use powerjob_protocol::wire::handshake::{Identity, Terms};
use powerjob_protocol::wire::message::Lane;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::SessionConfig;
use crate::error::{CloseCause, SessionError};
use crate::outbound::{Claim, Outbound};
use crate::peer::{PeerInfo, node_address};
use crate::pending::PendingAsks;
use crate::stats::{self, Counters};

/// A scratch buffer that has grown beyond this is not kept.
const KEPT_SCRATCH_BYTES: usize = 256 << 10;
/// No round trip measured yet.
const UNKNOWN: u64 = u64::MAX;

/// What the handshake has settled.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) own: Identity,
    pub(crate) peer: PeerInfo,
    pub(crate) terms: Terms,
    pub(crate) max_length: u32,
    pub(crate) config: SessionConfig,
}

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) peer: PeerInfo,
    pub(crate) terms: Terms,
    pub(crate) config: SessionConfig,
    pub(crate) scope: ActorScope,
    /// Role and node id of this node and of the peer, as people see them.
    pub(crate) own_address: String,
    pub(crate) peer_address: String,
    pub(crate) outbound: Outbound,
    pub(crate) pending: PendingAsks,
    pub(crate) counters: Counters,
    /// The session ends: nothing new is read or sent.
    pub(crate) closing: CancellationToken,
    /// The socket must go at once, whatever waits for it.
    pub(crate) abort: CancellationToken,
    /// Why the peer goes, once it has said so.
    pub(crate) farewell: OnceLock<(ErrorCode, String)>,
    pub(crate) pulse: Pulse,
    max_length: u32,
    cause: OnceLock<CloseCause>,
    drain: OnceLock<Drain>,
    is_draining: AtomicBool,
    owed_answers: AtomicI64,
}

/// The end that this side has announced.
#[derive(Debug)]
pub(crate) struct Drain {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
    /// When it closes, whatever is still owed.
    pub(crate) ends_at: Instant,
}

/// Signs of life in both directions; times in microseconds since the start of the session.
#[derive(Debug)]
pub(crate) struct Pulse {
    started_at: Instant,
    sent_us: AtomicU64,
    received_us: AtomicU64,
    ping_number: AtomicU64,
    pinged_us: AtomicU64,
    round_trip_us: AtomicU64,
    clock_offset_ms: AtomicI64,
}

impl Pulse {
    fn new(started_at: Instant) -> Self {
        Self {
            started_at,
            sent_us: AtomicU64::new(0),
            received_us: AtomicU64::new(0),
            ping_number: AtomicU64::new(0),
            pinged_us: AtomicU64::new(0),
            round_trip_us: AtomicU64::new(UNKNOWN),
            clock_offset_ms: AtomicI64::new(0),
        }
    }

    pub(crate) fn sent(&self, now: Instant) {
        self.sent_us.store(self.micros(now), Relaxed);
    }

    pub(crate) fn received(&self, now: Instant) {
        self.received_us.store(self.micros(now), Relaxed);
    }

    pub(crate) fn last_sent(&self) -> Instant {
        self.instant(&self.sent_us)
    }

    pub(crate) fn last_received(&self) -> Instant {
        self.instant(&self.received_us)
    }

    pub(crate) fn last_pinged(&self) -> Instant {
        self.instant(&self.pinged_us)
    }

    /// Notes a PING and returns its number.
    pub(crate) fn pinged(&self, now: Instant) -> u64 {
        self.pinged_us.store(self.micros(now), Relaxed);
        self.ping_number.fetch_add(1, Relaxed) + 1
    }

    /// Notes the answer to a PING; one to an earlier PING is only a sign of life.
    pub(crate) fn ponged(&self, now: Instant, number: u64, clock_offset_ms: i64) {
        if number != self.ping_number.load(Relaxed) {
            return;
        }
        let span_us = self
            .micros(now)
            .saturating_sub(self.pinged_us.load(Relaxed));
        self.round_trip_us.store(span_us, Relaxed);
        self.clock_offset_ms.store(clock_offset_ms, Relaxed);
    }

    pub(crate) fn round_trip(&self) -> Option<Duration> {
        match self.round_trip_us.load(Relaxed) {
            UNKNOWN => None,
            span_us => Some(Duration::from_micros(span_us)),
        }
    }

    pub(crate) fn clock_offset_ms(&self) -> Option<i64> {
        self.round_trip()?;
        Some(self.clock_offset_ms.load(Relaxed))
    }

    fn micros(&self, now: Instant) -> u64 {
        let span = now.saturating_duration_since(self.started_at);
        u64::try_from(span.as_micros()).unwrap_or(UNKNOWN)
    }

    fn instant(&self, micros: &AtomicU64) -> Instant {
        self.started_at + Duration::from_micros(micros.load(Relaxed))
    }
}

thread_local! {
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl Connection {
    pub(crate) fn new(settled: Settled, scope: ActorScope) -> Self {
        let Settled {
            own,
            peer,
            terms,
            max_length,
            config,
        } = settled;
        let now = Instant::now();
        Self {
            own_address: node_address(own.role, &own.node),
            peer_address: peer.address(),
            outbound: Outbound::new(&config),
            pending: PendingAsks::new(config.pending_asks, now),
            counters: Counters::default(),
            closing: CancellationToken::new(),
            abort: CancellationToken::new(),
            farewell: OnceLock::new(),
            pulse: Pulse::new(now),
            cause: OnceLock::new(),
            drain: OnceLock::new(),
            is_draining: AtomicBool::new(false),
            owed_answers: AtomicI64::new(0),
            peer,
            terms,
            config,
            scope,
            max_length,
        }
    }

    /// Encodes a frame and puts it into the queue; returns its size.
    pub(crate) fn enqueue(
        &self,
        head: &FrameHead<'_>,
        lane: Lane,
        claim: Claim,
        body: impl FnOnce(&mut Vec<u8>) -> Result<(), CodecError>,
    ) -> Result<usize, SessionError> {
        // `try_with`: an actor that drops its responders at the end of its thread must not panic.
        let mut scratch = SCRATCH.try_with(Cell::take).unwrap_or_default();
        let result = encode_with(&mut scratch, head, self.max_length, body)
            .map_err(SessionError::from)
            .and_then(|()| self.outbound.push(lane, claim, &scratch))
            .map(|()| scratch.len());
        scratch.clear();
        if scratch.capacity() <= KEPT_SCRATCH_BYTES {
            // Without the thread's storage the buffer is simply dropped.
            SCRATCH
                .try_with(|kept| kept.set(scratch))
                .unwrap_or_default();
        }
        match &result {
            Ok(_) => stats::add(&self.counters.frames_out, 1),
            Err(SessionError::Overloaded) => stats::add(&self.counters.refused, 1),
            Err(_) => {}
        }
        result
    }

    /// Sends a frame about the session itself. There is no use in reporting that it was not sent:
    /// either the session has ended or the peer does not read.
    pub(crate) fn send_control<T: codec::Encode>(
        &self,
        kind: FrameKind,
        correlation: u64,
        body: &T,
    ) {
        let head = FrameHead::of_session(kind, correlation);
        let sent = self.enqueue(&head, Lane::Control, Claim::Answer, |out| {
            codec::encode_into(body, out)
        });
        if let Err(error) = sent {
            tracing::debug!(peer = %self.peer_address, %error, ?kind, "control frame not sent");
        }
    }

    /// Says that this side goes, writes what waits and closes.
    pub(crate) fn close(&self, code: ErrorCode, message: &str) {
        if self.is_closing() {
            return;
        }
        self.send_control(FrameKind::GoAway, 0, &FarewellBody::new(code, message));
        self.begin_close(CloseCause::Local {
            code,
            message: message.to_owned(),
        });
    }

    /// Closes because the peer broke the protocol.
    pub(crate) fn close_broken(&self, reason: String) {
        let body = FarewellBody::new(ErrorCode::PROTOCOL_ERROR, &reason);
        self.send_control(FrameKind::GoAway, 0, &body);
        self.begin_close(CloseCause::Protocol(reason));
    }

    /// Begins the end; the first cause stands.
    pub(crate) fn begin_close(&self, cause: CloseCause) {
        let may_flush = matches!(
            cause,
            CloseCause::Local { .. } | CloseCause::Protocol(_) | CloseCause::GoAway { .. }
        );
        if self.cause.set(cause).is_err() {
            return;
        }
        self.outbound.close();
        if !may_flush {
            self.abort.cancel();
        }
        self.closing.cancel();
    }

    /// Why the session ended.
    pub(crate) fn cause(&self) -> CloseCause {
        self.cause
            .get()
            .cloned()
            .unwrap_or_else(|| CloseCause::Lost("the reader ended".to_owned()))
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.cause.get().is_some()
    }

    /// This side goes when its last answer has passed.
    pub(crate) fn start_draining(&self, drain: Drain) {
        if self.drain.set(drain).is_ok() {
            self.stop_sending();
            self.pending.hurry.notify_one();
        }
    }

    /// The drain that this side has begun.
    pub(crate) fn drain(&self) -> Option<&Drain> {
        self.drain.get()
    }

    /// Nothing new is sent: one of the sides goes.
    pub(crate) fn stop_sending(&self) {
        self.is_draining.store(true, Relaxed);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining.load(Relaxed)
    }

    /// Counts answers that this side owes to the peer.
    pub(crate) fn answers_owed(&self, change: i64) {
        self.owed_answers.fetch_add(change, Relaxed);
    }

    /// Whether no answer is owed in either direction.
    pub(crate) fn is_settled(&self) -> bool {
        self.owed_answers.load(Relaxed) <= 0 && self.pending.len() == 0
    }
}
