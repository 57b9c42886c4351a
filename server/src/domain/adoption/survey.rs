//! What was read of a system of the Java product.

use powerjob_common::status::{ExecuteType, ProcessorType, TimeExpressionType};
use serde::Serialize;

/// Where the facts come from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SurveyedSource {
    /// `PostgreSQL`, `MariaDB`, `MySQL` or `PowerJob server`.
    pub kind: String,
    /// As it names it itself; may be empty.
    pub version: String,
}

/// All that is known. A list is empty when there is none of it; an option is `None` when the source
/// cannot tell.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    pub source: SurveyedSource,
    pub apps: Vec<SurveyedApp>,
    /// Without deleted ones.
    pub jobs: Vec<SurveyedJob>,
    /// Without deleted ones.
    pub workflows: Vec<SurveyedWorkflow>,
    /// Without deleted ones.
    pub containers: Vec<SurveyedContainer>,
    pub accounts: Vec<SurveyedAccount>,
    pub workers: Option<Vec<SurveyedWorker>>,
    pub history: Option<History>,
    pub storage: Option<Storage>,
    /// How far the local time of the Java server is east of UTC, in minutes.
    pub offset_minutes: Option<i32>,
}

#[derive(Debug, Clone)]
pub struct SurveyedApp {
    pub id: i64,
    pub name: String,
    pub password: AppPassword,
}

/// The password that the programs of an application prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppPassword {
    Absent,
    Readable,
    Unreadable,
    /// The source does not show it.
    Hidden,
}

/// Codes that this server does not know are kept as texts.
#[derive(Debug, Clone)]
pub struct SurveyedJob {
    pub id: i64,
    pub name: String,
    pub is_enabled: bool,
    pub schedule: Result<TimeExpressionType, String>,
    pub expression: String,
    pub execute_type: Result<ExecuteType, String>,
    pub processor_type: Result<ProcessorType, String>,
    /// Codes of other columns that are unknown here, e.g. `dispatch_strategy 7`.
    pub strange_codes: Vec<String>,
    /// Somebody is told when it fails.
    pub has_alarm: bool,
    /// Where lines of its log go: the reference's number; `None`: not set.
    pub log_type: Option<i64>,
    /// The reference's number of how its task tracker behaves; `None`: not set.
    pub tracker_behavior: Option<i64>,
}

#[derive(Debug, Clone, Default)]
pub struct SurveyedWorkflow {
    pub id: i64,
    pub name: String,
    pub is_enabled: bool,
    /// It starts by itself.
    pub is_scheduled: bool,
}

#[derive(Debug, Clone, Default)]
pub struct SurveyedContainer {
    pub id: i64,
    pub name: String,
}

#[derive(Debug, Clone, Default)]
pub struct SurveyedAccount {
    pub name: String,
    /// `PWJB`: built in; else the provider that knows the person.
    pub provider: String,
    /// Whether the stored password is in the known form; `None`: the source does not show it.
    pub password_is_readable: Option<bool>,
}

#[derive(Debug, Clone, Default)]
pub struct SurveyedWorker {
    pub address: String,
    pub protocol: String,
}

/// What ran and runs.
#[derive(Debug, Clone, Default)]
pub struct History {
    pub runs: usize,
    pub open_runs: usize,
    pub workflow_runs: usize,
    pub open_workflow_runs: usize,
    /// Ids of runs that several rows have: some of them, and how many there are.
    pub double_ids: (Vec<i64>, usize),
}

/// The database itself.
#[derive(Debug, Clone, Default)]
pub struct Storage {
    /// `table.column` of texts that are stored as large objects.
    pub large_objects: Vec<String>,
    /// Addresses of servers that gave a sign of life less than a minute ago.
    pub living_servers: Vec<String>,
    /// Tables of PowerJob 5.1 that do not exist.
    pub missing_tables: Vec<String>,
    /// `table.column` of PowerJob 5.1 that do not exist.
    pub missing_columns: Vec<String>,
    /// The version, if it is older than what is served.
    pub outdated: Option<String>,
    /// It has our tables already.
    pub is_taken_over: bool,
}
