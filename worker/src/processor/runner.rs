//! Runs users' code so that nothing it does harms the worker.
//!
//! A run ends exactly once, whoever is first: its code, or the processor tracker that gives it up.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::registry::Executable;
use super::{BlockingProcessor, ProcessorObject};
use crate::context::TaskContext;
use crate::domain::RunKey;
use crate::domain::ending::{self, Ending};
use crate::domain::result_text::limit_chars;
use crate::domain::task_retry;
use crate::domain::task_table::RunEnd;
use crate::outcome::{ProcessResult, chain_text, panic_text};
use crate::run::Run;

tokio::task_local! {
    /// The run whose code runs here, for events of `tracing`.
    pub(crate) static CURRENT: Arc<Run>;
}

/// What the executor tells of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RunEvent {
    /// Its code runs and has not ended at once.
    Started { key: RunKey, at_ms: i64 },
    /// Its code failed and is carried out once more.
    Repeated {
        key: RunKey,
        started_at_ms: i64,
        words: String,
    },
    /// It has ended.
    Ended { key: RunKey, end: RunEnd },
    /// The code of a run that was given up has ended after all.
    Returned { key: RunKey },
}

/// Events of all runs, in the order of their making; drained by the processor tracker.
#[derive(Debug, Default)]
pub(crate) struct EventQueue {
    events: Mutex<Vec<RunEvent>>,
    is_filled: Notify,
}

impl EventQueue {
    pub(crate) fn push(&self, event: RunEvent) {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let was_empty = events.is_empty();
        events.push(event);
        drop(events);
        if was_empty {
            self.is_filled.notify_one();
        }
    }

    /// Returns when events may wait.
    pub(crate) async fn filled(&self) {
        self.is_filled.notified().await;
    }

    /// Takes all events.
    pub(crate) fn take(&self) -> Vec<RunEvent> {
        std::mem::take(&mut *self.events.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A run with the code that carries it out.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) run: Arc<Run>,
    pub(crate) executable: Executable,
}

/// Starts runs on the runtime of the users' code.
pub(crate) fn start_all(runtime: &Handle, jobs: Vec<Job>, events: &Arc<EventQueue>) {
    let events = events.clone();
    // One hop for the whole vector; the inner spawns are local to a thread of the runtime.
    runtime.spawn(async move {
        for job in jobs {
            let events = events.clone();
            match job.executable {
                Executable::Async(processor) => {
                    tokio::spawn(run_async(job.run, processor, events));
                }
                Executable::Blocking(processor) => {
                    tokio::task::spawn_blocking(move || {
                        run_blocking(job.run, &*processor, &events)
                    });
                }
            }
        }
    });
}

async fn run_async(run: Arc<Run>, processor: Arc<dyn ProcessorObject>, events: Arc<EventQueue>) {
    run.start();
    let ctx = TaskContext::new(run.clone());
    loop {
        let result = run_round(&run, &ctx, &*processor, &events).await;
        if !repeat(&run, &result, &events) {
            return finish(&run, result, &events);
        }
        // Code that fails at once must not keep its thread.
        tokio::task::yield_now().await;
    }
}

async fn run_round(
    run: &Arc<Run>,
    ctx: &TaskContext,
    processor: &dyn ProcessorObject,
    events: &EventQueue,
) -> ProcessResult {
    let code = CURRENT.scope(run.clone(), async { processor.run(ctx).await });
    let mut code = pin!(AssertUnwindSafe(code).catch_unwind());
    // A run that ends at once needs no word about its start.
    let first = std::future::poll_fn(|cx| Poll::Ready(code.as_mut().poll(cx))).await;
    let result = match first {
        Poll::Ready(result) => Some(result),
        Poll::Pending => {
            announce(run, events);
            tokio::select! {
                biased;
                result = &mut code => Some(result),
                () = run.abandoned() => None,
            }
        }
    };
    let result = result.unwrap_or_else(|| Ok(Err("given up".into())));
    result.unwrap_or_else(|panic| Err(panic_text(&*panic).into()))
}

fn run_blocking(run: Arc<Run>, processor: &dyn BlockingProcessor, events: &EventQueue) {
    run.start();
    announce(&run, events);
    let ctx = TaskContext::new(run.clone());
    loop {
        let code = AssertUnwindSafe(|| CURRENT.sync_scope(run.clone(), || processor.process(&ctx)));
        let result = std::panic::catch_unwind(code);
        let result = result.unwrap_or_else(|panic| Err(panic_text(&*panic).into()));
        if !repeat(&run, &result, events) {
            return finish(&run, result, events);
        }
    }
}

/// Whether the code of a run is carried out once more; says in its log, and to the server, why.
fn repeat(run: &Run, result: &ProcessResult, events: &EventQueue) -> bool {
    let (repeated, budget) = (run.repeated(), run.request.task_retry_num);
    let Err(error) = result else {
        return false;
    };
    // A task is repeated by its master, which may choose another worker.
    if budget == 0 || run.task.is_some() {
        return false;
    }
    let cause = limit_chars(chain_text(&**error), run.setting.max_result_chars);
    let words = task_retry::failure_words(repeated, budget, &cause);
    run.log.write(
        powerjob_common::status::LogLevel::Warn,
        &format!("[SYSTEM] {words}"),
    );
    let again = task_retry::repeats(repeated, budget, run.cancel_reason());
    if again {
        run.repeat();
        run.announce(); // the event below says so, too
        events.push(RunEvent::Repeated {
            key: run.key,
            started_at_ms: run.started_at_ms(),
            words,
        });
    }
    again
}

/// Tells of the start of a run, once.
pub(crate) fn announce(run: &Run, events: &EventQueue) {
    if run.announce() {
        events.push(RunEvent::Started {
            key: run.key,
            at_ms: run.started_at_ms(),
        });
    }
}

fn finish(run: &Run, result: ProcessResult, events: &EventQueue) {
    run.announce();
    if !run.conclude() {
        run.log.close();
        events.push(RunEvent::Returned { key: run.key });
        return;
    }
    let limit = run.setting.max_result_chars;
    let result = match result {
        Ok(output) => Ok(limit_chars(output.into_text(), limit)),
        Err(error) => Err(limit_chars(chain_text(&*error), limit)),
    };
    if let Err(text) = &result {
        run.log
            .write(powerjob_common::status::LogLevel::Error, text);
    }
    run.log.close();
    end(run, ending::conclude(result, run.cancel_reason()), events);
}

/// Ends a run that was given up, unless its code ended just now.
pub(crate) fn give_up(run: &Run, events: &EventQueue) {
    // First the right to tell, then the end of the code: the code must not tell of an obedient end.
    let is_mine = run.conclude();
    run.abandon();
    if !is_mine {
        return;
    }
    let reason = run.cancel_reason().unwrap_or(ending::CancelReason::Timeout);
    end(run, ending::abandoned(reason), events);
}

fn end(run: &Run, ending: Ending, events: &EventQueue) {
    let end = RunEnd {
        ending,
        started_at_ms: run.started_at_ms(),
        finished_at_ms: run.setting.clock.now().0,
    };
    events.push(RunEvent::Ended { key: run.key, end });
}

impl RunEvent {
    /// The run that it is about.
    pub(crate) fn key(&self) -> RunKey {
        match self {
            Self::Started { key, .. }
            | Self::Repeated { key, .. }
            | Self::Ended { key, .. }
            | Self::Returned { key } => *key,
        }
    }
}
