//! Which whole number is this text? The reading rules of the product that users come from.
//!
//! Invariants:
//! 1. Accepted: an optional sign, then one or more decimal digits of any script in the basic
//!    multilingual plane, nothing else (no blanks, no fractions, no group signs).
//! 2. A number that does not fit is refused, never wrapped.

/// The code points of the digit zero in each script of the basic multilingual plane; the other
/// nine digits follow theirs.
const ZEROS: [u32; 37] = [
    0x0030, 0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6,
    0x0D66, 0x0DE6, 0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80,
    0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0,
    0xFF10,
];

/// Reads a 64-bit whole number.
pub(super) fn long(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.is_empty() {
        return None;
    }
    // counted downwards, because the smallest number has no positive twin
    let mut value = 0_i64;
    for character in digits.chars() {
        value = value.checked_mul(10)?.checked_sub(digit(character)?)?;
    }
    if negative {
        Some(value)
    } else {
        value.checked_neg()
    }
}

/// Reads a 32-bit whole number.
pub(super) fn int(text: &str) -> Option<i32> {
    long(text).and_then(|value| i32::try_from(value).ok())
}

fn digit(character: char) -> Option<i64> {
    let code = u32::from(character);
    let zero = ZEROS[..ZEROS.partition_point(|zero| *zero <= code)].last()?;
    (code - zero < 10).then(|| i64::from(code - zero))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_signs_zeros_and_foreign_digits() {
        for (text, expected) in [
            ("0", 0),
            ("007", 7),
            ("+5", 5),
            ("-5", -5),
            ("１２", 12),
            ("٥", 5),
            ("9223372036854775807", i64::MAX),
            ("-9223372036854775808", i64::MIN),
        ] {
            assert_eq!(long(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn refuses_all_else() {
        for text in [
            "", "+", "-", "--1", "+-1", " 1", "1 ", "1_0", "1e3", "1.0", "0x10", "𝟏", "²", "١-",
        ] {
            assert_eq!(long(text), None, "{text}");
        }
        assert_eq!(long("9223372036854775808"), None);
        assert_eq!(long("-9223372036854775809"), None);
        assert_eq!(int("2147483648"), None);
        assert_eq!(int("2147483647"), Some(i32::MAX));
    }
}
