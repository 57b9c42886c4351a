//! Benchmarks across processes: the pieces that `make bench` puts together.

pub mod clock;
pub mod limits;
pub mod memory;
pub mod stats;
