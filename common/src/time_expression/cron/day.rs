//! Which days of a month do the two day fields select?
//!
//! Invariants:
//! 1. A selected day is a day of that month: no rule leaves its month, and a rule whose day the
//!    month does not have selects nothing.
//! 2. Within a field any element may select a day; of two fields that are both given, both must.

use chrono::{Datelike, NaiveDate};
use serde::Serialize;

/// A day that differs from month to month. Weekdays count from 1, Sunday, to 7, Saturday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "rule", rename_all = "camelCase")]
pub enum DayRule {
    /// `L` and `L-n`: so many days before the month's last day.
    Last {
        /// Number of days before the last day.
        before: u32,
    },
    /// `nW`: the Monday to Friday nearest to a day, within the month.
    WeekdayNear {
        /// The day aimed at; a month without it is skipped.
        day: u32,
    },
    /// `LW` and `L-nW`: the Monday to Friday nearest to a day counted from the month's end.
    WeekdayNearLast {
        /// Number of days before the last day.
        before: u32,
    },
    /// `dL`: the last such weekday of the month.
    LastWeekdayOf {
        /// The weekday.
        weekday: u32,
    },
    /// `d#k`: the k-th such weekday of the month.
    NthWeekdayOf {
        /// The weekday.
        weekday: u32,
        /// Which one, from 1 to 5.
        nth: u32,
    },
}

const SUNDAY: u32 = 1;
const SATURDAY: u32 = 7;

/// Length and first weekday of one month.
#[derive(Debug, Clone, Copy)]
pub(super) struct MonthShape {
    length: u32,
    first_weekday: u32,
}

impl MonthShape {
    pub(super) fn of(year: i32, month: u32) -> Option<Self> {
        let first = NaiveDate::from_ymd_opt(year, month, 1)?;
        let length = u32::from(first.num_days_in_month());
        Some(Self {
            length,
            first_weekday: first.weekday().number_from_sunday(),
        })
    }

    fn weekday(self, day: u32) -> u32 {
        (self.first_weekday + day - 2) % 7 + 1
    }

    /// The first day of the month that falls on a weekday.
    fn first(self, weekday: u32) -> u32 {
        (weekday + 7 - self.first_weekday) % 7 + 1
    }

    /// One bit for each day of the month; bit 0 is unused.
    fn all_days(self) -> u32 {
        (u32::MAX >> (31 - self.length)) & !1
    }

    /// The days that fall on any of a set of weekdays (bits 1 to 7).
    fn days_on(self, weekdays: u32) -> u32 {
        let mut days = 0;
        for weekday in SUNDAY..=SATURDAY {
            if weekdays >> weekday & 1 == 1 {
                days |= 0b1_0000_0010_0000_0100_0000_1000_0001 << self.first(weekday);
            }
        }
        days & self.all_days()
    }
}

impl DayRule {
    /// The day of this month that the rule selects.
    fn day_in(self, month: MonthShape) -> Option<u32> {
        match self {
            Self::Last { before } => counted_back(month, before),
            Self::WeekdayNear { day } => {
                (day <= month.length).then(|| nearest_working_day(month, day))
            }
            Self::WeekdayNearLast { before } => {
                counted_back(month, before).map(|day| nearest_working_day(month, day))
            }
            Self::LastWeekdayOf { weekday } => {
                let first = month.first(weekday);
                Some(first + (month.length - first) / 7 * 7)
            }
            Self::NthWeekdayOf { weekday, nth } => {
                let day = month.first(weekday) + (nth - 1) * 7;
                (day <= month.length).then_some(day)
            }
        }
    }
}

fn counted_back(month: MonthShape, before: u32) -> Option<u32> {
    month.length.checked_sub(before).filter(|day| *day >= 1)
}

/// Saturday goes to the Friday before and Sunday to the Monday after, but neither leaves the
/// month: Saturday the 1st goes to Monday the 3rd, Sunday the last to the Friday before.
fn nearest_working_day(month: MonthShape, day: u32) -> u32 {
    match month.weekday(day) {
        SATURDAY if day > 1 => day - 1,
        SATURDAY => day + 2,
        SUNDAY if day < month.length => day + 1,
        SUNDAY => day - 2,
        _ => day,
    }
}

/// What one day field selects.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct DayChoice {
    /// Plain values, one bit each.
    pub(super) values: u32,
    pub(super) rules: Vec<DayRule>,
}

impl DayChoice {
    fn ruled_days(&self, month: MonthShape) -> u32 {
        let days = self.rules.iter().filter_map(|rule| rule.day_in(month));
        days.fold(0, |days, day| days | 1 << day)
    }
}

/// Both day fields; `None` stands for `?`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Days {
    pub(super) of_month: Option<DayChoice>,
    pub(super) of_week: Option<DayChoice>,
}

impl Days {
    /// The selected days of a month, one bit each; bit 0 is unused.
    pub(super) fn in_month(&self, month: MonthShape) -> u32 {
        let of_month = self
            .of_month
            .as_ref()
            .map_or(u32::MAX, |choice| choice.values | choice.ruled_days(month));
        let of_week = self.of_week.as_ref().map_or(u32::MAX, |choice| {
            month.days_on(choice.values) | choice.ruled_days(month)
        });
        of_month & of_week & month.all_days()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(rule: DayRule, year: i32, month: u32) -> Option<u32> {
        rule.day_in(MonthShape::of(year, month).expect("a month"))
    }

    #[test]
    fn days_counted_from_the_end() {
        assert_eq!(day(DayRule::Last { before: 0 }, 2024, 2), Some(29));
        assert_eq!(day(DayRule::Last { before: 27 }, 2025, 2), Some(1));
        assert_eq!(day(DayRule::Last { before: 28 }, 2025, 2), None);
        assert_eq!(day(DayRule::Last { before: 31 }, 2025, 1), None);
    }

    #[test]
    fn nearest_working_day_stays_in_its_month() {
        let near = |day| DayRule::WeekdayNear { day };
        // 2025-11-01 and 2025-11-15 are Saturdays, 2025-11-16 and 2025-11-30 Sundays
        assert_eq!(day(near(1), 2025, 11), Some(3));
        assert_eq!(day(near(15), 2025, 11), Some(14));
        assert_eq!(day(near(16), 2025, 11), Some(17));
        assert_eq!(day(near(30), 2025, 11), Some(28));
        assert_eq!(day(near(12), 2025, 11), Some(12));
        assert_eq!(day(near(31), 2025, 11), None);
        assert_eq!(day(near(29), 2025, 2), None);
        assert_eq!(day(near(31), 2024, 3), Some(29));
        let near_last = |before| DayRule::WeekdayNearLast { before };
        assert_eq!(day(near_last(0), 2025, 11), Some(28));
        assert_eq!(day(near_last(14), 2025, 11), Some(17));
        assert_eq!(day(near_last(29), 2025, 11), Some(3));
        assert_eq!(day(near_last(30), 2025, 11), None);
    }

    #[test]
    fn numbered_weekdays() {
        let nth = |nth| DayRule::NthWeekdayOf { weekday: 6, nth };
        assert_eq!(day(nth(1), 2025, 11), Some(7));
        assert_eq!(day(nth(4), 2025, 11), Some(28));
        assert_eq!(day(nth(5), 2025, 11), None);
        assert_eq!(day(nth(5), 2025, 10), Some(31));
        assert_eq!(
            day(DayRule::LastWeekdayOf { weekday: 1 }, 2025, 11),
            Some(30)
        );
        assert_eq!(
            day(DayRule::LastWeekdayOf { weekday: 6 }, 2025, 11),
            Some(28)
        );
    }

    #[test]
    fn weekday_bits_agree_with_the_calendar() {
        for month in 1..=12 {
            let shape = MonthShape::of(2024, month).expect("a month");
            for weekday in SUNDAY..=SATURDAY {
                let expected = (1..=shape.length).filter(|day| {
                    let date = NaiveDate::from_ymd_opt(2024, month, *day).expect("a date");
                    date.weekday().number_from_sunday() == weekday
                });
                let expected = expected.fold(0_u32, |days, day| days | 1 << day);
                assert_eq!(shape.days_on(1 << weekday), expected, "{month} {weekday}");
            }
        }
    }

    #[test]
    fn both_fields_must_agree_unless_one_is_unspecified() {
        let november = MonthShape::of(2026, 11).expect("a month");
        let thirteenth = Some(DayChoice {
            values: 1 << 13,
            rules: vec![],
        });
        let fridays = Some(DayChoice {
            values: 1 << 6,
            rules: vec![],
        });
        let both = Days {
            of_month: thirteenth.clone(),
            of_week: fridays.clone(),
        };
        assert_eq!(both.in_month(november), 1 << 13);
        let october = MonthShape::of(2026, 10).expect("a month");
        assert_eq!(both.in_month(october), 0);
        let either = Days {
            of_month: thirteenth,
            of_week: None,
        };
        assert_eq!(either.in_month(october), 1 << 13);
        let week = Days {
            of_month: None,
            of_week: fridays,
        };
        assert_eq!(
            week.in_month(november),
            1 << 6 | 1 << 13 | 1 << 20 | 1 << 27
        );
    }
}
