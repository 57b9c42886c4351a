//! The statements of the hot path. Each is prepared once and carried out once per row; `row.rs`
//! gives the values in the order of the numbers.

use crate::store::dialect::Dialect;

pub(super) const BEGIN: &str = "begin immediate";
pub(super) const COMMIT: &str = "commit";
pub(super) const ROLLBACK: &str = "rollback";
pub(super) const BEGIN_PART: &str = "savepoint pj_part";
pub(super) const END_PART: &str = "release pj_part";
pub(super) const UNDO_PART: &str = "rollback to pj_part; release pj_part";

/// The texts, with the names of the tables filled in.
#[derive(Debug)]
pub(super) struct Statements {
    pub(super) lease: String,
    pub(super) assignment: String,
    pub(super) insert: String,
    pub(super) update: String,
    pub(super) release: String,
    pub(super) trigger: String,
    pub(super) attempt: String,
}

impl Statements {
    pub(super) fn new(dialect: &Dialect) -> Self {
        Self {
            lease: dialect.text(LEASE),
            assignment: dialect.text(ASSIGNMENT),
            insert: dialect.text(INSERT),
            update: dialect.text(UPDATE),
            release: dialect.text(RELEASE),
            trigger: dialect.text(TRIGGER),
            attempt: dialect.text(ATTEMPT),
        }
    }
}

/// One row while the lease is this server's.
const LEASE: &str = "select 1 from {pj_server_lease} where node_id = ?1 and epoch = ?2";

/// One row while the application is this server's.
const ASSIGNMENT: &str =
    "select 1 from {pj_app_assignment} where app_id = ?1 and shard = 0 and epoch = ?2";

const INSERT: &str = "\
insert into {instance_info} (
 id, instance_id, job_id, app_id, job_params, instance_params, pj_trigger_kind, type, pj_trigger_key,
 pj_nominal_at, wf_instance_id, pj_job_revision, pj_created_at, gmt_create, gmt_modified,
 last_report_time, status, pj_attempt, running_times, pj_unconfirmed_claims, expected_trigger_time,
 actual_trigger_time, pj_received_at, pj_started_at, finished_time, pj_recorded_at,
 task_tracker_address, pj_tracker_node, pj_tracker_incarnation, result, pj_chosen_worker)
values (?1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9, ?10, ?11, ?12, ?12, -1,
 ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27)";

/// Sets no column of a unique or history index: those would be written anew for every row.
const UPDATE: &str = "\
update {instance_info} set
 last_report_time = ?4, gmt_modified = ?5, status = ?6, pj_attempt = ?7, running_times = ?8,
 pj_unconfirmed_claims = ?9, expected_trigger_time = ?10, actual_trigger_time = ?11,
 pj_received_at = ?12, pj_started_at = ?13, finished_time = ?14, pj_recorded_at = ?15,
 task_tracker_address = ?16, pj_tracker_node = ?17, pj_tracker_incarnation = ?18, result = ?19
where {instance_key} = ?1 and status = ?2 and coalesce(pj_attempt, 0) = ?3";

const RELEASE: &str = "update {instance_info} set pj_trigger_key = null where {instance_key} = ?1";

const TRIGGER: &str = "\
update {job_info} set next_trigger_time = ?4
where id = ?1 and coalesce(pj_revision, 0) = ?2 and next_trigger_time is ?3";

/// An attempt that is in the history already stays as it is.
const ATTEMPT: &str = "\
insert into {pj_instance_attempt} (
 instance_id, status, attempt, running_times, unconfirmed_claims, expected_at, dispatched_at,
 received_at, started_at, finished_at, recorded_at, tracker_address, tracker_node,
 tracker_incarnation, result)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
on conflict do nothing";
