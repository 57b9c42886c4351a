//! The decisions of a worker: no clock, no sockets, no actors.

pub(crate) mod beats;
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
    /// 0 = the whole instance; else the number that this worker gave the run of a task, or
    /// [`FIRST_BEAT`] and the number of a beat.
    pub(crate) number: u64,
}

/// Numbers of beats begin behind this, which those of tasks never reach.
const FIRST_BEAT: u64 = 1 << 63;

impl RunKey {
    /// An attempt of an instance.
    pub(crate) const fn of_attempt(instance_id: i64, attempt: u32) -> Self {
        Self {
            instance_id,
            attempt,
            number: 0,
        }
    }

    /// A beat of an attempt of an instance.
    pub(crate) const fn of_beat(self, beat: u64) -> Self {
        Self {
            number: FIRST_BEAT | beat,
            ..self
        }
    }

    /// The attempt and the number of the beat, if it is one.
    pub(crate) const fn beat(self) -> Option<(Self, u64)> {
        if self.number < FIRST_BEAT {
            return None;
        }
        let attempt = Self::of_attempt(self.instance_id, self.attempt);
        Some((attempt, self.number & !FIRST_BEAT))
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
