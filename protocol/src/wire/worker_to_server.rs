//! What a worker sends to a server.

use serde::{Deserialize, Serialize};

use super::codec::{Decode, Encode};
use super::server_to_worker::StopInstance;

/// State of a worker; sent on connecting, every two seconds, and at once when it begins to drain.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct WorkerHeartbeat {
    /// When it was measured, epoch milliseconds of the worker.
    pub measured_at_ms: i64,
    /// Address for display, `host:port` or the host name.
    pub address: String,
    /// Tags, e.g. `gpu`, `zone-a`.
    pub tags: Vec<String>,
    /// Name and version of the software.
    pub software: String,
    /// Processors it may use.
    pub cpu_cores: f64,
    /// Load of the last minute in processors; negative = not available.
    pub cpu_load: f64,
    /// Memory it may use, in bytes.
    pub memory_total_bytes: u64,
    /// Memory in use on its machine, in bytes.
    pub memory_used_bytes: u64,
    /// Resident memory of the process, in bytes.
    pub process_memory_bytes: u64,
    /// Size of the disk of its work folder, in bytes.
    pub disk_total_bytes: u64,
    /// Used part of that disk, in bytes.
    pub disk_used_bytes: u64,
    /// Instances it runs or has queued.
    pub running: u32,
    /// Instances it takes at most.
    pub capacity: u32,
    /// Names of the processors it has, sorted.
    pub processors: Vec<String>,
    /// Whether it shuts down and takes nothing new.
    pub draining: bool,
}

/// What a worker holds; the first message of every session, so that a restarted server knows the
/// runs in flight. Sent in parts when it is large; only the last part ends the worker's unknown state.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct WorkerInventory {
    /// Runs in progress or queued.
    pub running: Vec<HeldInstance>,
    /// Ended runs whose end the server has not acknowledged, from memory or from the spool.
    pub finished: Vec<InstanceReport>,
    /// Whether this is the last part.
    pub is_last: bool,
}

/// A run that a worker holds.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct HeldInstance {
    /// The instance.
    pub instance_id: i64,
    /// The attempt.
    pub attempt: u32,
}

/// Answers [`WorkerInventory`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct InventoryAnswer {
    /// Answers to the ended runs, in their order; durable when they arrive.
    pub reports: Vec<ReportAnswer>,
    /// Runs that the worker must stop: they have ended or run elsewhere.
    pub stop: Vec<StopInstance>,
}

/// Tells how runs fare. Repeating it is harmless.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct InstanceReports {
    /// The reports; several about one instance stand in the order of their making.
    pub items: Vec<InstanceReport>,
}

/// How one run fares.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct InstanceReport {
    /// The instance.
    pub instance_id: i64,
    /// The attempt.
    pub attempt: u32,
    /// Epoch of the request that started it.
    pub epoch: i64,
    /// Revision of the job definition that it used.
    pub job_revision: i64,
    /// Trace of the instance, W3C byte order.
    pub trace_id: [u8; 16],
    /// Code of `InstanceStatus`: 3 running, 4 failed, 5 succeeded, 10 stopped; 1 = the worker has ended
    /// its part, and another one is to go on from its journal.
    pub status: u8,
    /// Result or cause of the failure; while running empty, or what became of the last task attempt
    /// if the worker repeats it.
    pub result: String,
    /// When the request arrived at the worker, epoch milliseconds of the worker.
    pub received_at_ms: i64,
    /// When the processor started, epoch milliseconds of the worker; 0 = it never did.
    pub started_at_ms: i64,
    /// When it ended, epoch milliseconds of the worker; 0 = still running.
    pub finished_at_ms: i64,
}

/// Answers [`InstanceReports`], one answer per item and in its order. A final report is answered
/// only when it is durable.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct ReportAnswers {
    /// The answers.
    pub items: Vec<ReportAnswer>,
}

/// What the server made of a report. Grows only at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub enum ReportAnswer {
    /// Stored: the worker may forget it.
    Stored,
    /// Another attempt or a final state stands: the worker must stop the run and forget it.
    Stale,
    /// No such instance: the worker must stop the run and forget it.
    UnknownInstance,
    /// Not stored now: the worker must repeat it.
    Again,
}

/// Lines of the logs of runs.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct LogChunks {
    /// The chunks; several of one instance stand in the order of their making.
    pub items: Vec<LogChunk>,
}

/// Successive lines of one run's log.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct LogChunk {
    /// The instance.
    pub instance_id: i64,
    /// The attempt.
    pub attempt: u32,
    /// Number of the first line within the attempt, from 0; a repeated chunk is recognised by it.
    pub first_sequence: u64,
    /// Lines thrown away just before the first one because they came too fast: shown as a gap.
    /// They have used up as many sequence numbers.
    pub lost_before: u64,
    /// The lines.
    pub lines: Vec<LogLine>,
}

/// One line of a run's log.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct LogLine {
    /// When it was written, epoch milliseconds of the worker.
    pub at_ms: i64,
    /// Code of `LogLevel`.
    pub level: u8,
    /// The text, at most 8 KiB.
    pub text: String,
}

/// Answers [`LogChunks`]: the chunks are durable, the worker may forget them.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct LogAnswer {
    /// Whether they were stored; `false` = repeat them later.
    pub is_stored: bool,
}
