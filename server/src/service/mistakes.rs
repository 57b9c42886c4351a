//! Collects what is wrong with an input, field by field.

use powerjob_protocol::api::problem::FieldError;

/// Largest wish of processors or GiB.
const MAX_WISH: f64 = 1_000_000.0;

/// What is wrong with an input, all of it.
#[derive(Debug, Default)]
pub(super) struct Mistakes(pub(super) Vec<FieldError>);

impl Mistakes {
    pub(super) fn unless(&mut self, is_right: bool, field: &str, reason: impl FnOnce() -> String) {
        if !is_right {
            self.0.push(FieldError {
                field: field.to_owned(),
                reason: reason(),
            });
        }
    }

    pub(super) fn at_most_chars(&mut self, text: &str, most: usize, field: &str) {
        self.unless(text.chars().count() <= most, field, || {
            format!("at most {most} characters")
        });
    }

    pub(super) fn at_most_bytes(&mut self, text: &str, most: usize, field: &str) {
        self.unless(text.len() <= most, field, || {
            format!("at most {most} bytes")
        });
    }

    pub(super) fn within(&mut self, value: u64, least: u64, most: u64, field: &str) {
        let is_right = (least..=most).contains(&value);
        self.unless(is_right, field, || {
            format!("{value} is not from {least} to {most}")
        });
    }

    pub(super) fn wish(&mut self, value: f64, field: &str) {
        let is_right = (0.0..=MAX_WISH).contains(&value);
        self.unless(is_right, field, || {
            format!("{value} is not from 0 to {MAX_WISH}")
        });
    }

    pub(super) fn share(&mut self, value: f64, field: &str) {
        let is_right = (0.0..=1.0).contains(&value);
        self.unless(is_right, field, || format!("{value} is not from 0 to 1"));
    }
}
