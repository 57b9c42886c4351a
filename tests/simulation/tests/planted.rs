//! The simulation finds what it is there to find: every safeguard that is left out is missed.

use powerjob_simulation::plant::Plant;
use powerjob_simulation::run;

/// So many worlds are tried for each.
const SEEDS: u64 = 600;

/// Whether a world breaks a rule with this bug, and none without it.
fn is_found_by(seed: u64, plant: Plant) -> bool {
    let is_broken = |plant| !run(seed, plant).broken.is_empty();
    is_broken(Some(plant)) && !is_broken(None)
}

#[test]
fn every_planted_bug_is_found() {
    for plant in Plant::ALL {
        let is_found = (0..SEEDS).any(|seed| is_found_by(seed, plant));
        assert!(is_found, "{plant:?} is not found in {SEEDS} seeds");
    }
}
