//! What readers ask for and what they get.

use std::sync::Arc;

use powerjob_common::status::LogLevel;

/// Which lines of an instance's log a reader wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// Where to go on, from [`Entry::cursor`], [`LogSlice::next_cursor`] or
    /// [`LogSlice::previous_cursor`]; `None` = the beginning, with `tail` the end.
    pub cursor: Option<String>,
    /// At most this many lines, 1 to [`MAX_LIMIT`]; other values are moved into the range.
    pub limit: usize,
    /// Only lines of this level or above. Gaps always pass.
    pub min_level: Option<LogLevel>,
    /// Only lines that contain this text, in capitals or not; then gaps pass only if they contain it.
    pub text: Option<String>,
    /// The last lines before the cursor instead of the first ones after it; oldest first all the same.
    pub tail: bool,
}

/// The most lines of one slice.
pub const MAX_LIMIT: usize = 10_000;

/// A part of an instance's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSlice {
    /// The lines, oldest first. May be fewer than asked for, even none, before the end is reached:
    /// a filter that rejects nearly everything gives up after a while and can go on from its cursor.
    pub entries: Vec<Entry>,
    /// The lines after these: give it as the cursor of the next query.
    pub next_cursor: String,
    /// The lines before these: give it as the cursor of the next query with `tail`.
    pub previous_cursor: String,
    /// Whether nothing is left in the direction of reading; more may be stored at any moment.
    pub is_end: bool,
}

/// One line of a log, or a gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When it was written, epoch milliseconds of the worker.
    pub at: i64,
    /// Its level; that of a gap is `Warn`.
    pub level: LogLevel,
    /// The attempt that wrote it.
    pub attempt: u32,
    /// Name of the worker that wrote it.
    pub worker: Arc<str>,
    /// The text; for a gap, how many lines were lost and why.
    pub text: String,
    /// Whether lines were lost here.
    pub is_gap: bool,
    /// The place after this line; stays right when the server restarts.
    pub cursor: String,
}
