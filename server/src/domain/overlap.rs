//! A run is due while as many runs of its job are out as may be: what becomes of it? In: the job and
//! how many runs are out and wait. Out: it fails, is called off, waits, or takes another's place.
//!
//! Invariants:
//! 1. A job whose runs may overlap without limit is never crowded; one with another policy than
//!    "allow" has a limit of at least one.
//! 2. A run that was started before is never called off for its job's policy: it waits for its next
//!    attempt, or fails if the policy is "allow".
//! 3. Of the runs that were never started, at most as many wait as the policy says; for "replace",
//!    the newest one.

use std::fmt;

use super::job::JobDefinition;
use super::policy::Overlap;

/// The runs of a job at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crowd {
    /// Claimed or running.
    pub out: u32,
    /// Due and held back for those that are out, without the run in question.
    pub waiting: usize,
}

/// What becomes of the run in question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Crowded {
    Fails(String),
    CalledOff(String),
    Waits,
    /// It waits until the oldest run that is out has made room, which is stopped; others that wait
    /// and were never started are called off.
    Replaces,
}

/// So many runs of a job may be out; 0 = no limit.
pub fn run_limit(job: &JobDefinition) -> u32 {
    if job.is_second_level() {
        return 0; // the limit is one of its beats
    }
    match job.policy.overlap {
        Overlap::Allow => job.max_instances,
        Overlap::Skip | Overlap::Queue { .. } | Overlap::Replace => job.max_instances.max(1),
    }
}

/// Decides on a run that is due while `crowd.out` has reached the job's limit.
pub fn on_crowd(job: &JobDefinition, was_started: bool, crowd: Crowd) -> Crowded {
    match job.policy.overlap {
        Overlap::Allow => Crowded::Fails(too_many_instances(crowd.out, job.max_instances)),
        _ if was_started => Crowded::Waits,
        Overlap::Skip => Crowded::CalledOff(format!("skipped: {}", OutOfMax::of(job, crowd.out))),
        Overlap::Queue { limit } if crowd.waiting >= limit as usize => {
            Crowded::CalledOff(format!("skipped: {limit} runs of the job wait already"))
        }
        Overlap::Queue { .. } => Crowded::Waits,
        Overlap::Replace => Crowded::Replaces,
    }
}

/// The failure of an instance beyond the limit of its job, as the reference has it.
pub fn too_many_instances(out: u32, max: u32) -> String {
    format!("too many instances({out}>{max})")
}

/// How many runs of a job are out, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfMax {
    pub out: u32,
    pub max: u32,
}

impl OutOfMax {
    pub fn of(job: &JobDefinition, out: u32) -> Self {
        let max = run_limit(job);
        Self { out, max }
    }
}

impl fmt::Display for OutOfMax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { out, max } = self;
        let runs = if *out == 1 {
            "1 run".to_owned()
        } else {
            format!("{out} runs")
        };
        write!(f, "{runs} of the job out, {max} allowed")
    }
}

#[cfg(test)]
mod tests {
    use super::super::worker_filter::tests::job;
    use super::*;

    fn job_with(overlap: Overlap, max_instances: u32) -> JobDefinition {
        let mut job = job();
        job.policy.overlap = overlap;
        job.max_instances = max_instances;
        job
    }

    fn decide(overlap: Overlap, was_started: bool, waiting: usize) -> Crowded {
        let job = job_with(overlap, 1);
        on_crowd(&job, was_started, Crowd { out: 1, waiting })
    }

    #[test]
    fn whoever_does_not_allow_overlap_has_a_limit() {
        for (overlap, max, limit) in [
            (Overlap::Allow, 0, 0),
            (Overlap::Allow, 3, 3),
            (Overlap::Skip, 0, 1),
            (Overlap::Queue { limit: 9 }, 0, 1),
            (Overlap::Queue { limit: 9 }, 2, 2),
            (Overlap::Replace, 0, 1),
        ] {
            assert_eq!(
                run_limit(&job_with(overlap, max)),
                limit,
                "{overlap:?} {max}"
            );
        }
    }

    // Spec 01, invariant 35: the text of the reference.
    #[test]
    fn a_run_beyond_the_limit_fails_if_overlap_is_allowed() {
        let failed = Crowded::Fails("too many instances(1>1)".to_owned());
        assert_eq!(decide(Overlap::Allow, false, 0), failed);
        assert_eq!(decide(Overlap::Allow, true, 0), failed);
    }

    #[test]
    fn a_skipped_run_says_why() {
        let cause = "skipped: 1 run of the job out, 1 allowed".to_owned();
        assert_eq!(decide(Overlap::Skip, false, 0), Crowded::CalledOff(cause));
    }

    #[test]
    fn a_queue_is_bounded() {
        let queue = Overlap::Queue { limit: 2 };
        assert_eq!(decide(queue, false, 1), Crowded::Waits);
        let cause = "skipped: 2 runs of the job wait already".to_owned();
        assert_eq!(decide(queue, false, 2), Crowded::CalledOff(cause));
    }

    #[test]
    fn a_run_that_was_started_before_waits() {
        for overlap in [Overlap::Skip, Overlap::Queue { limit: 1 }, Overlap::Replace] {
            assert_eq!(decide(overlap, true, 5), Crowded::Waits, "{overlap:?}");
        }
        assert_eq!(decide(Overlap::Replace, false, 5), Crowded::Replaces);
    }
}
