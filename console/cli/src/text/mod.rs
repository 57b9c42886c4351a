//! How values look to people.

pub(crate) mod span;
pub(crate) mod table;
pub(crate) mod when;

/// Removes what could steer the terminal: texts of jobs and logs come from anybody.
pub(crate) fn harmless(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .collect()
}

/// The first line, cut to a length with an ellipsis.
pub(crate) fn short(text: &str, length: usize) -> String {
    let line = harmless(text.lines().next().unwrap_or_default());
    let is_whole = line.chars().count() <= length && text.lines().count() <= 1;
    if is_whole {
        return line;
    }
    let cut = line.chars().take(length.saturating_sub(1));
    cut.chain(['\u{2026}']).collect()
}

/// A size in bytes with a unit.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{count} B")
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

/// A time in microseconds with a unit.
pub(crate) fn micros(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} \u{b5}s"),
        1_000..1_000_000 => format!("{:.1} ms", count as f64 / 1e3),
        _ => format!("{:.2} s", count as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_cannot_steer_the_terminal() {
        assert_eq!(harmless("a\x1b[2Jb\rc\td"), "a[2Jbc\td");
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(short("abc", 3), "abc");
        assert_eq!(short("\u{e4}\u{f6}\u{fc}\u{df}", 3), "\u{e4}\u{f6}\u{2026}");
        assert_eq!(short("one\ntwo", 10), "one\u{2026}");
        assert_eq!(short("", 5), "");
    }

    #[test]
    fn sizes_and_times_have_units() {
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(micros(999), "999 \u{b5}s");
        assert_eq!(micros(12_345), "12.3 ms");
        assert_eq!(micros(2_500_000), "2.50 s");
    }
}
