//! The worker's end of the connection to its server.
//!
//! * **Owns** the session: finds a server, dials again when the session ends, opens each with an inventory.
//! * **Hears** from the task tracker (`InstanceReports`), the log shipper (`LogChunks`), the health
//!   reporter (`MetricsSampled`) and the shutdown (`Drain`); what servers send goes past it, straight
//!   from the session to the actor concerned.
//! * **Tells** the server; the answers go to the task tracker and the log shipper.
//! * **Survives** a restart: nothing; the next inventory makes up for it.
//! * **Dies**: the worker ends with an error.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix::prelude::*;
use powerjob_common::actor::{ActorScope, Letter, Mail, Port};
use powerjob_common::system_metrics::SystemMetrics;
use powerjob_common::time::Clock;
use powerjob_protocol::wire::beats::BeatReports;
use powerjob_protocol::wire::task_journal::{
    JournalTaken, JournalsKept, KeepJournals, KeepVerdict, TakeVerdict,
};
use powerjob_protocol::wire::worker_to_server::{
    InstanceReports, LogChunks, WorkerHeartbeat, WorkerInventory,
};
use powerjob_session::{CloseCause, ErrorCode, Inbox, Session, SessionError};
use serde::Serialize;
use tokio::sync::{oneshot, watch};

use super::beat_letters::{BeatRequests, BeatsAnswered, BeatsAsked, SendBeats};
use super::heavy_letters::{TasksAsked, TeamsNamed};
use super::journal_letters::{AskJournal, SendJournals};
use super::letters::{
    CloseSession, Drain, InventoryAnswered, LogsAnswered, MetricsSampled, ReportsAnswered,
    RunRequests, SendLogs, SendReports, SessionLost, StopRequests, TakeInventory,
};
use super::task_tracker::Load;
use crate::domain::RunKey;
use crate::rpc::dialing::Dialing;
use crate::rpc::inbox::LinkInbox;
use crate::rpc::node::NodeDesk;
use crate::rpc::peers::MASTER;

/// Path of this actor as servers see it, and that of their counterpart.
const ME: &str = "worker/server_link";
const SERVER: &str = "server";
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(2);
/// Waits for answers of the server; what is not answered by then is sent again.
const REPORT_LIMIT: Duration = Duration::from_secs(30);
const INVENTORY_LIMIT: Duration = Duration::from_secs(60);
const LOG_LIMIT: Duration = Duration::from_secs(30);
const JOURNAL_LIMIT: Duration = Duration::from_secs(10);
/// Waits for actors of this worker.
const LOCAL_LIMIT: Duration = Duration::from_secs(10);
/// Pause before an inventory that the server could not take is offered again.
const INVENTORY_PAUSE: Duration = Duration::from_millis(500);

/// What heartbeats say besides the numbers of the machine.
#[derive(Debug, Clone)]
pub(crate) struct Presentation {
    pub(crate) address: String,
    pub(crate) tags: Vec<String>,
    pub(crate) software: String,
    pub(crate) capacity: u32,
    pub(crate) processors: Vec<String>,
}

/// What the server link needs.
#[derive(Debug, Clone)]
pub(crate) struct ServerLinkParts {
    pub(crate) me: Port<SessionReady>,
    pub(crate) run: Port<RunRequests>,
    pub(crate) stop: Port<StopRequests>,
    pub(crate) teams: Port<TeamsNamed>,
    pub(crate) tasks: Port<TasksAsked>,
    pub(crate) run_beats: Port<BeatRequests>,
    pub(crate) beats: Port<BeatsAsked>,
    pub(crate) inventory: Port<TakeInventory>,
    pub(crate) inventory_answered: Port<InventoryAnswered>,
    pub(crate) session_lost: Port<SessionLost>,
    pub(crate) reports_answered: Port<ReportsAnswered>,
    pub(crate) logs_answered: Port<LogsAnswered>,
    pub(crate) beats_answered: Port<BeatsAnswered>,
    pub(crate) dialing: Dialing,
    pub(crate) presentation: Presentation,
    pub(crate) load: watch::Receiver<Load>,
    /// Whether the program says that nothing new should come.
    pub(crate) is_overloaded: Arc<AtomicBool>,
    /// Whether the server knows this worker.
    pub(crate) is_connected: watch::Sender<bool>,
    pub(crate) scope: ActorScope,
    pub(crate) clock: Arc<dyn Clock>,
}

/// A session whose inventory is answered, or the end of it; the connection loop's word to its actor.
#[derive(Debug, Serialize)]
pub(crate) struct SessionReady {
    #[serde(skip)]
    pub(crate) session: Option<Session>,
}

impl Letter for SessionReady {
    const NAME: &'static str = "SessionReady";
    const LIFE_CYCLE: bool = true;
}

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct ServerLink {
    parts: ServerLinkParts,
    session: Option<Session>,
    metrics: SystemMetrics,
    is_draining: bool,
}

impl ServerLink {
    pub(crate) fn new(parts: ServerLinkParts) -> Self {
        let metrics = SystemMetrics {
            cpu_load: -1.0,
            ..SystemMetrics::default()
        };
        Self {
            parts,
            session: None,
            metrics,
            is_draining: false,
        }
    }
}

impl Actor for ServerLink {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(0); // the port counts
        ctx.spawn(stay_connected(self.parts.clone()).into_actor(self));
        ctx.run_interval(HEARTBEAT_INTERVAL, |actor, _ctx| actor.send_heartbeat());
    }
}

impl Handler<Mail<SessionReady>> for ServerLink {
    type Result = ();

    fn handle(&mut self, mail: Mail<SessionReady>, _ctx: &mut Self::Context) {
        let (SessionReady { session }, _ticket) = mail.open();
        self.parts.is_connected.send_replace(session.is_some());
        self.session = session;
        self.send_heartbeat();
    }
}

impl Handler<Mail<SendReports>> for ServerLink {
    type Result = ();

    fn handle(&mut self, mail: Mail<SendReports>, _ctx: &mut Self::Context) {
        let (SendReports { frame, items }, ticket) = mail.open();
        let answered = self.parts.reports_answered.clone();
        let count = items.len();
        let tell = move |answers| {
            drop(ticket); // counted until the server has answered
            if let Err(refused) = answered.tell(ReportsAnswered { frame, answers }) {
                tracing::error!(%refused, "the task tracker did not take the server's answers");
            }
        };
        let Some(session) = &self.session else {
            return tell(None);
        };
        let message = InstanceReports { items };
        session.ask_then(
            SERVER,
            ME,
            &message,
            REPORT_LIMIT,
            move |result| match result {
                Ok(answers) if answers.items.len() == count => tell(Some(answers.items)),
                Ok(_) => tell(None),
                Err(error) => {
                    tracing::debug!(%error, "reports were not answered");
                    tell(None);
                }
            },
        );
    }
}

impl Handler<Mail<SendLogs>> for ServerLink {
    type Result = ();

    fn handle(&mut self, mail: Mail<SendLogs>, _ctx: &mut Self::Context) {
        let (SendLogs { chunks }, ticket) = mail.open();
        let answered = self.parts.logs_answered.clone();
        let tell = move |is_stored| {
            drop(ticket);
            // Refused, the shipper is gone; its successor repeats the lines.
            answered.tell(LogsAnswered { is_stored }).ok();
        };
        let Some(session) = &self.session else {
            return tell(false);
        };
        let message = LogChunks {
            items: chunks.to_vec(),
        };
        session.ask_then(
            SERVER,
            "worker/log_shipper",
            &message,
            LOG_LIMIT,
            move |result| {
                tell(result.is_ok_and(|answer| answer.is_stored));
            },
        );
    }
}

impl Handler<Mail<SendJournals>> for ServerLink {
    type Result = ();

    fn handle(&mut self, mail: Mail<SendJournals>, _ctx: &mut Self::Context) {
        let (SendJournals { items, answer }, ticket) = mail.open();
        let Some(session) = &self.session else {
            return answer.send(None);
        };
        let count = items.len();
        let message = KeepJournals { items };
        session.ask_then(SERVER, MASTER, &message, JOURNAL_LIMIT, move |result| {
            drop(ticket);
            answer.send(match result {
                Ok(kept) => Some(kept),
                Err(SessionError::Peer { code, .. }) if code == ErrorCode::UNKNOWN_TYPE => {
                    let items = vec![KeepVerdict::Unwanted; count];
                    Some(JournalsKept { items })
                }
                Err(error) => {
                    tracing::debug!(%error, "parts of journals were not answered");
                    None
                }
            });
        });
    }
}

impl Handler<Mail<AskJournal>> for ServerLink {
    type Result = ();

    fn handle(&mut self, mail: Mail<AskJournal>, _ctx: &mut Self::Context) {
        let (AskJournal { request, answer }, ticket) = mail.open();
        let Some(session) = &self.session else {
            return answer.send(None);
        };
        session.ask_then(SERVER, MASTER, &request, JOURNAL_LIMIT, move |result| {
            drop(ticket);
            answer.send(match result {
                Ok(taken) => Some(taken),
                Err(SessionError::Peer { code, .. }) if code == ErrorCode::UNKNOWN_TYPE => {
                    Some(JournalTaken {
                        verdict: TakeVerdict::Parts,
                        parts: Vec::new(),
                        is_last: true,
                    })
                }
                Err(error) => {
                    tracing::debug!(%error, "a question for a journal was not answered");
                    None
                }
            });
        });
    }
}

impl Handler<Mail<SendBeats>> for ServerLink {
    type Result = ();

    fn handle(&mut self, mail: Mail<SendBeats>, _ctx: &mut Self::Context) {
        let (SendBeats { items }, ticket) = mail.open();
        let answered = self.parts.beats_answered.clone();
        let tell = move |is_stored| {
            drop(ticket); // counted until the server has answered
            if let Err(refused) = answered.tell(BeatsAnswered { is_stored }) {
                tracing::error!(%refused, "the beat tracker did not take the server's answer");
            }
        };
        let Some(session) = &self.session else {
            return tell(false);
        };
        let (message, from) = (BeatReports { items }, "worker/beat_tracker");
        session.ask_then(SERVER, from, &message, LOG_LIMIT, move |result| {
            tell(result.is_ok_and(|answer| answer.is_stored));
        });
    }
}

impl Handler<Mail<MetricsSampled>> for ServerLink {
    type Result = ();

    fn handle(&mut self, mail: Mail<MetricsSampled>, _ctx: &mut Self::Context) {
        let (MetricsSampled { metrics }, _ticket) = mail.open();
        self.metrics = metrics;
    }
}

impl Handler<Mail<Drain>> for ServerLink {
    type Result = ();

    fn handle(&mut self, mail: Mail<Drain>, _ctx: &mut Self::Context) {
        let (Drain {}, _ticket) = mail.open();
        self.is_draining = true;
        self.send_heartbeat();
    }
}

impl Handler<Mail<CloseSession>> for ServerLink {
    type Result = ();

    fn handle(&mut self, mail: Mail<CloseSession>, _ctx: &mut Self::Context) {
        let (CloseSession { reply }, _ticket) = mail.open();
        if let Some(session) = &self.session {
            session.close(ErrorCode::DRAINING, "the worker shuts down");
        }
        reply.send(());
    }
}

impl ServerLink {
    fn send_heartbeat(&self) {
        let Some(session) = &self.session else { return };
        if let Err(error) = session.tell(SERVER, ME, &self.heartbeat()) {
            tracing::debug!(%error, "a heartbeat was not sent");
        }
    }

    fn heartbeat(&self) -> WorkerHeartbeat {
        let Presentation {
            address,
            tags,
            software,
            capacity,
            processors,
        } = self.parts.presentation.clone();
        let metrics = &self.metrics;
        let running = u32::try_from(self.parts.load.borrow().held).unwrap_or(u32::MAX);
        // Who is overloaded takes no more than it has.
        let capacity = if self.parts.is_overloaded.load(Ordering::Relaxed) {
            capacity.min(running)
        } else {
            capacity
        };
        WorkerHeartbeat {
            measured_at_ms: self.parts.clock.now().0,
            address,
            tags,
            software,
            cpu_cores: metrics.cpu_cores,
            cpu_load: metrics.cpu_load,
            memory_total_bytes: metrics.memory_total_bytes,
            memory_used_bytes: metrics.memory_used_bytes,
            process_memory_bytes: metrics.process_memory_bytes,
            disk_total_bytes: metrics.disk_total_bytes,
            disk_used_bytes: metrics.disk_used_bytes,
            running,
            capacity,
            processors,
            draining: self.is_draining,
        }
    }
}

/// Opens one session after the other, for ever.
async fn stay_connected(parts: ServerLinkParts) {
    let mut first = 0;
    loop {
        let closed: Arc<Mutex<Option<oneshot::Receiver<CloseCause>>>> = Arc::default();
        let session = parts.dialing.open(first, || inbox(&parts, &closed)).await;
        let server = session.peer().address();
        tracing::info!(server, "connected to a server");
        let waiting = closed
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take();
        let cause = serve(&parts, &session, waiting).await;
        tracing::warn!(server, cause, "the session with the server has ended");
        parts.me.tell(SessionReady { session: None }).ok();
        parts.session_lost.tell(SessionLost {}).ok();
        first += 1;
    }
}

fn inbox(
    parts: &ServerLinkParts,
    closed: &Mutex<Option<oneshot::Receiver<CloseCause>>>,
) -> Arc<dyn Inbox> {
    let (sender, receiver) = oneshot::channel();
    *closed
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(receiver);
    Arc::new(LinkInbox {
        run: parts.run.clone(),
        stop: parts.stop.clone(),
        teams: parts.teams.clone(),
        tasks: parts.tasks.clone(),
        run_beats: parts.run_beats.clone(),
        beats: parts.beats.clone(),
        node: NodeDesk::new(parts.scope.clone()),
        course: parts.dialing.course.clone(),
        closed: Mutex::new(Some(sender)),
    })
}

/// Opens the session with an inventory and waits for its end; returns the cause.
async fn serve(
    parts: &ServerLinkParts,
    session: &Session,
    closed: Option<oneshot::Receiver<CloseCause>>,
) -> String {
    let ended = async {
        match closed {
            Some(closed) => closed
                .await
                .map_or_else(|_| "unknown".into(), |cause| cause.to_string()),
            None => "unknown".into(),
        }
    };
    let introduce = async {
        introduce(parts, session).await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        cause = ended => cause,
        () = introduce => String::new(),
    }
}

/// Tells the server what this worker holds, until the server has taken it.
async fn introduce(parts: &ServerLinkParts, session: &Session) {
    loop {
        let inventory = parts
            .inventory
            .ask(LOCAL_LIMIT, |reply| TakeInventory { reply })
            .await;
        let Ok(inventory) = inventory else {
            tracing::error!("the task tracker did not tell what it holds");
            tokio::time::sleep(INVENTORY_PAUSE).await;
            continue;
        };
        match send_inventory(session, inventory).await {
            Ok(answered) => {
                parts
                    .me
                    .tell(SessionReady {
                        session: Some(session.clone()),
                    })
                    .ok();
                parts.inventory_answered.tell(answered).ok();
                return;
            }
            Err(error) => tracing::warn!(%error, "the server did not take the inventory"),
        }
        tokio::time::sleep(INVENTORY_PAUSE).await;
    }
}

async fn send_inventory(
    session: &Session,
    inventory: Vec<WorkerInventory>,
) -> Result<InventoryAnswered, SessionError> {
    let mut answered = InventoryAnswered {
        reports: Vec::new(),
        stop: Vec::new(),
    };
    for part in inventory {
        let keys: Vec<RunKey> = part.finished.iter().map(RunKey::of_report).collect();
        let answer = session.ask(SERVER, ME, &part, INVENTORY_LIMIT).await?;
        answered.add(&keys, answer);
    }
    Ok(answered)
}
