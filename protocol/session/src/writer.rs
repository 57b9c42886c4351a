//! The task that writes: everything that waits goes into one write.

use tokio::io::AsyncWriteExt;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::time::Instant;

use crate::error::CloseCause;
use crate::outbound::{Batch, Taken};
use crate::session::Session;
use crate::stats;

/// Writes until the session ends and the queue is empty, or until it is aborted.
pub(crate) async fn write_until_closed(session: Session, mut socket: OwnedWriteHalf) {
    let connection = &session.inner;
    tokio::select! {
        biased;
        () = connection.abort.cancelled() => {}
        result = write_all(&session, &mut socket) => {
            let result = match result {
                Ok(()) => socket.shutdown().await,
                failed => failed,
            };
            if let Err(error) = result {
                connection.begin_close(CloseCause::Lost(error.to_string()));
            }
        }
    }
}

async fn write_all(session: &Session, socket: &mut OwnedWriteHalf) -> std::io::Result<()> {
    let connection = &session.inner;
    let mut batch = Batch::default();
    loop {
        match connection.outbound.take(&mut batch) {
            Taken::Batch => {
                for part in batch.parts() {
                    socket.write_all(part).await?;
                    stats::add(&connection.counters.bytes_out, part.len());
                }
                connection.pulse.sent(Instant::now());
                batch.reset();
            }
            Taken::Nothing => connection.outbound.wake.notified().await,
            Taken::Closed => return Ok(()),
        }
    }
}
