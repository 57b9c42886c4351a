//! The task that reads: cuts bytes into frames and hands them on. It waits for nothing but bytes.

use std::sync::Arc;
use std::time::Duration;

use powerjob_protocol::wire::control::{self, ErrorCode, FarewellBody, PingBody, PongBody};
use powerjob_protocol::wire::frame::{Frame, FrameDecoder, FrameError, FrameKind};
use powerjob_protocol::wire::message;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::connection::Connection;
use crate::error::CloseCause;
use crate::inbox::{Inbox, Incoming};
use crate::session::Session;
use crate::{keeper, stats, writer};

/// The first size of the read buffer; most sessions never need more.
const FIRST_BUFFER_BYTES: usize = 8 << 10;
/// The size of the read buffer of a busy session.
const LAST_BUFFER_BYTES: usize = 128 << 10;

/// Bytes that were read, and the frames in them.
#[derive(Debug)]
pub(crate) struct FrameBuffer {
    decoder: FrameDecoder,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl FrameBuffer {
    pub(crate) fn new(max_length: u32) -> Self {
        Self {
            decoder: FrameDecoder::new(max_length),
            bytes: vec![0; FIRST_BUFFER_BYTES],
            start: 0,
            end: 0,
        }
    }

    pub(crate) fn set_max_length(&mut self, max_length: u32) {
        self.decoder.set_max_length(max_length);
    }

    /// The next frame in the bytes that were read.
    pub(crate) fn pop(&mut self) -> Result<Option<Frame>, FrameError> {
        let mut rest = &self.bytes[self.start..self.end];
        let result = self.decoder.next(&mut rest);
        self.start = self.end - rest.len();
        result
    }

    /// Reads more bytes; all earlier ones must have been popped. 0 = the end.
    pub(crate) async fn fill<R: AsyncRead + Unpin>(
        &mut self,
        socket: &mut R,
    ) -> std::io::Result<usize> {
        if self.end == self.bytes.len() && self.end < LAST_BUFFER_BYTES {
            self.bytes.resize(self.end * 2, 0);
        }
        let count = socket.read(&mut self.bytes).await?;
        (self.start, self.end) = (0, count);
        Ok(count)
    }
}

/// A session that stands, before its tasks run.
pub(crate) struct Beginning {
    pub(crate) connection: Connection,
    pub(crate) inbox: Arc<dyn Inbox>,
    pub(crate) frames: FrameBuffer,
    pub(crate) stream: TcpStream,
    /// The place among the connections of a listener; given back at the end.
    pub(crate) place: Option<OwnedSemaphorePermit>,
}

impl Beginning {
    /// Starts the tasks of the session.
    pub(crate) fn start(self) -> Session {
        let session = Session {
            inner: Arc::new(self.connection),
        };
        let (reading, writing) = self.stream.into_split();
        session.inner.show_opened();
        self.inbox.on_open(&session);
        let reader = Reader {
            session: session.clone(),
            inbox: self.inbox,
            _place: self.place,
        };
        tokio::spawn(reader.run(self.frames, reading));
        tokio::spawn(writer::write_until_closed(session.clone(), writing));
        tokio::spawn(keeper::keep(session.clone()));
        session
    }
}

struct Reader {
    session: Session,
    inbox: Arc<dyn Inbox>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Drop for Reader {
    /// The end of the session, also when a callback panicked or the runtime shuts down.
    fn drop(&mut self) {
        let connection = &self.session.inner;
        connection.begin_close(CloseCause::Lost("the reader ended".to_owned()));
        connection.fail_pending();
        let cause = connection.cause();
        connection.show_closed(&cause);
        self.inbox.on_closed(&self.session, cause);
    }
}

impl Reader {
    async fn run(self, mut frames: FrameBuffer, mut socket: OwnedReadHalf) {
        let session = self.session.clone();
        let connection = &session.inner;
        {
            let closing = connection.closing.cancelled();
            tokio::pin!(closing);
            while !connection.is_closing() {
                self.take_frames(&mut frames);
                tokio::select! {
                    biased;
                    () = &mut closing => break,
                    read = frames.fill(&mut socket) => self.note_read(read),
                }
            }
        }
        drop(self);
        linger(connection, &mut socket).await;
    }

    fn note_read(&self, read: std::io::Result<usize>) {
        let connection = &self.session.inner;
        match read {
            Ok(0) => connection.begin_close(connection.end_of_stream()),
            Ok(count) => {
                connection.pulse.received(Instant::now());
                stats::add(&connection.counters.bytes_in, count);
            }
            Err(error) => connection.begin_close(match connection.farewell.get() {
                Some(_) => connection.end_of_stream(),
                None => CloseCause::Lost(error.to_string()),
            }),
        }
    }

    fn take_frames(&self, frames: &mut FrameBuffer) {
        let connection = &self.session.inner;
        let received_at = Instant::now();
        let mut count = 0;
        while !connection.is_closing() {
            match frames.pop() {
                Ok(None) => break,
                Ok(Some(frame)) => {
                    count += 1;
                    self.receive(frame, received_at);
                }
                Err(error) => connection.close_broken(error.to_string()),
            }
        }
        stats::add(&connection.counters.frames_in, count);
    }

    fn receive(&self, frame: Frame, received_at: Instant) {
        let connection = &self.session.inner;
        match frame.kind {
            FrameKind::Tell => self.deliver(frame, false, received_at),
            FrameKind::Ask => self.deliver(frame, true, received_at),
            FrameKind::Reply | FrameKind::Error => connection.answer(frame, received_at),
            FrameKind::Ping => connection.pong(&frame),
            FrameKind::Pong => connection.note_pong(&frame, received_at),
            FrameKind::GoAway => self.note_farewell(&frame),
            FrameKind::Dropped => stats::add(&connection.counters.undeliverable, 1),
            FrameKind::Cancel | FrameKind::Credit | FrameKind::Extension(_) => {}
            FrameKind::Hello
            | FrameKind::Challenge
            | FrameKind::Auth
            | FrameKind::Ready
            | FrameKind::Reject => {
                connection.close_broken(format!("{:?} after the handshake", frame.kind));
            }
        }
    }

    fn deliver(&self, frame: Frame, is_ask: bool, received_at: Instant) {
        let connection = &self.session.inner;
        connection.show_received(&frame, Duration::ZERO);
        let is_known = message::name(frame.type_id).is_some();
        let incoming = Incoming::new(&self.session, frame, is_ask, received_at);
        if !is_known {
            let text = format!("type {} is unknown here", incoming.type_id());
            incoming.refuse(ErrorCode::UNKNOWN_TYPE, &text, 0);
        } else if connection.drain().is_some() {
            incoming.refuse(ErrorCode::DRAINING, "the node shuts down", 0);
        } else {
            self.inbox.on_message(&self.session, incoming);
        }
    }

    fn note_farewell(&self, frame: &Frame) {
        let connection = &self.session.inner;
        let (code, message) = match control::decode::<FarewellBody>(frame.body()) {
            Ok(body) => (ErrorCode(body.code), body.message),
            Err(error) => (ErrorCode::PROTOCOL_ERROR, error.to_string()),
        };
        connection.stop_sending();
        if connection.farewell.set((code, message.clone())).is_ok() {
            self.inbox.on_draining(&self.session, code, &message);
        }
    }
}

impl Connection {
    fn answer(&self, frame: Frame, now: Instant) {
        let Some(pending) = self.pending.take(frame.correlation) else {
            stats::add(&self.counters.late_answers, 1);
            self.show_refused(&frame, ErrorCode::TIMEOUT);
            return;
        };
        self.show_received(&frame, now.saturating_duration_since(pending.asked_at));
        pending.finish(Ok(frame));
    }

    fn pong(&self, ping: &Frame) {
        match control::decode::<PingBody>(ping.body()) {
            Ok(body) => {
                let answer = PongBody {
                    echoed_ms: body.sent_at_ms,
                    answered_at_ms: self.scope.clock().now().0,
                };
                self.send_control(FrameKind::Pong, ping.correlation, &answer);
            }
            Err(error) => self.close_broken(format!("PING: {error}")),
        }
    }

    fn note_pong(&self, pong: &Frame, now: Instant) {
        match control::decode::<PongBody>(pong.body()) {
            Ok(body) => {
                let own_ms = self.scope.clock().now().0;
                let middle_ms = own_ms.midpoint(body.echoed_ms);
                let offset_ms = body.answered_at_ms.saturating_sub(middle_ms);
                self.pulse.ponged(now, pong.correlation, offset_ms);
            }
            Err(error) => self.close_broken(format!("PONG: {error}")),
        }
    }

    fn fail_pending(&self) {
        for pending in self.pending.close() {
            pending.finish(Err(crate::error::SessionError::Disconnected));
        }
    }

    /// What the end of the stream means.
    fn end_of_stream(&self) -> CloseCause {
        match self.farewell.get() {
            Some((code, message)) => CloseCause::GoAway {
                code: *code,
                message: message.clone(),
            },
            None => CloseCause::PeerGone,
        }
    }
}

/// Reads on for a moment without looking: closing a socket with unread bytes would reset the
/// connection, and the peer could lose what was written last.
async fn linger(connection: &Connection, socket: &mut OwnedReadHalf) {
    let mut nowhere = [0; 1_024];
    let drained = async { while let Ok(1..) = socket.read(&mut nowhere).await {} };
    tokio::select! {
        () = connection.abort.cancelled() => {}
        () = drained => connection.abort.cancel(),
    }
}
