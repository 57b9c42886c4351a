//! When does a daily time interval run next?
//!
//! Every selected day has a window. The day's runs are at its start and then every interval, as
//! time elapses, up to and including its end: start + k x interval.
//!
//! Invariants:
//! 1. A run's instant depends on its day only, never on when the search began. Intervals of a day
//!    or more are the exception: they run at window starts, and after a run's day the next one
//!    comes when as many days have passed as the interval needs.
//! 2. A window start that a clock change skips moves on by the gap, and the run at it takes place
//!    even if the window's end is passed by that; a start that happens twice counts the second
//!    time. A day that does not exist, or whose window start would leave it, has no runs.
//! 3. A search looks at no more than 17 days.

mod read;

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime};
use chrono_tz::Tz;

use super::words::ScheduleWords;
use super::{InvalidExpression, zone};
use crate::time::UnixMillis;

const DAY_MS: i64 = 86_400_000;

/// The day before, today, and two weeks: the same weekday of one week may not exist.
const DAYS_SEARCHED: usize = 17;

/// A parsed daily time interval in its zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DailyInterval {
    every_ms: i64,
    from: NaiveTime,
    to: NaiveTime,
    /// One bit for each selected day, Monday is bit 0.
    days: u8,
    zone: Tz,
}

/// A day's first and last allowed instant in milliseconds.
struct Window {
    start: i64,
    end: i64,
}

impl DailyInterval {
    pub(super) fn parse(expression: &str, zone: Tz) -> Result<Self, InvalidExpression> {
        let fields = read::fields(expression)?;
        Ok(Self {
            every_ms: fields.every_ms,
            from: fields.from,
            to: fields.to,
            days: fields.days,
            zone,
        })
    }

    /// The first run strictly after `previous` and not before `start`.
    pub(super) fn next_after(
        &self,
        previous: UnixMillis,
        start: Option<UnixMillis>,
    ) -> Option<UnixMillis> {
        let beginning_ms = *zone::CALENDAR_SECONDS.start() * 1000;
        let earliest = previous
            .0
            .checked_add(1)?
            .max(start.map_or(i64::MIN, |start| start.0));
        let earliest = earliest.max(beginning_ms);
        // the day before may reach into this one by a shifted window end
        let mut day = self.local_at(earliest)?.date().pred_opt()?;
        if let Some(resting) = self.first_day_after_rest(previous) {
            day = day.max(resting);
        }
        let days = std::iter::successors(Some(day), NaiveDate::succ_opt);
        days.take(DAYS_SEARCHED)
            .filter(|day| self.selects(*day))
            .find_map(|day| self.first_run(day, earliest))
            .map(UnixMillis)
    }

    pub(super) fn words(&self) -> ScheduleWords {
        ScheduleWords::DailyInterval {
            every_ms: self.every_ms,
            from: self.from.to_string(),
            to: self.to.to_string(),
            days: (1..=7)
                .filter(|day| self.days >> (day - 1) & 1 == 1)
                .collect(),
        }
    }

    fn local_at(&self, millis: i64) -> Option<NaiveDateTime> {
        zone::local_at(self.zone, millis.div_euclid(1000))
    }

    fn selects(&self, day: NaiveDate) -> bool {
        self.days >> day.weekday().num_days_from_monday() & 1 == 1
    }

    /// For intervals of a day or more, if `previous` lies on a day that has begun its window: the
    /// day on which the interval has passed.
    fn first_day_after_rest(&self, previous: UnixMillis) -> Option<NaiveDate> {
        if self.every_ms < DAY_MS {
            return None;
        }
        let day = self.local_at(previous.0)?.date();
        let begun = self.selects(day) && self.window(day)?.start <= previous.0;
        let rest = u64::try_from(self.every_ms.div_euclid(DAY_MS)).ok()?
            + u64::from(self.every_ms % DAY_MS != 0);
        // a rest beyond the calendar ends the search, for there is no such day
        begun.then(|| {
            day.checked_add_days(Days::new(rest))
                .unwrap_or(NaiveDate::MAX)
        })
    }

    /// The day's first run at or after `earliest`.
    fn first_run(&self, day: NaiveDate, earliest: i64) -> Option<i64> {
        let Window { start, end } = self.window(day)?;
        if earliest <= start {
            return Some(start);
        }
        if self.every_ms >= DAY_MS {
            return None;
        }
        let passed = earliest - start;
        let steps = passed.div_euclid(self.every_ms) + i64::from(passed % self.every_ms != 0);
        let run = start + steps * self.every_ms;
        (run <= end).then_some(run)
    }

    fn window(&self, day: NaiveDate) -> Option<Window> {
        let start = zone::lenient_instant(self.zone, day.and_time(self.from))?;
        let exists = zone::local_at(self.zone, start)?.date() == day;
        let end = zone::lenient_instant(self.zone, day.and_time(self.to))?;
        exists.then_some(Window {
            start: start * 1000,
            end: end * 1000,
        })
    }
}

#[cfg(test)]
mod tests;
