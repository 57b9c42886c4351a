//! May an instance go now, and what does it wait for? In: the job, how many of its runs are out, the
//! workers. Out: go, wait (for what) or fail (why), in words that people read.
//!
//! Invariants:
//! 1. A job with a limit never has more runs out than that.
//! 2. With nobody who could run it an instance waits for the job's grace time; with somebody who has
//!    no room it waits as long as it takes.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use powerjob_common::reason::{Reason, ReasonCode};
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
    Worker(Arc<Reason>),
    /// Room at the workers that can run the job.
    Room {
        /// How many these are.
        workers: usize,
        /// Why the others cannot; empty when there are none.
        others: Arc<[Reason]>,
    },
    /// Others of its job to end.
    Others(OutOfMax),
    /// The store to take the claim.
    Store(String),
}

impl WaitsFor {
    /// As a reason that people and programs read.
    pub fn reason(&self) -> Reason {
        use ReasonCode::*;
        match self {
            Self::Time => WaitsForTime.into(),
            Self::Retry { cause } => Reason::new(WaitsForRetry, "cause", cause),
            Self::Worker(reason) => Reason::from(WaitsForWorker).of([reason.as_ref().clone()]),
            Self::Room { workers, others } => {
                let room = match workers {
                    1 => WaitsForRoomOfOne.into(),
                    _ => Reason::new(WaitsForRoom, "workers", workers),
                };
                match others.is_empty() {
                    true => room,
                    false => room.of([Reason::from(OfTheOthers).of(others.iter().cloned())]),
                }
            }
            Self::Others(OutOfMax { out, max }) => {
                Reason::new(WaitsForOthers, "out", out).with("max", max)
            }
            Self::Store(cause) => Reason::new(WaitsForStore, "cause", cause),
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
    pub fn why_nobody(&self, job: &JobDefinition) -> Reason {
        let known: usize = self.fit.len() + self.unfit.values().sum::<usize>();
        if known == 0 {
            return ReasonCode::NoWorker.into();
        }
        Reason::new(ReasonCode::WorkersKnown, "known", known).of(self.why_unfit(job))
    }

    /// Why some cannot run the job, with the numbers; empty when all can.
    pub fn why_unfit(&self, job: &JobDefinition) -> Vec<Reason> {
        let counted = |(unfit, count): (&Unfit, &usize)| {
            Reason::new(ReasonCode::Counted, "count", count).of([unfit.reason(job)])
        };
        self.unfit.iter().map(counted).collect()
    }
}

/// The failure of an instance that found no worker in time; begins as the reference has it.
pub fn no_worker_available(reason: &Reason, waited: Duration) -> String {
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
        workers[0].processors = Some(Vec::new());
        workers[1].processors = Some(Vec::new());
        workers[2].state = crate::domain::worker::WorkerState::Draining;
        let survey = survey(&job(), workers.iter());
        assert_eq!(
            survey.why_nobody(&job()).to_string(),
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
        let room = |workers, others: Vec<Reason>| {
            let others = others.into();
            WaitsFor::Room { workers, others }.reason().to_string()
        };
        let drained =
            Reason::new(ReasonCode::Counted, "count", 1).of([Unfit::Drained.reason(&job())]);
        assert_eq!(
            room(1, vec![drained]),
            "waits for room: the one worker that can run it is full; of the others 1 drained by an operator"
        );
        assert_eq!(
            room(2, Vec::new()),
            "waits for room: all 2 workers that can run it are full"
        );
    }

    #[test]
    fn the_text_begins_as_that_of_the_reference() {
        let text = no_worker_available(&ReasonCode::NoWorker.into(), Duration::from_millis(60_500));
        assert_eq!(
            text,
            "no worker available: no worker of this application is connected; waited 60.5 s"
        );
    }
}
