//! Which of the workers that fit gets the run? In: the candidates with their load, the strategy and
//! a number that decides among equals. Out: the place of one of them.
//!
//! Invariants:
//! 1. A worker without room is never chosen.
//! 2. The worker to be avoided is chosen only if no other has room.
//! 3. With a limit only the first so many candidates that have room take part.
//! 4. However many candidates there are, at most [`SAMPLE`] of them are compared.

use powerjob_common::status::DispatchStrategy;

/// Candidates that are compared; among more, a stretch is taken.
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
    /// Whether it should get the run only if nobody else can.
    pub is_avoided: bool,
}

/// How to choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selection {
    /// The job's strategy.
    pub strategy: DispatchStrategy,
    /// Candidates with room that take part, counted from the first; 0 = all.
    pub limit: usize,
    /// Where the look around begins: the first of equals wins. Random, or the turn of the job.
    pub turn: u64,
}

/// Chooses a worker among `count` candidates; `None` when none has room.
pub fn select_tracker(
    count: usize,
    candidate: impl Fn(usize) -> Candidate,
    selection: Selection,
) -> Option<usize> {
    let count = match selection.limit {
        0 => count,
        limit => within_limit(count, &candidate, limit),
    };
    if count == 0 {
        return None;
    }
    let start = (selection.turn % count as u64) as usize;
    let mut best: Option<(usize, Rank)> = None;
    let mut compared = 0;
    for step in 0..count {
        let place = (start + step) % count;
        let facts = candidate(place);
        if !facts.has_room {
            continue;
        }
        let rank = rank(&facts, selection.strategy);
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

/// How far one must go to meet `limit` candidates with room.
fn within_limit(count: usize, candidate: impl Fn(usize) -> Candidate, limit: usize) -> usize {
    let with_room = (0..count).filter(|place| candidate(*place).has_room);
    with_room.take(limit).last().map_or(0, |place| place + 1)
}

/// Compared from left to right; among equals the first one met wins.
type Rank = (bool, i64);

fn rank(facts: &Candidate, strategy: DispatchStrategy) -> Rank {
    let health = match strategy {
        DispatchStrategy::HealthFirst => i64::from(facts.score) - i64::from(facts.assigned),
        DispatchStrategy::Random | DispatchStrategy::Specify | DispatchStrategy::RoundRobin => 0,
    };
    (!facts.is_avoided, health)
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
            is_avoided: false,
        }
    }

    fn select(candidates: &[Candidate], strategy: DispatchStrategy, random: u64) -> Option<usize> {
        limited(candidates, strategy, 0, random)
    }

    fn limited(
        candidates: &[Candidate],
        strategy: DispatchStrategy,
        limit: usize,
        turn: u64,
    ) -> Option<usize> {
        let selection = Selection {
            strategy,
            limit,
            turn,
        };
        select_tracker(candidates.len(), |place| candidates[place], selection)
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
    fn turns_go_round_and_pass_over_the_full() {
        let mut candidates = [candidate(1, 0), candidate(99, 0), candidate(5, 0)];
        let strategy = DispatchStrategy::RoundRobin;
        let chosen: Vec<_> = (0..6)
            .filter_map(|turn| select(&candidates, strategy, turn))
            .collect();
        assert_eq!(chosen, [0, 1, 2, 0, 1, 2]);
        candidates[1].has_room = false;
        assert_eq!(select(&candidates, strategy, 1), Some(2));
    }

    /// Spec 01 section 4.4: overload first, then the best so many.
    #[test]
    fn a_limit_counts_only_those_with_room() {
        let mut candidates = [candidate(9, 0), candidate(8, 0), candidate(7, 0)];
        candidates[0].has_room = false;
        for turn in 0..5 {
            let random = DispatchStrategy::Random;
            assert_eq!(limited(&candidates, random, 1, turn), Some(1));
            assert_ne!(limited(&candidates, random, 2, turn), Some(0));
        }
        candidates[1].has_room = false;
        candidates[2].has_room = false;
        assert_eq!(limited(&candidates, DispatchStrategy::Random, 1, 0), None);
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
            limit in 0..5_usize,
            random in any::<u64>(),
        ) {
            let candidates: Vec<_> = rooms
                .iter()
                .map(|room| Candidate { has_room: *room, ..candidate(1, 0) })
                .collect();
            let chosen = limited(&candidates, DispatchStrategy::HealthFirst, limit, random);
            prop_assert_eq!(chosen.is_some(), rooms.contains(&true));
            prop_assert!(chosen.is_none_or(|place| rooms[place]));
        }
    }
}
