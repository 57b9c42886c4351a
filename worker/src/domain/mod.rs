//! The decisions of a worker: no clock, no sockets, no actors.

pub(crate) mod ending;
pub(crate) mod inventory;
pub(crate) mod log_book;
pub(crate) mod outbox;
pub(crate) mod request;
pub(crate) mod result_text;
pub(crate) mod slots;
pub(crate) mod task_retry;
pub(crate) mod task_table;
pub(crate) mod tracker;

/// One attempt of one instance: what the parts of a worker call a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub(crate) struct RunKey {
    /// The instance.
    pub(crate) instance_id: i64,
    /// The attempt.
    pub(crate) attempt: u32,
}

impl RunKey {
    /// The run that a report is about.
    pub(crate) fn of_report(
        report: &powerjob_protocol::wire::worker_to_server::InstanceReport,
    ) -> Self {
        Self {
            instance_id: report.instance_id,
            attempt: report.attempt,
        }
    }
}
