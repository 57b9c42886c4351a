//! What the tests and benchmarks across processes have in common.

pub mod bench;
pub mod checker;
#[cfg(test)]
mod conformance;
pub mod eventually;
pub mod http;
pub mod java;
pub mod process;
pub mod programs;
pub mod proxy;
pub mod random;
pub mod small_disk;
pub mod team;
pub mod wall_clock;
