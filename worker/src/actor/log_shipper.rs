//! Brings the lines of runs to the server.
//!
//! * **Owns** the batch that is on its way; the lines that wait are in the log queue.
//! * **Hears** from running code through the log queue, from the server link (`LogAnswer`) and from
//!   the shutdown (`FlushLogs`).
//! * **Tells** the server link (`LogChunks`).
//! * **Survives** a restart: nothing; lines that the server does not have are lost with the process.
//! * **Dies**: it is built anew; the batch that was on its way is lost and shows as a gap.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use powerjob_common::actor::{Mail, Port, Reply};
use powerjob_protocol::wire::worker_to_server::LogChunk;

use super::letters::{CollectLines, FlushLogs, LogsAnswered, SendLogs};
use crate::domain::log_book::Batch;
use crate::online_log::LogQueue;

/// Lines that come within this time travel together.
const LINGER: Duration = Duration::from_millis(30);
/// How soon a batch that the server did not store is sent again.
const REPEAT_INTERVAL: Duration = Duration::from_millis(500);

#[derive(Debug)]
struct OnTheWay {
    batch: Batch,
    chunks: Arc<Vec<LogChunk>>,
    is_sent: bool,
}

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct LogShipper {
    me: Port<CollectLines>,
    server_link: Port<SendLogs>,
    queue: Arc<LogQueue>,
    on_the_way: Option<OnTheWay>,
    flushing: Vec<Reply<()>>,
}

impl LogShipper {
    pub(crate) fn new(
        me: Port<CollectLines>,
        server_link: Port<SendLogs>,
        queue: Arc<LogQueue>,
    ) -> Self {
        Self {
            me,
            server_link,
            queue,
            on_the_way: None,
            flushing: Vec::new(),
        }
    }
}

impl Actor for LogShipper {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(0); // the port counts
        let (queue, me) = (self.queue.clone(), self.me.clone());
        let pump = async move {
            loop {
                queue.written().await;
                tokio::time::sleep(LINGER).await;
                me.tell(CollectLines {}).ok();
            }
        };
        ctx.spawn(pump.into_actor(self));
        ctx.run_interval(REPEAT_INTERVAL, |actor, _ctx| actor.ship());
    }
}

impl Handler<Mail<CollectLines>> for LogShipper {
    type Result = ();

    fn handle(&mut self, mail: Mail<CollectLines>, _ctx: &mut Self::Context) {
        let (CollectLines {}, _ticket) = mail.open();
        if self.on_the_way.is_none() {
            self.ship();
        }
    }
}

impl Handler<Mail<LogsAnswered>> for LogShipper {
    type Result = ();

    fn handle(&mut self, mail: Mail<LogsAnswered>, _ctx: &mut Self::Context) {
        let (LogsAnswered { is_stored }, _ticket) = mail.open();
        if !is_stored {
            // The interval sends it again.
            if let Some(on_the_way) = &mut self.on_the_way {
                on_the_way.is_sent = false;
            }
            return;
        }
        if let Some(done) = self.on_the_way.take() {
            self.queue.acknowledge(&done.batch);
        }
        self.ship();
        self.answer_flush();
    }
}

impl Handler<Mail<FlushLogs>> for LogShipper {
    type Result = ();

    fn handle(&mut self, mail: Mail<FlushLogs>, _ctx: &mut Self::Context) {
        let (FlushLogs { reply }, _ticket) = mail.open();
        self.flushing.push(reply);
        self.ship();
        self.answer_flush();
    }
}

impl LogShipper {
    /// Sends the next batch, or again the one that was not stored.
    fn ship(&mut self) {
        if self.on_the_way.is_none() && !self.queue.is_empty() {
            let mut batch = self.queue.take();
            let chunks = Arc::new(std::mem::take(&mut batch.chunks));
            self.on_the_way = Some(OnTheWay {
                batch,
                chunks,
                is_sent: false,
            });
        }
        let Some(on_the_way) = self.on_the_way.as_mut().filter(|batch| !batch.is_sent) else {
            return;
        };
        let letter = SendLogs {
            chunks: on_the_way.chunks.clone(),
        };
        on_the_way.is_sent = self.server_link.tell(letter).is_ok();
    }

    fn answer_flush(&mut self) {
        if self.on_the_way.is_none() && self.queue.is_empty() {
            for reply in self.flushing.drain(..) {
                reply.send(());
            }
        }
    }
}
