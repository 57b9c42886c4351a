//! Reads query parameters: all mistakes at once, unknown names included.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::future::{Ready, ready};
use std::str::FromStr;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use powerjob_common::reason::{Reason, ReasonCode};
use powerjob_protocol::api::problem::FieldError;

use super::error::{ApiError, Code};

/// Most items of one page.
pub(super) const PAGE_LIMIT: u32 = 500;
/// Items of a page when nobody says how many.
pub(super) const PAGE_DEFAULT: u32 = 50;

/// Query parameters that can be read as `T`.
#[derive(Debug)]
pub(super) struct Query<T>(pub T);

/// A set of query parameters.
pub(super) trait FromQuery: Sized {
    /// Takes its parameters out of the reader.
    fn read(reader: &mut QueryReader) -> Self;
}

impl<T: FromQuery> FromRequest for Query<T> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(read(request.query_string()).map(Query))
    }
}

fn read<T: FromQuery>(query: &str) -> Result<T, ApiError> {
    let mut reader = QueryReader::new(query)?;
    let value = T::read(&mut reader);
    reader.finish(value)
}

/// Hands out parameters by name and collects mistakes.
#[derive(Debug)]
pub(super) struct QueryReader {
    given: BTreeMap<String, String>,
    asked: Vec<&'static str>,
    errors: Vec<FieldError>,
}

impl QueryReader {
    fn new(query: &str) -> Result<Self, ApiError> {
        let pairs = web::Query::<Vec<(String, String)>>::from_query(query)
            .map_err(|error| ApiError::from(Code::InvalidQuery).with_detail(error.to_string()))?;
        let mut reader = Self {
            given: BTreeMap::new(),
            asked: vec!["ticket"],
            errors: Vec::new(),
        };
        for (name, value) in pairs.into_inner() {
            if reader.given.insert(name.clone(), value).is_some() {
                reader.wrong(&name, ReasonCode::GivenTwice);
            }
        }
        reader.given.remove("ticket");
        Ok(reader)
    }

    fn wrong(&mut self, name: &str, reason: impl Into<Reason>) {
        self.errors.push(FieldError::new(name, reason));
    }

    /// A text; an empty one counts as absent.
    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        self.asked.push(name);
        self.given.remove(name).filter(|text| !text.is_empty())
    }

    /// A value that has a text form.
    pub(super) fn value<T: FromStr>(&mut self, name: &'static str, accepted: &str) -> Option<T> {
        let text = self.text(name)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(_) => {
                self.wrong(name, not_accepted(format_args!("{text:?}"), accepted));
                None
            }
        }
    }

    /// A yes or no, `false` when absent.
    pub(super) fn flag(&mut self, name: &'static str) -> bool {
        self.value(name, "true or false").unwrap_or(false)
    }

    /// One of the values of an enum.
    pub(super) fn one_of<T>(
        &mut self,
        name: &'static str,
        find: fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(name)?;
        let found = find(&text);
        if found.is_none() {
            self.wrong(name, not_one_of(&text));
        }
        found
    }

    /// Several values of an enum, separated by commas.
    pub(super) fn list_of<T>(&mut self, name: &'static str, find: fn(&str) -> Option<T>) -> Vec<T> {
        let text = self.text(name).unwrap_or_default();
        let mut values = Vec::new();
        for part in text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            match find(part) {
                Some(value) => values.push(value),
                None => self.wrong(name, not_one_of(part)),
            }
        }
        values
    }

    /// A number of items, from 1 to `most`.
    pub(super) fn count(&mut self, name: &'static str, default: u32, most: u32) -> u32 {
        let accepted = format!("a whole number from 1 to {most}");
        match self.value::<u32>(name, &accepted) {
            Some(count) if (1..=most).contains(&count) => count,
            Some(count) => {
                self.wrong(name, not_accepted(count, &accepted));
                default
            }
            None => default,
        }
    }

    /// The size of a page.
    pub(super) fn limit(&mut self) -> u32 {
        self.count("limit", PAGE_DEFAULT, PAGE_LIMIT)
    }

    fn finish<T>(mut self, value: T) -> Result<T, ApiError> {
        let known = self.asked.join(", ");
        for name in std::mem::take(&mut self.given).into_keys() {
            self.wrong(
                &name,
                Reason::new(ReasonCode::UnknownParameter, "known", &known),
            );
        }
        if self.errors.is_empty() {
            Ok(value)
        } else {
            Err(ApiError::from(Code::InvalidQuery).with_fields(self.errors))
        }
    }
}

fn not_accepted(value: impl Display, accepted: &str) -> Reason {
    Reason::new(ReasonCode::NotAccepted, "value", value).with("accepted", accepted)
}

fn not_one_of(value: &str) -> Reason {
    Reason::new(ReasonCode::NotOneOf, "value", format_args!("{value:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Sample {
        limit: u32,
        deep: bool,
    }

    impl FromQuery for Sample {
        fn read(reader: &mut QueryReader) -> Self {
            Self {
                limit: reader.limit(),
                deep: reader.flag("deep"),
            }
        }
    }

    #[test]
    fn absent_parameters_have_defaults() {
        let sample = read::<Sample>("").expect("nothing is wrong");
        assert_eq!((sample.limit, sample.deep), (PAGE_DEFAULT, false));
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let error = read::<Sample>("limit=0&deep=maybe&x=1").expect_err("three mistakes");
        let fields: Vec<_> = error
            .errors
            .iter()
            .map(|error| error.field.as_str())
            .collect();
        assert_eq!(fields, ["limit", "deep", "x"]);
    }
}
