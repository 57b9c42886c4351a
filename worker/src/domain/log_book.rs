//! Which lines of the logs of runs are kept, and which go into the next message?
//!
//! # Invariants
//! 1. Kept lines, on their way or not, are within the limits; what exceeds them is thrown away.
//! 2. The lines of a run have successive numbers; those thrown away have used up theirs, and the
//!    next chunk says how many there were.
//! 3. The chunks of a run leave in the order of their making.

use std::collections::{HashMap, VecDeque};

use powerjob_protocol::wire::worker_to_server::{LogChunk, LogLine};

use super::RunKey;

/// Bytes that a line takes besides its text.
const LINE_BYTES: usize = 64;

/// Bounds of all lines of a worker.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BookLimits {
    pub(crate) lines: usize,
    pub(crate) bytes: usize,
}

/// How many lines a run has written.
#[derive(Debug, Default)]
pub(crate) struct LineCounter {
    next: u64,
    lost: u64,
}

#[derive(Debug)]
struct Entry {
    key: RunKey,
    sequence: u64,
    lost_before: u64,
    /// `None` marks lines lost at the end of a run.
    line: Option<LogLine>,
}

/// Lines that left and are not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) chunks: Vec<LogChunk>,
    lines: usize,
    bytes: usize,
}

/// The lines of all runs of a worker that the server does not have.
#[derive(Debug)]
pub(crate) struct LogBook {
    limits: BookLimits,
    entries: VecDeque<Entry>,
    kept_lines: usize,
    kept_bytes: usize,
}

impl LogBook {
    pub(crate) fn new(limits: BookLimits) -> Self {
        Self {
            limits,
            entries: VecDeque::new(),
            kept_lines: 0,
            kept_bytes: 0,
        }
    }

    /// Writes a line of a run; a line for which there is no room is counted and thrown away.
    pub(crate) fn push(&mut self, key: RunKey, counter: &mut LineCounter, line: LogLine) {
        let bytes = LINE_BYTES + line.text.len();
        let sequence = counter.next;
        counter.next += 1;
        if self.kept_lines >= self.limits.lines || self.kept_bytes + bytes > self.limits.bytes {
            counter.lost += 1;
            return;
        }
        self.kept_lines += 1;
        self.kept_bytes += bytes;
        let lost_before = std::mem::take(&mut counter.lost);
        self.entries.push_back(Entry {
            key,
            sequence,
            lost_before,
            line: Some(line),
        });
    }

    /// Takes note of the end of a run: lines lost at its end are told in a chunk without lines.
    pub(crate) fn close(&mut self, key: RunKey, counter: &mut LineCounter) {
        let lost_before = std::mem::take(&mut counter.lost);
        if lost_before > 0 {
            let entry = Entry {
                key,
                sequence: counter.next,
                lost_before,
                line: None,
            };
            self.entries.push_back(entry);
        }
    }

    /// Whether no line waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Takes the oldest lines, at most `max_lines` and about `max_bytes`; they count as kept until
    /// [`Self::acknowledge`].
    pub(crate) fn take(&mut self, max_lines: usize, max_bytes: usize) -> Batch {
        let mut batch = Batch {
            chunks: Vec::new(),
            lines: 0,
            bytes: 0,
        };
        let mut open: HashMap<RunKey, usize> = HashMap::new();
        while batch.lines < max_lines && batch.bytes < max_bytes {
            let Some(entry) = self.entries.pop_front() else {
                break;
            };
            let index = match open.get(&entry.key) {
                Some(index) if entry.lost_before == 0 => *index,
                _ => {
                    batch.chunks.push(entry.new_chunk());
                    batch.chunks.len() - 1
                }
            };
            open.insert(entry.key, index);
            if let Some(line) = entry.line {
                batch.lines += 1;
                batch.bytes += LINE_BYTES + line.text.len();
                batch.chunks[index].lines.push(line);
            }
        }
        batch
    }

    /// Forgets lines that the server has stored.
    pub(crate) fn acknowledge(&mut self, batch: &Batch) {
        self.kept_lines -= batch.lines;
        self.kept_bytes -= batch.bytes;
    }
}

impl Entry {
    fn new_chunk(&self) -> LogChunk {
        LogChunk {
            instance_id: self.key.instance_id,
            attempt: self.key.attempt,
            first_sequence: self.sequence,
            lost_before: self.lost_before,
            lines: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(instance_id: i64) -> RunKey {
        RunKey {
            instance_id,
            attempt: 1,
            number: 0,
        }
    }

    fn line(text: &str) -> LogLine {
        LogLine {
            at_ms: 0,
            level: 2,
            text: text.into(),
        }
    }

    #[test]
    fn lines_of_two_runs_become_two_chunks() {
        let mut book = LogBook::new(BookLimits {
            lines: 10,
            bytes: 10_000,
        });
        let (mut one, mut two) = (LineCounter::default(), LineCounter::default());
        book.push(key(1), &mut one, line("a"));
        book.push(key(2), &mut two, line("b"));
        book.push(key(1), &mut one, line("c"));
        let batch = book.take(10, 10_000);
        let shape: Vec<_> = batch
            .chunks
            .iter()
            .map(|chunk| (chunk.instance_id, chunk.first_sequence, chunk.lines.len()))
            .collect();
        assert_eq!(shape, [(1, 0, 2), (2, 0, 1)]);
        assert!(book.is_empty());
    }

    #[test]
    fn an_overflow_shows_as_a_gap() {
        let mut book = LogBook::new(BookLimits {
            lines: 1,
            bytes: 10_000,
        });
        let mut counter = LineCounter::default();
        for _ in 0..3 {
            book.push(key(1), &mut counter, line("x"));
        }
        let first = book.take(10, 10_000);
        book.acknowledge(&first);
        book.push(key(1), &mut counter, line("y"));
        let second = book.take(10, 10_000);
        let chunk = &second.chunks[0];
        assert_eq!(
            (chunk.first_sequence, chunk.lost_before, chunk.lines.len()),
            (3, 2, 1)
        );
    }

    #[test]
    fn lines_lost_at_the_end_are_told() {
        let mut book = LogBook::new(BookLimits { lines: 0, bytes: 0 });
        let mut counter = LineCounter::default();
        book.push(key(1), &mut counter, line("x"));
        book.close(key(1), &mut counter);
        let chunk = &book.take(10, 10_000).chunks[0];
        assert_eq!(
            (chunk.first_sequence, chunk.lost_before, chunk.lines.len()),
            (1, 1, 0)
        );
    }

    proptest! {
        #[test]
        fn numbers_of_a_run_are_complete(ops in prop::collection::vec((0..3_i64, 0..3_u8), 0..200)) {
            let mut book = LogBook::new(BookLimits { lines: 5, bytes: 10_000 });
            let mut counters: Vec<LineCounter> = (0..3).map(|_| LineCounter::default()).collect();
            let mut chunks = Vec::new();
            for (run, op) in ops {
                if op < 2 {
                    book.push(key(run), &mut counters[usize::try_from(run).expect("small")], line("x"));
                } else {
                    let batch = book.take(3, 10_000);
                    book.acknowledge(&batch);
                    chunks.extend(batch.chunks);
                }
            }
            for (run, counter) in (0..3).zip(&mut counters) {
                book.close(key(run), counter);
            }
            chunks.extend(book.take(1_000, 1_000_000).chunks);
            for run in 0..3 {
                let mut expected = 0;
                for chunk in chunks.iter().filter(|chunk| chunk.instance_id == run) {
                    prop_assert_eq!(chunk.first_sequence, expected + chunk.lost_before);
                    expected = chunk.first_sequence + chunk.lines.len() as u64;
                }
                prop_assert_eq!(expected, counters[usize::try_from(run).expect("small")].next);
            }
        }
    }
}
