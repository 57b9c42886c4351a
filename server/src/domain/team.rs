//! Which workers may take part in an instance that is spread over several? In: the job, the workers
//! that can run it (best first), the master. Out: the team, the master first.
//!
//! Invariants:
//! 1. The team has at most as many workers as the job allows (spec 04 case W-30).
//! 2. The master is in the team: it was chosen among those that can run the job.

use std::borrow::Borrow;

use powerjob_common::id::NodeRef;

use super::job::JobDefinition;
use super::worker::Worker;

/// The team of an instance.
pub fn team_of<W: Borrow<Worker>>(
    job: &JobDefinition,
    fit: impl Iterator<Item = W>,
    master: &NodeRef,
) -> Vec<W> {
    let limit = match job.max_workers {
        0 => usize::MAX,
        limit => limit as usize,
    };
    let (mut team, others): (Vec<_>, Vec<_>) =
        fit.partition(|worker| worker.borrow().node == *master);
    team.extend(others);
    team.truncate(limit);
    team
}

#[cfg(test)]
mod tests {
    use super::super::worker_filter::tests::{job, worker};
    use super::*;

    #[test]
    fn the_master_comes_first_and_the_number_is_limited() {
        let workers = ["a", "b", "c"].map(worker);
        let names = |max_workers| {
            let job = JobDefinition {
                max_workers,
                ..job()
            };
            let team = team_of(&job, workers.iter(), &workers[1].node);
            team.iter()
                .map(|worker| worker.node.node_id.as_str())
                .collect::<Vec<_>>()
        };
        assert_eq!(names(0), ["b", "a", "c"]);
        assert_eq!(names(2), ["b", "a"]);
    }
}
