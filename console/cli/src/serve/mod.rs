//! Commands that stay: server, agent, and both in one process.

pub(crate) mod admin;
pub(crate) mod agent;
mod demo;
mod machine;
pub(crate) mod migrate;
mod notify;
pub(crate) mod server;
pub(crate) mod standalone;
mod telemetry;

use crate::failure::Failure;

/// Runs a command that stays.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Failure::io("cannot start"))?
        .block_on(work)
}

/// Returns when the process is asked to end.
async fn asked_to_end() -> Result<(), Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let cannot = || Failure::io("cannot listen for signals");
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// An error with its causes in one line, each cause once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        source = cause.source();
    }
    text
}
