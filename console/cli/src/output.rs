//! The only module that prints.
//!
//! Results go to stdout, notes and failures to stderr. A reader that has gone (`| head`) is no
//! error: the command ends silently.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::failure::Failure;

/// Where results, notes and failures go.
#[derive(Debug)]
pub(crate) struct Output {
    is_json: bool,
    is_terminal: bool,
    width: Option<u16>,
}

impl Output {
    /// Output of this process; `is_json` for programs.
    pub(crate) fn new(is_json: bool) -> Self {
        let stdout = io::stdout();
        let width = rustix::termios::tcgetwinsize(&stdout).map(|size| size.ws_col);
        Self {
            is_json,
            is_terminal: stdout.is_terminal(),
            width: width.ok().filter(|width| *width > 0),
        }
    }

    /// Whether a program reads the results.
    pub(crate) fn is_json(&self) -> bool {
        self.is_json
    }

    /// Columns of the terminal; `None` when stdout is none.
    pub(crate) fn width(&self) -> Option<u16> {
        self.width
    }

    /// Prints a result: as one JSON document for programs, else as text.
    pub(crate) fn show<T: Serialize + ?Sized>(
        &self,
        value: &T,
        as_text: impl FnOnce(&T) -> String,
    ) -> Result<(), Failure> {
        if self.is_json {
            return self.json(value);
        }
        self.line(as_text(value).trim_end_matches('\n'))
    }

    /// Prints one JSON document, readable.
    pub(crate) fn json<T: Serialize + ?Sized>(&self, value: &T) -> Result<(), Failure> {
        self.line(encoded(serde_json::to_string_pretty(value))?)
    }

    /// Prints an item of a stream as one line of JSON.
    pub(crate) fn json_line<T: Serialize + ?Sized>(&self, value: &T) -> Result<(), Failure> {
        self.line(encoded(serde_json::to_string(value))?)
    }

    /// Prints a line of a result.
    pub(crate) fn line(&self, line: impl Display) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        writeln!(out, "{line}")
            .and_then(|()| out.flush())
            .map_err(closed)
    }

    /// Clears the terminal, for views that are drawn again and again.
    pub(crate) fn clear(&self) -> Result<(), Failure> {
        if !self.is_terminal {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        write!(out, "\x1b[H\x1b[2J").map_err(closed)
    }

    /// Tells a person something that is no result.
    pub(crate) fn note(&self, text: impl Display) {
        // nobody is left to tell that stderr is gone
        drop(writeln!(io::stderr().lock(), "{text}"));
    }

    /// Asks a question whose answer is typed on the same line.
    pub(crate) fn ask(&self, question: impl Display) {
        let mut err = io::stderr().lock();
        drop(write!(err, "{question}").and_then(|()| err.flush()));
    }

    /// Tells why a command failed, and what to do about it.
    pub(crate) fn failure(&self, failure: &Failure) {
        if matches!(failure, Failure::OutputClosed) {
            return;
        }
        if self.is_json
            && let Failure::Api(error) = failure
            && let Some(problem) = error.problem()
            && let Ok(text) = serde_json::to_string(problem)
        {
            return self.note(text);
        }
        self.note(format_args!("error: {failure}"));
        if let Some(advice) = failure.advice() {
            self.note(format_args!("  -> {advice}"));
        }
    }
}

fn encoded(text: serde_json::Result<String>) -> Result<String, Failure> {
    text.map_err(|error| Failure::local(format!("the result is not JSON: {error}")))
}

fn closed(error: io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Failure::OutputClosed;
    }
    Failure::local(format!("cannot write the result: {error}"))
}
