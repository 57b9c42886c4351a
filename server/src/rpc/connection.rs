//! What arrives over one session of a worker, handed to the actor concerned.
//!
//! It runs on the task that reads the socket and never waits: what an actor cannot take is refused,
//! and the worker repeats it.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use powerjob_common::actor::{Port, Refused, Reply};
use powerjob_common::id::{AppId, InstanceId, NodeRef};
use powerjob_protocol::wire::beats::{BeatReports, BeatsTaken};
use powerjob_protocol::wire::message::WireMessage;
use powerjob_protocol::wire::node::TapRecords;
use powerjob_protocol::wire::task_journal::{JournalsKept, KeepJournals, TakeJournal};
use powerjob_protocol::wire::worker_to_server::{
    InstanceReports, InventoryAnswer, LogAnswer, LogChunks, ReportAnswers, WorkerHeartbeat,
    WorkerInventory,
};
use powerjob_session::{CloseCause, ErrorCode, Inbox, Incoming, PeerInfo, Responder, Session};

use tokio::sync::oneshot;

use super::link::NativeLink;
use super::listener::OpenSessions;
use super::reports;
use crate::actor::beat_keeper::KeepBeats;
use crate::actor::inspector::Nodes;
use crate::actor::instance_manager::{AnswerSheet, ApplyReports};
use crate::actor::log_collector::StoreLogs;
use crate::actor::task_journals::{self, KeepParts, ReadJournal};
use crate::actor::worker_registry::{
    Ending, Heartbeat, Inventory, InventoryAnswering, SessionClosed, SessionOpened,
};
use crate::live::{Cluster, Ownership, WorkerLink};

/// How long a refused worker waits before it asks again.
const RETRY_AFTER_MS: u32 = 50;
/// Pause before the end of a connection is told again to a registry that had no room for it.
const CLOSED_PAUSE: Duration = Duration::from_millis(50);

/// The ports of the worker registry.
#[derive(Debug, Clone)]
pub(crate) struct RegistryPorts {
    pub(crate) opened: Port<SessionOpened>,
    pub(crate) closed: Port<SessionClosed>,
    pub(crate) heartbeat: Port<Heartbeat>,
    pub(crate) inventory: Port<Inventory>,
}

/// What connections need.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionParts {
    pub(crate) registry: RegistryPorts,
    /// One for each shard of the instance managers, in their order.
    pub(crate) shards: Arc<[Port<ApplyReports>]>,
    pub(crate) logs: Port<StoreLogs>,
    pub(crate) keep_journals: Port<KeepParts>,
    pub(crate) read_journals: Port<ReadJournal>,
    pub(crate) beats: Port<KeepBeats>,
    pub(crate) ownership: Ownership,
    pub(crate) cluster: Cluster,
    pub(crate) nodes: Nodes,
    pub(crate) sessions: OpenSessions,
}

/// The receiving side of one session.
#[derive(Debug)]
pub(super) struct WorkerInbox {
    app_id: AppId,
    node: NodeRef,
    parts: ConnectionParts,
    link: OnceLock<Arc<NativeLink>>,
}

impl WorkerInbox {
    pub(super) fn new(app_id: AppId, node: NodeRef, parts: ConnectionParts) -> Self {
        Self {
            app_id,
            node,
            parts,
            link: OnceLock::new(),
        }
    }

    fn link(&self, session: &Session) -> &Arc<NativeLink> {
        self.link
            .get_or_init(|| Arc::new(NativeLink::new(session.clone())))
    }
}

impl Inbox for WorkerInbox {
    fn on_open(&self, session: &Session) {
        let link = self.link(session).clone();
        let peer = session.peer();
        let opened = SessionOpened {
            app_id: self.app_id,
            node: self.node.clone(),
            address: peer.remote_addr.to_string(),
            peer_address: peer_address(peer),
            software: peer.software.clone(),
            tells_inventory: true,
            session: link.clone(),
        };
        let sessions = &self.parts.sessions;
        sessions.enter(link.connection(), self.app_id, session);
        if let Err(refused) = self.parts.registry.opened.tell(opened) {
            session.close(ErrorCode::OVERLOADED, &refused.to_string());
            return;
        }
        self.parts.nodes.enter(link);
    }

    fn on_message(&self, session: &Session, message: Incoming) {
        if message.type_id() == TapRecords::TYPE {
            return self.on_tap_records(message);
        }
        if self.parts.ownership.epoch(self.app_id).is_none() {
            // Nothing may be taken for unknown or stored now; the worker repeats it.
            let text = "this server does not own the application now";
            return message.refuse(ErrorCode::OVERLOADED, text, RETRY_AFTER_MS);
        }
        let connection = self.link(session).connection();
        match message.type_id() {
            WorkerHeartbeat::TYPE => self.on_heartbeat(connection, message),
            InstanceReports::TYPE => self.on_reports(message),
            WorkerInventory::TYPE => self.on_inventory(connection, message),
            LogChunks::TYPE => self.on_logs(message),
            KeepJournals::TYPE => self.on_keep_journals(message),
            TakeJournal::TYPE => self.on_take_journal(message),
            BeatReports::TYPE => self.on_beats(message),
            _ => message.refuse(ErrorCode::UNKNOWN_TYPE, "not a message for a server", 0),
        }
    }

    fn on_closed(&self, session: &Session, cause: CloseCause) {
        let connection = self.link(session).connection();
        self.parts.nodes.leave(connection);
        self.parts.sessions.leave(connection);
        let closed = Closed {
            app_id: self.app_id,
            node: self.node.clone(),
            connection,
            ending: ending_of(&cause),
        };
        tracing::debug!(worker = %self.node, %cause, "a session ended");
        if closed.tell(&self.parts.registry.closed) == Err(Refused::Full) {
            tokio::spawn(closed.tell_until_taken(self.parts.registry.closed.clone()));
        }
    }
}

impl WorkerInbox {
    fn on_heartbeat(&self, connection: u64, message: Incoming) {
        let Some((state, _)) = message.open::<WorkerHeartbeat>() else {
            return;
        };
        let heartbeat = Heartbeat {
            app_id: self.app_id,
            node: self.node.clone(),
            connection,
            state: Box::new(state),
            names_processors: true,
        };
        if let Err(refused) = self.parts.registry.heartbeat.tell(heartbeat) {
            tracing::debug!(%refused, "a heartbeat was not taken; the next one comes soon");
        }
    }

    fn on_reports(&self, message: Incoming) {
        let Some((InstanceReports { items }, Some(responder))) = message.open::<InstanceReports>()
        else {
            return;
        };
        let sheet = AnswerSheet::new(items.len(), move |items, _stop| {
            reply(responder, &ReportAnswers { items });
        });
        let shards = &self.parts.shards;
        let sorted = reports::by_shard(items, shards.len(), |place| sheet.slot(place));
        drop(sheet); // from here on its slots hold it
        for (port, items) in shards.iter().zip(sorted) {
            if items.is_empty() {
                continue;
            }
            let worker = self.node.node_id.clone();
            let letter = ApplyReports {
                app_id: self.app_id,
                worker,
                items,
            };
            // The slots of a refused letter say "again".
            if let Err(refused) = port.tell(letter) {
                tracing::debug!(%refused, "reports of a worker were not taken");
            }
        }
    }

    fn on_inventory(&self, connection: u64, message: Incoming) {
        let Some((inventory, Some(responder))) = message.open::<WorkerInventory>() else {
            return;
        };
        let answer =
            InventoryAnswering::new(inventory.finished.len(), move |answers| match answers {
                Some((reports, stop)) => reply(responder, &InventoryAnswer { reports, stop }),
                None => responder.error(
                    ErrorCode::MAILBOX_FULL,
                    "the server is busy: say again what you hold",
                    RETRY_AFTER_MS,
                ),
            });
        let running = inventory.running.iter();
        let letter = Inventory {
            app_id: self.app_id,
            node: self.node.clone(),
            connection,
            running: running
                .map(|held| (InstanceId(held.instance_id), held.attempt))
                .collect(),
            finished: reports::by_shard(inventory.finished, self.parts.shards.len(), |place| {
                answer.slot(place)
            }),
            is_last: inventory.is_last,
            answer,
        };
        // Refused, it answers by itself that it must be repeated.
        if let Err(refused) = self.parts.registry.inventory.tell(letter) {
            tracing::warn!(%refused, worker = %self.node, "an inventory was not taken");
        }
    }

    fn on_logs(&self, message: Incoming) {
        let Some((LogChunks { items }, responder)) = message.open::<LogChunks>() else {
            return;
        };
        let (reply_to, stored) = Reply::channel();
        let letter = StoreLogs {
            app_id: self.app_id,
            worker: self.node.clone(),
            chunks: items,
            reply: reply_to,
        };
        if let Err(refused) = self.parts.logs.tell(letter) {
            if let Some(responder) = responder {
                refuse_for_now(responder, &refused);
            }
            return;
        }
        if let Some(responder) = responder {
            answer_later(responder, stored, |is_stored| LogAnswer { is_stored });
        }
    }

    fn on_keep_journals(&self, message: Incoming) {
        let Some((KeepJournals { items }, Some(responder))) = message.open::<KeepJournals>() else {
            return;
        };
        let (reply, kept) = Reply::channel();
        let letter = KeepParts {
            app_id: self.app_id,
            parts: items.into_iter().map(task_journals::of_wire).collect(),
            reply,
        };
        match self.parts.keep_journals.tell(letter) {
            Ok(()) => answer_later(responder, kept, |items| JournalsKept { items }),
            Err(refused) => refuse_for_now(responder, &refused),
        }
    }

    fn on_take_journal(&self, message: Incoming) {
        let Some((request, Some(responder))) = message.open::<TakeJournal>() else {
            return;
        };
        let (reply, taken) = Reply::channel();
        let letter = ReadJournal {
            app_id: self.app_id,
            request,
            reply,
        };
        match self.parts.read_journals.tell(letter) {
            Ok(()) => answer_later(responder, taken, |taken| taken),
            Err(refused) => refuse_for_now(responder, &refused),
        }
    }

    fn on_beats(&self, message: Incoming) {
        let Some((BeatReports { items }, Some(responder))) = message.open::<BeatReports>() else {
            return;
        };
        let (reply_to, stored) = Reply::channel();
        let letter = KeepBeats {
            app_id: self.app_id,
            items,
            reply: reply_to,
        };
        if let Err(refused) = self.parts.beats.tell(letter) {
            let text = refused.to_string();
            return responder.error(ErrorCode::MAILBOX_FULL, &text, RETRY_AFTER_MS);
        }
        tokio::spawn(async move {
            let is_stored = stored.await.unwrap_or(false);
            reply(responder, &BeatsTaken { is_stored });
        });
    }

    fn on_tap_records(&self, message: Incoming) {
        if let Some((records, _)) = message.open::<TapRecords>() {
            self.parts.nodes.take_records(records);
        }
    }
}

/// Where other workers reach this one: what it says, at the address from which it came if it names
/// a port only.
fn peer_address(peer: &PeerInfo) -> String {
    match peer.advertised.strip_prefix(':').map(str::parse) {
        Some(Ok(port)) => SocketAddr::new(peer.remote_addr.ip(), port).to_string(),
        Some(Err(_)) => String::new(),
        None => peer.advertised.clone(),
    }
}

/// The end of a connection, told until the registry takes it: a worker whose end is not known would
/// be given runs for ever.
struct Closed {
    app_id: AppId,
    node: NodeRef,
    connection: u64,
    ending: Ending,
}

impl Closed {
    fn tell(&self, port: &Port<SessionClosed>) -> Result<(), Refused> {
        port.tell(SessionClosed {
            app_id: self.app_id,
            node: self.node.clone(),
            connection: self.connection,
            ending: self.ending,
        })
    }

    async fn tell_until_taken(self, port: Port<SessionClosed>) {
        while self.tell(&port) == Err(Refused::Full) {
            tokio::time::sleep(CLOSED_PAUSE).await;
        }
    }
}

fn ending_of(cause: &CloseCause) -> Ending {
    match cause {
        CloseCause::GoAway {
            code: ErrorCode::DRAINING,
            ..
        } => Ending::Farewell,
        CloseCause::Local {
            code: ErrorCode::DRAINING,
            ..
        } => Ending::ServerStops,
        CloseCause::Silence => Ending::Silent,
        _ => Ending::Broken,
    }
}

/// An answer that cannot be sent is one whose session ends; the next inventory tells the same.
fn reply<A: WireMessage>(responder: Responder, answer: &A) {
    if let Err(error) = responder.reply(answer) {
        tracing::debug!(%error, "an answer was not sent");
    }
}

/// Answers when an actor has; without a word of it the worker hears that it must repeat.
fn answer_later<T: Send + 'static, A: WireMessage>(
    responder: Responder,
    answer: oneshot::Receiver<T>,
    say: impl FnOnce(T) -> A + Send + 'static,
) {
    tokio::spawn(async move {
        match answer.await {
            Ok(answer) => reply(responder, &say(answer)),
            Err(_) => responder.error(ErrorCode::MAILBOX_FULL, "not answered", RETRY_AFTER_MS),
        }
    });
}

fn refuse_for_now(responder: Responder, refused: &Refused) {
    let text = refused.to_string();
    responder.error(ErrorCode::MAILBOX_FULL, &text, RETRY_AFTER_MS);
}

/// The receiving side of a session that was told to go to another server.
#[derive(Debug)]
pub(super) struct Redirection;

impl Inbox for Redirection {
    fn on_open(&self, session: &Session) {
        session.drain(
            ErrorCode::CANCELLED,
            "the application belongs to another server",
        );
    }

    fn on_message(&self, session: &Session, message: Incoming) {
        let text = format!("the application belongs to {}", session.terms().owner);
        message.refuse(ErrorCode::FORBIDDEN, &text, 0);
    }

    fn on_closed(&self, _session: &Session, _cause: CloseCause) {}
}
