//! Which of the workers that fit gets the run? In: the candidates with their load, the strategy and
//! a random number. Out: the place of one of them.
//!
//! Invariants:
//! 1. A worker without room is never chosen.
//! 2. The worker to be avoided is chosen only if no other has room.
//! 3. However many candidates there are, at most [`SAMPLE`] of them are compared.

use powerjob_common::status::DispatchStrategy;

/// Candidates that are compared; among more, a random stretch is taken.
const SAMPLE: usize = 32;

/// A worker that could run a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Its rank by health; higher is better.
    pub score: i32,
    /// Runs it has.
    pub assigned: u32,
    /// Whether it takes another run.
    pub has_room: bool,
    /// Whether the job's dispatch strategy names it.
    pub is_preferred: bool,
    /// Whether it should get the run only if nobody else can.
    pub is_avoided: bool,
}

/// Chooses a worker among `count` candidates; `None` when none has room.
pub fn select_tracker(
    count: usize,
    candidate: impl Fn(usize) -> Candidate,
    strategy: DispatchStrategy,
    random: u64,
) -> Option<usize> {
    if count == 0 {
        return None;
    }
    let start = (random % count as u64) as usize;
    let mut best: Option<(usize, Rank)> = None;
    let mut compared = 0;
    for step in 0..count {
        let place = (start + step) % count;
        let facts = candidate(place);
        if !facts.has_room {
            continue;
        }
        let rank = rank(&facts, strategy);
        if best.is_none_or(|(_, known)| rank > known) {
            best = Some((place, rank));
        }
        compared += 1;
        if compared == SAMPLE {
            break;
        }
    }
    best.map(|(place, _)| place)
}

/// Compared from left to right; among equals the first in the random order wins.
type Rank = (bool, bool, i64);

fn rank(facts: &Candidate, strategy: DispatchStrategy) -> Rank {
    let health = i64::from(facts.score) - i64::from(facts.assigned);
    match strategy {
        DispatchStrategy::HealthFirst => (!facts.is_avoided, true, health),
        DispatchStrategy::Random => (!facts.is_avoided, true, 0),
        DispatchStrategy::Specify => (!facts.is_avoided, facts.is_preferred, 0),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn candidate(score: i32, assigned: u32) -> Candidate {
        Candidate {
            score,
            assigned,
            has_room: true,
            is_preferred: false,
            is_avoided: false,
        }
    }

    fn select(candidates: &[Candidate], strategy: DispatchStrategy, random: u64) -> Option<usize> {
        select_tracker(
            candidates.len(),
            |place| candidates[place],
            strategy,
            random,
        )
    }

    #[test]
    fn health_counts_what_was_given_already() {
        let candidates = [candidate(10, 0), candidate(12, 1), candidate(12, 3)];
        for random in 0..9 {
            assert_eq!(
                select(&candidates, DispatchStrategy::HealthFirst, random),
                Some(1)
            );
        }
    }

    #[test]
    fn random_reaches_everyone() {
        let candidates = [candidate(10, 0), candidate(12, 1), candidate(-3, 9)];
        let chosen: Vec<_> = (0..3)
            .map(|random| select(&candidates, DispatchStrategy::Random, random))
            .collect();
        assert_eq!(chosen, [Some(0), Some(1), Some(2)]);
    }

    #[test]
    fn specify_falls_back_to_any() {
        let mut candidates = [candidate(10, 0), candidate(12, 1)];
        assert!(select(&candidates, DispatchStrategy::Specify, 0).is_some());
        candidates[1].is_preferred = true;
        for random in 0..4 {
            assert_eq!(
                select(&candidates, DispatchStrategy::Specify, random),
                Some(1)
            );
        }
    }

    #[test]
    fn the_worker_that_failed_is_the_last_choice() {
        let mut candidates = [candidate(10, 0), candidate(90, 0)];
        candidates[1].is_avoided = true;
        assert_eq!(
            select(&candidates, DispatchStrategy::HealthFirst, 1),
            Some(0)
        );
        candidates[0].has_room = false;
        assert_eq!(
            select(&candidates, DispatchStrategy::HealthFirst, 1),
            Some(1)
        );
    }

    proptest! {
        #[test]
        fn a_worker_without_room_is_never_chosen(
            rooms in prop::collection::vec(any::<bool>(), 0..80),
            random in any::<u64>(),
        ) {
            let chosen = select_tracker(
                rooms.len(),
                |place| Candidate { has_room: rooms[place], ..candidate(1, 0) },
                DispatchStrategy::HealthFirst,
                random,
            );
            prop_assert_eq!(chosen.is_some(), rooms.contains(&true));
            prop_assert!(chosen.is_none_or(|place| rooms[place]));
        }
    }
}
