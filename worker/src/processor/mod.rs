//! The users' code: how it is written, found and run.

pub(crate) mod builtin;
pub(crate) mod handler;
pub(crate) mod registry;
pub(crate) mod runner;

use std::future::Future;
use std::pin::Pin;

use crate::context::TaskContext;
use crate::outcome::ProcessResult;

/// Asynchronous code that carries out runs. One value serves all runs of a worker, many at once.
///
/// Write the method as `async fn process(&self, ctx: &TaskContext) -> ProcessResult`.
///
/// The future is dropped at an await when its run was asked to end and did not within the grace time
/// of the worker. Code that computes for long without an await belongs into a [`BlockingProcessor`].
pub trait Processor: Send + Sync + 'static {
    /// Carries out one run.
    fn process(&self, ctx: &TaskContext) -> impl Future<Output = ProcessResult> + Send;
}

/// Code that computes or blocks; runs on a pool of threads whose size is an option of the worker.
///
/// It should look at [`TaskContext::is_cancelled`] now and then: a thread cannot be killed. One that
/// goes on after the grace time is given up: its run ends, its thread is lost until it returns.
pub trait BlockingProcessor: Send + Sync + 'static {
    /// Carries out one run.
    ///
    /// # Errors
    /// The cause of the failure of the run.
    fn process(&self, ctx: &TaskContext) -> ProcessResult;
}

/// A future of a processor.
pub type ProcessFuture<'a> = Pin<Box<dyn Future<Output = ProcessResult> + Send + 'a>>;

/// [`Processor`] as an object.
pub(crate) trait ProcessorObject: Send + Sync {
    fn run<'a>(&'a self, ctx: &'a TaskContext) -> ProcessFuture<'a>;
}

impl<P: Processor> ProcessorObject for P {
    fn run<'a>(&'a self, ctx: &'a TaskContext) -> ProcessFuture<'a> {
        Box::pin(self.process(ctx))
    }
}
