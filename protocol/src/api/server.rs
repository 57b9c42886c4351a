//! The server that answers, and the others it knows. `GET /v1/server`, `GET/POST /v1/server/cleaning`;
//! administrators only.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::id::Id;
use super::inspection::ActorState;

/// `GET /v1/server`: how the server is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServerStatus {
    /// Node name.
    pub node: String,
    /// Version of the software.
    pub version: String,
    /// Its time, epoch milliseconds.
    pub now: i64,
    /// When it started, epoch milliseconds.
    pub started_at: i64,
    /// Time zone of schedules that name none.
    pub zone: String,
    /// Address for workers, `host:port`.
    pub worker_address: String,
    /// What it waits for before it does its full work; absent when it is ready.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub not_ready: Option<String>,
    /// Its right to act.
    pub lease: LeaseStatus,
    /// The servers of the database.
    pub servers: Vec<KnownServer>,
    /// The applications that it owns, by name.
    pub apps: Vec<OwnedApp>,
    /// How late runs were since the start.
    pub lateness: LatenessStatus,
    /// Runs since the start, and open ones.
    pub runs: RunCounts,
    /// Its actors with their queues, sorted by path.
    pub actors: Vec<ActorState>,
    /// The store's writer.
    pub store: StoreStatus,
    /// The process.
    pub process: ProcessStatus,
    /// What was deleted because it was too old.
    pub cleaning: CleaningStatus,
    /// What is configured; secrets as `***`.
    pub settings: Vec<Setting>,
}

/// A server's right to act.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeaseStatus {
    /// The fencing token of this life of the server.
    pub epoch: i64,
    /// It may act for so long unless the lease is renewed; 0: it may not.
    pub acts_for_ms: u64,
}

/// A server that the database knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KnownServer {
    /// Node name.
    pub node: String,
    /// Address for workers, `host:port`.
    pub worker_address: String,
    /// The fencing token of its present life.
    pub epoch: i64,
    /// When this life began, epoch milliseconds.
    pub acquired_at: i64,
    /// How many applications it owns.
    pub apps: u64,
    /// Whether it is the one that answers.
    pub is_this: bool,
}

/// An application that the server owns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OwnedApp {
    /// Its id.
    pub id: Id,
    /// Its name; empty when it was deleted just now.
    pub name: String,
    /// The fencing token of its ownership.
    pub epoch: i64,
}

/// How late runs were.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LatenessStatus {
    /// Runs whose start is known.
    pub starts: u64,
    /// Median from the nominal time to the start of the processor, in microseconds.
    pub p50_us: u64,
    /// 99 % quantile of the same.
    pub p99_us: u64,
    /// Median from the nominal time to the sending to a worker, in microseconds.
    pub sent_p50_us: u64,
    /// 99 % quantile of the same.
    pub sent_p99_us: u64,
}

/// Numbers of runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunCounts {
    /// Open now: waiting, claimed or running.
    pub open: u64,
    /// Sent to workers, repetitions included.
    pub sent: u64,
    /// Ended with success.
    pub succeeded: u64,
    /// Ended without success.
    pub failed: u64,
    /// Called off before they started.
    pub canceled: u64,
    /// Stopped by people or programs.
    pub stopped: u64,
}

/// Numbers of the store's writer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StoreStatus {
    /// Commits since the start.
    pub commits: u64,
    /// Rows written since the start.
    pub rows: u64,
    /// Rows that wait.
    pub queued_rows: u64,
    /// Rows that may wait.
    pub capacity_rows: u64,
    /// Submissions refused because the queue was full.
    pub refused: u64,
    /// Median of rows in a commit.
    pub batch_rows_p50: u64,
    /// 99 % quantile of rows in a commit.
    pub batch_rows_p99: u64,
    /// Median of the time of a commit, in microseconds.
    pub commit_p50_us: u64,
    /// 99 % quantile of the time of a commit, in microseconds.
    pub commit_p99_us: u64,
}

/// Numbers of the process; zero where the system does not tell.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProcessStatus {
    /// Memory that is present in the machine, shared pages included.
    pub resident_bytes: u64,
    /// Processor time since the start, in milliseconds.
    pub cpu_ms: u64,
    /// Threads.
    pub threads: u64,
    /// Open files and sockets.
    pub open_files: u64,
}

/// `GET /v1/server/cleaning`: what the server deleted because it was too old, since its start.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CleaningStatus {
    /// Whether a round is under way.
    pub is_running: bool,
    /// Rounds that ended.
    pub rounds: u64,
    /// Rounds in which something could not be deleted.
    pub failures: u64,
    /// When the last round ended, epoch milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ended_at: Option<i64>,
    /// How long it took.
    pub took_ms: u64,
    /// Ended instances.
    pub instances: u64,
    /// Former definitions of jobs.
    pub job_revisions: u64,
    /// Jobs that people had deleted and of which nothing was left.
    pub jobs: u64,
    /// Sessions that had ended.
    pub sessions: u64,
    /// Bytes of logs of runs.
    pub log_bytes: u64,
}

/// A setting with the value that counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Setting {
    /// `section.field`.
    pub name: String,
    /// As one would write it, `***` for secrets; absent when it is not set.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub value: Option<String>,
    /// Where it comes from: `default`, a place in a file, a variable of the environment, an argument.
    pub origin: String,
}
