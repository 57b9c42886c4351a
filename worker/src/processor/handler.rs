//! Handler functions: those declared by the attribute macro and closures.

use std::future::Future;
use std::sync::Arc;

use serde::Serialize;

use super::{BlockingProcessor, ProcessFuture, Processor, ProcessorObject};
use crate::context::TaskContext;
use crate::outcome::{BoxError, ProcessResult, from_result};

/// The handlers that `#[powerjob_handler]` declared anywhere in the program.
#[linkme::distributed_slice]
pub static HANDLERS: [Handler];

/// How a declared handler is called.
#[derive(Debug, Clone, Copy)]
pub enum Call {
    /// An `async fn`.
    Async(for<'a> fn(&'a TaskContext) -> ProcessFuture<'a>),
    /// A plain `fn`.
    Blocking(fn(&TaskContext) -> ProcessResult),
}

/// How a declared step is called.
pub type StepCall = for<'a> fn(&'a TaskContext) -> ProcessFuture<'a>;

/// What a declared handler does before and after the tasks of an instance.
#[derive(Debug, Clone, Copy)]
pub struct StepCalls {
    /// Before a broadcast.
    pub pre: Option<StepCall>,
    /// After a broadcast.
    pub post: Option<StepCall>,
    /// After a map-reduce.
    pub reduce: Option<StepCall>,
}

/// A function declared by `#[powerjob_handler]`.
#[derive(Debug, Clone, Copy)]
pub struct Handler {
    /// Its name.
    pub name: &'static str,
    /// Its further names.
    pub aliases: &'static [&'static str],
    /// Where it is declared, for the message about a double name.
    pub place: &'static str,
    /// How it is called.
    pub call: Call,
    /// What it does besides.
    pub steps: StepCalls,
}

/// The function of an asynchronous handler as a processor.
pub(crate) struct AsyncHandler(pub(crate) for<'a> fn(&'a TaskContext) -> ProcessFuture<'a>);

impl ProcessorObject for AsyncHandler {
    fn run<'a>(&'a self, ctx: &'a TaskContext) -> ProcessFuture<'a> {
        (self.0)(ctx)
    }
}

/// The function of a blocking handler as a processor.
pub(crate) struct BlockingHandler(pub(crate) fn(&TaskContext) -> ProcessResult);

impl BlockingProcessor for BlockingHandler {
    fn process(&self, ctx: &TaskContext) -> ProcessResult {
        (self.0)(ctx)
    }
}

/// A closure that returns a future as a processor; it owns its context.
pub(crate) struct Closure<F>(pub(crate) Arc<F>);

impl<F, R, T, E> Processor for Closure<F>
where
    F: Fn(TaskContext) -> R + Send + Sync + 'static,
    R: Future<Output = Result<T, E>> + Send,
    T: Serialize,
    E: Into<BoxError>,
{
    async fn process(&self, ctx: &TaskContext) -> ProcessResult {
        from_result((self.0)(ctx.clone()).await)
    }
}

/// A blocking closure as a processor.
pub(crate) struct BlockingClosure<F>(pub(crate) F);

impl<F, T, E> BlockingProcessor for BlockingClosure<F>
where
    F: Fn(&TaskContext) -> Result<T, E> + Send + Sync + 'static,
    T: Serialize,
    E: Into<BoxError>,
{
    fn process(&self, ctx: &TaskContext) -> ProcessResult {
        from_result((self.0)(ctx))
    }
}
