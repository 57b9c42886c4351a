//! Numbers of one session.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What a session has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SessionStats {
    /// Frames received.
    pub frames_in: u64,
    /// Frames handed to the writer.
    pub frames_out: u64,
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes written.
    pub bytes_out: u64,
    /// Messages that were not sent because a queue was full.
    pub refused: u64,
    /// Messages that arrived and that nobody could take: unknown type, no actor, full queue.
    pub undeliverable: u64,
    /// Answers that came after the time limit of their question.
    pub late_answers: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) frames_in: AtomicU64,
    pub(crate) frames_out: AtomicU64,
    pub(crate) bytes_in: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) undeliverable: AtomicU64,
    pub(crate) late_answers: AtomicU64,
}

impl Counters {
    pub(crate) fn read(&self) -> SessionStats {
        SessionStats {
            frames_in: self.frames_in.load(Relaxed),
            frames_out: self.frames_out.load(Relaxed),
            bytes_in: self.bytes_in.load(Relaxed),
            bytes_out: self.bytes_out.load(Relaxed),
            refused: self.refused.load(Relaxed),
            undeliverable: self.undeliverable.load(Relaxed),
            late_answers: self.late_answers.load(Relaxed),
        }
    }
}

pub(crate) fn add(counter: &AtomicU64, count: usize) {
    counter.fetch_add(count as u64, Relaxed);
}
