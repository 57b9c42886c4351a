//! The way of a line from user code to the log of its run.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use powerjob_common::status::LogLevel;
use powerjob_common::time::Clock;
use powerjob_protocol::wire::worker_to_server::LogLine;
use tokio::sync::Notify;

use crate::domain::RunKey;
use crate::domain::log_book::{Batch, BookLimits, LineCounter, LogBook};
use crate::domain::result_text::floor_boundary;

/// The longest line, as the protocol has it; longer ones are cut into pieces.
const LINE_LIMIT_BYTES: usize = 8 << 10;
/// Room for lines that the server does not have yet.
const LIMITS: BookLimits = BookLimits {
    lines: 32_768,
    bytes: 16 << 20,
};
/// Lines and bytes of one message.
const BATCH_LINES: usize = 4_096;
const BATCH_BYTES: usize = 1 << 20;

/// The lines of all runs of one worker, between user code and the log shipper.
#[derive(Debug)]
pub(crate) struct LogQueue {
    book: Mutex<LogBook>,
    has_lines: Notify,
    clock: Arc<dyn Clock>,
}

impl LogQueue {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Self::with_limits(clock, LIMITS)
    }

    pub(crate) fn with_limits(clock: Arc<dyn Clock>, limits: BookLimits) -> Arc<Self> {
        Arc::new(Self {
            book: Mutex::new(LogBook::new(limits)),
            has_lines: Notify::new(),
            clock,
        })
    }

    /// Returns when a line has been written since the last return.
    pub(crate) async fn written(&self) {
        self.has_lines.notified().await;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// The next lines to send.
    pub(crate) fn take(&self) -> Batch {
        self.lock().take(BATCH_LINES, BATCH_BYTES)
    }

    /// Makes room for new lines.
    pub(crate) fn acknowledge(&self, batch: &Batch) {
        self.lock().acknowledge(batch);
    }

    fn lock(&self) -> MutexGuard<'_, LogBook> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of the log of one run into which its lines go.
#[derive(Debug)]
pub(crate) struct LogWriter {
    queue: Arc<LogQueue>,
    key: RunKey,
    threshold: i32,
    /// Stands before each line.
    prefix: Box<str>,
    counter: Mutex<LineCounter>,
}

impl LogWriter {
    /// A writer that keeps lines of at least the level with the code `threshold`.
    pub(crate) fn new(queue: Arc<LogQueue>, key: RunKey, threshold: u8) -> Self {
        let threshold = LogLevel::from_code(i32::from(threshold))
            .unwrap_or(LogLevel::Info)
            .code();
        Self {
            queue,
            key,
            threshold,
            prefix: Box::default(),
            counter: Mutex::default(),
        }
    }

    /// Puts the name of the worker before each line: several write into the log of the run.
    pub(crate) fn named(self, worker: &str) -> Self {
        Self {
            prefix: format!("[{worker}] ").into(),
            ..self
        }
    }

    /// Whether lines of this level are kept.
    pub(crate) fn keeps(&self, level: LogLevel) -> bool {
        level.code() >= self.threshold && level != LogLevel::Off
    }

    /// Writes text, each of its lines as a line.
    pub(crate) fn write(&self, level: LogLevel, text: &str) {
        if !self.keeps(level) {
            return;
        }
        let at_ms = self.queue.clock.now().0;
        let level = u8::try_from(level.code()).unwrap_or(0);
        {
            let mut book = self.queue.lock();
            let mut counter = self.counter.lock().unwrap_or_else(PoisonError::into_inner);
            for piece in text.split('\n').flat_map(pieces) {
                let line = LogLine {
                    at_ms,
                    level,
                    text: [&*self.prefix, piece].concat(),
                };
                book.push(self.key, &mut counter, line);
            }
        }
        self.queue.has_lines.notify_one();
    }

    /// Tells of lines lost at the end of the run.
    pub(crate) fn close(&self) {
        let mut book = self.queue.lock();
        book.close(
            self.key,
            &mut self.counter.lock().unwrap_or_else(PoisonError::into_inner),
        );
        drop(book);
        self.queue.has_lines.notify_one();
    }
}

fn pieces(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(line.strip_suffix('\r').unwrap_or(line));
    std::iter::from_fn(move || {
        let text = rest?;
        let cut = floor_boundary(text, LINE_LIMIT_BYTES);
        rest = (cut < text.len()).then(|| &text[cut..]);
        Some(&text[..cut])
    })
}

#[cfg(test)]
mod tests {
    use powerjob_common::time::SystemClock;

    use super::*;

    fn written(texts: &[(LogLevel, &str)], threshold: u8) -> Vec<String> {
        let queue = LogQueue::new(Arc::new(SystemClock));
        let key = RunKey {
            instance_id: 1,
            attempt: 1,
            number: 0,
        };
        let writer = LogWriter::new(queue.clone(), key, threshold);
        for (level, text) in texts {
            writer.write(*level, text);
        }
        let chunks = queue.take().chunks;
        chunks
            .into_iter()
            .flat_map(|chunk| chunk.lines)
            .map(|line| line.text)
            .collect()
    }

    #[test]
    fn lines_below_the_threshold_are_left_out() {
        let texts = [
            (LogLevel::Info, "a"),
            (LogLevel::Warn, "b"),
            (LogLevel::Error, "c"),
        ];
        assert_eq!(written(&texts, 3), ["b", "c"]);
        assert_eq!(written(&texts, 99), [""; 0]);
        assert_eq!(
            written(&texts, 0),
            ["a", "b", "c"],
            "an unknown level means INFO"
        );
    }

    #[test]
    fn long_lines_are_cut_and_line_feeds_split() {
        let long = "ä".repeat(5_000);
        let lines = written(
            &[(LogLevel::Info, "one\r\ntwo"), (LogLevel::Info, &long)],
            2,
        );
        assert_eq!(lines[..2], ["one", "two"]);
        assert_eq!(lines[2..].concat(), long);
        assert!(lines.iter().all(|line| line.len() <= LINE_LIMIT_BYTES));
    }
}
