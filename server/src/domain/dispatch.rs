//! May an instance go now, and what does it wait for? In: the job, how many of its runs are out, the
//! workers. Out: go, wait (for what) or fail (why), in words that people read.
//!
//! Invariants:
//! 1. A job with a limit never has more runs out than that.
//! 2. With nobody who could run it an instance waits for the job's grace time; with somebody who has
//!    no room it waits as long as it takes.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use powerjob_common::status::DispatchStrategy;

use super::job::JobDefinition;
use super::overlap::OutOfMax;
use super::worker::Worker;
use super::worker_filter::{Unfit, WorkerFilter};
use super::worker_names::{Match, WorkerNames};

/// The fit and the unfit workers of an application for one job.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Survey {
    /// Places of the workers that can run the job, those it prefers first; by health where the job
    /// limits their number.
    pub fit: Vec<usize>,
    /// How many of `fit` are asked together, in this order: those the job prefers most, these and
    /// the next best, all.
    pub circles: Vec<usize>,
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
        /// Why the others cannot; empty when there are none.
        others: Arc<str>,
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
            Self::Room { workers, others } => {
                match workers {
                    1 => f.write_str("waits for room: the one worker that can run it is full")?,
                    _ => write!(
                        f,
                        "waits for room: all {workers} workers that can run it are full"
                    )?,
                }
                if others.is_empty() {
                    return Ok(());
                }
                write!(f, "; of the others {others}")
            }
            Self::Others(out) => write!(f, "waits for other runs: {out}"),
            Self::Store(reason) => write!(f, "waits for the store: {reason}"),
        }
    }
}

/// Finds the workers that can run a job.
pub fn survey<'a>(
    job: &JobDefinition,
    workers: impl Iterator<Item = &'a Worker> + Clone,
) -> Survey {
    let filter = WorkerFilter::new(job, workers.clone());
    let preferred = WorkerNames::parse(match job.dispatch_strategy {
        DispatchStrategy::Specify => &job.dispatch_config,
        DispatchStrategy::HealthFirst | DispatchStrategy::Random | DispatchStrategy::RoundRobin => {
            ""
        }
    });
    let mut survey = Survey::default();
    let mut fit = Vec::new();
    for (place, worker) in workers.enumerate() {
        match filter.check(worker) {
            Ok(()) => fit.push((preferred.of(worker), worker.metrics.score(), place)),
            Err(reason) => *survey.unfit.entry(reason).or_default() += 1,
        }
    }
    if job.max_workers > 0 || !preferred.is_empty() {
        fit.sort_by_key(|(preference, score, place)| (Reverse((*preference, *score)), *place));
    }
    survey.circles = [Match::Whole, Match::Part, Match::None]
        .map(|least| fit.iter().filter(|fit| fit.0 >= least).count())
        .to_vec();
    survey.circles.dedup();
    survey.circles.retain(|count| *count > 0);
    survey.fit = fit.into_iter().map(|(_, _, place)| place).collect();
    survey
}

impl Survey {
    /// Why nobody can run the job, with the numbers.
    pub fn words(&self, job: &JobDefinition) -> String {
        let known: usize = self.fit.len() + self.unfit.values().sum::<usize>();
        if known == 0 {
            return "no worker of this application is connected".to_owned();
        }
        format!("{known} known, {}", self.unfit_words(job))
    }

    /// Why some cannot run the job, with the numbers; empty when all can.
    pub fn unfit_words(&self, job: &JobDefinition) -> String {
        let reasons: Vec<_> = self
            .unfit
            .iter()
            .map(|(reason, count)| format!("{count} {}", reason.words(job)))
            .collect();
        reasons.join(", ")
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
    fn the_best_workers_come_first_when_their_number_is_limited() {
        let mut workers = [worker("a"), worker("b"), worker("c")];
        workers[0].metrics.memory_used_bytes = 4 << 30;
        let mut job = job();
        job.max_workers = 2;
        let found = survey(&job, workers.iter());
        assert_eq!((found.fit, found.circles), (vec![1, 2, 0], vec![3]));
    }

    /// Spec 01 section 11 case 40: SPECIFY asks those it names first, and then all.
    #[test]
    fn named_workers_are_asked_before_all() {
        let mut workers = [worker("a"), worker("b"), worker("c")];
        workers[1].tags = vec!["gpu10".to_owned()];
        workers[0].tags = Vec::new();
        let mut job = job();
        job.dispatch_strategy = DispatchStrategy::Specify;
        for (config, circles) in [
            ("tagIn:gpu", vec![1, 2, 3]),
            ("b", vec![1, 3]),
            ("x", vec![3]),
        ] {
            job.dispatch_config = config.to_owned();
            assert_eq!(survey(&job, workers.iter()).circles, circles, "{config}");
        }
        job.dispatch_config = "tagIn:gpu".to_owned();
        assert_eq!(survey(&job, workers.iter()).fit, [2, 1, 0]);
    }

    #[test]
    fn full_workers_are_told_with_those_that_can_not() {
        let room = |workers, others: &str| WaitsFor::Room {
            workers,
            others: others.into(),
        };
        assert_eq!(
            room(1, "1 drained by an operator").to_string(),
            "waits for room: the one worker that can run it is full; of the others 1 drained by an operator"
        );
        assert_eq!(
            room(2, "").to_string(),
            "waits for room: all 2 workers that can run it are full"
        );
    }

    #[test]
    fn the_text_begins_as_that_of_the_reference() {
        let text = no_worker_available("none", Duration::from_millis(60_500));
        assert_eq!(text, "no worker available: none; waited 60.5 s");
    }
}
