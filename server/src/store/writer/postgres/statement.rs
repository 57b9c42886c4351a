//! The statement of the hot path on PostgreSQL: one text, whatever the number of rows, and one round
//! trip that is a transaction by itself.
//!
//! All its parts see the database as it was before, so a batch never holds an insert and an update of
//! the same instance. Rows travel as one array for each column, in the order used here.

use crate::store::dialect::Dialect;

/// The text with the names of the tables filled in.
pub(super) fn text(dialect: &Dialect) -> String {
    let mut number = 0;
    let mut numbered = String::new();
    for part in TEMPLATE.split_inclusive('?') {
        match part.strip_suffix('?') {
            Some(part) => {
                number += 1;
                numbered.push_str(&format!("{part}${number}"));
            }
            None => numbered.push_str(part),
        }
    }
    dialect.text(&numbered)
}

/// The first eight parameters are used several times: node, epoch of the server, mark, date, now, and
/// the numbers of assignments, updates and triggers.
///
/// `held` locks the assignments until the end of the transaction: a take-over either came before and
/// is seen, or waits. The guard table refuses every row, and with it the whole statement.
const TEMPLATE: &str = "\
with frame (node, epoch, mark, day, now_ms, assignments, updates, triggers) as (
 select ?::text, ?::bigint, ?::bigint, ?::timestamp, ?::bigint, ?::bigint, ?::bigint, ?::bigint),
held as (
 select 1 from {pj_app_assignment} a
 join unnest(?::bigint[], ?::bigint[]) f (app_id, epoch)
  on a.app_id = f.app_id and a.shard = 0 and a.epoch = f.epoch
 for share of a),
marked as (
 update {pj_commit} c set mark = frame.mark, epoch = frame.epoch
 from frame where c.node_id = frame.node),
inserted as (
 insert into {instance_info} (
  instance_id, job_id, app_id, job_params, instance_params, pj_trigger_kind, type, pj_trigger_key,
  pj_nominal_at, wf_instance_id, pj_job_revision, pj_created_at, pj_chosen_worker, status, pj_attempt, running_times,
  pj_unconfirmed_claims, expected_trigger_time, actual_trigger_time, pj_received_at, pj_started_at,
  finished_time, pj_recorded_at, task_tracker_address, pj_tracker_node, pj_tracker_incarnation,
  result, last_report_time, gmt_create, gmt_modified)
 select
  r.instance_id, r.job_id, r.app_id, r.job_params, r.instance_params, r.kind,
  case r.kind when 3 then 2 else 1 end, r.nominal, r.nominal, r.workflow, r.revision, r.created,
  r.chosen, r.status, r.attempt, r.running_times, r.unconfirmed, r.expected, r.dispatched, r.received,
  r.started, r.finished, r.recorded, r.address, r.node, r.incarnation, r.result, -1,
  frame.day, frame.day
 from frame, unnest(
  ?::bigint[], ?::bigint[], ?::bigint[], ?::text[], ?::text[], ?::int[], ?::bigint[], ?::bigint[],
  ?::bigint[], ?::bigint[], ?::text[], ?::int[], ?::int[], ?::bigint[], ?::int[], ?::bigint[], ?::bigint[],
  ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[], ?::text[], ?::text[], ?::bigint[], ?::text[])
  r (instance_id, job_id, app_id, job_params, instance_params, kind, nominal, workflow, revision,
  created, chosen, status, attempt, running_times, unconfirmed, expected, dispatched, received, started,
  finished, recorded, address, node, incarnation, result)),
updated as (
 update {instance_info} i set
  status = r.status, pj_attempt = r.attempt, running_times = r.running_times,
  pj_unconfirmed_claims = r.unconfirmed, expected_trigger_time = r.expected,
  actual_trigger_time = r.dispatched, pj_received_at = r.received, pj_started_at = r.started,
  finished_time = r.finished, pj_recorded_at = r.recorded, task_tracker_address = r.address,
  pj_tracker_node = r.node, pj_tracker_incarnation = r.incarnation, result = r.result,
  pj_trigger_key = case when r.release then null else i.pj_trigger_key end,
  last_report_time = frame.now_ms, gmt_modified = frame.day
 from frame, unnest(
  ?::bigint[], ?::int[], ?::int[], ?::boolean[],
  ?::int[], ?::int[], ?::bigint[], ?::int[], ?::bigint[], ?::bigint[],
  ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[], ?::text[], ?::text[], ?::bigint[], ?::text[])
  r (instance_id, expect_status, expect_attempt, release, status, attempt, running_times,
  unconfirmed, expected, dispatched, received, started, finished, recorded, address, node,
  incarnation, result)
 where i.instance_id = r.instance_id and i.status = r.expect_status
  and coalesce(i.pj_attempt, 0) = r.expect_attempt
 returning 1),
triggered as (
 update {job_info} j set next_trigger_time = r.next
 from unnest(?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[]) r (id, revision, expected, next)
 where j.id = r.id and coalesce(j.pj_revision, 0) = r.revision
  and j.next_trigger_time is not distinct from r.expected
 returning 1),
kept as (
 insert into {pj_instance_attempt} (
  instance_id, status, attempt, running_times, unconfirmed_claims, expected_at, dispatched_at,
  received_at, started_at, finished_at, recorded_at, tracker_address, tracker_node,
  tracker_incarnation, result)
 select * from unnest(
  ?::bigint[], ?::int[], ?::int[], ?::bigint[], ?::int[], ?::bigint[], ?::bigint[], ?::bigint[],
  ?::bigint[], ?::bigint[], ?::bigint[], ?::text[], ?::text[], ?::bigint[], ?::text[])
 on conflict do nothing)
insert into {pj_guard} (fenced, stale)
select case when found.fenced then 1 end, case when found.stale then 1 end
from (
 select
  frame.node is not null and (
   (select count(*) from held) <> frame.assignments
   or not exists (
    select 1 from {pj_server_lease} l where l.node_id = frame.node and l.epoch = frame.epoch))
   as fenced,
  (select count(*) from updated) <> frame.updates
   or (select count(*) from triggered) <> frame.triggers as stale
 from frame) found
where found.fenced or found.stale";
