//! Places in the log of an instance, and their form for readers.

use super::error::Error;

/// A place between two items of a log; an item is a line or a gap. Ordered as the log is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    /// Number of the segment; segments are numbered from 1 and numbers are not used again.
    pub(super) segment: u32,
    /// A record at or after this offset in the segment.
    pub(super) offset: u32,
    /// Items of the record at exactly this offset that lie before the place.
    pub(super) item: u32,
}

impl Position {
    /// Before everything.
    pub(super) const START: Self = Self {
        segment: 0,
        offset: 0,
        item: 0,
    };

    /// After everything.
    pub(super) const END: Self = Self {
        segment: u32::MAX,
        offset: u32::MAX,
        item: 0,
    };

    /// The place before an item of a record.
    pub(super) fn before(segment: u32, offset: u32, item: usize) -> Self {
        Self {
            segment,
            offset,
            item: u32::try_from(item).unwrap_or(u32::MAX),
        }
    }

    /// The place after a whole record.
    pub(super) fn after_record(segment: u32, offset: u32) -> Self {
        Self::before(segment, offset.saturating_add(1), 0)
    }

    /// The cursor that means this place.
    pub(super) fn cursor(self) -> String {
        format!("{:x}.{:x}.{:x}", self.segment, self.offset, self.item)
    }

    /// The place that a cursor means.
    pub(super) fn parse(cursor: &str) -> Result<Self, Error> {
        let mut parts = cursor.split('.').map(|part| {
            let is_plain = part.bytes().all(|byte| byte.is_ascii_hexdigit());
            is_plain.then(|| u32::from_str_radix(part, 16).ok())?
        });
        match [parts.next(), parts.next(), parts.next(), parts.next()] {
            [
                Some(Some(segment)),
                Some(Some(offset)),
                Some(Some(item)),
                None,
            ] => Ok(Self {
                segment,
                offset,
                item,
            }),
            _ => Err(Error::BadCursor),
        }
    }
}

/// Which way a log is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// From the oldest line on.
    Forward,
    /// From the newest line back.
    Backward,
}

impl Direction {
    /// The offset at which a reader that stands at `from` begins with a segment: forward with the
    /// record at that offset, backward with the one before it.
    pub(super) fn bound(self, from: Position, segment: u32) -> u32 {
        match self {
            Self::Forward if from.segment == segment => from.offset,
            Self::Forward => 0,
            Self::Backward if from.segment == segment => {
                from.offset.saturating_add(u32::from(from.item > 0))
            }
            Self::Backward => u32::MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_means_the_place_it_was_made_from() {
        for place in [
            Position::START,
            Position::END,
            Position::before(3, 4_711, 12),
        ] {
            assert_eq!(Position::parse(&place.cursor()).ok(), Some(place));
        }
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        for text in [
            "",
            "1",
            "1.2",
            "1.2.3.4",
            "1.+2.3",
            "1..3",
            "x.y.z",
            "1.2.123456789",
        ] {
            assert!(
                matches!(Position::parse(text), Err(Error::BadCursor)),
                "{text:?}"
            );
        }
    }
}
