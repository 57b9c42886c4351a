//! Does a worker repeat a failed stand-alone task by itself?
//!
//! Input: what it repeated so far and what the job allows. Output: yes or no, and words about it.
//!
//! # Invariants
//! 1. A task is carried out at most `budget` + 1 times within one attempt (spec 04 section 10.2).
//! 2. A task that was asked to end is not repeated, whatever its processor said.
//! 3. The time limit counts for all repetitions together.

use super::ending::CancelReason;

/// Whether a task that failed is carried out again, after `repeated` repetitions.
pub(crate) fn repeats(repeated: u32, budget: u32, asked: Option<CancelReason>) -> bool {
    repeated < budget && asked.is_none()
}

/// What became of a failed round, in words.
pub(crate) fn failure_words(repeated: u32, budget: u32, cause: &str) -> String {
    let (round, rounds) = (u64::from(repeated) + 1, u64::from(budget) + 1);
    format!("task attempt {round} of {rounds} failed: {cause}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spec 04 case W-14.
    #[test]
    fn a_task_is_repeated_while_the_budget_lasts() {
        let rounds = (0..)
            .take_while(|repeated| repeats(*repeated, 2, None))
            .count()
            + 1;
        assert_eq!(rounds, 3);
        assert!(!repeats(0, 0, None));
        assert!(repeats(u32::MAX - 1, u32::MAX, None));
    }

    #[test]
    fn a_task_that_was_asked_to_end_is_not_repeated() {
        for reason in [CancelReason::UserStop, CancelReason::Timeout] {
            assert!(!repeats(0, 5, Some(reason)));
        }
    }

    #[test]
    fn rounds_count_from_one() {
        let words = failure_words(0, 2, "no");
        assert_eq!(words, "task attempt 1 of 3 failed: no");
        assert!(failure_words(u32::MAX, u32::MAX, "").contains("4294967296 of 4294967296"));
    }
}
