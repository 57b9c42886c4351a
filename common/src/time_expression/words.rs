//! What does a schedule say, before it is put into a language?
//!
//! Invariants:
//! 1. The words follow from the evaluated value sets, so two spellings of one schedule
//!    (`0/5`, `*/5`) have the same words.
//! 2. Every restriction of the schedule is in its words.

use serde::Serialize;

pub use super::cron::DayRule;
use crate::time::UnixMillis;

/// A schedule in structured form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum ScheduleWords {
    /// Runs when somebody asks for it.
    OnRequest,
    /// Runs as a node of a workflow.
    InWorkflow,
    /// Runs once.
    Once {
        /// The instant.
        at: UnixMillis,
        /// The instant as the clock of the schedule's zone shows it.
        local: String,
    },
    /// Runs again and again, counted from start to start.
    FixedRate {
        /// The interval in milliseconds.
        every_ms: i64,
    },
    /// Runs again and again, counted from the end of a run to the next start.
    FixedDelay {
        /// The interval in milliseconds.
        every_ms: i64,
    },
    /// Runs in steps within a window of the day.
    DailyInterval {
        /// The interval in milliseconds, counted from the window's start.
        every_ms: i64,
        /// The window's start, `HH:MM:SS`.
        from: String,
        /// The window's end, `HH:MM:SS`, included.
        to: String,
        /// The days, from 1, Monday, to 7, Sunday.
        days: Vec<u8>,
    },
    /// Runs by the calendar, whenever any of the alternatives matches.
    Cron {
        /// One entry, or several for a composite expression.
        alternatives: Vec<CronWords>,
    },
}

/// One CRON expression by fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CronWords {
    /// Seconds of the minute.
    pub seconds: ValuesWords,
    /// Minutes of the hour.
    pub minutes: ValuesWords,
    /// Hours of the day.
    pub hours: ValuesWords,
    /// Days of the month; `None` if they do not restrict.
    pub month_days: Option<DaysWords>,
    /// Days of the week, 1 is Sunday; `None` if they do not restrict.
    pub week_days: Option<DaysWords>,
    /// Months, from 1 to 12.
    pub months: ValuesWords,
    /// Years.
    pub years: ValuesWords,
}

/// The values of one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "shape", rename_all = "camelCase")]
pub enum ValuesWords {
    /// Every value of the field.
    All,
    /// Every `step`-th value through the whole field.
    Every {
        /// The distance of two values, 2 or more.
        step: u32,
    },
    /// Three or more values at equal distances.
    Span {
        /// The first value.
        from: u32,
        /// The last value.
        to: u32,
        /// The distance of two values, 1 or more.
        step: u32,
    },
    /// Single values in ascending order.
    List {
        /// The values.
        values: Vec<u32>,
    },
}

/// The days that one day field selects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DaysWords {
    /// Plain days; an empty list if there are only rules.
    pub values: ValuesWords,
    /// Days that differ from month to month.
    pub rules: Vec<DayRule>,
}

impl ValuesWords {
    /// Names ascending values of a field that goes from `first` to `last`.
    pub(super) fn of(values: &[u32], first: u32, last: u32) -> Self {
        let [from, second, .., to] = *values else {
            return Self::List {
                values: values.to_vec(),
            };
        };
        let step = second - from;
        if values.windows(2).any(|pair| pair[1] - pair[0] != step) {
            return Self::List {
                values: values.to_vec(),
            };
        }
        match (from == first && to + step > last, step) {
            (true, 1) => Self::All,
            (true, step) => Self::Every { step },
            (false, step) => Self::Span { from, to, step },
        }
    }

    /// The same for days, months and years, where "every n" misleads because counting starts anew,
    /// and where a few values in steps are better listed.
    pub(super) fn of_calendar(values: &[u32], first: u32, last: u32) -> Self {
        const FEW: usize = 7;
        match (Self::of(values, first, last), values) {
            (Self::Every { .. } | Self::Span { step: 2.., .. }, values) if values.len() <= FEW => {
                Self::List {
                    values: values.to_vec(),
                }
            }
            (Self::Every { step }, [from, .., to]) => Self::Span {
                from: *from,
                to: *to,
                step,
            },
            (words, _) => words,
        }
    }
}

impl DaysWords {
    /// `None` if every day is selected.
    pub(super) fn of(values: &[u32], rules: &[DayRule], last: u32) -> Option<Self> {
        match ValuesWords::of_calendar(values, 1, last) {
            ValuesWords::All => None,
            values => Some(Self {
                values,
                rules: rules.to_vec(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_named_by_their_shape() {
        let of = |values: &[u32]| ValuesWords::of(values, 0, 23);
        assert_eq!(of(&(0..24).collect::<Vec<_>>()), ValuesWords::All);
        assert_eq!(of(&[0, 6, 12, 18]), ValuesWords::Every { step: 6 });
        assert_eq!(
            of(&[0, 6, 12]),
            ValuesWords::Span {
                from: 0,
                to: 12,
                step: 6
            }
        );
        assert_eq!(
            of(&[8, 9, 10]),
            ValuesWords::Span {
                from: 8,
                to: 10,
                step: 1
            }
        );
        assert_eq!(
            of(&[0, 12]),
            ValuesWords::List {
                values: vec![0, 12]
            }
        );
        assert_eq!(
            of(&[1, 2, 4]),
            ValuesWords::List {
                values: vec![1, 2, 4]
            }
        );
        assert_eq!(of(&[]), ValuesWords::List { values: vec![] });
    }

    #[test]
    fn unrestricted_days_have_no_words() {
        assert_eq!(DaysWords::of(&[1, 2, 3, 4, 5, 6, 7], &[], 7), None);
    }

    #[test]
    fn few_days_in_steps_are_listed_and_many_are_spanned() {
        let days = |values: &[u32], last| DaysWords::of(values, &[], last).map(|days| days.values);
        let list = |values: &[u32]| {
            Some(ValuesWords::List {
                values: values.to_vec(),
            })
        };
        assert_eq!(days(&[1, 3, 5, 7], 7), list(&[1, 3, 5, 7]));
        assert_eq!(days(&[2, 4, 6], 7), list(&[2, 4, 6]));
        let monday_to_friday = ValuesWords::Span {
            from: 2,
            to: 6,
            step: 1,
        };
        assert_eq!(days(&[2, 3, 4, 5, 6], 7), Some(monday_to_friday));
        let odd: Vec<u32> = (1..=31).step_by(2).collect();
        let spanned = ValuesWords::Span {
            from: 1,
            to: 31,
            step: 2,
        };
        assert_eq!(days(&odd, 31), Some(spanned));
    }

    #[test]
    fn json_form_is_tagged() {
        let words = ScheduleWords::FixedRate { every_ms: 5 };
        let json = serde_json::to_string(&words).expect("serialises");
        assert_eq!(json, r#"{"kind":"fixedRate","everyMs":5}"#);
    }
}
