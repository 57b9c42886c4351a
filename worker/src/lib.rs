//! The PowerJob worker: processors written in Rust, carried out for a PowerJob server.
//!
//! ```no_run
//! use powerjob_worker::{TaskContext, Worker, powerjob_handler};
//!
//! #[powerjob_handler(name = "greet")]
//! async fn greet(ctx: &TaskContext) -> Result<String, std::io::Error> {
//!     ctx.logger().info("about to greet");
//!     Ok(format!("hello, {}", ctx.params()))
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let worker = Worker::builder().app("demo").server("127.0.0.1:10010").secret("...").start().await?;
//!     Ok(worker.join().await?)
//! }
//! ```
//!
//! A worker never ends the process that hosts it, and several of them may live in one process.
//! How to write processors is told in `docs/processors.md`.

#![warn(missing_docs)]

extern crate self as powerjob_worker;

mod actor;
pub mod agent;
mod app;
mod builder;
mod config;
mod context;
mod domain;
mod error;
mod handle;
mod identity;
mod node;
mod online_log;
mod outcome;
mod processor;
mod rpc;
mod run;
mod run_log_layer;
#[cfg(feature = "simulation")]
pub mod simulation;
mod store;
mod sub_tasks;
mod task_part;

pub use builder::{Worker, WorkerBuilder};
pub use context::{ParamsError, RunLogger, TaskContext};
pub use domain::ending::CancelReason;
pub use domain::heavy::results::TaskResult;
pub use error::{StartError, WorkerError};
pub use handle::WorkerHandle;
pub use outcome::{BoxError, Output, ProcessResult};
pub use powerjob_common::id::{InstanceId, JobId, TraceId};
pub use powerjob_common::time::UnixMillis;
pub use powerjob_worker_macros::powerjob_handler;
pub use processor::{BlockingProcessor, BroadcastProcessor, MapReduceProcessor, Processor};
pub use run_log_layer::RunLogLayer;
pub use store::StoreError;
pub use sub_tasks::TaskResults;
pub use task_part::MapError;

/// What the attribute macro needs; not for use by hand.
#[doc(hidden)]
pub mod __private {
    pub use crate::outcome::returned;
    pub use crate::processor::ProcessFuture;
    pub use crate::processor::handler::{Call, HANDLERS, Handler, StepCall, StepCalls};
    pub use linkme;

    /// The results of the other tasks, for a step of a handler.
    pub fn results(ctx: &crate::TaskContext) -> crate::TaskResults {
        ctx.results()
    }
}

/// The examples of the page about processors, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../docs/processors.md")]
mod page_about_processors {}
