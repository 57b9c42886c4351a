//! The statements of the hot path on MySQL and MariaDB: constant text, whatever the number of rows.
//!
//! Rows travel as JSON arrays of arrays; `encode.rs` writes their fields in the order used here.
//! Joins are straight: the rows of the batch first, then those that they find by a key.

use crate::store::dialect::Dialect;

/// The texts, with the names of the tables filled in.
#[derive(Debug)]
pub(super) struct Statements {
    pub(super) held: String,
    pub(super) mark: String,
    pub(super) insert: String,
    pub(super) update: String,
    pub(super) release: String,
    pub(super) trigger: String,
    pub(super) attempts: String,
    pub(super) marked: String,
}

impl Statements {
    pub(super) fn new(dialect: &Dialect) -> Self {
        let of = |template: &str, columns: &[&str]| {
            dialect.text(&template.replace("<rows>", &rows(columns)))
        };
        Self {
            held: of(HELD, &["bigint", "bigint"]),
            mark: dialect.text("update {pj_commit} set mark = ?, epoch = ? where node_id = ?"),
            insert: of(INSERT, INSERT_COLUMNS),
            update: of(UPDATE, UPDATE_COLUMNS),
            release: dialect.text(RELEASE),
            trigger: of(TRIGGER, &["bigint"; 4]),
            attempts: of(ATTEMPTS, ATTEMPT_COLUMNS),
            // The lock waits for the end of a transaction whose connection was lost.
            marked: dialect
                .text("select mark from {pj_commit} where node_id = ? and epoch = ? for update"),
        }
    }
}

/// A table of the rows of one parameter, with columns `c0`, `c1`, ...
fn rows(types: &[&str]) -> String {
    let columns: Vec<String> = types
        .iter()
        .enumerate()
        .map(|(number, kind)| format!("c{number} {kind} path '$[{number}]'"))
        .collect();
    format!("json_table(?, '$[*]' columns ({})) r", columns.join(", "))
}

/// The assignments that are still ours, locked until the end of the transaction, if the server is.
const HELD: &str = "\
select a.app_id from <rows> straight_join {pj_app_assignment} a
 on a.app_id = r.c0 and a.shard = 0 and a.epoch = r.c1
where exists (select 1 from {pj_server_lease} l where l.node_id = ? and l.epoch = ?)
lock in share mode";

const NAME: &str = "varchar(255) character set utf8mb4";
const TEXT: &str = "longtext character set utf8mb4";

const INSERT_COLUMNS: &[&str] = &[
    "bigint", "bigint", "bigint", TEXT, TEXT, "int", "bigint", "bigint", "bigint", "bigint", "int",
    "int", "int", "bigint", "bigint", NAME, NAME, "bigint", NAME,
];

/// What an instance has that was just made; one that is born with more gets the rest from the update
/// that follows.
const INSERT: &str = "\
insert into {instance_info} (
 instance_id, job_id, app_id, job_params, instance_params, pj_trigger_kind, type, pj_trigger_key,
 pj_nominal_at, wf_instance_id, pj_job_revision, pj_created_at, status, pj_attempt,
 pj_unconfirmed_claims, expected_trigger_time, actual_trigger_time, task_tracker_address,
 pj_tracker_node, pj_tracker_incarnation, pj_chosen_worker, running_times, last_report_time,
 gmt_create, gmt_modified)
select
 r.c0, r.c1, r.c2, r.c3, r.c4, r.c5, case r.c5 when 3 then 2 else 1 end, r.c6, r.c6, r.c7, r.c8,
 r.c9, r.c10, r.c11, r.c12, r.c13, r.c14, r.c15, r.c16, r.c17, r.c18, 0, -1, ?, ?
from <rows>";

const UPDATE_COLUMNS: &[&str] = &[
    "bigint", "int", "int", "int", "int", "bigint", "int", "bigint", "bigint", "bigint", "bigint",
    "bigint", "bigint", NAME, NAME, "bigint", TEXT,
];

const UPDATE: &str = "\
update <rows> straight_join {instance_info} i
 on i.instance_id = r.c0 and i.status = r.c1 and coalesce(i.pj_attempt, 0) = r.c2
set
 i.status = r.c3, i.pj_attempt = r.c4, i.running_times = r.c5, i.pj_unconfirmed_claims = r.c6,
 i.expected_trigger_time = r.c7, i.actual_trigger_time = r.c8, i.pj_received_at = r.c9,
 i.pj_started_at = r.c10, i.finished_time = r.c11, i.pj_recorded_at = r.c12,
 i.task_tracker_address = r.c13, i.pj_tracker_node = r.c14, i.pj_tracker_incarnation = r.c15,
 i.result = r.c16, i.last_report_time = ?, i.gmt_modified = ?";

const RELEASE: &str = "\
update json_table(?, '$[*]' columns (c0 bigint path '$')) r
straight_join {instance_info} i on i.instance_id = r.c0
set i.pj_trigger_key = null";

const TRIGGER: &str = "\
update <rows> straight_join {job_info} j
 on j.id = r.c0 and coalesce(j.pj_revision, 0) = r.c1 and j.next_trigger_time <=> r.c2
set j.next_trigger_time = r.c3";

const ATTEMPT_COLUMNS: &[&str] = &[
    "bigint", "int", "int", "bigint", "int", "bigint", "bigint", "bigint", "bigint", "bigint",
    "bigint", NAME, NAME, "bigint", TEXT,
];

/// An attempt that is in the history already stays as it is.
const ATTEMPTS: &str = "\
insert into {pj_instance_attempt} (
 instance_id, status, attempt, running_times, unconfirmed_claims, expected_at, dispatched_at,
 received_at, started_at, finished_at, recorded_at, tracker_address, tracker_node,
 tracker_incarnation, result)
select
 r.c0, r.c1, r.c2, r.c3, r.c4, r.c5, r.c6, r.c7, r.c8, r.c9, r.c10, r.c11, r.c12, r.c13, r.c14
from <rows>
on duplicate key update {pj_instance_attempt}.attempt = {pj_instance_attempt}.attempt";
