//! What does one field of a CRON expression say?
//!
//! Invariants:
//! 1. Everything that a field's grammar does not name is refused with the field's name.
//! 2. A span's bounds lie in the field's range and its step lets it reach a second value.
//! 3. `L`, `W` and `#` occur in the day fields only; `?` stands alone, or beside weekdays.

use super::day::DayRule;
use super::parse::split_dropping_empty_tail;
use crate::reason::ReasonCode;
use crate::time_expression::{InvalidExpression, found, number};

/// A field of a CRON expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Second,
    Minute,
    Hour,
    DayOfMonth,
    Month,
    DayOfWeek,
    Year,
}

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const SATURDAY: u32 = 7;

impl Field {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::DayOfMonth => "day-of-month",
            Self::Month => "month",
            Self::DayOfWeek => "day-of-week",
            Self::Year => "year",
        }
    }

    pub(super) fn first(self) -> u32 {
        match self {
            Self::Second | Self::Minute | Self::Hour => 0,
            Self::DayOfMonth | Self::Month | Self::DayOfWeek => 1,
            Self::Year => 1970,
        }
    }

    pub(super) fn last(self) -> u32 {
        match self {
            Self::Second | Self::Minute => 59,
            Self::Hour => 23,
            Self::DayOfMonth => 31,
            Self::Month => 12,
            Self::DayOfWeek => 7,
            Self::Year => 2099,
        }
    }

    /// How many values the field has.
    pub(super) fn size(self) -> u32 {
        self.last() - self.first() + 1
    }

    fn is_day(self) -> bool {
        matches!(self, Self::DayOfMonth | Self::DayOfWeek)
    }

    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Month => &MONTHS,
            Self::DayOfWeek => &WEEKDAYS,
            _ => &[],
        }
    }

    /// The names of its values, in words.
    fn name_range(self) -> Option<(ReasonCode, &'static str)> {
        match self {
            Self::Month => Some((ReasonCode::CronNamedValue, "JAN to DEC")),
            Self::DayOfWeek => Some((ReasonCode::CronWeekday, "SUN to SAT")),
            _ => None,
        }
    }

    fn invalid(self, text: &str, code: ReasonCode) -> InvalidExpression {
        InvalidExpression::new(self.name(), found(code, text))
    }
}

/// One element of a field's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    /// `*`
    All,
    /// `?`: the other day field decides.
    Unspecified,
    /// From `first` to `last` in steps; `last` before `first` wraps round the field's end.
    Span { first: u32, last: u32, step: u32 },
    /// A day that depends on the month.
    Day(DayRule),
}

/// Reads a field that has been folded to upper case.
pub(super) fn parse(field: Field, text: &str) -> Result<Vec<Item>, InvalidExpression> {
    if text.ends_with(',') {
        return Err(field.invalid(text, ReasonCode::CronListComma));
    }
    if let Some(weekday) = named_last_weekday(field, text) {
        return Ok(vec![Item::Day(DayRule::LastWeekdayOf { weekday })]);
    }
    let elements = text.split(',').map(|element| Element {
        field,
        text: element,
    });
    let mut items = elements.map(Element::read).collect::<Result<Vec<_>, _>>()?;
    if items.len() > 1 && items.contains(&Item::Unspecified) {
        if field == Field::DayOfWeek {
            items.retain(|item| *item != Item::Unspecified);
        }
        if field == Field::DayOfMonth || items.is_empty() {
            return Err(field.invalid(text, ReasonCode::CronQuestionAlone));
        }
    }
    Ok(items)
}

/// `FRIL`: a name before `L` is read only when it is the whole field, as users know it.
fn named_last_weekday(field: Field, text: &str) -> Option<u32> {
    let name = text.strip_suffix('L')?;
    (field == Field::DayOfWeek)
        .then(|| position(&WEEKDAYS, name))
        .flatten()
}

fn position(names: &[&str], name: &str) -> Option<u32> {
    names
        .iter()
        .zip(1..)
        .find(|(candidate, _)| **candidate == name)
        .map(|(_, number)| number)
}

#[derive(Clone, Copy)]
struct Element<'a> {
    field: Field,
    text: &'a str,
}

impl<'a> Element<'a> {
    fn read(self) -> Result<Item, InvalidExpression> {
        if self.text.contains('-') {
            return self.range();
        }
        if self.text.contains('/') {
            return self.step();
        }
        match self.text {
            "*" => Ok(Item::All),
            "?" if self.field.is_day() => Ok(Item::Unspecified),
            "?" => Err(self.invalid(ReasonCode::CronQuestionPlace)),
            text if self.field == Field::DayOfMonth => self.month_day(text),
            text if self.field == Field::DayOfWeek => self.weekday(text),
            text => self.value(text).map(single),
        }
    }

    fn invalid(self, code: ReasonCode) -> InvalidExpression {
        self.field.invalid(self.text, code)
    }

    /// `a-b`, `a-b/n`, and `L-n`, `L-nW`; what follows a second `/` is ignored.
    fn range(self) -> Result<Item, InvalidExpression> {
        let bounds = split_dropping_empty_tail(self.text, "-");
        let [from, rest] = bounds[..] else {
            return Err(self.invalid(ReasonCode::CronRangeShape));
        };
        if from.is_empty() {
            return Err(self.invalid(ReasonCode::CronNegative));
        }
        if from == "L" && self.field.is_day() {
            return self.counted_from_last(rest);
        }
        let pieces = split_dropping_empty_tail(rest, "/");
        let step = match (pieces.get(1), rest.contains('/')) {
            (Some(step), _) => self.named_step(step)?,
            (None, true) => return Err(self.invalid(ReasonCode::CronStepMissing)),
            (None, false) => 1,
        };
        let first = self.bound(from)?;
        let last = self.bound(pieces.first().copied().unwrap_or_default())?;
        if self.field == Field::Year && last < first {
            return Err(self.invalid(ReasonCode::CronYearsBackwards));
        }
        Ok(Item::Span { first, last, step })
    }

    fn bound(self, text: &str) -> Result<u32, InvalidExpression> {
        let special = ["L", "W", "LW", "?", "*"].contains(&text);
        if special && self.field.is_day() {
            return Err(self.invalid(ReasonCode::CronRangeBound));
        }
        self.value(text)
    }

    /// `*/n`, `/n`, `a/n`.
    fn step(self) -> Result<Item, InvalidExpression> {
        let pieces = split_dropping_empty_tail(self.text, "/");
        let [from, step] = pieces[..] else {
            return Err(self.invalid(ReasonCode::CronStepShape));
        };
        let first = match from {
            "*" | "" => self.field.first(),
            from => self.value(from)?,
        };
        let step = self.bounded_step(unsigned(step))?;
        Ok(Item::Span {
            first,
            last: self.field.last(),
            step,
        })
    }

    /// The step of a range may be a name; `1-5/MON` is `1-5/2`.
    fn named_step(self, text: &str) -> Result<u32, InvalidExpression> {
        self.bounded_step(position(self.field.names(), text).or_else(|| unsigned(text)))
    }

    fn bounded_step(self, step: Option<u32>) -> Result<u32, InvalidExpression> {
        let largest = self.field.size().min(self.field.last());
        step.filter(|step| (1..=largest).contains(step))
            .ok_or_else(|| {
                let reason = found(ReasonCode::CronStepRange, self.text).with("most", largest);
                InvalidExpression::new(self.field.name(), reason)
            })
    }

    /// A number or a three-letter name within the field's range.
    fn value(self, text: &str) -> Result<u32, InvalidExpression> {
        match position(self.field.names(), text).or_else(|| unsigned(text)) {
            Some(value) if (self.field.first()..=self.field.last()).contains(&value) => Ok(value),
            _ => Err(self.out_of_range()),
        }
    }

    fn out_of_range(self) -> InvalidExpression {
        let field = self.field;
        let (code, names) = field.name_range().unwrap_or((ReasonCode::CronValue, ""));
        let reason = found(code, self.text)
            .with("least", field.first())
            .with("most", field.last())
            .with("names", names);
        InvalidExpression::new(field.name(), reason)
    }

    /// `L`, `LW`, `nW`, or a plain day.
    fn month_day(self, text: &str) -> Result<Item, InvalidExpression> {
        if text.contains("LW") {
            if !text.replace("LW", "").is_empty() {
                return Err(self.invalid(ReasonCode::CronLastWeekdayAlone));
            }
            return Ok(Item::Day(DayRule::WeekdayNearLast { before: 0 }));
        }
        if text == "L" {
            return Ok(Item::Day(DayRule::Last { before: 0 }));
        }
        if digit_before(text, 'L') {
            self.value(&text.replace('L', ""))?;
            return Ok(Item::Day(DayRule::Last { before: 0 }));
        }
        if digit_before(text, 'W') {
            let day = self.value(&text.replace('W', ""))?;
            return Ok(Item::Day(DayRule::WeekdayNear { day }));
        }
        self.value(text).map(single)
    }

    /// `d#k`, `L`, `dL`, or a plain weekday.
    fn weekday(self, text: &str) -> Result<Item, InvalidExpression> {
        if text.contains('#') {
            return self.numbered_weekday(text);
        }
        if text == "L" {
            return Ok(single(SATURDAY));
        }
        if digit_before(text, 'L') {
            let weekday = self.value(&text.replace('L', ""))?;
            return Ok(Item::Day(DayRule::LastWeekdayOf { weekday }));
        }
        self.value(text).map(single)
    }

    fn numbered_weekday(self, text: &str) -> Result<Item, InvalidExpression> {
        let pieces = split_dropping_empty_tail(text, "#");
        let (Some(weekday), Some(nth)) = (pieces.first(), pieces.get(1)) else {
            return Err(self.invalid(ReasonCode::CronNthShape));
        };
        let weekday = self.value(weekday)?;
        let nth = self.value(nth)?;
        if nth > 5 {
            return Err(self.invalid(ReasonCode::CronNthRange));
        }
        Ok(Item::Day(DayRule::NthWeekdayOf { weekday, nth }))
    }

    /// `L-n` and `L-nW`; in day-of-week `L-n` is Saturday, as `L` alone is.
    fn counted_from_last(self, rest: &str) -> Result<Item, InvalidExpression> {
        if self.field == Field::DayOfWeek {
            self.value(rest)?;
            return Ok(single(SATURDAY));
        }
        match rest.strip_suffix('W') {
            Some(count) => {
                let before = self.value(count)?;
                Ok(Item::Day(DayRule::WeekdayNearLast { before }))
            }
            None => {
                let before = self.value(rest)?;
                Ok(Item::Day(DayRule::Last { before }))
            }
        }
    }
}

fn unsigned(text: &str) -> Option<u32> {
    number::int(text).and_then(|value| u32::try_from(value).ok())
}

fn single(value: u32) -> Item {
    Item::Span {
        first: value,
        last: value,
        step: 1,
    }
}

fn digit_before(text: &str, letter: char) -> bool {
    let bytes = text.as_bytes();
    bytes
        .windows(2)
        .any(|pair| pair[0].is_ascii_digit() && char::from(pair[1]) == letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(first: u32, last: u32, step: u32) -> Item {
        Item::Span { first, last, step }
    }

    #[test]
    fn plain_elements() {
        for (field, text, expected) in [
            (Field::Second, "*", vec![Item::All]),
            (Field::Second, "5", vec![single(5)]),
            (Field::Second, "+5", vec![single(5)]),
            (Field::Second, "*/7", vec![span(0, 59, 7)]),
            (Field::Second, "/7", vec![span(0, 59, 7)]),
            (Field::Second, "5/7", vec![span(5, 59, 7)]),
            (Field::Hour, "22-2", vec![span(22, 2, 1)]),
            (Field::Hour, "22-2/2,5", vec![span(22, 2, 2), single(5)]),
            (Field::Hour, "1-5-", vec![span(1, 5, 1)]),
            (Field::Hour, "1-5/2/3", vec![span(1, 5, 2)]),
            (Field::Month, "JAN/3", vec![span(1, 12, 3)]),
            (Field::Month, "NOV-FEB", vec![span(11, 2, 1)]),
            (Field::Month, "1-5/FEB", vec![span(1, 5, 2)]),
            (Field::DayOfWeek, "MON-FRI/2", vec![span(2, 6, 2)]),
            (Field::Year, "*/4", vec![span(1970, 2099, 4)]),
        ] {
            assert_eq!(parse(field, text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn special_days() {
        let last = |before| Item::Day(DayRule::Last { before });
        let near_last = |before| Item::Day(DayRule::WeekdayNearLast { before });
        let near = |day| Item::Day(DayRule::WeekdayNear { day });
        for (text, expected) in [
            ("?", vec![Item::Unspecified]),
            ("L", vec![last(0)]),
            ("L-3", vec![last(3)]),
            ("L-3W", vec![near_last(3)]),
            ("LW", vec![near_last(0)]),
            ("LWLW", vec![near_last(0)]),
            ("15W", vec![near(15)]),
            ("15WW", vec![near(15)]),
            ("1W5", vec![near(15)]),
            ("5L", vec![last(0)]),
            ("15,L,1W", vec![single(15), last(0), near(1)]),
        ] {
            assert_eq!(parse(Field::DayOfMonth, text), Ok(expected), "{text}");
        }
        let nth = |weekday, nth| Item::Day(DayRule::NthWeekdayOf { weekday, nth });
        let last_of = |weekday| Item::Day(DayRule::LastWeekdayOf { weekday });
        for (text, expected) in [
            ("L", vec![single(7)]),
            ("L-3", vec![single(7)]),
            ("6L", vec![last_of(6)]),
            ("FRIL", vec![last_of(6)]),
            ("6L,2L", vec![last_of(6), last_of(2)]),
            ("FRI#3", vec![nth(6, 3)]),
            ("2#3#4", vec![nth(2, 3)]),
            ("FRI#MON", vec![nth(6, 2)]),
            ("?,2", vec![single(2)]),
        ] {
            assert_eq!(parse(Field::DayOfWeek, text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn refusals_name_the_field_and_what_is_accepted() {
        for (field, text, hint) in [
            (Field::Second, "60", "0 to 59"),
            (Field::Minute, "*/0", "from 1 to 59"),
            (Field::Minute, "*/60", "from 1 to 59"),
            (Field::Hour, "0/24", "from 1 to 23"),
            (Field::Hour, "L", "0 to 23"),
            (Field::Hour, "?", "two day fields"),
            (Field::Hour, "-5", "negative"),
            (Field::Hour, "1-5/", "steps"),
            (Field::Month, "JANUARY", "JAN to DEC"),
            (Field::Month, "1,", "comma"),
            (Field::DayOfMonth, "?,5", "alone"),
            (Field::DayOfMonth, "1-L", "special"),
            (Field::DayOfMonth, "L-32", "1 to 31"),
            (Field::DayOfWeek, "6#6", "#1 to #5"),
            (Field::DayOfWeek, "6#", "weekday#week"),
            (Field::DayOfWeek, "?,?", "alone"),
            (Field::DayOfWeek, "FRIL,MONL", "SUN to SAT"),
            (Field::Year, "2030-2028", "backwards"),
            (Field::Year, "*/131", "from 1 to 130"),
        ] {
            let error = parse(field, text).expect_err(text);
            assert_eq!(error.field, field.name(), "{text}");
            assert!(error.to_string().contains(hint), "{text}: {error}");
        }
    }
}
