//! Which codes count, of HTTP answers and of ended processes.

/// Single codes and ranges of codes, both ends included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct CodeRanges(Vec<(u16, u16)>);

impl CodeRanges {
    /// From `first` to `last`.
    pub(super) fn range(first: u16, last: u16) -> Self {
        Self(vec![(first, last)])
    }

    /// Reads `200,201,300-399` and `2xx`; `None` when a part is none of these.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let ranges: Option<Vec<_>> = text.split(',').map(str::trim).map(range_of).collect();
        ranges.map(Self)
    }

    pub(super) fn contains(&self, code: u16) -> bool {
        self.0
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&code))
    }
}

fn range_of(part: &str) -> Option<(u16, u16)> {
    if let Some(hundred) = part.strip_suffix("xx") {
        let first = hundred
            .parse::<u16>()
            .ok()
            .filter(|digit| (1..=5).contains(digit))?
            * 100;
        return Some((first, first + 99));
    }
    match part.split_once('-') {
        Some((first, last)) => Some((first.trim().parse().ok()?, last.trim().parse().ok()?)),
        None => part.parse().ok().map(|code| (code, code)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_numbers_ranges_and_classes() {
        let mixed = CodeRanges::parse("2xx, 404,500-502").expect("readable");
        for (code, is_in) in [
            (201, true),
            (404, true),
            (501, true),
            (300, false),
            (503, false),
        ] {
            assert_eq!(mixed.contains(code), is_in, "{code}");
        }
        for wrong in ["many", "", "1,,2", "9xx"] {
            assert_eq!(CodeRanges::parse(wrong), None, "{wrong}");
        }
    }
}
