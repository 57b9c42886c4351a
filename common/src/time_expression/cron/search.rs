//! Which local time matches next? A search over the field sets, knowing nothing of zones.
//!
//! Invariants:
//! 1. A result is later than the given local time, not later than the horizon, and matches.
//! 2. No matching local time lies between the given one and the result.
//! 3. The search looks at each month up to the horizon at most once.

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike};

use super::day::MonthShape;
use super::field::Item;
use super::sets::Sets;
use crate::time_expression::InvalidExpression;
use crate::time_expression::words::{CronWords, DaysWords, ValuesWords};

const EVERY_HOUR: u64 = (1 << 24) - 1;

/// One CRON expression without alternatives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    sets: Sets,
}

impl Pattern {
    pub(super) fn new(fields: &[Vec<Item>]) -> Result<Self, InvalidExpression> {
        Ok(Self {
            sets: Sets::new(fields)?,
        })
    }

    /// Whether the hour field leaves out no hour.
    pub(super) fn allows_every_hour(&self) -> bool {
        self.sets.hours == EVERY_HOUR
    }

    /// The first matching local time after `clock` and up to `horizon`.
    pub(super) fn next_local(
        &self,
        clock: NaiveDateTime,
        horizon: NaiveDateTime,
    ) -> Option<NaiveDateTime> {
        let from = clock.checked_add_signed(TimeDelta::seconds(1))?;
        let today = self.days_in(from.year(), from.month()) >> from.day() & 1 == 1;
        let later_today = if today {
            self.time_from(from.time())
        } else {
            None
        };
        let next = match later_today {
            Some(time) => from.date().and_time(time),
            None => {
                let midnight = self.time_from(NaiveTime::MIN)?;
                self.day_after(from.date(), horizon.year())?
                    .and_time(midnight)
            }
        };
        (next <= horizon).then_some(next)
    }

    /// The first matching time of a day at or after `time`.
    fn time_from(&self, time: NaiveTime) -> Option<NaiveTime> {
        let (hour, minute, second) = (time.hour(), time.minute(), time.second());
        let sets = &self.sets;
        if has(sets.hours, hour) {
            if has(sets.minutes, minute)
                && let Some(second) = first_from(sets.seconds, second)
            {
                return NaiveTime::from_hms_opt(hour, minute, second);
            }
            if let Some(minute) = first_from(sets.minutes, minute + 1) {
                return NaiveTime::from_hms_opt(hour, minute, first_from(sets.seconds, 0)?);
            }
        }
        let hour = first_from(sets.hours, hour + 1)?;
        let minute = first_from(sets.minutes, 0)?;
        NaiveTime::from_hms_opt(hour, minute, first_from(sets.seconds, 0)?)
    }

    fn day_after(&self, date: NaiveDate, last_year: i32) -> Option<NaiveDate> {
        let (mut year, mut month) = (date.year(), date.month());
        let mut days = self.days_in(year, month) & (u32::MAX << date.day() << 1);
        while days == 0 {
            (year, month) = if month == 12 {
                (year + 1, 1)
            } else {
                (year, month + 1)
            };
            if year > last_year {
                return None;
            }
            days = self.days_in(year, month);
        }
        NaiveDate::from_ymd_opt(year, month, days.trailing_zeros())
    }

    /// The matching days of a month, one bit each.
    fn days_in(&self, year: i32, month: u32) -> u32 {
        if !has(self.sets.months, month) || !self.sets.years.contains(year) {
            return 0;
        }
        MonthShape::of(year, month).map_or(0, |shape| self.sets.days.in_month(shape))
    }

    pub(super) fn words(&self) -> CronWords {
        let sets = &self.sets;
        let days = &sets.days;
        CronWords {
            seconds: ValuesWords::of(&listed(sets.seconds), 0, 59),
            minutes: ValuesWords::of(&listed(sets.minutes), 0, 59),
            hours: ValuesWords::of(&listed(sets.hours), 0, 23),
            month_days: days.of_month.as_ref().and_then(|choice| {
                DaysWords::of(&listed(u64::from(choice.values)), &choice.rules, 31)
            }),
            week_days: days.of_week.as_ref().and_then(|choice| {
                DaysWords::of(&listed(u64::from(choice.values)), &choice.rules, 7)
            }),
            months: ValuesWords::of_calendar(&listed(sets.months), 1, 12),
            years: ValuesWords::of_calendar(&sets.years.list(), 1970, 2099),
        }
    }
}

fn has(set: u64, value: u32) -> bool {
    set >> value & 1 == 1
}

fn first_from(set: u64, value: u32) -> Option<u32> {
    let rest = set >> value;
    (rest != 0).then(|| value + rest.trailing_zeros())
}

fn listed(set: u64) -> Vec<u32> {
    (0..64).filter(|value| has(set, *value)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::parse::patterns;
    use super::*;

    fn time(text: &str) -> NaiveDateTime {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").expect("a time")
    }

    fn next(expression: &str, clock: &str) -> Option<String> {
        let patterns = patterns(expression).expect("valid");
        let horizon = time("2120-01-01 00:00:00");
        patterns[0]
            .next_local(time(clock), horizon)
            .map(|next| next.to_string())
    }

    #[test]
    fn the_next_match_is_the_nearest_later_one() {
        for (expression, clock, expected) in [
            ("* * * * * ?", "2024-02-29 23:59:59", "2024-03-01 00:00:00"),
            ("0 0 12 * * ?", "2024-01-01 12:00:00", "2024-01-02 12:00:00"),
            ("0 0 12 * * ?", "2024-01-01 11:59:59", "2024-01-01 12:00:00"),
            (
                "30 5/10 8-9 * * ?",
                "2024-01-01 08:55:30",
                "2024-01-01 09:05:30",
            ),
            (
                "30 5/10 8-9 * * ?",
                "2024-01-01 09:55:30",
                "2024-01-02 08:05:30",
            ),
            ("0 0 0 29 2 ?", "2024-02-29 00:00:00", "2028-02-29 00:00:00"),
            ("0 0 0 31 * ?", "2024-01-31 00:00:00", "2024-03-31 00:00:00"),
            (
                "0 0 0 13 * FRI",
                "2026-03-13 00:00:00",
                "2026-11-13 00:00:00",
            ),
            (
                "0 0 0 1 1 ? 2030,2050",
                "2031-01-01 00:00:00",
                "2050-01-01 00:00:00",
            ),
            (
                "59 59 23 31 12 ?",
                "2098-12-31 23:59:59",
                "2099-12-31 23:59:59",
            ),
        ] {
            assert_eq!(
                next(expression, clock).as_deref(),
                Some(expected),
                "{expression} {clock}"
            );
        }
    }

    #[test]
    fn searches_without_a_match_end() {
        for (expression, clock) in [
            ("0 0 0 30 2 ?", "1970-01-01 00:00:00"),
            ("0 0 0 * * ? 2030", "2030-12-31 00:00:00"),
            ("* * * * * ?", "2099-12-31 23:59:59"),
            ("* * * * * ?", "2500-12-31 23:59:59"),
        ] {
            assert_eq!(next(expression, clock), None, "{expression}");
        }
    }
}
