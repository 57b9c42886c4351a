//! What the tests and benchmarks across processes have in common.

pub mod bench;
pub mod checker;
pub mod eventually;
pub mod http;
pub mod process;
pub mod programs;
