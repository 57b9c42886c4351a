//! What passes between a server and its workers, decoded.

use powerjob_protocol::wire::server_to_worker::{
    KillInstances, OwnerMoved, RunInstances, StopInstances,
};
use powerjob_protocol::wire::worker_to_server::{
    InstanceReports, InventoryAnswer, ReportAnswers, WorkerHeartbeat, WorkerInventory,
};

/// To a worker; a number asks for an answer.
#[derive(Debug, Clone)]
pub enum ToWorker {
    /// Asks for runs.
    Run(u64, RunInstances),
    /// Asks for stops.
    Stop(u64, StopInstances),
    /// Asks for kills.
    Kill(u64, KillInstances),
    /// Tells where the application is now; the session ends.
    Moved(OwnerMoved),
    /// Answers a question of the worker.
    Reply(u64, ServerReply),
}

/// The server's answer to a question of a worker.
#[derive(Debug, Clone)]
pub enum ServerReply {
    /// To reports.
    Reports(ReportAnswers),
    /// To a part of an inventory.
    Inventory(InventoryAnswer),
    /// It was not taken: come back later.
    Refused,
}

/// From a worker; a number asks for an answer.
#[derive(Debug, Clone)]
pub enum FromWorker {
    /// How it is.
    Heartbeat(WorkerHeartbeat),
    /// What became of runs.
    Reports(u64, InstanceReports),
    /// What it holds.
    Inventory(u64, WorkerInventory),
}
