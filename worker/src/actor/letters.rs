//! The letters between the actors of a worker.

use std::fmt;
use std::sync::Arc;

use powerjob_common::actor::{Letter, Reply};
use powerjob_common::id::InstanceId;
use powerjob_common::system_metrics::SystemMetrics;
use powerjob_protocol::wire::server_to_worker::{
    RunAnswers, RunInstance, StopAnswers, StopInstance,
};
use powerjob_protocol::wire::worker_to_server::{
    InstanceReport, InventoryAnswer, LogChunk, ReportAnswer, WorkerInventory,
};
use serde::{Serialize, Serializer};

use crate::domain::RunKey;
use crate::domain::ending::CancelReason;
use crate::processor::runner::{Job, RunEvent};

/// The way back to whoever asked over the network. Dropped without an answer, the asker is told so.
pub(crate) struct Answer<T>(Box<dyn FnOnce(T) + Send>);

impl<T> Answer<T> {
    /// Hands the answer to `send`.
    pub(crate) fn new(send: impl FnOnce(T) + Send + 'static) -> Self {
        Self(Box::new(send))
    }

    pub(crate) fn send(self, answer: T) {
        (self.0)(answer);
    }
}

impl<T> fmt::Debug for Answer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}

/// A server asks for runs; sent by the server link to the task tracker. Repeating it is harmless.
#[derive(Debug, Serialize)]
pub(crate) struct RunRequests {
    pub(crate) items: Vec<RunInstance>,
    #[serde(skip)]
    pub(crate) answer: Option<Answer<RunAnswers>>,
}

impl Letter for RunRequests {
    const NAME: &'static str = "RunInstances";
    fn instances(&self) -> Vec<InstanceId> {
        self.items
            .iter()
            .map(|item| InstanceId(item.instance_id))
            .collect()
    }
    fn weight(&self) -> usize {
        self.items.len()
    }
}

/// A server asks for the end of runs; sent by the server link to the task tracker. Repeating it is harmless.
#[derive(Debug, Serialize)]
pub(crate) struct StopRequests {
    pub(crate) items: Vec<StopInstance>,
    /// Without a grace time for the processors.
    pub(crate) at_once: bool,
    #[serde(skip)]
    pub(crate) answer: Option<Answer<StopAnswers>>,
}

impl Letter for StopRequests {
    const NAME: &'static str = "StopInstances";
    const LIFE_CYCLE: bool = true;
    fn instances(&self) -> Vec<InstanceId> {
        self.items
            .iter()
            .map(|item| InstanceId(item.instance_id))
            .collect()
    }
    fn weight(&self) -> usize {
        self.items.len()
    }
}

/// Accepted runs; sent by the task tracker to the processor tracker.
#[derive(Debug)]
pub(crate) struct StartRuns {
    pub(crate) jobs: Vec<Job>,
}

impl Serialize for StartRuns {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.jobs.iter().map(|job| &*job.run.request))
    }
}

impl Letter for StartRuns {
    const NAME: &'static str = "StartRuns";
    fn instances(&self) -> Vec<InstanceId> {
        self.jobs
            .iter()
            .map(|job| InstanceId(job.run.key.instance_id))
            .collect()
    }
    fn weight(&self) -> usize {
        self.jobs.len()
    }
}

/// Runs that must end; sent by the task tracker to the processor tracker.
#[derive(Debug, Serialize)]
pub(crate) struct CancelRuns {
    pub(crate) runs: Vec<(RunKey, CancelReason)>,
    /// Give them up without a grace time.
    pub(crate) at_once: bool,
}

impl Letter for CancelRuns {
    const NAME: &'static str = "CancelRuns";
    const LIFE_CYCLE: bool = true;
    fn instances(&self) -> Vec<InstanceId> {
        self.runs
            .iter()
            .map(|(key, _)| InstanceId(key.instance_id))
            .collect()
    }
}

/// The worker shuts down: all runs must end; sent to the processor tracker.
#[derive(Debug, Serialize)]
pub(crate) struct CancelAllRuns {
    pub(crate) reason: CancelReason,
}

impl Letter for CancelAllRuns {
    const NAME: &'static str = "CancelAllRuns";
    const LIFE_CYCLE: bool = true;
}

/// Events of runs wait in the event queue; a hint of the processor tracker to itself.
#[derive(Debug, Serialize)]
pub(crate) struct CollectEvents {}

impl Letter for CollectEvents {
    const NAME: &'static str = "CollectEvents";
}

/// Starts and ends of runs; sent by the processor tracker to the task tracker.
#[derive(Debug)]
pub(crate) struct TaskEvents {
    pub(crate) events: Vec<RunEvent>,
}

impl Serialize for TaskEvents {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.events.iter().map(|event| format!("{event:?}")))
    }
}

impl Letter for TaskEvents {
    const NAME: &'static str = "TaskEvents";
    fn instances(&self) -> Vec<InstanceId> {
        self.events
            .iter()
            .map(|event| InstanceId(event.key().instance_id))
            .collect()
    }
}

/// Ends of runs are durable in the spool; sent by the thread of the spool to the task tracker.
#[derive(Debug, Serialize)]
pub(crate) struct ReportsSpooled {
    pub(crate) reports: Vec<InstanceReport>,
}

impl Letter for ReportsSpooled {
    const NAME: &'static str = "ReportsSpooled";
    fn instances(&self) -> Vec<InstanceId> {
        self.reports
            .iter()
            .map(|report| InstanceId(report.instance_id))
            .collect()
    }
}

/// A session has begun; the server link asks the task tracker for what it holds, in parts.
#[derive(Debug, Serialize)]
pub(crate) struct TakeInventory {
    #[serde(skip)]
    pub(crate) reply: Reply<Vec<WorkerInventory>>,
}

impl Letter for TakeInventory {
    const NAME: &'static str = "TakeInventory";
    const LIFE_CYCLE: bool = true;
}

/// The server's answers to all parts of an inventory; sent by the server link to the task tracker.
#[derive(Debug, Serialize)]
pub(crate) struct InventoryAnswered {
    /// The ended runs of the inventory with their answers.
    pub(crate) reports: Vec<(RunKey, ReportAnswer)>,
    pub(crate) stop: Vec<StopInstance>,
}

impl InventoryAnswered {
    /// Adds the answer to one part.
    pub(crate) fn add(&mut self, part: &[RunKey], answer: InventoryAnswer) {
        self.reports
            .extend(part.iter().copied().zip(answer.reports));
        self.stop.extend(answer.stop);
    }
}

impl Letter for InventoryAnswered {
    const NAME: &'static str = "InventoryAnswered";
    const LIFE_CYCLE: bool = true;
}

/// The session has ended; sent by the server link to the task tracker.
#[derive(Debug, Serialize)]
pub(crate) struct SessionLost {}

impl Letter for SessionLost {
    const NAME: &'static str = "SessionLost";
    const LIFE_CYCLE: bool = true;
}

/// Reports for the server; sent by the task tracker to the server link.
#[derive(Debug, Serialize)]
pub(crate) struct SendReports {
    /// Number of the message, comes back in [`ReportsAnswered`].
    pub(crate) frame: u64,
    pub(crate) items: Vec<InstanceReport>,
}

impl Letter for SendReports {
    const NAME: &'static str = "InstanceReports";
    fn instances(&self) -> Vec<InstanceId> {
        self.items
            .iter()
            .map(|report| InstanceId(report.instance_id))
            .collect()
    }
}

/// What became of [`SendReports`]; sent by the server link to the task tracker.
#[derive(Debug, Serialize)]
pub(crate) struct ReportsAnswered {
    pub(crate) frame: u64,
    /// The answers in the order of the reports; `None` = none came, the reports must be repeated.
    pub(crate) answers: Option<Vec<ReportAnswer>>,
}

impl Letter for ReportsAnswered {
    const NAME: &'static str = "ReportAnswers";
}

/// Lines for the server; sent by the log shipper to the server link.
#[derive(Debug, Serialize)]
pub(crate) struct SendLogs {
    pub(crate) chunks: Arc<Vec<LogChunk>>,
}

impl Letter for SendLogs {
    const NAME: &'static str = "LogChunks";
    fn instances(&self) -> Vec<InstanceId> {
        self.chunks
            .iter()
            .map(|chunk| InstanceId(chunk.instance_id))
            .collect()
    }
}

/// What became of [`SendLogs`]; sent by the server link to the log shipper.
#[derive(Debug, Serialize)]
pub(crate) struct LogsAnswered {
    pub(crate) is_stored: bool,
}

impl Letter for LogsAnswered {
    const NAME: &'static str = "LogAnswer";
}

/// Lines wait in the log queue; a hint of the log shipper to itself.
#[derive(Debug, Serialize)]
pub(crate) struct CollectLines {}

impl Letter for CollectLines {
    const NAME: &'static str = "CollectLines";
}

/// Answered when all lines written so far are stored; sent by the shutdown to the log shipper.
#[derive(Debug, Serialize)]
pub(crate) struct FlushLogs {
    #[serde(skip)]
    pub(crate) reply: Reply<()>,
}

impl Letter for FlushLogs {
    const NAME: &'static str = "FlushLogs";
    const LIFE_CYCLE: bool = true;
}

/// A reading of the machine; sent by the health reporter to the server link.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct MetricsSampled {
    pub(crate) metrics: SystemMetrics,
}

impl Letter for MetricsSampled {
    const NAME: &'static str = "MetricsSampled";
}

/// The worker takes nothing new; sent by the shutdown to the task tracker and the server link.
#[derive(Debug, Serialize)]
pub(crate) struct Drain {}

impl Letter for Drain {
    const NAME: &'static str = "Drain";
    const LIFE_CYCLE: bool = true;
}

/// The worker ends: the session is closed; the last letter of the shutdown to the server link.
#[derive(Debug, Serialize)]
pub(crate) struct CloseSession {
    #[serde(skip)]
    pub(crate) reply: Reply<()>,
}

impl Letter for CloseSession {
    const NAME: &'static str = "CloseSession";
    const LIFE_CYCLE: bool = true;
}
