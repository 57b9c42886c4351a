//! Output of a child process: bytes in, lines out.
//!
//! # Invariants
//! 1. No byte makes it fail: what is no UTF-8 becomes replacement characters.
//! 2. A line is never longer than the limit; a longer one leaves in pieces.
//! 3. Memory is bounded by the limit of one line.

use crate::domain::result_text::floor_boundary;

/// The longest line, as in the log of a run.
const LINE_LIMIT_BYTES: usize = 8 << 10;

/// Splits bytes into lines.
#[derive(Debug, Default)]
pub(crate) struct LineSplitter {
    partial: Vec<u8>,
}

impl LineSplitter {
    /// Takes bytes and hands complete lines, without their ends, to `emit`.
    pub(crate) fn push(&mut self, bytes: &[u8], mut emit: impl FnMut(&str)) {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.partial.extend_from_slice(&rest[..end]);
            rest = &rest[end + 1..];
            self.flush(&mut emit);
        }
        self.partial.extend_from_slice(rest);
        while self.partial.len() > LINE_LIMIT_BYTES {
            self.emit_piece(&mut emit);
        }
    }

    /// Hands out what waits for its line end: the pipe is silent or closed.
    pub(crate) fn flush_partial(&mut self, mut emit: impl FnMut(&str)) {
        if !self.partial.is_empty() {
            self.flush(&mut emit);
        }
    }

    /// Whether a part of a line waits.
    pub(crate) fn has_partial(&self) -> bool {
        !self.partial.is_empty()
    }

    fn flush(&mut self, emit: &mut impl FnMut(&str)) {
        while self.partial.len() > LINE_LIMIT_BYTES {
            self.emit_piece(emit);
        }
        let text = String::from_utf8_lossy(&self.partial);
        // A lone carriage return redraws a line of progress: its last state counts.
        let text = text.strip_suffix('\r').unwrap_or(&text);
        emit(text.rsplit('\r').next().unwrap_or(text));
        self.partial.clear();
    }

    /// Hands out the longest beginning that ends at a character.
    fn emit_piece(&mut self, emit: &mut impl FnMut(&str)) {
        let head = &self.partial[..LINE_LIMIT_BYTES];
        let whole = match std::str::from_utf8(head) {
            Ok(text) => floor_boundary(text, LINE_LIMIT_BYTES),
            // Only a character cut off at the end may wait for its rest.
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => LINE_LIMIT_BYTES,
        };
        let cut = if whole == 0 { LINE_LIMIT_BYTES } else { whole };
        emit(&String::from_utf8_lossy(&self.partial[..cut]));
        self.partial.drain(..cut);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines_of(chunks: &[&[u8]]) -> Vec<String> {
        let mut splitter = LineSplitter::default();
        let mut lines = Vec::new();
        for chunk in chunks {
            splitter.push(chunk, |line| lines.push(line.to_owned()));
        }
        splitter.flush_partial(|line| lines.push(line.to_owned()));
        lines
    }

    #[test]
    fn lines_are_put_together_from_pieces() {
        assert_eq!(lines_of(&[b"on", b"e\r\n\ntw", b"o"]), ["one", "", "two"]);
    }

    #[test]
    fn of_a_line_of_progress_the_last_state_counts() {
        assert_eq!(lines_of(&[b"10%\r20%\r30%\n"]), ["30%"]);
    }

    #[test]
    fn bad_bytes_become_replacement_characters() {
        assert_eq!(lines_of(&[&[0xff, 0xfe, b'\n']]), ["\u{fffd}\u{fffd}"]);
    }

    #[test]
    fn a_long_line_leaves_in_pieces_at_characters() {
        let long = "ä".repeat(10_000);
        let lines = lines_of(&[b"x", long.as_bytes(), b"\n"]);
        assert_eq!(lines.concat(), format!("x{long}"));
        assert!(lines.iter().all(|line| line.len() <= LINE_LIMIT_BYTES));
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_give_bounded_lines(bytes in prop::collection::vec(any::<u8>(), 0..30_000), cut in 1..9_000_usize) {
            let chunks: Vec<&[u8]> = bytes.chunks(cut).collect();
            let lines = lines_of(&chunks);
            // Each bad byte becomes one character of three bytes.
            prop_assert!(lines.iter().all(|line| line.len() <= 3 * LINE_LIMIT_BYTES));
        }
    }
}
