//! When does a CRON expression fire next? The Quartz dialect over the `cron` crate.
//!
//! `parse` splits an expression, `field` reads one field, `sets` lets the `cron` crate enumerate
//! the plain values, `day` computes `L`, `W` and `#`, `search` finds the next local time, and this
//! file turns local times into instants.
//!
//! The dialect: 6 or 7 fields (second minute hour day-of-month month day-of-week \[year\], Sunday
//! is 1). Both day fields may be given; a day must then satisfy both. `a||b` is the union of two
//! expressions; `0 0|30 10|12 * * ?` pairs alternatives, here 10:00 and 12:30. Ranges may wrap
//! (`22-2`, `FRI-MON`, `NOV-FEB`) in every field but the year.
//!
//! Invariants:
//! 1. A local time that a clock change skips does not fire; every local time that exists does.
//! 2. Where the clock goes back, an expression that names its hours fires once per local time, in
//!    the first passage. An expression that allows every hour fires in both passages.
//! 3. Nothing fires before 1970, after 2099, or more than 100 years after the instant asked about.

mod day;
mod field;
mod parse;
mod search;
mod sets;

use chrono::{LocalResult, Months, NaiveDateTime, TimeDelta};
use chrono_tz::Tz;

pub use self::day::DayRule;
use self::search::Pattern;
use super::words::CronWords;
use super::{InvalidExpression, zone};
use crate::time::UnixMillis;

const HORIZON: Months = Months::new(100 * 12);

/// A parsed CRON expression in its zone: one pattern, or several for a composite.
#[derive(Debug)]
pub(super) struct CronSchedule {
    patterns: Vec<Pattern>,
    zone: Tz,
}

impl CronSchedule {
    pub(super) fn parse(expression: &str, zone: Tz) -> Result<Self, InvalidExpression> {
        Ok(Self {
            patterns: parse::patterns(expression)?,
            zone,
        })
    }

    /// The first occurrence strictly after `previous`, in whole seconds.
    pub(super) fn next_after(&self, previous: UnixMillis) -> Option<UnixMillis> {
        let previous = previous.0.div_euclid(1000);
        let next = |pattern| Query::new(pattern, self.zone, previous)?.answer();
        let second = self.patterns.iter().filter_map(next).min()?;
        Some(UnixMillis(second * 1000))
    }

    pub(super) fn words(&self) -> Vec<CronWords> {
        self.patterns.iter().map(Pattern::words).collect()
    }
}

/// One question to one pattern: what comes after the second `previous`?
struct Query<'a> {
    pattern: &'a Pattern,
    zone: Tz,
    previous: i64,
    clock: NaiveDateTime,
    horizon: NaiveDateTime,
}

impl<'a> Query<'a> {
    fn new(pattern: &'a Pattern, zone: Tz, previous: i64) -> Option<Self> {
        let clock = zone::local_at(zone, previous)?;
        let horizon = clock.checked_add_months(HORIZON)?;
        Some(Self {
            pattern,
            zone,
            previous,
            clock,
            horizon,
        })
    }

    fn answer(&self) -> Option<i64> {
        let ahead = self.in_local_order();
        if !self.pattern.allows_every_hour() {
            return ahead;
        }
        match self.in_second_passage(ahead) {
            Some(repeated) => Some(ahead.map_or(repeated, |ahead| ahead.min(repeated))),
            None => ahead,
        }
    }

    /// Walks local times forward from the clock's; each maps to its first passage, or to its
    /// second if the first is over and the pattern fires in both.
    fn in_local_order(&self) -> Option<i64> {
        let mut clock = self.clock;
        loop {
            let local = self.pattern.next_local(clock, self.horizon)?;
            clock = match zone::instants_of(self.zone, local) {
                LocalResult::Single(instant) => return Some(instant),
                LocalResult::Ambiguous(first, _) if first > self.previous => return Some(first),
                LocalResult::Ambiguous(_, second) if self.pattern.allows_every_hour() => {
                    return Some(second);
                }
                LocalResult::Ambiguous(first, second) => self.end_of_overlap(first, second)?,
                LocalResult::None => zone::end_of_gap(self.zone, local)?,
            } - TimeDelta::seconds(1);
        }
    }

    fn end_of_overlap(&self, first: i64, second: i64) -> Option<NaiveDateTime> {
        let change = zone::transition(self.zone, first, second)?;
        zone::local_at(self.zone, change - 1).map(|last| last + TimeDelta::seconds(1))
    }

    /// If the clock stands in the first passage of an overlap and `ahead` lies beyond that
    /// passage: the pattern's first occurrence in the second passage.
    fn in_second_passage(&self, ahead: Option<i64>) -> Option<i64> {
        let LocalResult::Ambiguous(first, second) = zone::instants_of(self.zone, self.clock) else {
            return None;
        };
        let change = zone::transition(self.zone, first, second)?;
        if self.previous >= change || ahead.is_some_and(|ahead| ahead < change) {
            return None;
        }
        let before_repetition = zone::local_at(self.zone, change)? - TimeDelta::seconds(1);
        let local = self.pattern.next_local(before_repetition, self.horizon)?;
        match zone::instants_of(self.zone, local) {
            LocalResult::Ambiguous(_, second) => Some(second),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
