//! How long may the result of a run be, and what is kept of a longer one?

/// Cuts `text` to at most `limit` characters; a cut text ends with `...` beyond the limit, as
/// people of the reference know it.
pub(crate) fn limit_chars(mut text: String, limit: usize) -> String {
    if text.len() <= limit {
        return text;
    }
    if let Some((end, _)) = text.char_indices().nth(limit) {
        text.truncate(end);
        text.push_str("...");
    }
    text
}

/// Keeps the head (a quarter) and the tail (three quarters) of a stream of text within a limit.
#[derive(Debug)]
pub(crate) struct HeadTail {
    head_limit: usize,
    tail_limit: usize,
    head: String,
    tail: String,
    omitted_bytes: usize,
}

/// Room for the marker between head and tail.
const MARKER_BYTES: usize = 48;

impl HeadTail {
    /// A buffer whose text never exceeds `limit_bytes`.
    pub(crate) fn new(limit_bytes: usize) -> Self {
        let usable = limit_bytes.saturating_sub(MARKER_BYTES);
        Self {
            head_limit: usable / 4,
            tail_limit: usable - usable / 4,
            head: String::new(),
            tail: String::new(),
            omitted_bytes: 0,
        }
    }

    /// Appends text.
    pub(crate) fn push(&mut self, text: &str) {
        let mut rest = text;
        if self.tail.is_empty() && self.omitted_bytes == 0 {
            let cut = floor_boundary(rest, self.head_limit.saturating_sub(self.head.len()));
            self.head.push_str(&rest[..cut]);
            rest = &rest[cut..];
        }
        self.tail.push_str(rest);
        // Cut only when twice too long: each byte is moved at most once on average.
        if self.tail.len() > self.tail_limit * 2 {
            self.cut_tail();
        }
    }

    fn cut_tail(&mut self) {
        // What the head could not use, because a character would have been cut, is the tail's.
        let room = self.head_limit + self.tail_limit - self.head.len();
        let surplus = self.tail.len().saturating_sub(room);
        let cut = ceil_boundary(&self.tail, surplus);
        self.omitted_bytes += cut;
        self.tail.drain(..cut);
    }

    /// The text, with a marker where something is missing.
    pub(crate) fn into_text(mut self) -> String {
        self.cut_tail();
        if self.omitted_bytes == 0 {
            return self.head + &self.tail;
        }
        format!(
            "{} ...<{} bytes omitted>... {}",
            self.head, self.omitted_bytes, self.tail
        )
    }
}

/// The largest character boundary of `text` at or below `index`.
pub(crate) fn floor_boundary(text: &str, index: usize) -> usize {
    if index >= text.len() {
        return text.len();
    }
    (0..=index)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

fn ceil_boundary(text: &str, index: usize) -> usize {
    (index..text.len())
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_short_text_stays_as_it_is() {
        assert_eq!(limit_chars("äöü".into(), 3), "äöü");
    }

    #[test]
    fn a_long_text_is_cut_at_a_character() {
        assert_eq!(limit_chars("äöüß".into(), 3), "äöü...");
    }

    #[test]
    fn head_and_tail_of_a_long_output_are_kept() {
        let mut buffer = HeadTail::new(148);
        for line in 0..1_000 {
            buffer.push(&format!("line {line}\n"));
        }
        let text = buffer.into_text();
        assert!(text.starts_with("line 0\nline 1\n"), "{text}");
        assert!(text.ends_with("line 999\n"), "{text}");
        assert!(text.len() <= 148, "{}", text.len());
    }

    #[test]
    fn a_text_that_fits_is_whole_even_if_a_character_stands_across_the_head() {
        let mut buffer = HeadTail::new(MARKER_BYTES + 16);
        let text = "abc\u{10000}123456789";
        buffer.push(text);
        assert_eq!(buffer.into_text(), text);
    }

    proptest! {
        #[test]
        fn a_buffer_never_exceeds_its_limit(parts in prop::collection::vec(".{0,80}", 0..40), limit in 64..600_usize) {
            let mut buffer = HeadTail::new(limit);
            let whole: String = parts.concat();
            for part in &parts {
                buffer.push(part);
            }
            let text = buffer.into_text();
            prop_assert!(text.len() <= limit);
            if whole.len() <= limit - MARKER_BYTES {
                prop_assert_eq!(text, whole);
            }
        }
    }
}
