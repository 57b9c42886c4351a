//! Reports as they stand on the wire, made fit for the instance managers and sorted by shard.

use powerjob_common::id::InstanceId;
use powerjob_common::time::UnixMillis;
use powerjob_protocol::wire::worker_to_server::{InstanceReport, ReportAnswer};

use crate::actor::instance_manager::{AnswerSlot, shard_of};
use crate::actor::worker_registry::ShardReport;
use crate::domain::fold::{Report, ReportedAttempt, ReportedStatus};

/// Sorts reports by shard, several about one instance in their order; `slot` makes the place of the
/// answer to the report with that number.
pub(crate) fn by_shard(
    reports: Vec<InstanceReport>,
    shards: usize,
    slot: impl Fn(usize) -> AnswerSlot,
) -> Vec<Vec<ShardReport>> {
    let mut sorted: Vec<Vec<ShardReport>> = (0..shards).map(|_| Vec::new()).collect();
    for (place, report) in reports.into_iter().enumerate() {
        let id = InstanceId(report.instance_id);
        let slot = slot(place);
        match of_wire(report) {
            Some(report) => sorted[shard_of(id, shards)].push((id, report, slot)),
            None => {
                tracing::warn!(instance_id = %id, "a report has a status that no run can have");
                slot.answer(ReportAnswer::Stale);
            }
        }
    }
    sorted
}

fn of_wire(report: InstanceReport) -> Option<Report> {
    let instant = |ms: i64| (ms > 0).then_some(UnixMillis(ms));
    Some(Report {
        attempt: ReportedAttempt::Numbered(report.attempt),
        status: ReportedStatus::from_code(report.status)?,
        result: report.result,
        received_at: instant(report.received_at_ms),
        started_at: instant(report.started_at_ms),
        finished_at: instant(report.finished_at_ms),
    })
}
