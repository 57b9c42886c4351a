//! Events of `tracing` inside a run as lines of its log.

use std::fmt::{Debug, Write};

use powerjob_common::status::LogLevel;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::processor::runner::CURRENT;

/// A layer for the program's subscriber: what the code of a run writes with `tracing` also goes into
/// the log of the run, where people follow it. Events elsewhere are left alone.
///
/// Tasks and threads that a processor starts itself do not belong to its run for this layer; they can
/// write with [`TaskContext::logger`](crate::TaskContext::logger).
#[derive(Debug, Clone, Copy, Default)]
pub struct RunLogLayer;

impl<S: Subscriber> Layer<S> for RunLogLayer {
    fn on_event(&self, event: &Event<'_>, _ctx: Context<'_, S>) {
        let level = level_of(*event.metadata().level());
        // Outside of runs there is nothing to do.
        CURRENT
            .try_with(|run| {
                if run.log.keeps(level) {
                    let mut line = Line::default();
                    event.record(&mut line);
                    run.log.write(level, &(line.message + &line.fields));
                }
            })
            .ok();
    }
}

fn level_of(level: Level) -> LogLevel {
    match level {
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warn,
        Level::INFO => LogLevel::Info,
        Level::DEBUG | Level::TRACE => LogLevel::Debug,
    }
}

#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message.push_str(value);
        } else {
            self.record_debug(field, &value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a String cannot fail.
        match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        }
        .ok();
    }
}
