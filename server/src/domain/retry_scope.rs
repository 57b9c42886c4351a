//! How much of an ended instance is carried out once more, may that be, and how does the worker that
//! gets the next attempt know? In: the wish, the instance's end, its job, the end of its journal.
//!
//! Invariants:
//! 1. A retry of everything never goes on from a journal.
//! 2. A journal that does not have everything is never gone on from.

use powerjob_common::status::{ExecuteType, InstanceStatus};
use powerjob_protocol::wire::task_journal::JournalRecord;

use super::job::JobDefinition;

/// How much a retry by hand carries out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub enum RetryScope {
    /// Everything.
    #[default]
    Whole,
    /// The tasks that failed or had not ended, and what comes after all tasks.
    FailedTasks,
}

/// Why the failed tasks alone cannot be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoFailedTasks {
    /// Its end was another one.
    #[error("the instance has not failed: only the tasks of a failed one can be retried")]
    NotFailed,
    /// Its job runs on one worker.
    #[error("the instance has no tasks: its job is stand-alone; retry the instance")]
    StandAlone,
    /// It was a second-level job's.
    #[error("a second-level job has beats instead of tasks; they are not retried")]
    SecondLevel,
    /// The tasks of a broadcast belong to workers.
    #[error("the tasks of a broadcast are not kept: retry the instance")]
    Broadcast,
    /// No master has kept anything.
    #[error("nothing is kept of the tasks of this instance: retry the instance")]
    NothingKept,
    /// A master gave its journal up.
    #[error("not all tasks of this instance are kept: retry the instance")]
    NotAllKept,
}

/// Whether an instance that has ended may have its failed tasks retried, as far as its journal is not
/// asked.
///
/// # Errors
/// [`NoFailedTasks`].
pub fn check_failed_tasks(
    status: InstanceStatus,
    job: &JobDefinition,
) -> Result<(), NoFailedTasks> {
    match job.execute_type {
        ExecuteType::Standalone if job.is_second_level() => Err(NoFailedTasks::SecondLevel),
        ExecuteType::Standalone => Err(NoFailedTasks::StandAlone),
        ExecuteType::Broadcast => Err(NoFailedTasks::Broadcast),
        ExecuteType::Map | ExecuteType::MapReduce if status != InstanceStatus::Failed => {
            Err(NoFailedTasks::NotFailed)
        }
        ExecuteType::Map | ExecuteType::MapReduce => Ok(()),
    }
}

/// What the journal of an ended instance still needs for the next attempt, given the records of its
/// last part; `None` for those says that they cannot be read.
///
/// # Errors
/// [`NoFailedTasks`]: nobody can go on from it.
pub fn journal_mark(
    last: Option<&[JournalRecord]>,
    scope: RetryScope,
) -> Result<Option<JournalRecord>, NoFailedTasks> {
    use JournalRecord::{Broken, Decided, FailedAgain};
    let is_broken = last.is_none_or(|records| records.contains(&Broken));
    let end = last.and_then(<[_]>::last);
    match scope {
        RetryScope::Whole if matches!(end, Some(Decided | Broken)) => Ok(None),
        RetryScope::Whole => Ok(Some(Decided)),
        RetryScope::FailedTasks if is_broken => Err(NoFailedTasks::NotAllKept),
        // An earlier retry got as far as this, and no further.
        RetryScope::FailedTasks if end == Some(&FailedAgain) => Ok(None),
        RetryScope::FailedTasks => Ok(Some(FailedAgain)),
    }
}

#[cfg(test)]
mod tests {
    use JournalRecord::{Broken, Decided, FailedAgain};
    use RetryScope::{FailedTasks, Whole};

    use super::*;

    fn ended() -> JournalRecord {
        JournalRecord::Ended {
            first: 1,
            count: 1,
            is_success: false,
            results: Vec::new(),
        }
    }

    #[test]
    fn a_whole_retry_begins_anew_and_one_of_the_failed_tasks_goes_on() {
        for (last, whole, failed) in [
            (vec![ended(), Decided], None, Ok(Some(FailedAgain))),
            // Its master was lost, or its end waited too long for the journal.
            (vec![ended()], Some(Decided), Ok(Some(FailedAgain))),
            (vec![FailedAgain], Some(Decided), Ok(None)),
            (vec![Broken], None, Err(NoFailedTasks::NotAllKept)),
        ] {
            assert_eq!(journal_mark(Some(&last), Whole), Ok(whole), "{last:?}");
            assert_eq!(journal_mark(Some(&last), FailedTasks), failed, "{last:?}");
        }
        assert_eq!(journal_mark(None, Whole), Ok(Some(Decided)));
        let refused = journal_mark(None, FailedTasks);
        assert_eq!(refused, Err(NoFailedTasks::NotAllKept));
    }
}
