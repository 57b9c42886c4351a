//! May an instance go now, and what does it wait for? In: the job, how many of its runs are out, the
//! workers. Out: go, wait (for what) or fail (why), in words that people read.
//!
//! Invariants:
//! 1. A job with a limit never has more runs out than that.
//! 2. With nobody who could run it an instance waits for the job's grace time; with somebody who has
//!    no room it waits as long as it takes.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::job::JobDefinition;
use super::overlap::OutOfMax;
use super::worker::Worker;
use super::worker_filter::{Unfit, check_fit};

/// The fit and the unfit workers of an application for one job.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Survey {
    /// Places of the workers that can run the job.
    pub fit: Vec<usize>,
    /// How many cannot, by reason.
    pub unfit: BTreeMap<Unfit, usize>,
}

/// What a waiting instance waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitsFor {
    /// Its time.
    Time,
    /// The time of its next attempt.
    Retry {
        /// Why the last attempt ended.
        cause: String,
    },
    /// A worker that can run the job; says why those that are known cannot.
    Worker(String),
    /// Room at the workers that can run the job.
    Room {
        /// How many these are.
        workers: usize,
    },
    /// Others of its job to end.
    Others(OutOfMax),
    /// The store to take the claim.
    Store(String),
}

impl fmt::Display for WaitsFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time => f.write_str("waits for its time"),
            Self::Retry { cause } => {
                write!(
                    f,
                    "waits for its next attempt, because the last one failed: {cause}"
                )
            }
            Self::Worker(reason) => write!(f, "waits for a worker: {reason}"),
            Self::Room { workers: 1 } => {
                f.write_str("waits for room: the one worker that can run it is full")
            }
            Self::Room { workers } => {
                write!(
                    f,
                    "waits for room: all {workers} workers that can run it are full"
                )
            }
            Self::Others(out) => write!(f, "waits for other runs: {out}"),
            Self::Store(reason) => write!(f, "waits for the store: {reason}"),
        }
    }
}

/// Finds the workers that can run a job; at most `max_workers` of them, the best ones, if the job
/// limits their number.
pub fn survey<'a>(job: &JobDefinition, workers: impl Iterator<Item = &'a Worker>) -> Survey {
    let mut survey = Survey::default();
    let mut scores = Vec::new();
    for (place, worker) in workers.enumerate() {
        match check_fit(job, worker) {
            Ok(()) => scores.push((worker.metrics.score(), place)),
            Err(reason) => *survey.unfit.entry(reason).or_default() += 1,
        }
    }
    if job.max_workers > 0 && scores.len() > job.max_workers as usize {
        scores.sort_by_key(|(score, place)| (std::cmp::Reverse(*score), *place));
        scores.truncate(job.max_workers as usize);
    }
    survey.fit = scores.into_iter().map(|(_, place)| place).collect();
    survey
}

impl Survey {
    /// Why nobody can run the job, with the numbers.
    pub fn words(&self, job: &JobDefinition) -> String {
        let known: usize = self.fit.len() + self.unfit.values().sum::<usize>();
        if known == 0 {
            return "no worker of this application is connected".to_owned();
        }
        let reasons: Vec<_> = self
            .unfit
            .iter()
            .map(|(reason, count)| format!("{count} {}", reason.words(job)))
            .collect();
        format!("{known} known, {}", reasons.join(", "))
    }
}

/// The failure of an instance that found no worker in time; begins as the reference has it.
pub fn no_worker_available(reason: &str, waited: Duration) -> String {
    format!(
        "no worker available: {reason}; waited {} s",
        waited.as_millis() as f64 / 1_000.0
    )
}

#[cfg(test)]
mod tests {
    use super::super::worker_filter::tests::{job, worker};
    use super::*;

    #[test]
    fn the_reasons_are_counted() {
        let mut workers = [worker("a"), worker("b"), worker("c")];
        workers[0].processors.clear();
        workers[1].processors.clear();
        workers[2].state = crate::domain::worker::WorkerState::Draining;
        let survey = survey(&job(), workers.iter());
        assert_eq!(
            survey.words(&job()),
            "3 known, 1 shutting down, 2 without the processor `demo.noop`"
        );
    }

    #[test]
    fn the_best_workers_are_kept_when_their_number_is_limited() {
        let mut workers = [worker("a"), worker("b"), worker("c")];
        workers[0].metrics.memory_used_bytes = 4 << 30;
        let mut job = job();
        job.max_workers = 2;
        assert_eq!(survey(&job, workers.iter()).fit, [1, 2]);
    }

    #[test]
    fn the_text_begins_as_that_of_the_reference() {
        let text = no_worker_available("none", Duration::from_millis(60_500));
        assert_eq!(text, "no worker available: none; waited 60.5 s");
    }
}
