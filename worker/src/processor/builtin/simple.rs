//! Processors that do next to nothing: placeholders, and loads for trials.

use std::time::Duration;

use serde::Deserialize;

use crate::context::TaskContext;
use crate::outcome::{Output, ProcessResult};
use crate::processor::Processor;

/// Succeeds with its parameter as the result.
#[derive(Debug)]
pub(crate) struct Noop;

impl Processor for Noop {
    async fn process(&self, ctx: &TaskContext) -> ProcessResult {
        Ok(ctx.params().into())
    }
}

/// Succeeds after a while.
#[derive(Debug)]
pub(crate) struct Sleep;

#[derive(Deserialize)]
#[serde(untagged)]
enum SleepParams {
    Millis(u64),
    #[serde(rename_all = "camelCase")]
    Named {
        ms: u64,
    },
}

impl Processor for Sleep {
    async fn process(&self, ctx: &TaskContext) -> ProcessResult {
        let bad = |_| "the parameter must be a number of milliseconds or {\"ms\": number}";
        let ms = match serde_json::from_str(ctx.params()).map_err(bad)? {
            SleepParams::Millis(ms) | SleepParams::Named { ms } => ms,
        };
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(ms)) => Ok(Output::text(format!("slept {ms} ms"))),
            reason = ctx.cancelled() => Err(format!("woken: {reason:?}").into()),
        }
    }
}
