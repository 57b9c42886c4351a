//! Collects what is wrong with an input, field by field.

use std::fmt::Display;

use powerjob_common::reason::{Reason, ReasonCode};
use powerjob_protocol::api::problem::FieldError;

/// Largest wish of processors or GiB.
const MAX_WISH: f64 = 1_000_000.0;

/// What is wrong with an input, all of it.
#[derive(Debug, Default)]
pub(super) struct Mistakes(pub(super) Vec<FieldError>);

impl Mistakes {
    pub(super) fn unless<R: Into<Reason>>(
        &mut self,
        is_right: bool,
        field: &str,
        reason: impl FnOnce() -> R,
    ) {
        if !is_right {
            self.0.push(FieldError::new(field, reason()));
        }
    }

    pub(super) fn at_most_chars(&mut self, text: &str, most: usize, field: &str) {
        self.unless(text.chars().count() <= most, field, || {
            Reason::new(ReasonCode::TooManyCharacters, "most", most)
        });
    }

    pub(super) fn at_most_bytes(&mut self, text: &str, most: usize, field: &str) {
        self.unless(text.len() <= most, field, || {
            Reason::new(ReasonCode::TooManyBytes, "most", most)
        });
    }

    pub(super) fn within(&mut self, value: u64, least: u64, most: u64, field: &str) {
        let is_right = (least..=most).contains(&value);
        self.unless(is_right, field, || out_of_range(value, least, most));
    }

    pub(super) fn wish(&mut self, value: f64, field: &str) {
        self.number(value, (0.0, MAX_WISH), field);
    }

    pub(super) fn share(&mut self, value: f64, field: &str) {
        self.number(value, (0.0, 1.0), field);
    }

    pub(super) fn number(&mut self, value: f64, (least, most): (f64, f64), field: &str) {
        let is_right = (least..=most).contains(&value);
        self.unless(is_right, field, || out_of_range(value, least, most));
    }
}

/// A number beyond its bounds.
pub(super) fn out_of_range<T: Display>(value: T, least: T, most: T) -> Reason {
    Reason::new(ReasonCode::OutOfRange, "value", value)
        .with("least", least)
        .with("most", most)
}
