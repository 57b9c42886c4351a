//! Commands that stay: agent, server, and both in one process.

pub(crate) mod agent;
mod demo;
mod telemetry;

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
