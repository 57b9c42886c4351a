//! What connections tell the registry.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use powerjob_common::actor::{Letter, Reply};
use powerjob_common::id::{AppId, InstanceId, NodeRef};
use powerjob_protocol::wire::server_to_worker::StopInstance;
use powerjob_protocol::wire::worker_to_server::{ReportAnswer, WorkerHeartbeat};
use serde::Serialize;

use crate::actor::instance_manager::{AnswerSheet, AnswerSlot};
use crate::domain::fold::Report;
use crate::domain::worker::WorkerOrder;
use crate::live::WorkerLink;

/// A connection of a worker, in the hands of the registry.
pub(crate) trait WorkerSession: WorkerLink {
    /// Ends the connection and tells the worker why.
    fn close(&self, reason: &str);
}

/// A worker came in; sent by its connection before anything else.
#[derive(Debug, Serialize)]
pub(crate) struct SessionOpened {
    pub(crate) app_id: AppId,
    pub(crate) node: NodeRef,
    /// Where it connects from, until it says how it wants to be shown.
    pub(crate) address: String,
    /// Where other workers reach it; empty = nowhere.
    pub(crate) peer_address: String,
    pub(crate) software: String,
    /// Whether it will say what it holds. One that does not is here at once, and what it holds shows
    /// in its reports.
    pub(crate) tells_inventory: bool,
    #[serde(skip)]
    pub(crate) session: Arc<dyn WorkerSession>,
}

/// A connection has ended; sent by it, after everything else.
#[derive(Debug, Serialize)]
pub(crate) struct SessionClosed {
    pub(crate) app_id: AppId,
    pub(crate) node: NodeRef,
    pub(crate) connection: u64,
    pub(crate) ending: Ending,
}

/// How a connection ended, as far as it matters to the life behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Ending {
    /// The worker shut down in good order: this life does not come back.
    Farewell,
    /// The connection went away: the worker may have died, or it dials again.
    Broken,
    /// No sign of life came.
    Silent,
    /// This server shuts down: nothing is known about the worker.
    ServerStops,
}

impl Ending {
    /// In words, as the cause of a loss.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Farewell => "shut down",
            Self::Broken => "connection closed",
            Self::Silent => "no sign of life",
            Self::ServerStops => "the server shut down",
        }
    }
}

/// State of a worker; sent by its connection.
#[derive(Debug, Serialize)]
pub(crate) struct Heartbeat {
    pub(crate) app_id: AppId,
    pub(crate) node: NodeRef,
    pub(crate) connection: u64,
    pub(crate) state: Box<WorkerHeartbeat>,
    /// Whether `state` has the names of its processors; else nobody knows them.
    pub(crate) names_processors: bool,
}

/// A part of what a worker holds; sent by its connection.
#[derive(Debug, Serialize)]
pub(crate) struct Inventory {
    pub(crate) app_id: AppId,
    pub(crate) node: NodeRef,
    pub(crate) connection: u64,
    /// Runs in progress or queued, with their attempts.
    pub(crate) running: Vec<(InstanceId, u32)>,
    /// Ended runs by shard.
    #[serde(skip)]
    pub(crate) finished: Vec<Vec<ShardReport>>,
    pub(crate) is_last: bool,
    #[serde(skip)]
    pub(crate) answer: InventoryAnswering,
}

/// Orders of operators about workers, already stored; sent by `service` after it stored one, and by
/// the elector with all of an application that it takes over. Repeating it is harmless: of two orders
/// about a node the later one counts.
#[derive(Debug, Serialize)]
pub struct ApplyWorkerOrders {
    /// The application.
    pub app_id: AppId,
    /// Names of nodes with their orders.
    pub orders: Vec<(String, WorkerOrder)>,
    /// Answered when the workers are shown accordingly.
    #[serde(skip)]
    pub reply: Option<Reply<()>>,
}

/// A report with the place of its answer.
pub(crate) type ShardReport = (InstanceId, Report, AnswerSlot);

/// What a worker hears about a part of its inventory: the answers to the ended runs, and which of
/// those it holds it must stop. `None` = it must repeat all of it.
pub(crate) type InventoryWords = Option<(Vec<ReportAnswer>, Vec<StopInstance>)>;

/// The answer to a part of an inventory: an error unless the registry took the part.
#[derive(Debug)]
pub(crate) struct InventoryAnswering {
    sheet: Arc<AnswerSheet>,
    is_taken: Arc<AtomicBool>,
    reports: usize,
}

impl InventoryAnswering {
    /// An answer to `reports` ended runs; `send` is called once.
    pub(crate) fn new(reports: usize, send: impl FnOnce(InventoryWords) + Send + 'static) -> Self {
        let is_taken = Arc::new(AtomicBool::new(false));
        let taken = is_taken.clone();
        let sheet = AnswerSheet::new(reports, move |answers, stop| {
            send(taken.load(Relaxed).then_some((answers, stop)));
        });
        Self {
            sheet,
            is_taken,
            reports,
        }
    }

    /// The place of the answer to the ended run at `place`.
    pub(crate) fn slot(&self, place: usize) -> AnswerSlot {
        self.sheet.slot(place)
    }

    /// A place for the order to stop a run that the worker holds.
    pub(super) fn held_slot(&self) -> AnswerSlot {
        self.sheet.slot(self.reports)
    }

    /// The part is in the hands of those concerned; answered when they have let go of its places.
    pub(super) fn taken(self) {
        self.is_taken.store(true, Relaxed);
    }
}

impl Letter for ApplyWorkerOrders {
    const NAME: &'static str = "ApplyWorkerOrders";
    const LIFE_CYCLE: bool = true;
}

impl Letter for SessionOpened {
    const NAME: &'static str = "SessionOpened";
    const LIFE_CYCLE: bool = true;
}

impl Letter for SessionClosed {
    const NAME: &'static str = "SessionClosed";
    const LIFE_CYCLE: bool = true;
}

impl Letter for Heartbeat {
    const NAME: &'static str = "Heartbeat";
}

impl Letter for Inventory {
    const NAME: &'static str = "Inventory";
    const LIFE_CYCLE: bool = true;

    fn instances(&self) -> Vec<InstanceId> {
        let running = self.running.iter().map(|held| held.0);
        let finished = self.finished.iter().flatten().map(|report| report.0);
        running.chain(finished).collect()
    }
}
