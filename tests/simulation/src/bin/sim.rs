//! `make sim ARGS="--seeds 100000 --from 0"`, or `ARGS="--seed 42"` to see one run.

use std::process::ExitCode;

use powerjob_simulation::plant::Plant;
use powerjob_simulation::{Outcome, run, run_loud};

const USAGE: &str = "usage: sim [--seeds COUNT] [--from SEED] [--seed SEED] [--plant NAME]";

struct Wishes {
    from: u64,
    seeds: u64,
    only: Option<u64>,
    plant: Option<Plant>,
}

fn main() -> ExitCode {
    let Some(wishes) = wishes(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    if let Some(seed) = wishes.only {
        return tell(&run_loud(seed, wishes.plant), &[]);
    }
    let (mut events, mut failed) = (0, 0_u64);
    for seed in wishes.from..wishes.from.saturating_add(wishes.seeds) {
        let outcome = run(seed, wishes.plant);
        events += outcome.events;
        if !outcome.broken.is_empty() {
            failed += 1;
            eprintln!("seed {seed}: {}", outcome.broken.join("; "));
        }
    }
    eprintln!("{} seeds, {events} events, {failed} failed", wishes.seeds);
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        eprintln!("see one of them: make sim ARGS=\"--seed SEED\"");
        ExitCode::FAILURE
    }
}

fn tell(outcome: &Outcome, history: &[String]) -> ExitCode {
    for line in history {
        eprintln!("{line}");
    }
    eprintln!(
        "seed {}: {} events, {} instances, {} starts, fingerprint {:016x}",
        outcome.seed, outcome.events, outcome.instances, outcome.starts, outcome.fingerprint
    );
    if outcome.broken.is_empty() {
        return ExitCode::SUCCESS;
    }
    for text in &outcome.broken {
        eprintln!("broken: {text}");
    }
    ExitCode::FAILURE
}

fn wishes(mut args: impl Iterator<Item = String>) -> Option<Wishes> {
    let mut wishes = Wishes {
        from: 0,
        seeds: 10_000,
        only: None,
        plant: None,
    };
    while let Some(name) = args.next() {
        let value = args.next()?;
        match name.as_str() {
            "--seeds" => wishes.seeds = value.parse().ok()?,
            "--from" => wishes.from = value.parse().ok()?,
            "--seed" => wishes.only = Some(value.parse().ok()?),
            "--plant" => {
                let is_it = |plant: &Plant| format!("{plant:?}") == value;
                wishes.plant = Some(Plant::ALL.into_iter().find(is_it)?);
            }
            _ => return None,
        }
    }
    Some(wishes)
}
