//! The statements of the hot path: constant text, whatever the number of rows.
//!
//! The driver binds the placeholders of all statements one after the other, in the order in which
//! they stand in the text; `Parameters::values` gives the values in that order. (Numbered
//! placeholders would not do: a number that a statement skips is counted, and shifts what follows.)
//! Rows travel as JSON arrays of arrays; `encode.rs` writes their fields in the order used here.

use crate::store::dialect::Dialect;

/// The texts, with the names of the tables filled in.
#[derive(Debug)]
pub(super) struct Statements {
    /// A whole transaction in one go.
    pub(super) transaction: String,
    /// A part of a transaction that can fail by itself.
    pub(super) part: String,
}

pub(super) const BEGIN: &str = "begin immediate";
pub(super) const COMMIT: &str = "commit";
pub(super) const ROLLBACK: &str = "rollback";
pub(super) const UNDO_PART: &str = "rollback to pj_part; release pj_part";

impl Statements {
    pub(super) fn new(dialect: &Dialect) -> Self {
        let body = [
            FENCE,
            INSERT,
            UPDATE,
            CHECK_UPDATES,
            RELEASE,
            TRIGGER,
            CHECK_TRIGGERS,
            ATTEMPTS,
        ]
        .map(|template| dialect.text(template))
        .join(";\n");
        Self {
            transaction: format!("{BEGIN};\n{body};\n{COMMIT}"),
            part: format!("savepoint pj_part;\n{body};\nrelease pj_part"),
        }
    }
}

/// Fails the transaction when the server or one of the applications has another owner.
const FENCE: &str = "\
insert into {pj_guard} (fenced) select 1 where ? is not null and (
 not exists (select 1 from {pj_server_lease} l where l.node_id = ? and l.epoch = ?)
 or exists (select 1 from json_each(?) f where not exists (
  select 1 from {pj_app_assignment} a
  where a.app_id = f.value ->> 0 and a.shard = 0 and a.epoch = f.value ->> 1)))";

/// What an instance has that was just made, waiting or claimed. One that is born with more (e.g.
/// already ended) gets the rest from the update that follows.
const INSERT: &str = "\
insert into {instance_info} (
 instance_id, job_id, app_id, job_params, instance_params, pj_trigger_kind, type, pj_trigger_key,
 pj_nominal_at, wf_instance_id, pj_job_revision, pj_created_at, status, pj_attempt,
 pj_unconfirmed_claims, expected_trigger_time, actual_trigger_time, task_tracker_address,
 pj_tracker_node, pj_tracker_incarnation, running_times, last_report_time, gmt_create, gmt_modified)
select
 r.value ->> 0, r.value ->> 1, r.value ->> 2, r.value ->> 3, r.value ->> 4, r.value ->> 5,
 1 + (r.value ->> 5 = 3), r.value ->> 6, r.value ->> 6, r.value ->> 7, r.value ->> 8, r.value ->> 9,
 r.value ->> 10, r.value ->> 11, r.value ->> 12, r.value ->> 13, r.value ->> 14, r.value ->> 15,
 r.value ->> 16, r.value ->> 17, 0, -1, ?, ?
from jsonb_each(?) r";

/// Sets no column of a unique or history index: those would be written anew for every row.
const UPDATE: &str = "\
update {instance_info} as i set
 status = r.value ->> 3, pj_attempt = r.value ->> 4, running_times = r.value ->> 5,
 pj_unconfirmed_claims = r.value ->> 6, expected_trigger_time = r.value ->> 7,
 actual_trigger_time = r.value ->> 8, pj_received_at = r.value ->> 9,
 pj_started_at = r.value ->> 10, finished_time = r.value ->> 11, pj_recorded_at = r.value ->> 12,
 task_tracker_address = r.value ->> 13, pj_tracker_node = r.value ->> 14,
 pj_tracker_incarnation = r.value ->> 15, result = r.value ->> 16,
 last_report_time = ?, gmt_modified = ?
from jsonb_each(?) r
where i.instance_id = r.value ->> 0 and i.status = r.value ->> 1
 and coalesce(i.pj_attempt, 0) = r.value ->> 2";

/// `changes()` is that of the statement before; in the normal case nothing is inserted.
const CHECK_UPDATES: &str = "insert into {pj_guard} (stale) select 1 where changes() <> ?";

const RELEASE: &str = "\
update {instance_info} set pj_trigger_key = null
where instance_id in (select value from json_each(?))";

const TRIGGER: &str = "\
update {job_info} as j set next_trigger_time = r.value ->> 3
from jsonb_each(?) r
where j.id = r.value ->> 0 and coalesce(j.pj_revision, 0) = r.value ->> 1
 and j.next_trigger_time is r.value ->> 2";

const CHECK_TRIGGERS: &str = "insert into {pj_guard} (stale) select 1 where changes() <> ?";

/// An attempt that is in the history already stays as it is.
const ATTEMPTS: &str = "\
insert into {pj_instance_attempt} (
 instance_id, status, attempt, running_times, unconfirmed_claims, expected_at, dispatched_at,
 received_at, started_at, finished_at, recorded_at, tracker_address, tracker_node,
 tracker_incarnation, result)
select
 r.value ->> 0, r.value ->> 1, r.value ->> 2, r.value ->> 3, r.value ->> 4, r.value ->> 5,
 r.value ->> 6, r.value ->> 7, r.value ->> 8, r.value ->> 9, r.value ->> 10, r.value ->> 11,
 r.value ->> 12, r.value ->> 13, r.value ->> 14
from jsonb_each(?) r where true
on conflict do nothing";
