//! A few hundred worlds; `make sim` runs as many as one likes.

use powerjob_simulation::{Outcome, run};

/// Worlds of this test.
const SEEDS: u64 = 200;
/// Lines of history that are shown of a world that broke a rule.
const SHOWN: usize = 60;

fn assert_whole(outcome: &Outcome) {
    if outcome.broken.is_empty() {
        return;
    }
    let history = &outcome.history[outcome.history.len().saturating_sub(SHOWN)..];
    panic!(
        "seed {seed} broke after {events} events:\n{broken}\nthe last lines of its history:\n{history}\n\
         all of it: make sim ARGS=\"--seed {seed}\"",
        seed = outcome.seed,
        events = outcome.events,
        broken = outcome.broken.join("\n"),
        history = history.join("\n"),
    );
}

/// Spec 01 section 11, the rules that `powerjob_simulation::ledger` names.
#[test]
fn no_rule_is_broken_whatever_goes_wrong() {
    let (mut instances, mut starts) = (0, 0);
    for seed in 0..SEEDS {
        let outcome = run(seed, None);
        assert_whole(&outcome);
        instances += outcome.instances;
        starts += outcome.starts;
    }
    assert!(instances as u64 > SEEDS * 50, "only {instances} instances");
    assert!(starts as u64 > SEEDS * 50, "only {starts} starts");
}

#[test]
fn a_seed_gives_the_same_run_again() {
    for seed in [3, 12] {
        let (first, second) = (run(seed, None), run(seed, None));
        assert_eq!(first.fingerprint, second.fingerprint, "seed {seed}");
        assert_eq!(first.events, second.events, "seed {seed}");
    }
    assert_ne!(run(3, None).fingerprint, run(4, None).fingerprint);
}
