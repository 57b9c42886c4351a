//! Benchmarks across processes: the pieces that `make bench` puts together.

pub mod clock;
pub mod cost;
pub mod fill;
pub mod inside;
pub mod limits;
pub mod load;
pub mod memory;
pub mod stage;
pub mod stats;
pub mod wire;
