//! Which values does each field allow? The `cron` crate enumerates them.
//!
//! Our dialect is wider than the crate's, so each field is first rewritten into the crate's
//! grammar: numbers for names, listed values for ranges that wrap, and no special days (those
//! stay beside the sets as rules).
//!
//! Invariants:
//! 1. What the rewriting produces is always within the crate's grammar and ranges.
//! 2. A field of special days only has an empty set, not a full one.

use std::str::FromStr;

use cron::TimeUnitSpec;

use super::day::{DayChoice, DayRule, Days};
use super::field::{Field, Item};
use crate::reason::{Reason, ReasonCode};
use crate::time_expression::InvalidExpression;

/// The values of every field, one bit each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sets {
    pub(super) seconds: u64,
    pub(super) minutes: u64,
    pub(super) hours: u64,
    pub(super) months: u64,
    pub(super) years: Years,
    pub(super) days: Days,
}

/// The years from 1970 to 2099, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Years([u64; 3]);

impl Years {
    fn new(years: impl Iterator<Item = u32>) -> Self {
        let mut bits = [0; 3];
        for index in years.filter_map(Self::index) {
            bits[index / 64] |= 1 << (index % 64);
        }
        Self(bits)
    }

    pub(super) fn contains(self, year: i32) -> bool {
        let index = u32::try_from(year).ok().and_then(Self::index);
        index.is_some_and(|index| self.0[index / 64] >> (index % 64) & 1 == 1)
    }

    pub(super) fn list(self) -> Vec<u32> {
        (Field::Year.first()..=Field::Year.last())
            .filter(|year| i32::try_from(*year).is_ok_and(|year| self.contains(year)))
            .collect()
    }

    fn index(year: u32) -> Option<usize> {
        let offset = year.checked_sub(Field::Year.first())?;
        (year <= Field::Year.last()).then_some(offset as usize)
    }
}

impl Sets {
    /// Evaluates the fields second, minute, hour, day-of-month, month, day-of-week and, if given,
    /// year.
    pub(super) fn new(fields: &[Vec<Item>]) -> Result<Self, InvalidExpression> {
        let (of_month, of_week) = (&fields[3], &fields[5]);
        if is_unspecified(of_month) && is_unspecified(of_week) {
            return Err(InvalidExpression::new(
                Field::DayOfWeek.name(),
                ReasonCode::CronQuestionTwice,
            ));
        }
        let plain = evaluate(fields)?;
        let month_days = bits(plain.days_of_month());
        let week_days = bits(plain.days_of_week());
        Ok(Self {
            seconds: bits(plain.seconds()),
            minutes: bits(plain.minutes()),
            hours: bits(plain.hours()),
            months: bits(plain.months()),
            years: Years::new(plain.years().iter()),
            days: Days {
                of_month: day_choice(of_month, month_days),
                of_week: day_choice(of_week, week_days),
            },
        })
    }
}

fn evaluate(fields: &[Vec<Item>]) -> Result<cron::Schedule, InvalidExpression> {
    const ORDER: [Field; 7] = [
        Field::Second,
        Field::Minute,
        Field::Hour,
        Field::DayOfMonth,
        Field::Month,
        Field::DayOfWeek,
        Field::Year,
    ];
    let rewritten: Vec<String> = ORDER
        .iter()
        .zip(fields)
        .map(|(field, items)| rewrite(*field, items))
        .collect();
    cron::Schedule::from_str(&rewritten.join(" ")).map_err(|error| {
        let reason = Reason::new(ReasonCode::Refused, "cause", error);
        InvalidExpression::new("timeExpression", reason)
    })
}

/// The field in the grammar of the `cron` crate; `*` if nothing plain is in it.
fn rewrite(field: Field, items: &[Item]) -> String {
    let elements: Vec<String> = items
        .iter()
        .filter_map(|item| match *item {
            Item::Span { first, last, step } => Some(rewrite_span(field, first, last, step)),
            Item::All => Some("*".to_owned()),
            Item::Unspecified | Item::Day(_) => None,
        })
        .collect();
    if elements.is_empty() {
        "*".to_owned()
    } else {
        elements.join(",")
    }
}

fn rewrite_span(field: Field, first: u32, last: u32, step: u32) -> String {
    if first == last {
        return first.to_string();
    }
    if first < last {
        return format!("{first}-{last}/{step}");
    }
    let wrap = |value: u32| (value - field.first()) % field.size() + field.first();
    let values = (first..=last + field.size()).step_by(step as usize);
    values
        .map(|value| wrap(value).to_string())
        .collect::<Vec<_>>()
        .join(",")
}

fn bits(values: &impl TimeUnitSpec) -> u64 {
    values.iter().fold(0, |bits, value| bits | 1 << value)
}

fn is_unspecified(items: &[Item]) -> bool {
    items == [Item::Unspecified]
}

fn day_choice(items: &[Item], plain: u64) -> Option<DayChoice> {
    if is_unspecified(items) {
        return None;
    }
    let rules: Vec<DayRule> = items
        .iter()
        .filter_map(|item| match item {
            Item::Day(rule) => Some(*rule),
            _ => None,
        })
        .collect();
    let only_rules = rules.len() == items.len();
    let values = if only_rules {
        0
    } else {
        u32::try_from(plain).unwrap_or(u32::MAX)
    };
    Some(DayChoice { values, rules })
}

#[cfg(test)]
mod tests {
    use super::super::field::parse;
    use super::*;

    fn hours(text: &str) -> Vec<u32> {
        let all = || vec![Item::All];
        let hour = parse(Field::Hour, text).expect("valid");
        let sets = Sets::new(&[all(), all(), hour, all(), all(), all()]).expect("valid");
        (0..24).filter(|hour| sets.hours >> hour & 1 == 1).collect()
    }

    #[test]
    fn spans_become_value_sets() {
        assert_eq!(hours("5"), [5]);
        assert_eq!(hours("20/2"), [20, 22]);
        assert_eq!(hours("8-12/3,1"), [1, 8, 11]);
        assert_eq!(hours("22-2"), [0, 1, 2, 22, 23]);
        assert_eq!(hours("23-2/2"), [1, 23]);
        assert_eq!(hours("5-4"), (0..24).collect::<Vec<_>>());
        assert_eq!(hours("*,5"), (0..24).collect::<Vec<_>>());
    }

    #[test]
    fn wrapping_counts_from_the_field_s_first_value() {
        assert_eq!(rewrite_span(Field::DayOfWeek, 6, 2, 1), "6,7,1,2");
        assert_eq!(rewrite_span(Field::DayOfWeek, 6, 2, 2), "6,1");
        assert_eq!(rewrite_span(Field::Month, 11, 2, 1), "11,12,1,2");
        assert_eq!(rewrite_span(Field::DayOfMonth, 30, 2, 1), "30,31,1,2");
        assert_eq!(rewrite_span(Field::Second, 59, 5, 5), "59,4");
    }

    #[test]
    fn years_outside_the_range_are_never_contained() {
        let years = Years::new(1970..=2100);
        assert!(years.contains(1970) && years.contains(2034) && years.contains(2099));
        assert!(!years.contains(1969) && !years.contains(2100) && !years.contains(-1));
        assert_eq!(years.list().len(), 130);
    }

    #[test]
    fn special_days_alone_leave_no_plain_day() {
        let all = || vec![Item::All];
        let last = parse(Field::DayOfMonth, "L").expect("valid");
        let sets = Sets::new(&[all(), all(), all(), last, all(), vec![Item::Unspecified]]);
        let of_month = sets.expect("valid").days.of_month.expect("given");
        assert_eq!(
            of_month,
            DayChoice {
                values: 0,
                rules: vec![DayRule::Last { before: 0 }]
            }
        );
    }

    #[test]
    fn two_question_marks_select_nothing() {
        let all = || vec![Item::All];
        let any = || vec![Item::Unspecified];
        let error = Sets::new(&[all(), all(), all(), any(), all(), any()]).expect_err("refused");
        assert_eq!(error.field, "day-of-week");
    }
}
