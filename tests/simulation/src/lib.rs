//! Servers, workers, their network and their database in one thread and one virtual time.
//!
//! A seed decides everything: how many of what there is, which jobs, which faults and when, how long
//! every message takes. The same seed gives the same run, on every machine. What is simulated is the
//! product's own code (`powerjob_server::simulation`, `powerjob_worker::simulation`); what is played
//! is what it stands on. The rules that are checked are in [`ledger`]; that the checks find what they
//! should is shown by planting bugs ([`plant`]).

mod database;
mod demand;
mod event;
mod faults;
pub mod ledger;
mod network;
mod people;
pub mod plant;
mod random;
mod scenario;
mod server;
mod store;
mod time;
mod verdict;
mod worker;
mod world;
mod writer;

pub use world::Outcome;

use plant::Plant;
use world::World;

/// Runs the world of a seed.
pub fn run(seed: u64, plant: Option<Plant>) -> Outcome {
    World::new(seed, plant, false).run()
}

/// Runs the world of a seed and tells everything on the standard error.
pub fn run_loud(seed: u64, plant: Option<Plant>) -> Outcome {
    World::new(seed, plant, true).run()
}
