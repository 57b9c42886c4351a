//! How long does a failed run wait before its next attempt? In: the job's rule, how many attempts
//! failed, a number of chance. Out: the wait.
//!
//! Invariants:
//! 1. The wait never exceeds the limit of the rule, whatever its numbers are.
//! 2. Chance only shortens a wait, by the share that the rule allows at most.
//! 3. The same instance and attempt get the same chance, on every server.

use std::time::Duration;

use powerjob_common::id::InstanceId;

use super::mix::mix;
use super::policy::{BackOff, RetryPolicy};

/// The wait after `failed` attempts (1 or more); `chance` is from 0.0 up to 1.0.
pub fn retry_wait(policy: &RetryPolicy, failed: u32, chance: f64) -> Duration {
    let wait_ms = match policy.back_off {
        BackOff::Fixed { delay_ms } => delay_ms as f64,
        BackOff::Exponential {
            first_ms,
            factor,
            limit_ms,
        } => {
            let growth = factor
                .max(1.0)
                .powi(failed.saturating_sub(1).min(10_000) as i32);
            (first_ms as f64 * growth).min(limit_ms as f64)
        }
    };
    let share = policy.jitter.clamp(0.0, 1.0) * chance.clamp(0.0, 1.0);
    Duration::from_millis((wait_ms * (1.0 - share)).round() as u64)
}

/// A number from 0.0 up to 1.0 that differs from attempt to attempt and from instance to instance.
pub fn chance_of(id: InstanceId, attempt: u32) -> f64 {
    let seed = id.0.cast_unsigned() ^ u64::from(attempt).rotate_left(48);
    (mix(seed.wrapping_add(0x9E37_79B9_7F4A_7C15)) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn exponential(first_ms: u64, factor: f64, limit_ms: u64) -> RetryPolicy {
        RetryPolicy {
            back_off: BackOff::Exponential {
                first_ms,
                factor,
                limit_ms,
            },
            jitter: 0.0,
        }
    }

    fn waits_ms(policy: &RetryPolicy) -> Vec<u128> {
        (1..=5)
            .map(|failed| retry_wait(policy, failed, 0.0).as_millis())
            .collect()
    }

    /// The reference means 10 s (spec 01 section 4.6 rule 8).
    #[test]
    fn without_a_rule_each_wait_is_that_of_the_reference() {
        assert_eq!(waits_ms(&RetryPolicy::default()), [10_000; 5]);
    }

    #[test]
    fn waits_grow_up_to_the_limit() {
        let policy = exponential(100, 3.0, 2_000);
        assert_eq!(waits_ms(&policy), [100, 300, 900, 2_000, 2_000]);
    }

    #[test]
    fn chance_shortens_a_wait_by_its_share() {
        let policy = RetryPolicy {
            jitter: 0.25,
            ..exponential(1_000, 1.0, 1_000)
        };
        for (chance, wait_ms) in [(0.0, 1_000), (0.5, 875), (1.0, 750)] {
            assert_eq!(retry_wait(&policy, 1, chance).as_millis(), wait_ms);
        }
    }

    #[test]
    fn chances_are_spread_and_repeat() {
        let chances: Vec<_> = (1..=1_000)
            .map(|id| chance_of(InstanceId(id << 6), 1))
            .collect();
        let low = chances.iter().filter(|chance| **chance < 0.5).count();
        assert!((400..600).contains(&low), "{low}");
        assert_eq!(chance_of(InstanceId(64), 1), chances[0]);
        assert_ne!(chance_of(InstanceId(64), 2), chances[0]);
    }

    proptest! {
        #[test]
        fn no_numbers_break_the_limit(
            first_ms in any::<u64>(),
            factor in prop_oneof![Just(f64::NAN), Just(f64::INFINITY), any::<f64>()],
            limit_ms in 0..u64::MAX / 4,
            failed in any::<u32>(),
            jitter in any::<f64>(),
            chance in any::<f64>(),
        ) {
            let policy = RetryPolicy { jitter, ..exponential(first_ms, factor, limit_ms) };
            let wait = retry_wait(&policy, failed, chance);
            prop_assert!(wait.as_millis() <= u128::from(limit_ms) + 2_048);
        }
    }
}
