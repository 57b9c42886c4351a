//! Second-level jobs: instances that do not end, whose beats this worker makes.

pub(crate) mod ledger;
pub(crate) mod metronome;
pub(crate) mod plan;
