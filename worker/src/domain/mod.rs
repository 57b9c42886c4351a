//! The decisions of a worker: no clock, no sockets, no actors.

pub(crate) mod ending;
pub(crate) mod heavy;
pub(crate) mod inventory;
pub(crate) mod log_book;
pub(crate) mod outbox;
pub(crate) mod request;
pub(crate) mod result_text;
pub(crate) mod slots;
pub(crate) mod task_retry;
pub(crate) mod task_table;
pub(crate) mod tracker;

/// One attempt of one instance, or one task of such an attempt: what the parts of a worker call a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub(crate) struct RunKey {
    /// The instance.
    pub(crate) instance_id: i64,
    /// The attempt.
    pub(crate) attempt: u32,
    /// 0 = the whole instance; else the number that this worker gave the run of a task.
    pub(crate) number: u64,
}

impl RunKey {
    /// An attempt of an instance.
    pub(crate) const fn of_attempt(instance_id: i64, attempt: u32) -> Self {
        Self {
            instance_id,
            attempt,
            number: 0,
        }
    }

    /// The run that a report is about.
    pub(crate) fn of_report(
        report: &powerjob_protocol::wire::worker_to_server::InstanceReport,
    ) -> Self {
        Self {
            instance_id: report.instance_id,
            attempt: report.attempt,
            number: 0,
        }
    }
}
