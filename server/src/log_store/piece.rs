//! Which parts of a chunk are new, and how they are cut into records.

use std::ops::Range;

use powerjob_protocol::wire::worker_to_server::LogChunk;

use super::ranges::Ranges;

/// A record holds about this much text, so that a reader of few lines reads little.
const RECORD_TEXT_BYTES: usize = 256 << 10;

/// The part of a chunk that becomes one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    /// Number of the first line.
    pub(super) first_sequence: u64,
    /// Lost lines just before it.
    pub(super) lost_before: u64,
    /// The lines of the chunk.
    pub(super) lines: Range<usize>,
}

/// The sequence numbers that a chunk uses up, lost lines included.
pub(super) fn span(chunk: &LogChunk) -> Range<u64> {
    let start = chunk.first_sequence.saturating_sub(chunk.lost_before);
    start
        ..chunk
            .first_sequence
            .saturating_add(chunk.lines.len() as u64)
}

/// The parts of the chunk that are not stored, as records.
pub(super) fn cut(chunk: &LogChunk, stored: &Ranges) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for part in stored.missing(span(chunk)) {
        let first_sequence = part.start.max(chunk.first_sequence.min(part.end));
        let place = |sequence: u64| (sequence.saturating_sub(chunk.first_sequence)) as usize;
        let whole = Piece {
            first_sequence,
            lost_before: first_sequence - part.start,
            lines: place(first_sequence)..place(part.end),
        };
        split(chunk, whole, &mut pieces);
    }
    pieces
}

/// Splits a piece that is too large for a record.
fn split(chunk: &LogChunk, mut rest: Piece, pieces: &mut Vec<Piece>) {
    let mut bytes = 0;
    for place in rest.lines.clone() {
        let length = chunk.lines[place].text.len();
        if bytes > 0 && bytes + length > RECORD_TEXT_BYTES {
            let count = place - rest.lines.start;
            pieces.push(Piece {
                lines: rest.lines.start..place,
                ..rest.clone()
            });
            rest.first_sequence += count as u64;
            rest.lost_before = 0;
            rest.lines.start = place;
            bytes = 0;
        }
        bytes += length;
    }
    pieces.push(rest);
}

#[cfg(test)]
mod tests {
    use powerjob_protocol::wire::worker_to_server::LogLine;

    use super::*;

    fn chunk(first_sequence: u64, lost_before: u64, texts: &[&str]) -> LogChunk {
        let line = |text: &&str| LogLine {
            at_ms: 0,
            level: 2,
            text: (*text).to_owned(),
        };
        LogChunk {
            instance_id: 1,
            attempt: 1,
            first_sequence,
            lost_before,
            lines: texts.iter().map(line).collect(),
        }
    }

    /// Cuts ten to fifteen with two lost lines before it: 8, 9 | 10, 11, 12, 13, 14.
    fn check(stored: &[(u64, u64)], expected: &[(u64, u64, Range<usize>)]) {
        let mut ranges = Ranges::default();
        for (start, end) in stored {
            ranges.insert(*start..*end);
        }
        let pieces = cut(&chunk(10, 2, &["a", "b", "c", "d", "e"]), &ranges);
        let found: Vec<_> = pieces
            .into_iter()
            .map(|piece| (piece.first_sequence, piece.lost_before, piece.lines))
            .collect();
        assert_eq!(found, expected, "with {stored:?} stored");
    }

    #[test]
    fn only_what_is_not_stored_is_left() {
        check(&[], &[(10, 2, 0..5)]);
        check(&[(0, 8)], &[(10, 2, 0..5)]);
        check(&[(0, 9)], &[(10, 1, 0..5)]);
        check(&[(0, 10)], &[(10, 0, 0..5)]);
        check(&[(0, 12)], &[(12, 0, 2..5)]);
        check(&[(0, 15)], &[]);
        check(&[(0, 90)], &[]);
        check(&[(11, 13)], &[(10, 2, 0..1), (13, 0, 3..5)]);
        check(&[(9, 10), (14, 90)], &[(9, 1, 0..0), (10, 0, 0..4)]);
    }

    #[test]
    fn numbers_at_the_edge_of_their_range_do_no_harm() {
        let ranges = Ranges::default();
        assert_eq!(cut(&chunk(1, 5, &["a"]), &ranges).len(), 1);
        assert_eq!(cut(&chunk(u64::MAX, 0, &["a"]), &ranges).len(), 0);
        assert_eq!(
            cut(&chunk(u64::MAX - 1, u64::MAX, &["a"]), &ranges).len(),
            1
        );
        assert_eq!(cut(&chunk(7, 0, &[]), &ranges).len(), 0);
    }

    #[test]
    fn a_large_chunk_becomes_several_records() {
        let long = "x".repeat(RECORD_TEXT_BYTES / 2);
        let chunk = chunk(3, 3, &[&long, &long, &long, "end"]);
        let expected = [(3, 3, 0..2), (5, 0, 2..4)];
        let pieces = cut(&chunk, &Ranges::default());
        for (piece, (first, lost, lines)) in pieces.iter().zip(&expected) {
            assert_eq!((piece.first_sequence, piece.lost_before), (*first, *lost));
            assert_eq!(piece.lines, *lines);
        }
        assert_eq!(pieces.len(), expected.len());
    }
}
