//! How many beats of a fixed rate fell between two workers? In: the last time that one looked at, the
//! first of the next one, and the distance of times. Out: their number.
//!
//! Invariants:
//! 1. Without a grid, or without both ends, none did.

/// Times are epoch milliseconds, 0 = unknown; `every_ms` 0 = no grid.
pub fn missed_between(last_ms: i64, first_ms: i64, every_ms: u64) -> u64 {
    if last_ms == 0 || first_ms == 0 || every_ms == 0 {
        return 0;
    }
    let gap_ms = u64::try_from(first_ms - last_ms).unwrap_or(0);
    (gap_ms / every_ms).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_steps_between_both_ends_count() {
        for (last_ms, first_ms, every_ms, expected) in [
            (100, 150, 10, 4),
            (100, 110, 10, 0),
            (100, 105, 10, 0),
            (100, 90, 10, 0),
            (100, 150, 0, 0),
            (0, 150, 10, 0),
            (100, 0, 10, 0),
        ] {
            let missed = missed_between(last_ms, first_ms, every_ms);
            assert_eq!(missed, expected, "{last_ms} {first_ms} {every_ms}");
        }
    }
}
