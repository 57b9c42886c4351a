//! Output of a script: line by line into the log, head and tail into the result.

use std::time::Duration;

use powerjob_common::status::LogLevel;
use powerjob_common::time::monotonic_now;
use tokio::io::AsyncReadExt;

use super::super::pipe::LineSplitter;
use super::super::rate::LineRate;
use crate::context::TaskContext;
use crate::domain::result_text::HeadTail;

/// Part of a line that waits for its end is shown after this silence.
const PARTIAL_FLUSH: Duration = Duration::from_secs(1);
/// Bytes read from a pipe at once.
const PIPE_BYTES: usize = 16 << 10;
/// A line that begins so sets the level of those after it.
const LEVEL_MARK: &str = "##powerjob:level ";

/// What is done with an output.
#[derive(Debug, Clone, Copy)]
pub(super) struct Treatment {
    /// Level of its lines in the log.
    pub(super) level: LogLevel,
    /// Whether the script may change that level by a line of its own.
    pub(super) takes_levels: bool,
    /// Bytes kept for the result.
    pub(super) limit_bytes: usize,
}

/// Brings one output of a process line by line into the log and keeps its head and tail.
pub(super) async fn follow(
    ctx: &TaskContext,
    pipe: Option<impl tokio::io::AsyncRead + Unpin>,
    treatment: Treatment,
) -> String {
    let Some(mut pipe) = pipe else {
        return String::new();
    };
    let mut splitter = LineSplitter::default();
    let mut lines = LogLines {
        ctx,
        treatment,
        rate: LineRate::new(monotonic_now()),
        kept: HeadTail::new(treatment.limit_bytes),
    };
    let mut buffer = vec![0; PIPE_BYTES];
    loop {
        match tokio::time::timeout(PARTIAL_FLUSH, pipe.read(&mut buffer)).await {
            Ok(Ok(0) | Err(_)) => break,
            Ok(Ok(count)) => splitter.push(&buffer[..count], |line| lines.write(line)),
            Err(_) if splitter.has_partial() => splitter.flush_partial(|line| lines.write(line)),
            Err(_) => lines.sum_up(),
        }
        // A chatty script must not keep the thread to itself.
        tokio::task::consume_budget().await;
    }
    splitter.flush_partial(|line| lines.write(line));
    lines.sum_up();
    lines.kept.into_text()
}

struct LogLines<'a> {
    ctx: &'a TaskContext,
    treatment: Treatment,
    rate: LineRate,
    kept: HeadTail,
}

impl LogLines<'_> {
    fn write(&mut self, line: &str) {
        if self.treatment.takes_levels
            && let Some(level) = line.strip_prefix(LEVEL_MARK).and_then(level_of)
        {
            self.treatment.level = level;
            return;
        }
        self.kept.push(line);
        self.kept.push("\n");
        if self.rate.admit(monotonic_now()) {
            self.sum_up();
            self.ctx.run().log.write(self.treatment.level, line);
        }
    }

    fn sum_up(&mut self) {
        let skipped = self.rate.take_skipped();
        if skipped > 0 {
            let text = format!("[SYSTEM] {skipped} lines skipped");
            self.ctx.run().log.write(LogLevel::Warn, &text);
        }
    }
}

fn level_of(name: &str) -> Option<LogLevel> {
    LogLevel::from_name(&name.trim().to_uppercase())
}
