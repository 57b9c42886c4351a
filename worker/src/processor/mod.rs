//! The users' code: how it is written, found and run.

pub(crate) mod builtin;
pub(crate) mod handler;
pub(crate) mod registry;
pub(crate) mod runner;
pub(crate) mod steps;

use std::future::Future;
use std::pin::Pin;

use crate::context::TaskContext;
use crate::outcome::{Output, ProcessResult};
use crate::sub_tasks::TaskResults;

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

/// A processor that has more to do for jobs that run on every worker.
///
/// `process` runs once on each worker; the other two run on one of them, before and after.
pub trait BroadcastProcessor: Processor {
    /// Comes first. If it fails, the job runs on no worker, and `post_process` comes at once.
    fn pre_process(&self, ctx: &TaskContext) -> impl Future<Output = ProcessResult> + Send {
        let _ = ctx;
        async { Ok(Output::text(steps::NO_PREPARATION)) }
    }

    /// Comes last; the result of the job is what it returns. The results are those of
    /// `pre_process` and of all workers.
    fn post_process(
        &self,
        ctx: &TaskContext,
        results: TaskResults,
    ) -> impl Future<Output = ProcessResult> + Send {
        let _ = ctx;
        results.summary()
    }
}

/// A processor that makes tasks by [`TaskContext::map`] and puts their results together.
pub trait MapReduceProcessor: Processor {
    /// Comes when all tasks have ended; the result of the job is what it returns.
    fn reduce(
        &self,
        ctx: &TaskContext,
        results: TaskResults,
    ) -> impl Future<Output = ProcessResult> + Send;
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
