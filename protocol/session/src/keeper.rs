//! The task that watches the time: signs of life, overdue questions, the end of a drain.

use std::time::Duration;

use powerjob_protocol::wire::control::PingBody;
use powerjob_protocol::wire::frame::{FrameHead, FrameKind};
use powerjob_protocol::wire::message::Lane;
use tokio::time::Instant;

use crate::connection::Connection;
use crate::error::{CloseCause, SessionError};
use crate::outbound::Claim;
use crate::session::Session;

/// It never looks more often than this.
const SHORTEST_SLEEP: Duration = Duration::from_millis(2);
/// How often it looks whether a drain is done.
const DRAIN_CHECK: Duration = Duration::from_millis(20);
/// How long the last frames of a session may take to leave.
const FLUSH_GRACE: Duration = Duration::from_secs(1);
/// A session that is never idle still measures its round trip once in so many ping intervals.
const PINGS_WHEN_BUSY: u32 = 10;

/// Watches until the session ends, and a moment longer so that its last frames can leave.
pub(crate) async fn keep(session: Session) {
    let connection = &session.inner;
    connection.ping(Instant::now());
    let mut planned = Instant::now();
    loop {
        let now = Instant::now();
        planned = connection.tend(now, now.saturating_duration_since(planned));
        tokio::select! {
            () = connection.closing.cancelled() => break,
            () = connection.pending.hurry.notified() => {}
            () = tokio::time::sleep_until(planned) => {}
        }
    }
    tokio::select! {
        () = connection.abort.cancelled() => {}
        () = tokio::time::sleep(FLUSH_GRACE) => connection.abort.cancel(),
    }
}

impl Connection {
    /// Does what is due and returns when to look again. `late` is how much later than planned this
    /// look comes: a process that stood still cannot blame its peers for silence.
    fn tend(&self, now: Instant, late: Duration) -> Instant {
        let mut next = self.check_silence(now, late).min(self.check_ping(now));
        if let Some(drained_at) = self.check_drain(now) {
            next = next.min(drained_at);
        }
        let (overdue, next) = self.pending.expire(now, now + SHORTEST_SLEEP, next);
        for (correlation, pending) in overdue {
            self.cancel(correlation);
            pending.finish(Err(SessionError::Timeout));
        }
        next
    }

    fn check_silence(&self, now: Instant, late: Duration) -> Instant {
        let silent_at = self.pulse.last_received() + self.config.idle_timeout;
        if now < silent_at {
            return silent_at;
        }
        if late > self.config.ping_interval {
            self.pulse.received(now);
            return now + self.config.idle_timeout;
        }
        self.begin_close(CloseCause::Silence);
        now + FLUSH_GRACE
    }

    fn check_ping(&self, now: Instant) -> Instant {
        let interval = self.config.ping_interval;
        let last_pinged = self.pulse.last_pinged();
        let due = (self.pulse.last_sent().max(last_pinged) + interval)
            .min(last_pinged + interval * PINGS_WHEN_BUSY);
        if now < due {
            return due;
        }
        self.ping(now);
        now + interval
    }

    fn check_drain(&self, now: Instant) -> Option<Instant> {
        let drain = self.drain()?;
        if self.is_settled() || now >= drain.ends_at {
            self.begin_close(CloseCause::Local {
                code: drain.code,
                message: drain.message.clone(),
            });
        }
        Some(now + DRAIN_CHECK)
    }

    fn ping(&self, now: Instant) {
        let number = self.pulse.pinged(now);
        let body = PingBody {
            sent_at_ms: self.scope.clock().now().0,
        };
        self.send_control(FrameKind::Ping, number, &body);
    }

    fn cancel(&self, correlation: u64) {
        let head = FrameHead::of_session(FrameKind::Cancel, correlation);
        let sent = self.enqueue(&head, Lane::Control, Claim::Answer, |_| Ok(()));
        if let Err(error) = sent {
            tracing::debug!(peer = %self.peer_address, %error, "CANCEL not sent");
        }
    }
}
