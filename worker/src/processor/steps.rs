//! What comes before and after the tasks of an instance: code of the processor, or what the
//! reference does in its place.

use std::sync::Arc;

use powerjob_common::status::ExecuteType;
use powerjob_protocol::wire::worker_to_worker::TaskStage;

use super::handler::StepCall;
use super::registry::{Executable, Registered};
use super::{BroadcastProcessor, MapReduceProcessor, ProcessFuture, ProcessorObject};
use crate::context::TaskContext;

/// The result of the preparation of a processor that has none (spec 04 section 16).
pub(crate) const NO_PREPARATION: &str = "NO_PREPOST_TASK";
/// The failure of a map-reduce whose processor cannot reduce.
const NO_REDUCE: &str = "not implement the MapReduceProcessor";

/// The steps that a processor has.
#[derive(Debug, Clone, Default)]
pub(crate) struct Steps {
    pub(crate) prepare: Option<Executable>,
    pub(crate) post: Option<Executable>,
    pub(crate) reduce: Option<Executable>,
}

impl Steps {
    /// Those of a broadcast processor.
    pub(crate) fn of_broadcast<P: BroadcastProcessor>(processor: &Arc<P>) -> Self {
        Self {
            prepare: Some(Executable::Async(Arc::new(Prepare(processor.clone())))),
            post: Some(Executable::Async(Arc::new(Post(processor.clone())))),
            reduce: None,
        }
    }

    /// Those of a map-reduce processor.
    pub(crate) fn of_map_reduce<P: MapReduceProcessor>(processor: &Arc<P>) -> Self {
        Self {
            reduce: Some(Executable::Async(Arc::new(Reduce(processor.clone())))),
            ..Self::default()
        }
    }
}

/// The code for a task of an instance.
pub(crate) fn code_of(found: &Registered, kind: ExecuteType, stage: TaskStage) -> Executable {
    let steps = &found.steps;
    let (own, otherwise): (_, StepCall) = match (stage, kind) {
        (TaskStage::Root | TaskStage::Work, _) => return found.executable.clone(),
        (TaskStage::Prepare, _) => (&steps.prepare, |_| {
            Box::pin(async { Ok(NO_PREPARATION.into()) })
        }),
        (TaskStage::Finish, ExecuteType::Broadcast) => {
            (&steps.post, |ctx| Box::pin(ctx.results().summary()))
        }
        (TaskStage::Finish, _) => (&steps.reduce, |_| Box::pin(async { Err(NO_REDUCE.into()) })),
    };
    own.clone()
        .unwrap_or_else(|| Executable::Async(Arc::new(Step(otherwise))))
}

/// A declared function as a step.
pub(crate) struct Step(pub(crate) StepCall);

impl ProcessorObject for Step {
    fn run<'a>(&'a self, ctx: &'a TaskContext) -> ProcessFuture<'a> {
        (self.0)(ctx)
    }
}

struct Prepare<P>(Arc<P>);

impl<P: BroadcastProcessor> ProcessorObject for Prepare<P> {
    fn run<'a>(&'a self, ctx: &'a TaskContext) -> ProcessFuture<'a> {
        Box::pin(self.0.pre_process(ctx))
    }
}

struct Post<P>(Arc<P>);

impl<P: BroadcastProcessor> ProcessorObject for Post<P> {
    fn run<'a>(&'a self, ctx: &'a TaskContext) -> ProcessFuture<'a> {
        Box::pin(self.0.post_process(ctx, ctx.results()))
    }
}

struct Reduce<P>(Arc<P>);

impl<P: MapReduceProcessor> ProcessorObject for Reduce<P> {
    fn run<'a>(&'a self, ctx: &'a TaskContext) -> ProcessFuture<'a> {
        Box::pin(self.0.reduce(ctx, ctx.results()))
    }
}
